"""One graph from crops to keypoints: normalization, network, flip test and decoding, as ONNX or as a torch program."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.utils import digit_version
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from mmpose_ext.models.heads import BaseHead
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.version import __version__

__all__ = ['ExportReport', 'PoseGraph', 'export_onnx', 'export_program', 'graph_settings']

OPSET = 18
_DYNAMO_SINCE = '2.6.0'  # below, torch's newer exporter misses operators, or is not there


class PoseGraph(nn.Module):
    """A trained model as a function of crops: what is exported.

    Args:
        model: A top-down estimator with a head of this package.
        flip: Whether to average with the mirrored crops, as the flip test does.

    Raises:
        ValueError: If the head is not one of this package, or has no codec.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: TopdownPoseEstimator, flip: bool = False) -> None:
        super().__init__()
        if not isinstance(model.head, BaseHead):
            raise ValueError(
                "'model' must have a head of mmpose_ext to be exported (its HeatmapHead and RLEHead load checkpoints of "
                f"MMPose's), got {type(model.head).__name__}"
            )
        self.codec = model.head.codec
        self.network = model.eval()
        self.flip = flip
        self.flip_indices = [int(index) for index in model.dataset_meta['flip_indices']]
        self.test_cfg = dict(model.test_cfg or {})
        preprocessor = model.data_preprocessor
        self.swaps_channels = bool(preprocessor._channel_conversion)
        mean, std = getattr(preprocessor, 'mean', torch.zeros(3)), getattr(preprocessor, 'std', torch.ones(3))
        self.register_buffer('mean', mean.detach().clone().view(1, 3, 1, 1), persistent=False)
        self.register_buffer('std', std.detach().clone().view(1, 3, 1, 1), persistent=False)

    @property
    def output_names(self) -> list[str]:
        """Names of what :meth:`forward` returns."""
        width, height = self.codec.input_size
        with torch.no_grad():
            found = self(torch.zeros(1, 3, height, width, dtype=torch.uint8, device=self.mean.device))
        return ['keypoints', 'scores', 'sigmas'][: len(found)]

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Keypoints of crops.

        Args:
            crops: (B, 3, h, w) uint8, BGR.

        Returns:
            Keypoints (B, K, D) in input pixels (and millimeters), scores (B, K) and, of models that predict them,
            sigmas (B, K, D), float32.
        """
        images = crops.to(self.mean.dtype)
        if self.swaps_channels:
            images = images.flip(1)
        images = (images - self.mean) / self.std
        head = self.network.head
        outputs = head.forward(self.network.extract_feat(images))
        flipped = head.forward(self.network.extract_feat(images.flip(-1))) if self.flip else None
        found = head.decode_outputs(outputs, flipped, self.flip_indices, self.test_cfg)
        return tuple(tensor.float() for tensor in found if tensor is not None)


@dataclass(frozen=True)
class ExportReport:
    """How far an exported model is from the one of torch.

    Attributes:
        path: Of the exported model.
        crops: Number of crops that both have seen.
        pixels: Largest difference of a coordinate in input pixels.
        millimeters: Largest difference of a depth; 0 without depth.
        scores: Largest difference of a score.
        tolerance: Largest difference in pixels that is accepted.
    """

    path: Path
    crops: int
    pixels: float
    millimeters: float
    scores: float
    tolerance: float

    @property
    def is_met(self) -> bool:
        """Whether the difference is accepted; one that is not a number is not."""
        return self.pixels <= self.tolerance

    def __str__(self) -> str:
        depth = f', {self.millimeters:.2g} mm' if self.millimeters else ''
        return (
            f'{self.path}: on {self.crops} crops at most {self.pixels:.2g} px{depth} and {self.scores:.2g} of the score '
            f'from torch ({"met" if self.is_met else "MISSED"}: at most {self.tolerance:g} px)'
        )


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


def _crop_of_pipeline(pipeline: Sequence[dict]) -> tuple[float, bool]:
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


def _sample(graph: PoseGraph, count: int = 2) -> Tensor:
    """Crops to trace with: more than one, because exporters take a batch of 1 for a constant."""
    width, height = graph.codec.input_size
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)
    return crops.to(graph.mean.device)


def export_program(graph: PoseGraph) -> torch.export.ExportedProgram:
    """The graph by ``torch.export``, with any number of crops: the way to ExecuTorch, OpenVINO and TensorRT.

    Args:
        graph: The model.
    """
    batch = torch.export.Dim('batch', min=1, max=4096)
    with torch.no_grad():
        return torch.export.export(graph.eval(), (_sample(graph),), dynamic_shapes=({0: batch},))


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
    try:
        import onnx
    except ImportError as error:
        raise ImportError("export needs 'onnx': pip install 'mmpose_ext[export]'") from error
    if dynamo is None:
        dynamo = digit_version(torch.__version__.split('+')[0]) >= digit_version(_DYNAMO_SINCE)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f'.{path.name}.part')
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # of the exporters, about their own deprecations
        _export(graph.eval(), beside, dynamo)
    content = onnx.load(beside)
    onnx.helper.set_model_props(content, {'mmpose_ext': json.dumps(settings)})
    onnx.checker.check_model(content)
    onnx.save(content, beside)
    beside.replace(path)


def _export(graph: PoseGraph, path: Path, dynamo: bool) -> None:
    names = dict(input_names=['crops'], output_names=graph.output_names)
    if dynamo:
        batch = torch.export.Dim('batch', min=1, max=4096)
        torch.onnx.export(
            graph,
            (_sample(graph),),
            str(path),
            dynamic_shapes=({0: batch},),
            dynamo=True,
            external_data=False,
            verbose=False,
            opset_version=OPSET,
            **names,
        )
        return
    newer = digit_version(torch.__version__.split('+')[0]) >= digit_version('2.5.0')
    axes = {name: {0: 'batch'} for name in ('crops', *names['output_names'])}
    choice = dict(dynamo=False) if newer else {}  # a TypeError before
    torch.onnx.export(graph, (_sample(graph),), str(path), dynamic_axes=axes, opset_version=17, **names, **choice)


def compare_with_torch(graph: PoseGraph, path: str | Path, crops: np.ndarray, tolerance: float) -> ExportReport:
    """Run an exported model by ONNX Runtime beside the one of torch.

    Args:
        graph: The model.
        path: Of the exported model.
        crops: (N, 3, h, w) uint8, BGR, N > 0.
        tolerance: Largest difference in pixels that is accepted.

    Raises:
        ImportError: If ``onnxruntime`` is not installed.
        ValueError: If there is no crop, or the number of outputs differs.
    """
    if not len(crops):
        raise ValueError("'crops' must hold one or more crops to compare, got none")
    from mmpose_ext.runtime.onnx_model import OnnxPoseModel

    keypoints, scores, _ = OnnxPoseModel(path).run_crops(crops.transpose(0, 2, 3, 1))
    with torch.no_grad():
        batches = [graph(torch.from_numpy(part)) for part in np.array_split(crops, max(1, len(crops) // 32))]
    expected, expected_scores = (torch.cat([batch[index] for batch in batches]).numpy() for index in (0, 1))
    difference = np.abs(keypoints - expected)
    return ExportReport(
        path=Path(path),
        crops=len(crops),
        pixels=float(difference[..., :2].max()),
        millimeters=float(difference[..., 2].max()) if difference.shape[-1] == 3 else 0.0,
        scores=float(np.abs(scores - expected_scores).max()),
        tolerance=tolerance,
    )
