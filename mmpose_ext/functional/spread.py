"""What a predicted spread is worth as a confidence."""

from torch import Tensor

from .checks import check_positive

__all__ = ['expected_oks']


def expected_oks(sigmas: Tensor, scale: float) -> Tensor:
    """Expected similarity of a point with its joint, if the distance on each axis is normal with the given deviation.

    With the similarity exp(-d^2 / (2 s^2)) of a distance d (COCO's, where s depends on the joint and the person's
    size), the expectation over independent axes is the product of ``1 / sqrt(1 + sigma^2 / s^2)``.

    Args:
        sigmas: (..., D), standard deviation on each axis.
        scale: s, in the same unit: the distance at which the similarity has fallen to exp(-1/2).

    Returns:
        (...), from 0 to 1.
    """
    check_positive('scale', scale)
    return (1 + (sigmas / scale) ** 2).rsqrt().prod(-1)
