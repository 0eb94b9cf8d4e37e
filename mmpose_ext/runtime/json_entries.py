"""Entries of json files that are read with checks and messages that name the file and the entry; without torch."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

__all__ = ['Entries']


class Entries:
    """Entries of a json object; every method raises ``ValueError`` with the file and the entry if it is out of range.

    Args:
        content: What json holds.
        source: Name of the file, for messages.
        path: Place of the object in the file, for messages.
    """

    def __init__(self, content: object, source: str, path: str) -> None:
        if not isinstance(content, Mapping):
            raise ValueError(f"{source}: '{path or 'the content'}' must be an object, got {type(content).__name__}")
        self._content: Mapping[str, object] = content
        self._source, self._path = source, path

    def _name(self, key: str) -> str:
        """The place of an entry in the file."""
        return f'{self._path}.{key}' if self._path else key

    def __getitem__(self, key: str) -> object:
        if key not in self._content:
            raise ValueError(f"{self._source}: '{self._name(key)}' is missing")
        return self._content[key]

    def mistake(self, key: str, wanted: str) -> ValueError:
        """The error that says what an entry must be, and what came."""
        return ValueError(f"{self._source}: '{self._name(key)}' must be {wanted}, got {self[key]!r:.200}")

    def mapping(self, key: str) -> dict[str, object]:
        """An object as it is."""
        return dict(self.inner(key)._content)

    def inner(self, key: str) -> 'Entries':
        """The entries of an object."""
        return Entries(self[key], self._source, self._name(key))

    def numbers(
        self, key: str, shape: tuple[int | None, ...], low: float, high: float, infinite: bool = False
    ) -> np.ndarray:
        """Numbers of a shape, None for any length above 0, between two bounds; null is infinite where allowed."""
        value = self[key]
        array = np.full(0, np.nan)
        if not isinstance(value, str):
            with suppress(TypeError, ValueError):
                array = np.array(value, np.float64)
        if infinite:
            array = np.where(np.isnan(array), np.inf, array)
        fits = array.ndim == len(shape) and all(
            side > 0 if wanted is None else side == wanted for side, wanted in zip(array.shape, shape, strict=True)
        )
        if not fits or not ((array >= low) & (array <= (np.inf if infinite else high))).all():
            sides = ', '.join('any' if side is None else str(side) for side in shape) or 'one number'
            raise self.mistake(key, f'numbers from {low:g} to {high:g} of the shape ({sides})')
        return array

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of several words."""
        value = self[key]
        if not isinstance(value, str) or value not in allowed:
            raise self.mistake(key, f'one of {", ".join(allowed)}')
        return value

    def rising(self, key: str, length: int | None, low: float, high: float, strictly: bool) -> np.ndarray:
        """Numbers (length,) that do not fall."""
        array = self.numbers(key, (length,), low, high)
        steps = np.diff(array)
        if not ((steps > 0) if strictly else (steps >= 0)).all():
            raise ValueError(f"{self._source}: '{self._name(key)}' must rise, got {array.tolist()!r:.200}")
        return array
