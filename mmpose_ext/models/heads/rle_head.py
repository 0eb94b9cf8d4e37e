"""Regression of coordinates and of how far they may be off, trained by a likelihood."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmpose_ext.functional import check_choice, check_positive, heatmap_to_normalized, soft_argmax, upcast
from mmpose_ext.models.layers import map_layers
from mmpose_ext.models.utils import average_points, average_scores, axis_weights, needed_targets
from mmpose_ext.registry import MODELS

from .base import BaseHead, Samples
from .regression_head import pooled

__all__ = ['FLOWS_3D', 'IntegralRLEHead', 'RLEHead']

# for ``RLELoss``: a flow for joints with depth and one for those without, as in the released program
FLOWS_3D = MappingProxyType({'flow': {'type': 'RealNVP', 'dim': 3}, 'flow_2d': {'type': 'RealNVP', 'dim': 2}})


@MODELS.register_module()
class RLEHead(BaseHead):
    """Points and their spread ("Human Pose Regression with Residual Log-likelihood Estimation", Li et al., ICCV 2021).

    Parameters are named as in MMPose's ``RLEHead``, whose checkpoints load; with ``mean='integral'`` the layers that
    make the maps are named as in ``HeatmapHead``. The pooling is part of the head; a ``neck`` that has pooled already
    does no harm to 'fc'.

    Sigmas are those of the network: the flow reshapes the error in units of them, so that they are proportional to the
    spread rather than equal to it. In the basic design they are in the flow's latent space.

    Args:
        in_channels: Channels of the last feature map.
        num_joints: Number of joints K.
        loss: Config of the loss, called with points, raw sigmas and labels (B, K, D) and weights (B, K, 1), or with
            depth (B, K, 3), one for each axis; default ``RLELoss``, with depth that with the flows of
            :data:`FLOWS_3D`.
        mean: Where the points come from: 'fc', a fully connected layer on pooled features, or 'integral', the
            expectation under a softmax of maps (the paper's HRNet-W32 row). Sigmas come from pooled features. Of two
            axes only.
        feature_norm: Divide the features of the points by their length, as the released program does.
        beta: With 'integral': factor of the logits before the softmax.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialisation config; default normal weights, with standard deviation 0.01 in the fully
            connected layer and those of the flow, and 0.001 in the layers of the maps.
        dim: Number of axes D: 2, or 3 with depth, for which the codec has a ``depth_range``.
        **layers: With 'integral': those of the maps, see :func:`mmpose_ext.models.layers.map_layers`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        num_joints: int,
        loss: Mapping[str, Any] | None = None,
        mean: str = 'fc',
        feature_norm: bool = False,
        beta: float = 1.0,
        decoder: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
        dim: int = 2,
        **layers: Any,
    ) -> None:
        super().__init__(decoder, self.default_init_cfg if init_cfg is None else init_cfg)
        check_choice('mean', mean, ('fc', 'integral'))
        check_positive('beta', beta)
        if mean == 'fc' and layers:
            raise ValueError(f"'mean' must be 'integral' where the head has layers of maps, got 'fc' with {[*layers]}")
        if mean == 'integral' and feature_norm:
            raise ValueError("'feature_norm' must be False with mean='integral', got True")
        check_choice('dim', dim, (2, 3) if mean == 'fc' else (2,))
        self.check_axes('dim', dim)
        self.in_channels = in_channels
        self.num_joints = num_joints
        self.dim = dim
        self.mean = mean
        self.feature_norm = feature_norm
        self.beta = beta
        if mean == 'integral':
            self.deconv_layers, self.conv_layers, self.final_layer = map_layers(in_channels, num_joints, **layers)
        # for each joint x, y (and depth) and their raw sigmas, or the latter alone
        self.fc = nn.Linear(in_channels, num_joints * (2 * dim if mean == 'fc' else dim))
        default = dict(type='mmpose_ext.RLELoss', **(FLOWS_3D if dim == 3 else {}))
        self.loss_module = MODELS.build(dict(loss or default))

    @property
    def default_init_cfg(self) -> list[dict[str, Any]]:
        """Initialisation where the config names none: MMPose's, that of the flow's layers included."""
        return [
            dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001),
            dict(type='Constant', layer='BatchNorm2d', val=1),
            dict(type='Normal', layer=['Linear'], std=0.01, bias=0),
        ]

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Unit points and raw sigmas, (B, K, 2 * D), of the last of the features, (B, in_channels, h, w)."""
        outputs = self._outputs(pooled(feats))
        if self.mean == 'fc':
            return outputs
        maps = self.final_layer(self.conv_layers(self.deconv_layers(feats[-1])))
        points = heatmap_to_normalized(soft_argmax(maps, self.beta), (maps.shape[-1], maps.shape[-2]))
        return torch.cat((points, outputs), -1)

    def _outputs(self, features: Tensor) -> Tensor:
        """The fully connected layer's outputs (B, K, 2 * D), or (B, K, D) without points, of features (B, in_channels).

        In float32 whatever the network has: bfloat16 would put points half a pixel off, and a small sigma's gradient
        does not fit into float16.
        """
        dtype = torch.promote_types(features.dtype, torch.float32)
        features, weight, bias = (upcast(tensor, dtype) for tensor in (features, self.fc.weight, self.fc.bias))
        # there is no autocast to be left on the meta device
        with nullcontext() if features.is_meta else torch.autocast(features.device.type, enabled=False):
            outputs = F.linear(features, weight).unflatten(-1, (self.num_joints, -1))
            if self.feature_norm:
                length = torch.linalg.vector_norm(features, dim=-1).clamp(min=1e-12)[:, None, None]
                points, sigmas = outputs.split(self.dim, -1)
                outputs = torch.cat((points / length, sigmas), -1)
            return outputs + bias.unflatten(-1, (self.num_joints, -1))

    def losses(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``loss_kpt``, the negative log-likelihood of ``keypoint_labels``, with weights of joints and of depths."""
        points, sigmas = outputs.split(self.dim, -1)
        (labels,) = needed_targets(targets, 'keypoint_labels')
        # with an axis of length 1 for x and y, without which MMPose's RLELoss cannot multiply by them
        return dict(loss_kpt=self.loss_module(points, sigmas, labels, axis_weights(targets)))

    def accuracy(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK at 5 % of the picture's sides."""
        points, _ = self.locate(outputs)
        return self.point_accuracy(points, targets)

    def locate(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, K, D) and sigmas (B, K, D) in unit coordinates."""
        points, sigmas = outputs.float().split(self.dim, -1)
        # the basic design's network answers in the flow's latent space; MMPose's RLELoss does not know it
        coordinates = getattr(self.loss_module, 'coordinates', None)
        return points if coordinates is None else coordinates(points), sigmas.sigmoid()

    def average_flip(
        self,
        located: tuple[Tensor, Tensor],
        flipped: tuple[Tensor, Tensor],
        flip_indices: Sequence[int],
        test_cfg: Mapping[str, Any],
    ) -> tuple[Tensor, Tensor]:
        """Means of points and sigmas and of the mirrored picture's, mirrored back with left and right swapped."""
        points = average_points(
            located[0], flipped[0], flip_indices, self.decoder.input_size[0], test_cfg.get('shift_coords', True)
        )
        return points, average_scores(located[1], flipped[1], flip_indices)

    def decode(self, batch_outputs: tuple[Tensor, Tensor]) -> list[InstanceData]:
        """``keypoints``, ``keypoint_scores`` and ``keypoint_sigmas`` (1, K, D) of each picture, in input pixels."""
        points, sigmas = batch_outputs
        predictions = super().decode((points, 1 - sigmas.mean(-1)))
        # MMPose's codecs have no other way, and no depth whose middle would have to stay off
        lengths = getattr(self.decoder, 'batch_lengths', None)
        pixels = self.decoder.batch_decode(sigmas)[0] if lengths is None else lengths(sigmas)
        for prediction, values in zip(predictions, pixels, strict=True):
            prediction.keypoint_sigmas = values
        return predictions

    def predict(self, feats: Any, batch_data_samples: Samples, test_cfg: Mapping[str, Any] | None = None) -> Any:
        """As :meth:`BaseHead.predict`, with ``keypoint_sigmas`` (1, K, D) in pixels of the picture and millimetres.

        MMPose's estimator takes the keypoints from the crop to the picture. Sigmas are lengths: they need its scale
        alone, and are left in input pixels where a sample has no ``input_scale``.
        """
        results = super().predict(feats, batch_data_samples, test_cfg)
        predictions = results[0] if isinstance(results, tuple) else results
        for prediction, sample in zip(predictions, batch_data_samples, strict=True):
            if 'input_scale' in sample.metainfo:
                scale = sample.metainfo['input_scale'] / self.decoder.input_size
                prediction.keypoint_sigmas[..., :2] = prediction.keypoint_sigmas[..., :2] * scale
        return results


@MODELS.register_module()
class IntegralRLEHead(RLEHead):
    """Points by soft-argmax."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, mean='integral', **kwargs)
