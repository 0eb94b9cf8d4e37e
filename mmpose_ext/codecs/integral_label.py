"""Coordinates and, for a loss on the maps, one of three kinds of target maps."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmpose_ext.functional import (
    check_choice,
    check_positive,
    check_size,
    disk_targets,
    gaussian_targets,
    gaussian_vectors,
    input_to_heatmap,
    normalized_to_heatmap,
    one_hot_targets,
    one_hot_vectors,
)
from mmpose_ext.registry import KEYPOINT_CODECS

from .regression_label import RegressionLabel

__all__ = ['IntegralLabel']

DECODINGS = ('integral', 'argmax', 'shift', 'dark')


@KEYPOINT_CODECS.register_module()
class IntegralLabel(RegressionLabel):
    """Labels of "Integral Human Pose Regression" (Sun et al., ECCV 2018): coordinates, and the maps of H1, H2 or H3.

    Args:
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the heat maps in cells.
        heatmap_type: 'gaussian' (H1: centred on the exact place, with a maximum of 1), 'one_hot' (H2: 1 in the nearest
            cell), 'disk' (H3: 1 in the cells around the joint), or None: coordinates only, as for I*.
        sigma: Standard deviation of the Gaussian in cells; the paper's is 1.
        radius: Of the disk in input pixels. The paper says "within 15 pixels" without saying of what; the two works
            that it follows (G-RMI and DeeperCut) measure in the picture that the network sees, and so does this.
            With inputs of 256x256 and maps of 64x64 that is 3.75 cells.
        depth_size: Cells D of the volumes on depth; None: maps. A target volume is the outer product of a map and of a
            vector on depth, which are the targets here. There are no volumes of H3.
        depth_range: Millimetres of depth that the volumes reach over, see :class:`RegressionLabel`; given with
            ``depth_size``.
        decoding: How a joint is found: 'integral', the expectation that the head computes, or the maximum of its maps
            or volumes with 'argmax', 'shift' (a quarter of a cell) or, for maps, 'dark' (without modulation).

    Raises:
        ValueError: If an argument is out of range; the message names it, what is allowed and what came.
    """

    field_mapping_table = dict(heatmaps='heatmaps')
    label_mapping_table = dict(RegressionLabel.label_mapping_table, depth_vectors='depth_vectors')

    def __init__(
        self,
        input_size: Sequence[int],
        heatmap_size: Sequence[int],
        heatmap_type: str | None = 'gaussian',
        sigma: float = 1.0,
        radius: float = 15.0,
        depth_size: int | None = None,
        depth_range: float | None = None,
        decoding: str = 'integral',
    ) -> None:
        super().__init__(input_size, depth_range)
        self.heatmap_size = check_size('heatmap_size', heatmap_size)
        check_choice('heatmap_type', heatmap_type, ('gaussian', 'one_hot', 'disk', None))
        check_positive('sigma', sigma)
        check_positive('radius', radius)
        if (depth_size is None) is not (depth_range is None):
            raise ValueError(f"'depth_size' must be given with depth_range={depth_range!r} or not, got {depth_size!r}")
        if depth_size is not None and not (isinstance(depth_size, int) and depth_size > 0):
            raise ValueError(f"'depth_size' must be a whole number > 0, got {depth_size!r}")
        if depth_size is not None and heatmap_type == 'disk':
            raise ValueError("'heatmap_type' must be 'gaussian', 'one_hot' or None with depth_size, got 'disk'")
        allowed = DECODINGS if depth_size is None else DECODINGS[:-1]
        check_choice('decoding', decoding, allowed)
        self.decoding = decoding
        self.depth_size = depth_size
        self.heatmap_type = heatmap_type
        self.sigma = sigma
        self.radius = radius

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(input_size={self.input_size}, heatmap_size={self.heatmap_size}, '
            f'heatmap_type={self.heatmap_type!r}, sigma={self.sigma}, radius={self.radius}, '
            f'depth_size={self.depth_size}, depth_range={self.depth_range}, decoding={self.decoding!r})'
        )

    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Labels of a batch on the device the keypoints are on, without a host sync.

        Args:
            keypoints: (B, K, 2) in input pixels, x first, or (B, K, 3) with depth in millimetres.
            keypoints_visible: (B, K), 0 for a joint without a label; None: all have one.

        Returns:
            ``keypoint_labels`` (B, K, D) in unit coordinates, ``keypoint_weights`` (B, K) and, unless ``heatmap_type``
            is None, ``heatmaps`` (B, K, H, W), float32. A joint outside of the picture has the weight 0 and no map.
            With ``depth_size`` ``depth_weights`` (B, K), and ``depth_vectors`` (B, K, D cells) beside maps; the vector
            of a joint without depth is that of the middle, whose sums a loss can take.

        Raises:
            ValueError: If a shape differs.
        """
        encoded = super().encode_batch(keypoints, keypoints_visible)
        # of pixels, not of labels: rounding these twice would move a joint between two cells to either of them
        centers = input_to_heatmap(keypoints[..., :2].float(), self.input_size, self.heatmap_size)
        weights = encoded['keypoint_weights']
        if self.heatmap_type == 'gaussian':
            encoded['heatmaps'] = gaussian_targets(centers, weights, self.heatmap_size, self.sigma)[0]
        elif self.heatmap_type == 'one_hot':
            encoded['heatmaps'] = one_hot_targets(centers, weights, self.heatmap_size)
        elif self.heatmap_type == 'disk':
            (width, height), (columns, rows) = self.input_size, self.heatmap_size
            radius = self.radius * columns / width, self.radius * rows / height
            encoded['heatmaps'] = disk_targets(centers, weights, self.heatmap_size, radius)
        if self.depth_size is not None and self.heatmap_type is not None:
            encoded['depth_vectors'] = self._depth_vectors(encoded['keypoint_labels'], encoded['depth_weights'])
        return encoded

    def _depth_vectors(self, labels: Tensor, weights: Tensor) -> Tensor:
        """Vectors (B, K, cells) on depth of labels (B, K, 3)."""
        size = self.depth_size or 0
        cells = normalized_to_heatmap(labels[..., 2:], (size,))[..., 0]
        centers = torch.where(weights > 0, cells, float(size // 2))
        if self.heatmap_type == 'gaussian':
            return gaussian_vectors(centers, size, self.sigma)
        return one_hot_vectors(centers, size)
