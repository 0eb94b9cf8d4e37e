"""RLE whose points are the expected positions under maps."""

from collections.abc import Sequence

import torch
from mmpose.utils.typing import OptConfigType, OptMultiConfig
from torch import Tensor

from mmpose_ext.functional import check_positive, heatmap_to_normalized, soft_argmax
from mmpose_ext.models.layers import map_layers, predict_maps
from mmpose_ext.registry import MODELS

from .map_head import ONE_BY_ONE
from .rle_head import LikelihoodHead
from .step import Features

__all__ = ['IntegralRLEHead']


@MODELS.register_module()
class IntegralRLEHead(LikelihoodHead):
    """Points as the expectation under a softmax of maps, sigmas from pooled features (RLE's HRNet-W32 row).

    See :class:`RLEHead` for the paper and for what sigmas mean. The layers that make the maps are named as in
    ``HeatmapHead``, the others as in ``RLEHead``. For two axes.

    Args:
        in_channels: Channels of the last feature map.
        num_joints: Number of joints K.
        deconv_out_channels: Channels of each deconvolution, which doubles the map; None: no deconvolution.
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        conv_out_channels: Channels of each convolution after them; None: none.
        conv_kernel_sizes: Kernel size of each of these convolutions.
        final_layer: Arguments of the last convolution; None: no such layer.
        loss: Config of the loss, called with points, raw sigmas and labels (B, K, 2) and weights (B, K, 1); default
            ``RLELoss``.
        beta: Factor of the logits before the softmax.
        decoder: Config of the codec.
        init_cfg: MMEngine's initialization config; default normal weights, with standard deviation 0.01 in the fully
            connected layer and those of the flow, and 0.001 in the layers of the maps.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        num_joints: int,
        deconv_out_channels: Sequence[int] | None = (256, 256, 256),
        deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
        conv_out_channels: Sequence[int] | None = None,
        conv_kernel_sizes: Sequence[int] | None = None,
        final_layer: OptConfigType = ONE_BY_ONE,
        loss: OptConfigType = None,
        beta: float = 1.0,
        decoder: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(num_joints, 2, decoder, init_cfg)
        check_positive('beta', beta)
        self.beta = beta
        layers = deconv_out_channels, deconv_kernel_sizes, conv_out_channels, conv_kernel_sizes, final_layer
        self.deconv_layers, self.conv_layers, self.final_layer = map_layers(in_channels, num_joints, *layers)
        # for each joint the raw sigmas of x and y
        self.add_loss(in_channels, 2, loss)

    def forward(self, feats: Features) -> Tensor:
        """Normalized points and raw sigmas, (B, K, 4), of the last of the features, (B, in_channels, h, w)."""
        sigmas = self.pooled_outputs(feats)
        maps = predict_maps(self.final_layer, self.conv_layers(self.deconv_layers(feats[-1])))
        points = heatmap_to_normalized(soft_argmax(maps, self.beta), (maps.shape[-1], maps.shape[-2]))
        return torch.cat((points, sigmas), -1)
