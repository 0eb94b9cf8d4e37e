"""Argument checks with one form of message: the argument's name, what is allowed, and what came."""

import sys
from collections.abc import Collection, Hashable, Sequence
from functools import lru_cache

import numpy as np
import torch

__all__ = ['check_choice', 'check_floating', 'check_positive', 'check_shape', 'check_size']


_NUMBERS = (int, float, np.integer, np.floating)


@lru_cache(maxsize=256)
def _parsed(dims: str) -> tuple[tuple[str | int, ...], bool]:
    """The dimensions of a symbolic shape after its leading ellipsis, and whether it has one."""
    names = dims.split()
    ellipsis = names[0] == '...'
    return tuple(int(name) if name.isdigit() else name for name in names[ellipsis:]), ellipsis


def _letters(dims: str, shape: Sequence[int]) -> dict[str, int] | None:
    """The size of every letter of a symbolic shape; None if the shape is another one."""
    wanted, ellipsis = _parsed(dims)
    tail = shape[len(shape) - len(wanted) :] if ellipsis else shape
    if len(tail) != len(wanted):
        return None
    bound: dict[str, int] = {}
    for dim, size in zip(wanted, tail, strict=True):
        if size != (dim if isinstance(dim, int) else bound.setdefault(dim, size)):
            return None
    return bound


# for NumPy's arrays, which data workers check for each person; shapes of tensors may be symbols, which have no hash
_letters_of_arrays = lru_cache(maxsize=256)(_letters)


def check_shape(name: str, array: torch.Tensor | np.ndarray, dims: str, **sizes: int) -> dict[str, int]:
    """Check the shape of an array against a symbolic one.

    Args:
        name: The argument's name, for the message.
        array: A tensor or a NumPy array.
        dims: Dimensions separated by spaces. Each is a number or a letter. The size of a letter is taken from
            ``sizes`` or else from the array. A leading ``...`` stands for any number of dimensions.
        **sizes: Letters whose size is already known.

    Returns:
        The size of every letter.

    Raises:
        ValueError: If the number of dimensions or one of the sizes differs, or ``array`` is no array.

    Example:
        >>> import numpy as np
        >>> check_shape('keypoints', np.zeros((4, 17, 2)), 'B K 2')
        {'B': 4, 'K': 17}
        >>> check_shape('weights', np.zeros((4, 16)), 'B K', K=17)
        Traceback (most recent call last):
        ValueError: 'weights' must have shape (B, K) with K=17, got shape (4, 16)
    """
    is_array = isinstance(array, (torch.Tensor, np.ndarray))
    letters = _letters_of_arrays if isinstance(array, np.ndarray) else _letters
    bound = letters(dims, array.shape) if is_array else None
    if bound is None or any(bound.get(letter, size) != size for letter, size in sizes.items()):
        known = ', '.join(f'{letter}={size}' for letter, size in sizes.items())
        came = f'shape {tuple(array.shape)}' if is_array else type(array).__name__
        raise ValueError(
            f"'{name}' must have shape ({', '.join(dims.split())}){f' with {known}' if known else ''}, got {came}"
        )
    return {**sizes, **bound}


def check_floating(name: str, tensor: torch.Tensor) -> None:
    """Raise a ValueError unless a tensor has a floating-point type.

    Example:
        >>> import torch
        >>> check_floating('heatmaps', torch.ones(1, dtype=torch.bool))
        Traceback (most recent call last):
        ValueError: 'heatmaps' must have a floating-point type, got torch.bool
    """
    if not tensor.is_floating_point():
        raise ValueError(f"'{name}' must have a floating-point type, got {tensor.dtype}")


def check_choice(name: str, value: object, allowed: Collection[object]) -> None:
    """Raise a ValueError unless ``value`` is one of ``allowed``.

    Example:
        >>> check_choice('norm', 'l3', ('l1', 'l2'))
        Traceback (most recent call last):
        ValueError: 'norm' must be one of 'l1', 'l2', got 'l3'
    """
    if not isinstance(value, Hashable) or value not in allowed:
        choices = ', '.join(repr(choice) for choice in allowed)
        raise ValueError(f"'{name}' must be one of {choices}, got {value!r}")


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError unless ``value`` is a finite number above zero; NumPy's numbers are numbers too.

    Example:
        >>> check_positive('sigma', 0.5)
        >>> check_positive('sigma', -1)
        Traceback (most recent call last):
        ValueError: 'sigma' must be a finite number > 0, got -1
    """
    # a chain of comparisons, which NaN fails; whole numbers of Python have no end
    if not (isinstance(value, _NUMBERS) and 0 < value <= sys.float_info.max):
        raise ValueError(f"'{name}' must be a finite number > 0, got {value!r}")


def check_size(name: str, value: Sequence[int]) -> tuple[int, int]:
    """Return ``value`` as a (width, height) tuple; raise a ValueError unless it is two whole numbers above zero.

    Example:
        >>> check_size('heatmap_size', [48, 64])
        (48, 64)
        >>> check_size('heatmap_size', [48, 0])
        Traceback (most recent call last):
        ValueError: 'heatmap_size' must be (width, height), two whole numbers > 0, got [48, 0]
    """
    # what most callers have, without the cost of the general case: data workers check it for each person
    if type(value) is tuple and len(value) == 2:
        width, height = value
        if type(width) is type(height) is int and 0 < width < 2**31 and 0 < height < 2**31:
            return width, height
    try:
        width, height = (int(side) for side in value)
        # no tensor has a side of 2**31 or more
        ordered = isinstance(value, Sequence | np.ndarray | torch.Tensor)
        if ordered and 0 < width < 2**31 and 0 < height < 2**31 and [width, height] == list(value):
            return width, height
    except (OverflowError, TypeError, ValueError):
        pass  # not two whole numbers: reported below as any other wrong value
    raise ValueError(f"'{name}' must be (width, height), two whole numbers > 0, got {value!r}")
