"""Supported versions of what mmpose_ext builds on, the one repair it makes to them, and what older ones lack."""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import cast

import mmcv
import mmengine
import mmpose
import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version

__all__ = ['allow_mmengine_checkpoints', 'check_versions', 'torch_at_least', 'usable_cores']

# (at least, below): what setup.py asks for too
SUPPORTED = {
    'torch': ('2.1.0', '3.0.0'),
    'mmengine': ('0.10.4', '0.11.0'),
    'mmcv': ('2.1.0', '2.2.0'),
    'mmpose': ('1.3.0', '1.4.0'),
    'mmdet': ('3.2.0', '3.4.0'),
}

# HistoryBuffer keeps its statistics as bound methods, which pickle stores as getattr(HistoryBuffer, name)
_HISTORY_METHODS = ('min', 'max', 'mean', 'current')


def _digits(version: str) -> tuple[int, ...]:
    """A version as MMEngine compares it, without the part that says how it was built (+cpu, +cu121)."""
    return tuple(digit_version(version.split('+')[0]))


def torch_at_least(version: str) -> bool:
    """Whether the installed torch is of this version or a later one.

    Args:
        version: Such as '2.6.0'.
    """
    return _digits(torch.__version__) >= _digits(version)


def usable_cores() -> int:
    """Number of cores that this process may use, ``os.process_cpu_count()`` of Python 3.13."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def check_versions(found: dict[str, str] | None = None) -> None:
    """Compare versions with the supported ranges.

    Args:
        found: Version by package name; by default those of the installed packages.

    Raises:
        ImportError: Naming the package, what was found and what is allowed.
    """
    if found is None:
        found = {module.__name__: str(module.__version__) for module in (torch, mmengine, mmcv, mmpose)}
        # importing mmdet takes seconds, and MMPose needs it only for its models
        with suppress(PackageNotFoundError):
            found['mmdet'] = version_of('mmdet')
    for name, version in found.items():
        lowest, limit = SUPPORTED[name]
        if not _digits(lowest) <= _digits(version) < _digits(limit):
            raise ImportError(
                f'mmpose_ext needs {name}>={lowest},<{limit}, found {name} {version}; '
                f"install a version in that range: pip install '{name}>={lowest},<{limit}'"
            )


def _history_method(owner: object, name: str) -> Callable[..., object]:
    """Stand in for ``getattr`` while a checkpoint is read: HistoryBuffer's statistics and nothing else."""
    if owner is HistoryBuffer and name in _HISTORY_METHODS:
        return cast('Callable[..., object]', getattr(HistoryBuffer, name))
    raise ValueError(
        f"a checkpoint may only look up HistoryBuffer's {', '.join(_HISTORY_METHODS)}, "
        f'this one asks for {name!r} of {owner!r}: it is refused'
    )


def allow_mmengine_checkpoints() -> None:
    """Let torch's safe loader read the checkpoints that mmengine writes.

    Since torch 2.6 ``torch.load`` refuses every pickled object it was not told about. mmengine 0.10 stores its message
    hub (HistoryBuffer objects over numpy arrays) in each checkpoint and then cannot resume from it. The names below
    are all that such a file uses; anything else, such as a call of ``os.system``, is refused as before. The checkpoints
    of ``SafeCheckpointHook`` and ``ResumeHook`` do not need it: they hold tensors, numbers and texts only.
    """
    if not torch_at_least('2.6.0'):
        return  # these versions load checkpoints without the safe loader
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # numpy 2 warns where numpy.core is only named
        rebuild, scalar = (
            cast('Callable[..., object]', value.__reduce__()[0]) for value in (np.empty(0), np.float64(0))
        )
    numpy_names = [
        (function, f'numpy.{core}.multiarray.{function.__name__}')
        for function in (rebuild, scalar)
        for core in ('core', '_core')
    ]
    # all kinds of numbers: besides statistics a checkpoint holds the colors of its dataset
    numpy_dtypes = [type(np.dtype(code)) for code in '?' + np.typecodes['AllInteger'] + np.typecodes['Float']]
    getattr_names = [(_history_method, f'{module}getattr') for module in ('', 'builtins.', '__builtin__.')]
    # bytes: an empty array, as in the meta information of a dataset without mirrored joints, is pickled with bytes()
    torch.serialization.add_safe_globals(
        [bytes, HistoryBuffer, np.ndarray, np.dtype, *numpy_dtypes, *numpy_names, *getattr_names]
    )
