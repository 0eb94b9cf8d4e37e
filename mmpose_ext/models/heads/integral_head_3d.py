"""Integral regression over volumes: x, y and depth of a joint."""

from collections.abc import Sequence

from mmpose.utils.typing import OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmpose_ext.functional import find_volume_peaks
from mmpose_ext.models.losses import VolumeLoss
from mmpose_ext.models.utils import Targets, needed_targets
from mmpose_ext.registry import MODELS

from .integral_head import LogitLoss, SoftArgmaxHead
from .map_head import ONE_BY_ONE, check_map_size
from .step import Features

__all__ = ['IntegralHead3D']


@MODELS.register_module()
class IntegralHead3D(SoftArgmaxHead):
    """Volumes, a softmax over each and the expectation (Sun et al., "Integral Human Pose Regression", ECCV 2018).

    The layers make K * D maps, joint by joint. The maps of a joint are a volume, and points have depth as their third
    axis. A volume is summed to one vector per axis before the expectation (equations 5 and 6), so that joints without
    depth train x and y with ``loss_coord``, and the volume's sum over depth with ``VolumeMSELoss`` (H1) or
    ``VolumeCrossEntropyLoss`` (H2). A batch may mix joints with and without depth. The other variants of
    :class:`IntegralHead` exist here too, except for H3 and for DARK's decoding, which are made for maps.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        depth_size: Cells D of a volume on depth, as in the codec.
        deconv_out_channels: Channels of each deconvolution, which doubles the map; None: no deconvolution.
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        conv_out_channels: Channels of each convolution after them; None: none.
        conv_kernel_sizes: Kernel size of each of these convolutions.
        final_layer: Arguments of the last convolution; None: no such layer.
        beta: Factor of the logits before the softmax; the paper's is 1.
        debias: Correct the softmax's pull towards the middle (:func:`mmpose_ext.functional.debias_points`).
        loss_coord: Config of the loss of points, called with points, labels and weights (B, K, 3), points and labels in
            normalized coordinates, one weight for each axis; None: no such loss.
        loss_heatmap: Config of a ``VolumeLoss``; None: no such loss.
        score: The confidence of an expectation, as in :class:`IntegralHead`.
        score_radius: As in :class:`IntegralHead`.
        decoder: Config of the codec, with the same ``depth_size``.
        init_cfg: MMEngine's initialization config; default normal weights with standard deviation 0.001.

    Raises:
        ValueError: If an argument is out of range, does not fit the codec, or there is no loss at all.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth_size: int,
        deconv_out_channels: Sequence[int] | None = (256, 256, 256),
        deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
        conv_out_channels: Sequence[int] | None = None,
        conv_kernel_sizes: Sequence[int] | None = None,
        final_layer: OptConfigType = ONE_BY_ONE,
        beta: float = 1.0,
        debias: bool = False,
        loss_coord: OptConfigType = None,
        loss_heatmap: OptConfigType = None,
        score: str = 'mass',
        score_radius: float = 1.0,
        decoder: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(beta, debias, loss_coord, loss_heatmap, score, score_radius, decoder, init_cfg)
        layers = deconv_out_channels, deconv_kernel_sizes, conv_out_channels, conv_kernel_sizes, final_layer
        self.make_layers(in_channels, out_channels, out_channels * depth_size, *layers)
        self.depth_size = depth_size
        self.check_axes('type', 3)
        if self.decoder is not None and self.codec.depth_size not in (None, depth_size):
            raise ValueError(f"'depth_size' must be that of the codec, {self.codec.depth_size}, got {depth_size}")
        if self.loss_heatmap is not None and not isinstance(self.loss_heatmap, VolumeLoss):
            raise ValueError(f"'loss_heatmap' must be VolumeMSELoss or VolumeCrossEntropyLoss, got {self.loss_heatmap}")

    def forward(self, feats: Features) -> Tensor:
        """Volumes (B, K, D, H, W) of the last of the features, (B, in_channels, h, w)."""
        maps = super().forward(feats)
        # unflatten() would make a constant of the batch in torch's older exporter
        return maps.view(maps.shape[0], self.out_channels, self.depth_size, *maps.shape[2:])

    def map_loss(self, loss: nn.Module, maps: Tensor, targets: Targets) -> Tensor:
        """The loss of volumes (B, K, D, H, W) against maps on x and y and vectors on depth."""
        names = 'heatmaps', 'keypoint_weights', 'depth_vectors', 'depth_weights'
        target, weights, vectors, depth_weights = needed_targets(targets, *names)
        check_map_size(maps[:, :, 0], target)
        return loss(maps.to(target.dtype), target, weights, vectors, depth_weights)

    def highest_cells(self, maps: Tensor) -> Tensor:
        """The highest cell (B, K, 3) of each volume, x first."""
        return find_volume_peaks(maps)[0]

    def heatmaps(self, outputs: Tensor) -> Tensor:
        """Maps (B, K, H, W): of a volume the sum of its probabilities on depth or, of values, the highest."""
        volumes = self.activate(outputs)
        probabilities = self.loss_coord is not None or isinstance(self.loss_heatmap, LogitLoss)
        return volumes.sum(2) if probabilities else volumes.amax(2)
