"""Weights from a file, without running what else may be in it, and with a clear word if they do not fit."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.utils import digit_version
from torch import Tensor, nn

__all__ = ['load_weights', 'read_weights']

# torch's own loader, which tells tensors from code, reads mmengine's checkpoints since this version (see compat.py)
_SAFE_SINCE = '2.6.0'
# what a state dict is made of; storages are torch's own matter
_TENSORS = {
    ('collections', 'OrderedDict'),
    ('torch', 'Size'),
    ('torch._utils', '_rebuild_parameter'),
    ('torch._utils', '_rebuild_tensor_v2'),
}


class _Skipped:
    """Stands for everything in a checkpoint that is not a tensor, a number, a text or a collection of them."""

    def __new__(cls, *args: Any, **kwargs: Any) -> '_Skipped':
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        """Called for the entries of a list."""

    append = extend


class _TensorsOnly(pickle.Unpickler):
    """Builds tensors and skips the rest: no class of a checkpoint is looked up, no function called."""

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if (module, name) in _TENSORS else _Skipped


def _load(file: Any, **settings: Any) -> Any:
    return _TensorsOnly(file, **settings).load()


_OLD_TORCH = SimpleNamespace(__name__='tensors_only', Unpickler=_TensorsOnly, load=_load)


def read_weights(path: str, name: str = 'checkpoint') -> Mapping[str, Tensor]:
    """The state dict in a local checkpoint file.

    Args:
        path: File that ``torch.save`` wrote: a state dict, or a dictionary with one under 'state_dict'.
        name: The argument's name, for messages.

    Raises:
        ValueError: If there is no such file, it holds something else, or reading it would run code.
    """
    if not Path(path).is_file():
        raise ValueError(f"'{name}' must be a checkpoint file, got {path!r}, which does not exist")
    try:
        if digit_version(torch.__version__.split('+')[0]) >= digit_version(_SAFE_SINCE):
            checkpoint = torch.load(path, map_location='cpu', weights_only=True)
        else:
            checkpoint = torch.load(path, map_location='cpu', weights_only=False, pickle_module=_OLD_TORCH)
    except Exception as error:  # a file of another kind may be taken for any sequence of pickle's instructions
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"'{name}' must be a checkpoint of tensors, got {path!r}: {reason}") from error
    weights = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, Mapping) else checkpoint
    if not isinstance(weights, Mapping) or not any(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"'{name}' must be a checkpoint with a state dict, got {path!r} without one")
    if all(key.startswith('module.') for key in weights):
        return {key.removeprefix('module.'): value for key, value in weights.items()}
    return weights


def load_weights(model: nn.Module, path: str, name: str = 'checkpoint') -> None:
    """Load a checkpoint file that has every weight of a model and no other.

    Args:
        model: Changed in place.
        path: See :func:`read_weights`.
        name: The argument's name, for messages.

    Raises:
        ValueError: As with :func:`read_weights`, or with the first weight that is missing, of another shape or left
            over.
    """
    weights = read_weights(path, name)
    reason = None
    try:
        result = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        reason = next((line.strip() for line in str(error).splitlines() if 'size mismatch' in line), str(error))
    else:
        # torch did not always count the steps of a batch norm, and nothing is computed with it
        missing = [key for key in result.missing_keys if not key.endswith('.num_batches_tracked')]
        if missing:
            reason = f'no {missing[0]}'
        elif result.unexpected_keys:
            reason = f'{result.unexpected_keys[0]}, which the model has not'
    if reason is not None:
        raise ValueError(f"'{name}' must fit the model of its config, got {path!r} with {reason}")
