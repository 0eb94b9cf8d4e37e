"""Integral regression: the expected position of a joint under its map, trained through it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast, runtime_checkable

import torch
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmpose_ext.codecs import Encoded, Keypoints, MapFormat
from mmpose_ext.functional import (
    SCORES,
    check_choice,
    check_positive,
    find_peaks,
    heatmap_to_normalized,
    normalized_to_heatmap,
    scale_covariances,
    second_moments,
    soft_argmax,
    soft_argmax_scores,
    spatial_softmax,
)
from mmpose_ext.models.losses import VolumeLoss, WeightedLoss
from mmpose_ext.models.utils import Targets, average_keypoints, average_maps, axis_weights, mask_joints, needed_targets
from mmpose_ext.registry import MODELS

from .map_head import ONE_BY_ONE, MapHead, check_map_size, map_init_cfg
from .step import StageMaps

__all__ = ['IntegralHead', 'MapOutputs', 'SoftArgmaxHead']


class MapOutputs(NamedTuple):
    """Outputs of integral regression.

    Args:
        maps: Logits (B, K, H, W), or volumes (B, K, D, H, W).
        points: Expected positions (B, K, 2 or 3) in normalized coordinates; None if no loss is on them.
    """

    maps: Tensor
    points: Tensor | None


@runtime_checkable
class LogitLoss(Protocol):
    """A loss on maps that trains logits, not values."""

    def probabilities(self, output: Tensor) -> Tensor:
        """Probabilities of the cells."""
        ...


class SoftArgmaxHead(MapHead[MapOutputs]):
    """What integral regression of maps and of volumes share: the expectation, its loss, its confidence.

    Subclasses are :class:`IntegralHead` and :class:`IntegralHead3D`, which document the arguments.
    """

    def __init__(
        self,
        beta: float,
        debias: bool,
        loss_coord: OptConfigType,
        loss_heatmap: OptConfigType,
        score: str,
        score_radius: float,
        decoder: OptConfigType,
        init_cfg: OptMultiConfig,
    ) -> None:
        super().__init__(decoder, map_init_cfg() if init_cfg is None else init_cfg)
        check_positive('beta', beta)
        check_choice('score', score, SCORES)
        check_positive('score_radius', score_radius)
        if loss_coord is None and loss_heatmap is None:
            raise ValueError("'loss_coord' and 'loss_heatmap' must not both be None: nothing would be trained")
        self.beta = beta
        self.debias = debias
        self.score = score
        self.score_radius = score_radius
        self.loss_coord: nn.Module | None = None if loss_coord is None else MODELS.build(dict(loss_coord))
        self.loss_heatmap: nn.Module | None = None if loss_heatmap is None else MODELS.build(dict(loss_heatmap))

    def postprocess(self, outputs: Tensor) -> MapOutputs:
        """Logits with their expectation, which the loss and the accuracy share."""
        if self.loss_coord is None:
            return MapOutputs(outputs, None)
        return MapOutputs(outputs, normalized_cells(soft_argmax(outputs, self.beta, self.debias), outputs))

    def losses(self, outputs: MapOutputs, targets: Targets) -> dict[str, Tensor]:
        """``loss_coord`` against ``keypoint_labels`` and ``loss_heatmap`` against ``heatmaps``."""
        labels, _ = needed_targets(targets, 'keypoint_labels', 'keypoint_weights')
        losses = {}
        if self.loss_coord is not None and outputs.points is not None:
            weights = axis_weights(targets)
            losses['loss_coord'] = self.loss_coord(*mask_joints(weights, outputs.points, labels), weights)
        if self.loss_heatmap is not None:
            if 'heatmaps' not in targets:
                raise ValueError(
                    "'heatmap_type' of the codec must not be None where the head has a 'loss_heatmap', got targets "
                    f'{sorted(targets)}'
                )
            losses['loss_heatmap'] = self.map_loss(self.loss_heatmap, outputs.maps, targets)
        return losses

    def map_loss(self, loss: nn.Module, maps: Tensor, targets: Targets) -> Tensor:
        """The loss of maps or volumes."""
        raise NotImplementedError

    def accuracy(self, outputs: MapOutputs, targets: Targets) -> dict[str, Tensor]:
        """``acc_pose``: PCK at 5 % of the image's sides, of the expectation or, without one, of the maxima."""
        points = outputs.points
        if points is None:
            points = normalized_cells(self.highest_cells(self.activate(outputs.maps)), outputs.maps)
        return self.point_accuracy(points, targets)

    def highest_cells(self, maps: Tensor) -> Tensor:
        """The highest cell (B, K, 2 or 3) of each map or volume, x first."""
        raise NotImplementedError

    def activate(self, outputs: Tensor) -> Tensor:
        """Maps or volumes after the activation that the losses imply.

        Probabilities where a loss is on the expectation or on probabilities. A mean squared error trains the values
        themselves.
        """
        if self.loss_coord is not None:
            return spatial_softmax(outputs, self.beta)
        return self.loss_heatmap.probabilities(outputs) if isinstance(self.loss_heatmap, LogitLoss) else outputs

    @torch.no_grad()
    def codec_inputs(self, outputs: Tensor) -> Encoded:
        """Activated maps or volumes if the codec decodes these; else the expectation and its confidence."""
        if self.decoder is not None and self.codec.decodes_maps:
            return self.activate(outputs)
        points, scores = soft_argmax_scores(outputs, self.beta, self.score, self.score_radius, self.debias)
        return Keypoints(normalized_cells(points, outputs), scores)

    @torch.no_grad()
    def with_covariances(self, encoded: Encoded, outputs: Tensor) -> Encoded:
        """With the second moments of the probabilities about the expectation; maps of maxima as they are."""
        if not isinstance(encoded, Keypoints):
            return encoded
        size = [*reversed(outputs.shape[2:])]
        points = normalized_to_heatmap(encoded.points, size)
        moments = second_moments(spatial_softmax(outputs, self.beta), points)
        return encoded._replace(covariances=scale_covariances(moments, [1 / side for side in size]))

    def average_flip(
        self, encoded: Encoded, flipped: Encoded, flip_indices: Sequence[int], test_cfg: ConfigType
    ) -> Encoded:
        """Mean of the keypoints of an image and of its mirror image or, where maxima are decoded, of their maps.

        The mean of two maxima would be a point between them, which is none of either map.
        """
        if isinstance(encoded, Keypoints) and isinstance(flipped, Keypoints):
            shift = test_cfg.get('shift_coords', True)
            return average_keypoints(encoded, flipped, flip_indices, self.codec.input_size[0], shift)
        maps, mirrored = cast(Tensor, encoded), cast(Tensor, flipped)
        # a mirror does not change depth: the cells of a volume but those on x are one axis here
        mean = average_maps(maps.flatten(2, -2), mirrored.flatten(2, -2), flip_indices, test_cfg)
        return mean.view(maps.shape)

    def heatmaps(self, outputs: Tensor) -> Tensor:
        """Activated maps (B, K, H, W)."""
        return self.activate(outputs)


@MODELS.register_module()
class IntegralHead(SoftArgmaxHead):
    """Maps, a softmax over each and the expectation (Sun et al., "Integral Human Pose Regression", ECCV 2018).

    The paper's variants are settings of this head and of ``IntegralLabel``:

    ======== ============== ===================================== ======================== ======================
    variant  ``loss_coord`` ``loss_heatmap``                      ``decoder.heatmap_type`` ``decoder.decoding``
    ======== ============== ===================================== ======================== ======================
    H1       None           KeypointMSELoss                       gaussian                 shift, argmax or dark
    H2       None           mmpose_ext.HeatmapCrossEntropyLoss    one_hot                  as H1
    H3       None           mmpose_ext.HeatmapBCELoss             disk                     as H1
    I1 to I3 CoordinateLoss None; starts from H1, H2 or H3        None                     integral
    I*       CoordinateLoss None; starts from no such checkpoint  None                     integral
    both     CoordinateLoss one of the above                      as above                 integral
    ======== ============== ===================================== ======================== ======================

    Parameters are named as in ``HeatmapHead``, MMPose's and ours, so that ``load_from`` such a checkpoint starts I1.
    Both losses at once with H1 need a ``beta`` of about 10: at 1 the softmax of a Gaussian with a maximum of 1 is
    nearly uniform, so that no map suits both.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        deconv_out_channels: Channels of each deconvolution, which doubles the map; None: no deconvolution.
        deconv_kernel_sizes: Kernel size of each deconvolution: 4, 3 or 2.
        conv_out_channels: Channels of each convolution after them; None: none.
        conv_kernel_sizes: Kernel size of each of these convolutions.
        final_layer: Arguments of the last convolution; None: no such layer.
        beta: Factor of the logits before the softmax; the paper's is 1.
        debias: Correct the softmax's pull towards the middle (:func:`mmpose_ext.functional.debias_points`).
        loss_coord: Config of the loss of points, called with points and labels (B, K, 2) in normalized coordinates and
            weights (B, K, 1), as MMPose's losses of regression are; None: no such loss.
        loss_heatmap: Config of the loss of maps, called with (logits, targets, weights); None: no such loss.
        score: The confidence of an expectation: 'mass', 'spread' or 'peak'
            (:func:`mmpose_ext.functional.soft_argmax_scores`). The confidence of a maximum is its value.
        score_radius: Of 'mass' and 'spread', in cells. The defaults of both told right joints from wrong ones best on
            synthetic people (rank correlation with OKS, configs/integral/README.md).
        decoder: Config of the codec.
        init_cfg: MMEngine's initialization config; default normal weights with standard deviation 0.001.

    Raises:
        ValueError: If an argument is out of range, or there is no loss at all.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
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
        self.make_layers(in_channels, out_channels, out_channels, *layers)
        self.check_axes('type', 2)
        if isinstance(self.loss_heatmap, VolumeLoss):
            raise ValueError(f"'loss_heatmap' must be a loss of maps, got {self.loss_heatmap}, which is for volumes")

    def map_loss(self, loss: nn.Module, maps: Tensor, targets: Targets) -> Tensor:
        """The loss of maps (B, K, H, W)."""
        target, weights = needed_targets(targets, 'heatmaps', 'keypoint_weights')
        check_map_size(maps, target)
        maps = maps.to(target.dtype)
        if not isinstance(
            loss, WeightedLoss
        ):  # the losses of this package leave such joints out without copies of maps
            maps, target = mask_joints(weights, maps, target)
        return loss(maps, target, weights)

    def highest_cells(self, maps: Tensor) -> Tensor:
        """The highest cell (B, K, 2) of each map, x first."""
        return find_peaks(maps)[0]

    @property
    def map_format(self) -> MapFormat | None:
        """The format of the codec's target maps, if a mean squared error alone trains them; logits have none."""
        values = self.loss_coord is None and not isinstance(self.loss_heatmap, LogitLoss)
        return self.codec.map_format if values else None

    def stage_maps(self, outputs: MapOutputs) -> list[StageMaps]:
        """The maps of the only stage."""
        return [StageMaps('', outputs.maps, 1.0)]


def normalized_cells(cells: Tensor, maps: Tensor) -> Tensor:
    """Normalized coordinates of cells of maps (B, K, H, W) or volumes (B, K, D, H, W), x first."""
    return heatmap_to_normalized(cells.float(), [*reversed(maps.shape[2:])])
