"""Regression of coordinates from pooled features: the baseline of integral regression and of RLE."""

from collections.abc import Sequence
from typing import cast

import torch
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmpose_ext.codecs import Encoded, Keypoints
from mmpose_ext.functional import check_choice, scale_covariances
from mmpose_ext.models.utils import Targets, average_keypoints, axis_weights, mask_joints, needed_targets
from mmpose_ext.registry import MODELS

from .base_head import BaseHead
from .step import Features

__all__ = ['RegressionHead']


def pooled(feats: Features) -> Tensor:
    """The last of the features, (B, C, h, w) or (B, C), as their mean over the map, (B, C)."""
    feature = feats[-1]
    return feature.flatten(2).mean(-1) if feature.dim() > 2 else feature


@MODELS.register_module()
class RegressionHead(BaseHead[Tensor, Tensor, Targets]):
    """Average pooling and a fully connected layer to coordinates (R1 of Sun et al., 2018; DeepPose, 2014).

    Parameters are named as in MMPose's ``RegressionHead``, whose checkpoints load. The pooling is part of the head;
    features that a ``neck`` has pooled already are taken as well.

    Args:
        in_channels: Channels of the last feature map.
        num_joints: Number of joints K.
        loss: Config of the loss, called with points and labels (B, K, D) in normalized coordinates and weights
            (B, K, 1), as MMPose's losses of regression are; default L1. With depth the weights are (B, K, 3), one for
            each axis.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialization config; default normal weights with standard deviation 0.01.
        dim: Number of axes D: 2, or 3 with depth, for which the codec has a ``depth_range``.

    Raises:
        ValueError: If ``dim`` is neither, or not that of the codec.
    """

    num_joints: int

    def __init__(
        self,
        in_channels: int,
        num_joints: int,
        loss: OptConfigType = None,
        decoder: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
        dim: int = 2,
    ) -> None:
        default = [dict(type='Normal', layer=['Linear'], std=0.01, bias=0)]
        super().__init__(decoder, default if init_cfg is None else init_cfg)
        check_choice('dim', dim, (2, 3))
        self.check_axes('dim', dim)
        self.dim = dim
        self.in_channels = in_channels
        self.num_joints = num_joints
        self.fc = nn.Linear(in_channels, num_joints * dim)
        self.loss_module = MODELS.build(dict(loss or dict(type='mmpose_ext.CoordinateLoss')))

    def forward(self, feats: Features) -> Tensor:
        """Normalized points (B, K, D) of the last of the features, (B, in_channels, h, w)."""
        outputs = self.fc(pooled(feats))
        # unflatten() would make a constant of the batch in torch's older exporter
        return outputs.view(outputs.shape[0], self.num_joints, self.dim)

    def losses(self, outputs: Tensor, targets: Targets) -> dict[str, Tensor]:
        """``loss_kpt`` of points (B, K, D) against ``keypoint_labels``, with the weights of joints and of depths."""
        (labels,) = needed_targets(targets, 'keypoint_labels')
        weights = axis_weights(targets)
        return dict(loss_kpt=self.loss_module(*mask_joints(weights, outputs.to(labels.dtype), labels), weights))

    def accuracy(self, outputs: Tensor, targets: Targets) -> dict[str, Tensor]:
        """``acc_pose``: PCK at 5 % of the image's sides."""
        return self.point_accuracy(outputs, targets)

    def codec_inputs(self, outputs: Tensor) -> Keypoints:
        """Points with a score of 1: coordinates tell no confidence."""
        points = outputs.float()
        return Keypoints(points, torch.ones_like(points[..., 0]))

    def with_covariances(self, encoded: Encoded, outputs: Tensor) -> Keypoints:
        """With the same covariance for every joint, because coordinates tell no spread.

        It is 1 square pixel of the input on x and y, and on depth as much for a box that is as deep as the input is
        wide. ``tools/calibrate.py`` measures by how much errors are larger.
        """
        keypoints = cast(Keypoints, encoded)
        width, height = self.codec.input_size
        sides = [1 / width, 1 / height, 1 / width][: self.dim]
        same = scale_covariances(torch.eye(self.dim, device=keypoints.points.device), sides)
        return keypoints._replace(covariances=same.expand(*keypoints.points.shape, self.dim))

    def average_flip(
        self, encoded: Encoded, flipped: Encoded, flip_indices: Sequence[int], test_cfg: ConfigType
    ) -> Keypoints:
        """Mean of the points (B, K, D) of an image and of its mirror image, which are mirrored back."""
        keypoints, mirrored = cast(Keypoints, encoded), cast(Keypoints, flipped)
        shift = test_cfg.get('shift_coords', True)
        return average_keypoints(keypoints, mirrored, flip_indices, self.codec.input_size[0], shift)
