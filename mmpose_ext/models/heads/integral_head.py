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
    heatmap_to_unit,
    pck,
    quarter_shift,
    soft_argmax,
    soft_argmax_scores,
    spatial_softmax,
)
from mmpose_ext.models.utils import average_maps, average_points, average_scores, needed_targets
from mmpose_ext.registry import MODELS

from .map_head import MapHead, check_map_size

__all__ = ['IntegralHead']

_DECODINGS = ('integral', 'argmax', 'shift', 'dark')


class _Reading(NamedTuple):
    """Logits (B, K, H, W) and, where a loss is on them, their points (B, K, 2) in unit coordinates."""

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

    Args:
        *args: Those of :class:`MapHead`, which are those of MMPose's ``HeatmapHead``.
        beta: Factor of the logits before the softmax; the paper's is 1.
        debias: Take off the softmax's pull towards the middle (:func:`mmpose_ext.functional.debias_points`).
        loss_coord: Config of the loss of points, called with points and labels (B, K, 2) in unit coordinates and
            weights (B, K, 1), as MMPose's losses of regression are; None: no such loss.
        loss_heatmap: Config of the loss of maps, called with (logits, targets, weights); None: no such loss.
        decoding: How a joint is found: 'integral', the expectation, or the maximum of the map with 'argmax',
            'shift' (a quarter of a cell) or 'dark' (no modulation). None: 'integral' if ``loss_coord`` is given, else
            'shift'.
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
        *args: Any,
        beta: float = 1.0,
        debias: bool = False,
        loss_coord: Mapping[str, Any] | None = None,
        loss_heatmap: Mapping[str, Any] | None = None,
        decoding: str | None = None,
        score: str = 'mass',
        score_radius: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        check_positive('beta', beta)
        check_choice('score', score, SCORES)
        check_positive('score_radius', score_radius)
        check_choice('decoding', decoding, (*_DECODINGS, None))
        if loss_coord is None and loss_heatmap is None:
            raise ValueError("'loss_coord' and 'loss_heatmap' must not both be None: nothing would be trained")
        self.beta = beta
        self.debias = debias
        self.score = score
        self.score_radius = score_radius
        self.decoding = decoding or ('shift' if loss_coord is None else 'integral')
        self.loss_coord = None if loss_coord is None else MODELS.build(dict(loss_coord))
        self.loss_heatmap = None if loss_heatmap is None else MODELS.build(dict(loss_heatmap))

    def interpret(self, outputs: Tensor) -> _Reading:
        """Logits (B, K, H, W) with their expectation, which the loss and the accuracy share."""
        if self.loss_coord is None:
            return _Reading(outputs, None)
        return _Reading(outputs, _unit(soft_argmax(outputs, self.beta, self.debias), outputs))

    def losses(self, outputs: _Reading, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``loss_coord`` against ``keypoint_labels`` and ``loss_heatmap`` against ``heatmaps``."""
        labels, weights = needed_targets(targets, 'keypoint_labels', 'keypoint_weights')
        losses = {}
        if self.loss_coord is not None:
            losses['loss_coord'] = self.loss_coord(outputs.points, labels, weights[..., None])
        if self.loss_heatmap is not None:
            if 'heatmaps' not in targets:
                raise ValueError(
                    "'heatmap_type' of the codec must not be None where the head has a 'loss_heatmap', got targets "
                    f'{sorted(targets)}'
                )
            check_map_size(outputs.maps, targets['heatmaps'])
            maps = outputs.maps.to(targets['heatmaps'].dtype)
            losses['loss_heatmap'] = self.loss_heatmap(maps, targets['heatmaps'], weights)
        return losses

    def accuracy(self, outputs: _Reading, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK at 5 % of the picture's sides, of the expectation or, without one, of the maxima."""
        points = outputs.points
        if points is None:
            points = _unit(find_peaks(self.heatmaps(outputs.maps))[0], outputs.maps)
        return dict(acc_pose=pck(points, targets['keypoint_labels'], targets['keypoint_weights'] > 0, (1, 1)))

    @torch.no_grad()
    def locate(self, outputs: Tensor) -> Any:
        """Points (B, K, 2) in unit coordinates and scores (B, K); the maps (B, K, H, W) if their maxima are taken."""
        if self.decoding != 'integral':
            return self.heatmaps(outputs)
        points, scores = soft_argmax_scores(outputs, self.beta, self.score, self.score_radius, self.debias)
        return _unit(points, outputs), scores

    def average_flip(self, located: Any, flipped: Any, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]) -> Any:
        """Means of points and scores, because an expectation is linear; a maximum is not, so here of the maps."""
        if self.decoding != 'integral':
            return average_maps(located, flipped, flip_indices, test_cfg)
        points = average_points(
            located[0], flipped[0], flip_indices, self.decoder.input_size[0], test_cfg.get('shift_coords', True)
        )
        return points, average_scores(located[1], flipped[1], flip_indices)

    def decode(self, batch_outputs: Any) -> list[InstanceData]:
        """Keypoints of what :meth:`locate` returned."""
        return super().decode(batch_outputs if self.decoding == 'integral' else self._highest(batch_outputs))

    @torch.no_grad()
    def _highest(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maxima of maps (B, K, H, W): points (B, K, 2) in unit coordinates and scores (B, K)."""
        cells, scores = find_peaks(maps)
        points = cells.float()
        if self.decoding == 'shift':
            points = cells + quarter_shift(maps, cells)
        elif self.decoding == 'dark':
            points = dark_refine(maps, cells, None)
        return _unit(points, maps), scores.float()

    def heatmaps(self, outputs: Tensor) -> Tensor:
        """What the maps (B, K, H, W) are trained to be: probabilities, or with a mean square the values themselves."""
        if self.loss_coord is not None:
            return spatial_softmax(outputs, self.beta)
        probabilities = getattr(self.loss_heatmap, 'probabilities', None)
        return outputs if probabilities is None else probabilities(outputs)


def _unit(cells: Tensor, maps: Tensor) -> Tensor:
    """Unit coordinates of cells (B, K, 2) of maps (B, K, H, W)."""
    return heatmap_to_unit(cells.float(), (maps.shape[-1], maps.shape[-2]))
