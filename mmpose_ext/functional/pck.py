"""Percentage of correct keypoints on the device, for the training log."""

import torch
from torch import Tensor

from .checks import check_shape
from .peaks import find_peaks

__all__ = ['heatmap_pck', 'pck']


def pck(points: Tensor, targets: Tensor, valid: Tensor, scale: tuple[float, float], threshold: float = 0.05) -> Tensor:
    """Share of joints closer to their label than a threshold.

    The share is taken for each joint over the images where it is valid, and then averaged over the joints that are
    valid anywhere (as MMPose's ``keypoint_pck_accuracy``). Everything stays on the device: a training step that logs it
    does not wait for the device. A NaN point counts as wrong.

    Args:
        points: (B, K, 2), x first, in the unit of ``scale``.
        targets: (B, K, 2), likewise.
        valid: (B, K) bool.
        scale: Lengths on x and y by which distances are divided.
        threshold: Largest distance of a correct joint, in units of ``scale``.

    Returns:
        A scalar float32 tensor from 0 to 1; 0 if no joint is valid.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> points, targets = torch.tensor([[[10.0, 10.0], [20.0, 20.0]]]), torch.tensor([[[11.0, 10.0], [40.0, 20.0]]])
        >>> pck(points, targets, torch.tensor([[True, True]]), scale=(48, 64))
        tensor(0.5000)
    """
    sizes = check_shape('points', points, 'B K 2')
    check_shape('targets', targets, 'B K 2', **sizes)
    check_shape('valid', valid, 'B K', **sizes)
    difference = points.float() - targets.float()
    distance = torch.hypot(difference[..., 0] / scale[0], difference[..., 1] / scale[1])
    count = valid.sum(0)
    share = ((distance < threshold) & valid).sum(0) / count.clamp(min=1)
    return share.sum() / (count > 0).sum().clamp(min=1)


def heatmap_pck(output: Tensor, target: Tensor, valid: Tensor, threshold: float = 0.05) -> Tensor:
    """PCK of the maxima of two sets of maps, with distances divided by the size of the map (``pose_pck_accuracy``).

    MMPose divides x by the height of the map and y by its width. This function does the same, so that the numbers in
    the log can be compared.

    Args:
        output: Predicted maps (B, K, H, W).
        target: Target maps (B, K, H, W).
        valid: (B, K) bool.
        threshold: Largest distance of a correct joint, as a share of the size of the map.

    Returns:
        A scalar float32 tensor from 0 to 1.

    Raises:
        ValueError: If a shape differs.

    Example:
        >>> import torch
        >>> target = torch.eye(4).roll(1, 0)[:1].view(1, 1, 2, 2)
        >>> heatmap_pck(target, target, torch.tensor([[True]]))
        tensor(1.)
    """
    sizes = check_shape('output', output, 'B K H W')
    check_shape('target', target, 'B K H W', **sizes)
    return pck(find_peaks(output)[0], find_peaks(target)[0], valid, (sizes['H'], sizes['W']), threshold)
