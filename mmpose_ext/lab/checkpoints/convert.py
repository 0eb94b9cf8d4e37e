"""Conversion of checkpoints of official implementations into checkpoints of the models of this package."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmpose_ext.functional import check_choice
from mmpose_ext.registry import MODELS
from mmpose_ext.version import __version__

from .official import OFFICIAL, Fit, Origin

__all__ = ['Conversion', 'convert_checkpoint', 'convert_file', 'convert_weights']

# keys under which training code keeps a state dict among other things, and what it puts in front of every name
_WRAPPERS = ('state_dict', 'model_state_dict', 'model')
_PREFIXES = ('module.', 'model.')
_COUNTER = '.num_batches_tracked'


@dataclass(frozen=True)
class Conversion:
    """A converted checkpoint.

    Attributes:
        state_dict: Parameters by the names of the model, ``backbone.<...>`` and ``head.<...>``.
        model: Configs of the parts of the model that they fit.
        unused: Names in the source that the model does not use.
    """

    state_dict: dict[str, Tensor]
    model: dict[str, Any]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f'{len(self.state_dict)} parameters and statistics, of the model']
        lines += [f'    {name}={config}' for name, config in self.model.items()]
        lines += [f'{len(self.unused)} entries of the source are not used', *(f'    {name}' for name in self.unused)]
        return '\n'.join(lines)


def convert_checkpoint(state_dict: Mapping[str, Any], source: str) -> dict[str, Tensor]:
    """Rename and merge the parameters of an official checkpoint for the model that it fits, ours or MMPose's.

    Only merged tensors are copied; the others are those of ``state_dict``. Parameters that are not used are logged.
    :func:`convert_weights` also returns them and the config of the model.

    Args:
        state_dict: The checkpoint as loaded: a state dict, or a dictionary that has one under 'state_dict' or 'model';
            prefixes 'module.' and 'model.' that all names share are taken off.
        source: The official implementation that wrote it:

            - 'fpd_hourglass': FPD's stacked hourglasses, and DARK's, which are the same;
            - 'princeton_hourglass': the PyTorch port of Newell's code;
            - 'rle': RLE's regression network on a ResNet, 2D, for ``RLEHead(feature_norm=True)``. The same parameters
              load into MMPose's ``RLEHead``, which then computes other points: it has no such option;
            - 'dark_simple_baseline': DARK's Simple Baselines, ResNets with transposed convolutions.

    Returns:
        Parameters by the names of the model, ``backbone.<...>`` and ``head.<...>``.

    Raises:
        ValueError: If the source is unknown or the checkpoint does not fit: the first parameter that is missing, of
            another shape or left over, with what was expected and what came.
    """
    conversion = convert_weights(state_dict, source)
    if conversion.unused:
        print_log(f'{source}: not used are {", ".join(conversion.unused)}', logger='current')
    return conversion.state_dict


def convert_weights(state_dict: Mapping[str, Any], source: str) -> Conversion:
    """:func:`convert_checkpoint` that also returns the model and the unused parameters; the arguments are the same."""
    check_choice('source', source, OFFICIAL)
    entries = _unwrap(state_dict)
    weights = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    fit = OFFICIAL[source](weights)
    converted: dict[str, Tensor] = {}
    used: set[str] = set()
    for name, shape in _parameters(fit):
        origin = fit.made.get(name) or Origin({fit.source_key(name): shape}, lambda weight: weight)
        if name.endswith(_COUNTER) and weights.keys().isdisjoint(origin.keys):
            # old versions of torch did not count the steps of a batch norm; nothing is computed with it
            converted[name] = torch.zeros((), dtype=torch.long)
            continue
        converted[name] = origin.make(*(_take(weights, key, expected) for key, expected in origin.keys.items()))
        used.update(origin.keys)
    unused = tuple(name for name in entries if name not in used)
    _check_unused(unused, weights, fit, source)
    return Conversion(converted, fit.model, unused)


def convert_file(source: str, path: str, out: str) -> Conversion:
    """Convert a checkpoint file; the result can be given to ``tools/test.py`` and to ``load_from``.

    Args:
        source: As with :func:`convert_checkpoint`.
        path: File to read, by torch's safe loader: it may hold tensors, numbers and texts, and nothing that runs code.
        out: File to write: ``state_dict``, and under ``meta`` the source, the model and what was not used.

    Raises:
        ValueError: As with :func:`convert_checkpoint`, or if the file holds no dictionary.
    """
    checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    conversion = convert_weights(checkpoint, source)
    meta = dict(
        source=source,
        file=Path(path).name,
        mmpose_ext_version=__version__,
        model=conversion.model,
        unused=list(conversion.unused),
    )
    Path(out).resolve().parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(meta=meta, state_dict=conversion.state_dict), out)
    return conversion


def _unwrap(checkpoint: Any) -> dict[str, Any]:
    """The state dict in a checkpoint, names without shared prefixes."""
    inner = checkpoint
    while isinstance(inner, Mapping) and not any(isinstance(value, Tensor) for value in inner.values()):
        # HRNet's code keeps the name of the network under 'model', beside the state dict
        held = [inner[key] for key in _WRAPPERS if isinstance(inner.get(key), Mapping)]
        if not held:
            raise ValueError(
                f"'state_dict' must be a dictionary of tensors or hold one under {', '.join(map(repr, _WRAPPERS))}, "
                f'got one with {_some(inner)}'
            )
        inner = held[0]
    if not isinstance(inner, Mapping):
        raise ValueError(f"'state_dict' must be a dictionary of tensors, got {type(inner).__name__}")
    entries = {str(name): value for name, value in inner.items()}
    while prefix := next((prefix for prefix in _PREFIXES if all(name.startswith(prefix) for name in entries)), None):
        entries = {name.removeprefix(prefix): value for name, value in entries.items()}
    return entries


def _some(names: Iterable[Any], most: int = 5) -> str:
    names = [repr(name) for name in names]
    return ', '.join(names[:most] + ['...'] * (len(names) > most)) or 'nothing'


def _parameters(fit: Fit) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a model's parameters and statistics, without memory for their values."""
    for part, config in fit.model.items():
        with torch.device('meta'):
            module = MODELS.build(dict(config))
        for name, value in module.state_dict().items():
            yield f'{part}.{name}', tuple(value.shape)


def _take(weights: Mapping[str, Tensor], key: str, shape: tuple[int, ...]) -> Tensor:
    weight = weights.get(key)
    if weight is None or tuple(weight.shape) != shape:
        came = 'no such parameter' if weight is None else f'shape {tuple(weight.shape)}'
        raise ValueError(f"'state_dict' must have {key} of shape {shape}, got {came}")
    return weight


def _check_unused(unused: Iterable[str], weights: Mapping[str, Tensor], fit: Fit, source: str) -> None:
    """Refuse parameters of the official network that the model has no place for: it would compute something else."""
    for name in unused:
        if name in weights and re.match(fit.network, name) and not re.fullmatch(fit.idle, name):
            raise ValueError(
                f"'state_dict' must have only parameters of the {source} network {fit.model['backbone']}, "
                f'got {name} of shape {tuple(weights[name].shape)}'
            )
