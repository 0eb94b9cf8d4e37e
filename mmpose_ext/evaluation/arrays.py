"""Fields of samples and predictions as arrays."""

import numpy as np
from torch import Tensor

__all__ = ['to_array']


def to_array(values: Tensor | np.ndarray) -> np.ndarray:
    """A field of a sample in float64, wherever it is."""
    return np.asarray(values.cpu() if isinstance(values, Tensor) else values, np.float64)
