"""Argument checks with one grammar: the argument's name, what is allowed, what came."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

__all__ = ['check_choice', 'check_positive', 'check_shape', 'check_size']


@lru_cache(maxsize=256)
def _parsed(dims: str) -> tuple[tuple[str | int, ...], bool]:
    """The dimensions of a symbolic shape after its leading ellipsis, and whether it has one."""
    names = dims.split()
    ellipsis = names[0] == '...'
    return tuple(int(name) if name.isdigit() else name for name in names[ellipsis:]), ellipsis


def check_shape(name: str, array: Any, dims: str, **sizes: int) -> dict[str, int]:
    """Check the shape of an array against a symbolic one.

    Args:
        name: The argument's name, for the message.
        array: A tensor or numpy array (anything with ``shape``).
        dims: Dimensions separated by spaces; each is a number, or a letter that is either bound by ``sizes`` or
            takes whatever size comes. A leading ``...`` stands for any number of dimensions.
        **sizes: Letters whose size is already known.

    Returns:
        The size of every letter.

    Raises:
        ValueError: If the number of dimensions or one of the sizes differs.

    Example:
        >>> import numpy as np
        >>> check_shape('keypoints', np.zeros((4, 17, 2)), 'B K 2')
        {'B': 4, 'K': 17}
    """
    wanted, ellipsis = _parsed(dims)
    shape = tuple(getattr(array, 'shape', ()))
    tail = shape[len(shape) - len(wanted) :] if ellipsis else shape
    fits = len(tail) == len(wanted) and hasattr(array, 'shape')
    bound = dict(sizes)
    for dim, size in zip(wanted, tail, strict=False):  # lengths are part of `fits`
        if size != (dim if isinstance(dim, int) else bound.setdefault(dim, size)):
            fits = False
    if not fits:
        known = ', '.join(f'{letter}={size}' for letter, size in sizes.items())
        came = f'shape {shape}' if hasattr(array, 'shape') else f'{type(array).__name__}'
        raise ValueError(
            f"'{name}' must have shape ({', '.join(dims.split())}){f' with {known}' if known else ''}, got {came}"
        )
    return bound


def check_choice(name: str, value: Any, allowed: Collection[Any]) -> None:
    """Raise a ValueError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        choices = ', '.join(repr(choice) for choice in allowed)
        raise ValueError(f"'{name}' must be one of {choices}, got {value!r}")


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError unless ``value`` is a finite number above zero."""
    # written so that NaN, for which every comparison is false, is refused too
    if not (isinstance(value, (int, float)) and 0 < value < float('inf')):
        raise ValueError(f"'{name}' must be a finite number > 0, got {value!r}")


def check_size(name: str, value: Sequence[int]) -> tuple[int, int]:
    """Return ``value`` as a (width, height) tuple; raise a ValueError unless it is two whole numbers above zero."""
    try:
        width, height = (int(side) for side in value)
        if width > 0 and height > 0 and [width, height] == list(value):
            return width, height
    except (TypeError, ValueError):
        pass  # not two numbers: reported below like any other unfit value
    raise ValueError(f"'{name}' must be (width, height), two whole numbers > 0, got {value!r}")
