"""A graph as an ONNX file, with what a runtime has to know in its metadata."""

import json
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict

from mmpose_ext.compat import torch_at_least
from mmpose_ext.files import whole_file
from mmpose_ext.runtime.onnx_model import METADATA_KEY
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.version import __version__

from .graph import PoseGraph, sample_crops

__all__ = ['export_onnx', 'graph_settings', 'require_packages']

# operator sets that the exporters of all supported versions of torch write
_OPSET, _OLD_OPSET = 18, 17
_DYNAMO_KNOWN_SINCE = '2.5.0'  # the argument is a TypeError before
_DYNAMO_SINCE = '2.6.0'  # below, the newer of torch's exporters misses operators, or is not there


def graph_settings(graph: PoseGraph, config: Config) -> dict[str, object]:
    """What a runtime has to know beside the graph, as values that json can hold.

    Args:
        graph: The model.
        config: Its config, whose test pipeline says how crops are cut out.

    Returns:
        ``input_size``, ``padding``, ``udp``, ``dim``, ``flip``, ``skeleton``, ``mean``, ``std``, ``channels``,
        ``codec`` and ``version``.

    Raises:
        ValueError: If the pipeline does not cut crops out as MMPose's top-down pipelines do.
    """
    padding, udp = _crop_of_pipeline(config.test_dataloader.dataset.pipeline)
    width, height = graph.codec.input_size
    return dict(
        version=__version__,
        input_size=[int(width), int(height)],
        padding=padding,
        udp=udp,
        dim=graph.codec.dim,
        flip=graph.flip,
        skeleton=Skeleton.from_metainfo(graph.network.dataset_meta).to_dict(),
        mean=graph.mean.flatten().tolist(),
        std=graph.std.flatten().tolist(),
        channels='BGR',
        codec=repr(graph.codec),
    )


def _crop_of_pipeline(pipeline: Sequence[ConfigDict]) -> tuple[float, bool]:
    """Padding of the boxes, and whether crops follow UDP."""
    padding, udp = 1.25, None
    for transform in pipeline:
        name = str(transform['type']).rpartition('.')[2]
        if name == 'GetBBoxCenterScale':
            padding = float(transform.get('padding', 1.25))
        elif name == 'TopdownAffine':
            udp = bool(transform.get('use_udp', False))
        elif name not in ('LoadImage', 'PackPoseInputs', 'GenerateTarget'):
            raise ValueError(
                "'test_dataloader.dataset.pipeline' must consist of LoadImage, GetBBoxCenterScale, TopdownAffine and "
                f'PackPoseInputs to be exported, got {name} as well'
            )
    if udp is None:
        raise ValueError("'test_dataloader.dataset.pipeline' must have TopdownAffine to be exported, got none")
    return padding, udp


def require_packages(dynamo: bool | None = None) -> None:
    """Check that what an export needs is installed, before it takes its time.

    Args:
        dynamo: See :func:`export_onnx`.

    Raises:
        ImportError: If a package is missing, with the extra that has it.
    """
    newer = torch_at_least(_DYNAMO_SINCE) if dynamo is None else dynamo
    names = ('onnx', 'onnxruntime', *(['onnxscript'] if newer else []))
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ImportError(f"export needs {' and '.join(missing)}: pip install 'mmpose_ext[export]'")


def export_onnx(graph: PoseGraph, path: str | Path, settings: dict[str, object], dynamo: bool | None = None) -> None:
    """Write the graph as an ONNX file with the settings in its metadata.

    Args:
        graph: The model.
        path: Of the file.
        settings: See :func:`graph_settings`.
        dynamo: Which of torch's exporters to use; None: the newer one from torch 2.6 on.

    Raises:
        ImportError: If ``onnx`` (or, for the newer exporter, ``onnxscript``) is not installed.
    """
    if dynamo is None:
        dynamo = torch_at_least(_DYNAMO_SINCE)
    require_packages(dynamo)
    import onnx

    path = Path(path)
    if path.is_dir():
        raise ValueError(f"'out' must be a file, got {str(path)!r}, which is a folder")
    with whole_file(path) as part:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter('ignore')  # of the exporters, about their own deprecations
            _export(graph.eval(), part, dynamo)
        content = onnx.load(part)
        onnx.helper.set_model_props(content, {METADATA_KEY: json.dumps(settings)})
        onnx.checker.check_model(content)
        onnx.save(content, part)


def _export(graph: PoseGraph, path: Path, dynamo: bool) -> None:
    outputs = graph.output_names
    # by a dictionary, because torch's versions differ in the arguments that they have
    settings: dict[str, object] = dict(input_names=['crops'], output_names=outputs)
    if dynamo:
        batch = torch.export.Dim('batch', min=1, max=4096)
        settings |= dict(dynamo=True, dynamic_shapes=({0: batch},), external_data=False, opset_version=_OPSET)
        settings |= dict(verbose=False)
    else:
        axes = {name: {0: 'batch'} for name in ('crops', *outputs)}
        settings |= dict(dynamic_axes=axes, opset_version=_OLD_OPSET)
        if torch_at_least(_DYNAMO_KNOWN_SINCE):
            settings |= dict(dynamo=False)
    export: Callable[..., object] = torch.onnx.export
    export(graph, (sample_crops(graph),), str(path), **settings)
