"""Changes of color."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from mmpose_ext.registry import TRANSFORMS

__all__ = ['RandomChannelScale']


@TRANSFORMS.register_module()
class RandomChannelScale(BaseTransform):
    """Multiply each color channel by a number of its own.

    The "color 20 %" of the programs of integral regression and of residual log-likelihood estimation on Human3.6M:
    numbers from 1 - .2 to 1 + .2, uniform; what then exceeds the range of a pixel is cut off.

    Args:
        amount: Largest change, as a share.

    Raises:
        ValueError: If the amount is not from 0 to 1.
    """

    def __init__(self, amount: float = 0.2) -> None:
        if not (isinstance(amount, (int, float)) and 0 <= amount <= 1):
            raise ValueError(f"'amount' must be a number from 0 to 1, got {amount!r}")
        self.amount = amount

    @cache_randomness
    def _draw(self, channels: int) -> np.ndarray:
        # MMEngine seeds the global generator of each worker
        return np.random.uniform(1 - self.amount, 1 + self.amount, channels)  # noqa: NPY002

    def transform(self, results: dict) -> dict:
        """Change ``img`` (H, W, 3), whole numbers from 0 to 255.

        Args:
            results: With ``img``.
        """
        image = results['img']
        results['img'] = np.clip(image * self._draw(image.shape[-1]), 0, 255).astype(image.dtype)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(amount={self.amount})'
