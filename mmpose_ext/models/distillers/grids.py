"""What the maps of a head are: which heads have maps to be learned cell by cell, and how wide their peaks are."""

from typing import Any

from mmpose.models.heads import CPMHead
from mmpose.models.heads import HeatmapHead as MMPoseHeatmapHead

from mmpose_ext.models.heads import HeatmapHead, IntegralHead, MultiStageHead

__all__ = ['map_grid', 'peak_width']

# codecs whose cell i sits at i * input / heatmap, with a maximum of 1
_CELLS = ('DarkHeatmap', 'IntegralLabel', 'MSRAHeatmap')


def map_grid(head: Any) -> str | None:
    """The grid and scale of a head's maps, if its output are maps to be learned cell by cell; else None.

    'cells' is that of this package (:mod:`mmpose_ext.functional.grid`); other codecs of MMPose have their own.
    """
    head = head.heads[-1] if isinstance(head, MultiStageHead) else head
    codec = getattr(head, 'decoder', None)
    values = isinstance(head, (HeatmapHead, MMPoseHeatmapHead, CPMHead)) or (
        # trained by a mean square; otherwise the maps are logits
        isinstance(head, IntegralHead) and head.loss_coord is None and not hasattr(head.loss_heatmap, 'probabilities')
    )
    if not values or codec is None:
        return None
    name, kind = type(codec).__name__, getattr(codec, 'heatmap_type', 'gaussian')
    if name in _CELLS:
        return 'cells'
    # offsets of UDP's 'combined' are no maps of joints
    return f'{name} {codec.input_size} {codec.heatmap_size}' if kind == 'gaussian' else None


def peak_width(head: Any) -> float | None:
    """Sigma of a head's Gaussian targets as a share of the width of the picture; None if there is no one sigma."""
    codec = getattr(head, 'decoder', None)
    sigma, size = getattr(codec, 'sigma', None), getattr(codec, 'heatmap_size', None)
    kind = getattr(codec, 'heatmap_type', 'gaussian')
    return sigma / size[0] if isinstance(sigma, (int, float)) and size is not None and kind == 'gaussian' else None
