"""Regression of coordinates from pooled features: the baseline of integral regression and of RLE."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from mmpose_ext.functional import check_choice
from mmpose_ext.models.utils import average_points, axis_weights, needed_targets
from mmpose_ext.registry import MODELS

from .base import BaseHead

__all__ = ['RegressionHead']


def pooled(feats: Sequence[Tensor]) -> Tensor:
    """The last of the features, (B, C, h, w) or (B, C), as their mean over the map, (B, C)."""
    feature = feats[-1]
    return feature.flatten(2).mean(-1) if feature.dim() > 2 else feature


@MODELS.register_module()
class RegressionHead(BaseHead):
    """Average pooling and a fully connected layer to coordinates (R1 of Sun et al., 2018; DeepPose, 2014).

    Parameters are named as in MMPose's ``RegressionHead``, whose checkpoints load. The pooling is part of the head; a
    ``neck`` that has pooled already does no harm.

    Args:
        in_channels: Channels of the last feature map.
        num_joints: Number of joints K.
        loss: Config of the loss, called with points and labels (B, K, D) in unit coordinates and weights (B, K, 1), as
            MMPose's losses of regression are; default L1. With depth the weights are (B, K, 3), one for each axis.
        dim: Number of axes D: 2, or 3 with depth, for which the codec has a ``depth_range``.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialisation config; default normal weights with standard deviation 0.01.

    Raises:
        ValueError: If ``dim`` is none of these, or not that of the codec.
    """

    def __init__(
        self,
        in_channels: int,
        num_joints: int,
        loss: Mapping[str, Any] | None = None,
        decoder: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
        dim: int = 2,
    ) -> None:
        super().__init__(decoder, self.default_init_cfg if init_cfg is None else init_cfg)
        check_choice('dim', dim, (2, 3))
        self.check_axes('dim', dim)
        self.dim = dim
        self.in_channels = in_channels
        self.num_joints = num_joints
        self.fc = nn.Linear(in_channels, num_joints * dim)
        self.loss_module = MODELS.build(dict(loss or dict(type='mmpose_ext.CoordinateLoss')))

    @property
    def default_init_cfg(self) -> list[dict[str, Any]]:
        """Initialisation where the config names none: MMPose's."""
        return [dict(type='Normal', layer=['Linear'], std=0.01, bias=0)]

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Points (B, K, D) in unit coordinates of the last of the features, (B, in_channels, h, w)."""
        return self.fc(pooled(feats)).unflatten(-1, (self.num_joints, self.dim))

    def losses(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``loss_kpt`` of points (B, K, D) against ``keypoint_labels``, with the weights of joints and of depths."""
        (labels,) = needed_targets(targets, 'keypoint_labels')
        return dict(loss_kpt=self.loss_module(outputs.to(labels.dtype), labels, axis_weights(targets)))

    def accuracy(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK at 5 % of the picture's sides."""
        return self.point_accuracy(outputs, targets)

    def average_flip(
        self, located: Tensor, flipped: Tensor, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]
    ) -> Tensor:
        """Mean of points (B, K, D) and of the mirrored picture's, mirrored back with left and right swapped."""
        width = self.decoder.input_size[0]
        return average_points(located, flipped, flip_indices, width, test_cfg.get('shift_coords', True))
