"""Integral regression: the expectation of a joint's place under its map, trained through it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmpose_ext.functional import (
    SCORES,
    check_choice,
    check_positive,
    dark_refine,
    find_peaks,
    find_volume_peaks,
    heatmap_to_normalized,
    quarter_shift,
    soft_argmax,
    soft_argmax_scores,
    spatial_softmax,
    volume_quarter_shift,
)
from mmpose_ext.models.losses import VolumeLoss
from mmpose_ext.models.utils import average_maps, average_points, average_scores, axis_weights, needed_targets
from mmpose_ext.registry import MODELS

from .map_head import MapHead, check_map_size

__all__ = ['IntegralHead', 'IntegralHead3D']


class _Reading(NamedTuple):
    """Logits (B, K, H, W) or (B, K, D, H, W) and, where a loss is on them, their points in unit coordinates."""

    maps: Tensor
    points: Tensor | None


@MODELS.register_module()
class IntegralHead(MapHead):
    """Maps, a softmax over each and the expectation (Sun et al., "Integral Human Pose Regression", ECCV 2018).

    The paper's variants are settings of this head and of ``IntegralLabel``:

    ======== ============== ===================================== ===========
    variant  ``loss_coord`` ``loss_heatmap``                      the codec's ``heatmap_type``
    ======== ============== ===================================== ===========
    H1       None           KeypointMSELoss                       gaussian
    H2       None           mmpose_ext.HeatmapCrossEntropyLoss    one_hot
    H3       None           mmpose_ext.HeatmapBCELoss             disk
    I1 to I3 CoordinateLoss None; starts from H1, H2 or H3        None
    I*       CoordinateLoss None; starts without them             None
    both     CoordinateLoss one of the above                      as above
    ======== ============== ===================================== ===========

    Parameters are named as in ``HeatmapHead``, MMPose's and ours, so that ``load_from`` such a checkpoint starts I1.
    Both losses at once with H1 need a ``beta`` of about 10: at 1 the softmax of a Gaussian with a maximum of 1 is
    nearly uniform, so that no map suits both.

    With ``depth_size`` D there are K * D maps, joint by joint, and each joint's softmax is over a volume; points have
    depth as their third axis. Such a volume is summed to one vector an axis before the expectation (equations 5 and 6),
    so that joints without depth train x and y with ``loss_coord``, and the volume's sum over depth with
    ``VolumeMSELoss`` (H1) or ``VolumeCrossEntropyLoss`` (H2), which take the place of the losses above. A batch may mix
    joints with and without depth. H3 and DARK's decoding are made for maps, and refused.

    Args:
        in_channels: Channels of the last feature map.
        out_channels: Number of joints K.
        *args: Others of :class:`MapHead`, which are those of MMPose's ``HeatmapHead``.
        depth_size: Cells of a volume on depth, as in the codec; None: maps.
        beta: Factor of the logits before the softmax; the paper's is 1.
        debias: Take off the softmax's pull towards the middle (:func:`mmpose_ext.functional.debias_points`).
        loss_coord: Config of the loss of points, called with points and labels (B, K, 2) in unit coordinates and
            weights (B, K, 1), as MMPose's losses of regression are; None: no such loss. With depth these are (B, K, 3),
            each axis with a weight.
        loss_heatmap: Config of the loss of maps, called with (logits, targets, weights); None: no such loss.
        score: The confidence of an expectation: 'mass', 'spread' or 'peak'
            (:func:`mmpose_ext.functional.soft_argmax_scores`). That of a maximum is its value.
        score_radius: Of 'mass' and 'spread', in cells. The defaults of both are what told right joints from wrong ones
            best on synthetic people (rank correlation with OKS, configs/integral/README.md).
        **kwargs: As ``args``.

    Raises:
        ValueError: If an argument is out of range, or there is no loss at all.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *args: Any,
        depth_size: int | None = None,
        beta: float = 1.0,
        debias: bool = False,
        loss_coord: Mapping[str, Any] | None = None,
        loss_heatmap: Mapping[str, Any] | None = None,
        score: str = 'mass',
        score_radius: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, out_channels * (depth_size or 1), *args, **kwargs)
        self.out_channels = out_channels
        self.depth_size = depth_size
        check_positive('beta', beta)
        check_choice('score', score, SCORES)
        check_positive('score_radius', score_radius)
        if loss_coord is None and loss_heatmap is None:
            raise ValueError("'loss_coord' and 'loss_heatmap' must not both be None: nothing would be trained")
        self.beta = beta
        self.debias = debias
        self.score = score
        self.score_radius = score_radius
        self.loss_coord = None if loss_coord is None else MODELS.build(dict(loss_coord))
        self.loss_heatmap = None if loss_heatmap is None else MODELS.build(dict(loss_heatmap))
        self._check_depth()

    @property
    def decoding(self) -> str:
        """How the codec finds a joint."""
        return getattr(self.decoder, 'decoding', 'integral')

    def _check_depth(self) -> None:
        """Raise a ValueError unless all parts are for maps, or all for volumes of one size."""
        self.check_axes('depth_size', 2 if self.depth_size is None else 3)
        cells = getattr(self.decoder, 'depth_size', self.depth_size)
        if self.decoder is not None and cells != self.depth_size:
            raise ValueError(f"'depth_size' must be that of the codec, {cells}, got {self.depth_size}")
        if self.loss_heatmap is not None and isinstance(self.loss_heatmap, VolumeLoss) is (self.depth_size is None):
            raise ValueError(
                "'loss_heatmap' must be VolumeMSELoss or VolumeCrossEntropyLoss with depth_size, and neither without, "
                f'got {self.loss_heatmap} with depth_size={self.depth_size}'
            )

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Maps (B, K, H, W) or volumes (B, K, D, H, W) of the last of the features, (B, in_channels, h, w)."""
        maps = super().forward(feats)
        return maps if self.depth_size is None else maps.unflatten(1, (self.out_channels, self.depth_size))

    def interpret(self, outputs: Tensor) -> _Reading:
        """Logits with their expectation, which the loss and the accuracy share."""
        if self.loss_coord is None:
            return _Reading(outputs, None)
        return _Reading(outputs, _unit(soft_argmax(outputs, self.beta, self.debias), outputs))

    def losses(self, outputs: _Reading, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``loss_coord`` against ``keypoint_labels`` and ``loss_heatmap`` against ``heatmaps``."""
        labels, weights = needed_targets(targets, 'keypoint_labels', 'keypoint_weights')
        losses = {}
        if self.loss_coord is not None:
            losses['loss_coord'] = self.loss_coord(outputs.points, labels, axis_weights(targets))
        if self.loss_heatmap is not None:
            if 'heatmaps' not in targets:
                raise ValueError(
                    "'heatmap_type' of the codec must not be None where the head has a 'loss_heatmap', got targets "
                    f'{sorted(targets)}'
                )
            wanted = [targets['heatmaps'], weights]
            check_map_size(outputs.maps if self.depth_size is None else outputs.maps[:, :, 0], wanted[0])
            if self.depth_size is not None:
                wanted += needed_targets(targets, 'depth_vectors', 'depth_weights')
            losses['loss_heatmap'] = self.loss_heatmap(outputs.maps.to(wanted[0].dtype), *wanted)
        return losses

    def accuracy(self, outputs: _Reading, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK at 5 % of the picture's sides, of the expectation or, without one, of the maxima."""
        points = outputs.points
        if points is None:
            points = _unit(self._peaks(self.trained(outputs.maps))[0], outputs.maps)
        return self.point_accuracy(points, targets)

    @torch.no_grad()
    def locate(self, outputs: Tensor) -> Any:
        """Points (B, K, 2 or 3) in unit coordinates and scores (B, K); maps or volumes if their maxima are taken."""
        if self.decoding != 'integral':
            return self.trained(outputs)
        points, scores = soft_argmax_scores(outputs, self.beta, self.score, self.score_radius, self.debias)
        return _unit(points, outputs), scores

    def average_flip(self, located: Any, flipped: Any, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]) -> Any:
        """Means of points and scores, because an expectation is linear; a maximum is not, so here of the maps."""
        if self.decoding != 'integral':
            # a mirror does not change depth: of a volume only x and the joints
            mean = average_maps(located.flatten(2, -2), flipped.flatten(2, -2), flip_indices, test_cfg)
            return mean.view(located.shape)
        points = average_points(
            located[0], flipped[0], flip_indices, self.decoder.input_size[0], test_cfg.get('shift_coords', True)
        )
        return points, average_scores(located[1], flipped[1], flip_indices)

    def decode(self, batch_outputs: Any) -> list[InstanceData]:
        """Keypoints of what :meth:`locate` returned."""
        return super().decode(batch_outputs if self.decoding == 'integral' else self._highest(batch_outputs))

    @torch.no_grad()
    def _highest(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maxima of maps or volumes: points (B, K, 2 or 3) in unit coordinates and scores (B, K)."""
        cells, scores = self._peaks(maps)
        points = cells.float()
        if self.decoding == 'shift':
            shift = quarter_shift if self.depth_size is None else volume_quarter_shift
            points = cells + shift(maps, cells)
        elif self.decoding == 'dark':
            points = dark_refine(maps, cells, None)
        return _unit(points, maps), scores.float()

    def _peaks(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Highest cells (B, K, 2 or 3) of maps or volumes, and their values (B, K)."""
        return find_peaks(maps) if self.depth_size is None else find_volume_peaks(maps)

    def heatmaps(self, outputs: Tensor) -> Tensor:
        """:meth:`trained` as maps (B, K, H, W): of a volume the sum of probabilities or the highest values on depth."""
        maps = self.trained(outputs)
        if self.depth_size is None:
            return maps
        sums = self.loss_coord is not None or hasattr(self.loss_heatmap, 'probabilities')
        return maps.sum(2) if sums else maps.amax(2)

    def trained(self, outputs: Tensor) -> Tensor:
        """What maps or volumes are trained to be: probabilities, or with a mean square the values themselves."""
        if self.loss_coord is not None:
            return spatial_softmax(outputs, self.beta)
        probabilities = getattr(self.loss_heatmap, 'probabilities', None)
        return outputs if probabilities is None else probabilities(outputs)


@MODELS.register_module()
class IntegralHead3D(IntegralHead):
    """Volumes."""

    def __init__(self, *args: Any, depth_size: int, **kwargs: Any) -> None:
        super().__init__(*args, depth_size=depth_size, **kwargs)


def _unit(cells: Tensor, maps: Tensor) -> Tensor:
    """Unit coordinates of cells of maps (B, K, H, W) or volumes (B, K, D, H, W), in the order of points."""
    return heatmap_to_normalized(cells.float(), [*reversed(maps.shape[2:])])
