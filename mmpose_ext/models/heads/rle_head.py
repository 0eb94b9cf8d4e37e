"""Regression of coordinates and of their spread, trained by a likelihood."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import cast

import torch
import torch.nn.functional as F
from mmpose.models.losses import RLELoss as MMPoseRLELoss
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmpose_ext.codecs import Encoded, Keypoints
from mmpose_ext.functional import check_choice, full_precision, upcast
from mmpose_ext.models.layers import RealNVP
from mmpose_ext.models.losses import RLELoss
from mmpose_ext.models.utils import Targets, average_keypoints, axis_weights, mask_joints, needed_targets
from mmpose_ext.registry import MODELS

from .base_head import BaseHead
from .map_head import map_init_cfg
from .regression_head import pooled
from .step import Features

__all__ = ['FLOWS_3D', 'LikelihoodHead', 'RLEHead']

# for ``RLELoss``: a flow for joints with depth and one for joints without, as in the official implementation
FLOWS_3D = MappingProxyType({'flow': {'type': 'RealNVP', 'dim': 3}, 'flow_2d': {'type': 'RealNVP', 'dim': 2}})

_MIN_SIGMA = 1e-6  # normalized; the square of a smaller one would hardly be a number of 32 bits


class LikelihoodHead(BaseHead[Tensor, Tensor, Targets]):
    """What the heads of RLE share: a layer for sigmas, the loss on points and sigmas, and what is predicted of them.

    A subclass puts out points and raw sigmas, (B, K, 2 * D). It adds ``fc`` and ``loss_module`` by :meth:`add_loss`.
    """

    num_joints: int

    def __init__(self, num_joints: int, dim: int, decoder: OptConfigType, init_cfg: OptMultiConfig) -> None:
        layers = [*map_init_cfg(), dict(type='Normal', layer=['Linear'], std=0.01, bias=0)]
        super().__init__(decoder, layers if init_cfg is None else init_cfg)
        self.check_axes('dim', dim)
        self.num_joints = num_joints
        self.dim = dim
        self._moments: list[list[float]] | None = None

    def add_loss(self, in_channels: int, channels: int, loss: OptConfigType) -> None:
        """Add the fully connected layer, of ``channels`` for each joint, and the loss with its flow."""
        self.in_channels = in_channels
        self.fc = nn.Linear(in_channels, self.num_joints * channels)
        default = dict(type='mmpose_ext.RLELoss', **(FLOWS_3D if self.dim == 3 else {}))
        self.loss_module = MODELS.build(dict(loss or default))

    def pooled_outputs(self, feats: Features, feature_norm: bool = False) -> Tensor:
        """Outputs (B, K, channels) of the fully connected layer for pooled features (B, in_channels).

        They are computed in float32 whatever type the network has: bfloat16 would put points half a pixel off, and the
        gradient of a small sigma does not fit into float16.

        Args:
            feats: Multi-scale features; the last are taken.
            feature_norm: Divide the features of the first D outputs by their length.
        """
        features = pooled(feats)
        dtype = torch.promote_types(features.dtype, torch.float32)
        features, weight, bias = (upcast(tensor, dtype) for tensor in (features, self.fc.weight, self.fc.bias))
        shape = self.num_joints, self.fc.out_features // self.num_joints
        with full_precision(features.device):
            # unflatten() would make a constant of the batch in torch's older exporter
            outputs = F.linear(features, weight).view(features.shape[0], *shape)
            if feature_norm:
                length = torch.linalg.vector_norm(features, dim=-1).clamp(min=1e-12)[:, None, None]
                points, sigmas = outputs.split(self.dim, -1)
                outputs = torch.cat((points / length, sigmas), -1)
            return outputs + bias.unflatten(-1, shape)

    def losses(self, outputs: Tensor, targets: Targets) -> dict[str, Tensor]:
        """``loss_kpt``, the negative log-likelihood of ``keypoint_labels``, with weights of joints and of depths."""
        return dict(loss_kpt=self.loss_module(*self.loss_arguments(outputs, targets)))

    def losses_of_each(self, outputs: Tensor, targets: Sequence[Targets]) -> list[dict[str, Tensor]]:
        """Losses against several sets of targets; the flow, which takes most of their time, is evaluated once."""
        # a subclass may have other losses
        if type(self).losses is not LikelihoodHead.losses or not isinstance(self.loss_module, RLELoss):
            return super().losses_of_each(outputs, targets)
        values = self.loss_module.of_each([self.loss_arguments(outputs, one) for one in targets])
        return [dict(loss_kpt=value) for value in values]

    def loss_arguments(self, outputs: Tensor, targets: Targets) -> list[Tensor]:
        """Points, raw sigmas and labels (B, K, D), and weights (B, K, 1 or D)."""
        (labels,) = needed_targets(targets, 'keypoint_labels')
        # with an axis of length 1 for x and y, without which MMPose's RLELoss cannot multiply by them
        weights = axis_weights(targets)
        return [*mask_joints(weights, *outputs.split(self.dim, -1), labels), weights]

    def accuracy(self, outputs: Tensor, targets: Targets) -> dict[str, Tensor]:
        """``acc_pose``: PCK at 5 % of the image's sides."""
        return self.point_accuracy(self.codec_inputs(outputs).points, targets)

    def codec_inputs(self, outputs: Tensor) -> Keypoints:
        """Normalized points, 1 minus the mean sigma as scores, and sigmas."""
        points, sigmas = outputs.float().split(self.dim, -1)
        sigmas = sigmas.sigmoid()
        # the network of the basic design answers in the flow's latent space, which MMPose's RLELoss does not know
        points = self.loss_module.coordinates(points) if isinstance(self.loss_module, RLELoss) else points
        return Keypoints(points, 1 - sigmas.mean(-1), sigmas)

    def with_covariances(self, encoded: Encoded, outputs: Tensor) -> Keypoints:
        """With covariances by the sigmas and by the second moments of what the trained density says of the errors."""
        keypoints, moments = cast(Keypoints, encoded), self._moments_of_errors()
        points, raw = outputs.float().split(self.dim, -1)
        sigmas = raw.sigmoid().clamp(min=_MIN_SIGMA).unbind(-1)
        rows = [torch.stack([a * b * moments[i][j] for j, b in enumerate(sigmas)], -1) for i, a in enumerate(sigmas)]
        covariances = torch.stack(rows, -2)
        if isinstance(self.loss_module, RLELoss):
            covariances = self.loss_module.coordinate_covariances(points, covariances)
        return keypoints._replace(covariances=covariances)

    def _moments_of_errors(self) -> list[list[float]]:
        """Second moments (D, D) of standardized errors; computed once, until weights are trained or loaded."""
        if self._moments is None:
            loss = self.loss_module
            if isinstance(loss, MMPoseRLELoss):
                # the flows of MMPose have one direction only; those of this package have the same parameters
                flow = RealNVP(self.dim)
                flow.load_state_dict(loss.flow_model.state_dict())
                self._moments = flow.second_moments()
            elif isinstance(loss, RLELoss):
                self._moments = loss.error_moments(self.dim)
            else:
                self._moments = torch.eye(self.dim).tolist()
        return self._moments

    def train(self, mode: bool = True) -> 'LikelihoodHead':
        """Switch to training or, with ``mode=False``, to evaluation."""
        if mode:
            self._moments = None
        super().train(mode)
        return self

    def _load_from_state_dict(self, *args: object) -> None:
        self._moments = None
        super()._load_from_state_dict(*args)

    def average_flip(
        self, encoded: Encoded, flipped: Encoded, flip_indices: Sequence[int], test_cfg: ConfigType
    ) -> Keypoints:
        """Mean of the points and sigmas of an image and of its mirror image; scores are those of the mean sigmas."""
        keypoints = average_keypoints(
            cast(Keypoints, encoded),
            cast(Keypoints, flipped),
            flip_indices,
            self.codec.input_size[0],
            test_cfg.get('shift_coords', True),
        )
        return keypoints._replace(scores=1 - cast(Tensor, keypoints.sigmas).mean(-1))


@MODELS.register_module()
class RLEHead(LikelihoodHead):
    """Points and their spread ("Human Pose Regression with Residual Log-likelihood Estimation", Li et al., ICCV 2021).

    A fully connected layer on pooled features gives both. Parameters are named as in MMPose's ``RLEHead``, whose
    checkpoints load. The pooling is part of the head; features that a ``neck`` has pooled already are taken as well.

    Sigmas are those of the network: the flow reshapes the error in units of them, so that they are proportional to the
    spread rather than equal to it. In the basic design they are in the flow's latent space. The covariances of
    ``test_cfg.output_covariances`` are in image pixels: sigmas times the second moments of the flow's density.

    Args:
        in_channels: Channels of the last feature map.
        num_joints: Number of joints K.
        loss: Config of the loss, called with points, raw sigmas and labels (B, K, D) and weights (B, K, 1), or with
            depth (B, K, 3), one for each axis; default ``RLELoss``, with depth ``RLELoss`` with :data:`FLOWS_3D`.
        feature_norm: Divide the features of the points by their length, as the official implementation does.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialization config; default normal weights with standard deviation 0.01 in the fully
            connected layer and those of the flow.
        dim: Number of axes D: 2, or 3 with depth, for which the codec has a ``depth_range``.

    Raises:
        ValueError: If ``dim`` is neither, or not that of the codec.
    """

    def __init__(
        self,
        in_channels: int,
        num_joints: int,
        loss: OptConfigType = None,
        feature_norm: bool = False,
        decoder: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
        dim: int = 2,
    ) -> None:
        check_choice('dim', dim, (2, 3))
        super().__init__(num_joints, dim, decoder, init_cfg)
        self.feature_norm = feature_norm
        # for each joint x, y (and depth) and their raw sigmas
        self.add_loss(in_channels, 2 * dim, loss)

    def forward(self, feats: Features) -> Tensor:
        """Normalized points and raw sigmas, (B, K, 2 * D), of the last of the features, (B, in_channels, h, w)."""
        return self.pooled_outputs(feats, self.feature_norm)
