"""Checkpoints that torch's safe loader reads where neither MMEngine nor this package is imported.

MMEngine puts objects of its own (HistoryBuffer) and NumPy arrays into each checkpoint, which torch >= 2.6 refuses to
read unless a program has allowed them before. Here they are stored as tensors, numbers and dictionaries.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

__all__ = ['from_portable', 'to_portable']

_HISTORY = 'log_history'
_KINDS_OF_TENSORS = 'biuf'  # bool, integers and floating-point numbers


def to_portable(value: object) -> object:
    """A copy in which arrays are tensors, NumPy's numbers are Python's, and HistoryBuffers are dictionaries."""
    if isinstance(value, HistoryBuffer):
        values, counts = value.data
        return {
            _HISTORY: torch.from_numpy(np.array(values)),
            'count_history': torch.from_numpy(np.array(counts)),
            'max_length': value.max_length,
        }
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS_OF_TENSORS:
        return torch.from_numpy(np.array(value))
    if isinstance(value, np.generic):
        return value.item()
    return _rebuild(value, to_portable)


def from_portable(value: object) -> object:
    """The inverse of :func:`to_portable`, but for NumPy's numbers; for parts of a checkpoint without real tensors."""
    if isinstance(value, Mapping) and _HISTORY in value:
        values, counts = (value[key].numpy() for key in (_HISTORY, 'count_history'))
        return HistoryBuffer(values, counts, value['max_length'])
    if isinstance(value, Tensor):
        return value.cpu().numpy()
    return _rebuild(value, from_portable)


def _rebuild(value: object, change: Callable[[object], object]) -> object:
    """Apply a function to the entries of a dictionary, list, tuple or set; anything else is returned as it is."""
    if isinstance(value, dict):
        return {key: change(entry) for key, entry in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(change(entry) for entry in value)  # type: ignore[attr-defined, call-arg]
    return value
