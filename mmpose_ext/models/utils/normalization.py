"""How a data preprocessor normalizes images, read from it."""

import numpy as np
from mmengine.model import ImgDataPreprocessor
from torch import nn

__all__ = ['normalization']


def normalization(preprocessor: nn.Module | None) -> tuple[np.ndarray, np.ndarray, bool]:
    """Mean and standard deviation (3,) by which a preprocessor normalizes, and whether it swaps red and blue."""
    mean, std = np.zeros(3), np.ones(3)
    if not isinstance(preprocessor, ImgDataPreprocessor):
        return mean, std, False
    # the meta device has no values, and no images will come
    if preprocessor._enable_normalize and not preprocessor.mean.is_meta:
        mean, std = (
            np.broadcast_to(value.detach().cpu().numpy().reshape(-1), 3)
            for value in (preprocessor.mean, preprocessor.std)
        )
    return mean, std, bool(preprocessor._channel_conversion)
