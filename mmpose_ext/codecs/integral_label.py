"""Coordinates and, for a loss on the maps, one of three kinds of target maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mmpose_ext.functional import (
    check_choice,
    check_positive,
    check_shape,
    check_size,
    disk_targets,
    gaussian_targets,
    gaussian_vectors,
    heatmap_to_normalized,
    input_to_heatmap,
    map_covariances,
    normalized_to_heatmap,
    one_hot_targets,
    one_hot_vectors,
    scale_covariances,
)
from mmpose_ext.registry import KEYPOINT_CODECS

from .keypoint_codec import Encoded, Keypoints, MapFormat, check_sigma, one_tensor
from .maxima import refined_maxima
from .regression_label import RegressionLabel

__all__ = ['IntegralLabel']

# the last one is for maps, not for volumes
_DECODINGS = ('integral', 'argmax', 'shift', 'dark')


@KEYPOINT_CODECS.register_module()
class IntegralLabel(RegressionLabel):
    """Labels of "Integral Human Pose Regression" (Sun et al., ECCV 2018): coordinates, and the maps of H1, H2 or H3.

    Args:
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the heatmaps in cells.
        heatmap_type: 'gaussian' (H1: centered on the exact position, with a maximum of 1), 'one_hot' (H2: 1 in the
            nearest cell), 'disk' (H3: 1 in the cells around the keypoint), or None: coordinates only, as for I*.
        sigma: Standard deviation of the Gaussian in cells; the paper's is 1.
        radius: Radius of the disk in input pixels. The paper says "within 15 pixels" and does not say of which image.
            The two works that it follows (G-RMI and DeeperCut) measure in the image that the network sees, and so does
            this class. With inputs of 256x256 and maps of 64x64, 15 pixels are 3.75 cells.
        depth_size: Cells D of the volumes on depth; None: maps. A target volume is the outer product of a map and of a
            vector on depth; these two are the targets here. There are no volumes of H3.
        depth_range: Millimeters of depth that the volumes reach over, see :class:`RegressionLabel`; given together
            with ``depth_size``.
        decoding: How a keypoint is found: 'integral', the expectation that the head computes, or as the maximum of its
            maps or volumes with 'argmax', 'shift' (a quarter of a cell) or, for maps alone, 'dark' (DARK's step without
            modulation). A head that is trained by a loss on its maps alone needs one of the latter.

    Raises:
        ValueError: If an argument is out of range; the message names it, what is allowed and what came.
    """

    heatmap_size: tuple[int, int]

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
        check_sigma(sigma)
        check_positive('radius', radius)
        if (depth_size is None) is not (depth_range is None):
            raise ValueError(f"'depth_size' must be given with depth_range={depth_range!r} or not, got {depth_size!r}")
        if depth_size is not None and not (isinstance(depth_size, (int, np.integer)) and 0 < depth_size < 2**31):
            raise ValueError(f"'depth_size' must be a whole number > 0, got {depth_size!r}")
        if depth_size is not None and heatmap_type == 'disk':
            raise ValueError("'heatmap_type' must be 'gaussian', 'one_hot' or None with depth_size, got 'disk'")
        check_choice('decoding', decoding, _DECODINGS if depth_size is None else _DECODINGS[:-1])
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

    @property
    def decodes_maps(self) -> bool:
        """Whether maxima of maps or volumes are decoded; False: the expectation that the head computes."""
        return self.decoding != 'integral'

    @property
    def map_format(self) -> MapFormat | None:
        """Maps with a maximum of 1 on the grid of this package; None without maps."""
        if self.heatmap_type is None or self.depth_size is not None:
            return None
        sigma = self.sigma / self.heatmap_size[0] if self.heatmap_type == 'gaussian' else None
        return MapFormat('cells', 1.0, sigma)

    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Draw the labels and maps of a batch on its device, without a host sync.

        Args:
            keypoints: (B, K, 2) in input pixels, x first, or (B, K, 3) with depth in millimeters.
            keypoints_visible: (B, K), above 0 for a labeled keypoint; None: all are labeled.

        Returns:
            ``keypoint_labels`` (B, K, D) in normalized coordinates, ``keypoint_weights`` (B, K) and, unless
            ``heatmap_type`` is None, ``heatmaps`` (B, K, H, W), float32. A keypoint outside of the image has the
            weight 0 and a map of zeros. With ``depth_size`` there are ``depth_weights`` (B, K), and beside maps
            ``depth_vectors`` (B, K, D cells). The vector of a keypoint without depth is that of the middle, so that a
            loss can compute with it.

        Raises:
            ValueError: If a shape differs.
        """
        encoded = super().encode_batch(keypoints, keypoints_visible)
        # from pixels and not from labels: a second rounding could move a keypoint that is between two cells
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

    def decode_tensors(self, encoded: Encoded, normalized: bool = False) -> Keypoints:
        """Find the keypoints of a batch on its device, without a host sync.

        Args:
            encoded: With ``decoding='integral'`` what :meth:`RegressionLabel.decode_tensors` takes. Otherwise maps
                (B, K, H, W) or, with ``depth_size``, volumes (B, K, D, H, W); their size may differ from the codec's.
            normalized: Whether to return normalized coordinates; False: input pixels and millimeters.

        Returns:
            Points (B, K, 2 or 3), x first, and scores (B, K), float32.

        Raises:
            ValueError: If a shape differs.
        """
        if not self.decodes_maps:
            return super().decode_tensors(encoded, normalized)
        maps = one_tensor('encoded', encoded)
        check_shape('encoded', maps, 'B K H W' if self.depth_size is None else 'B K D H W')
        points, scores = refined_maxima(maps, self.decoding)
        return super().decode_tensors(Keypoints(heatmap_to_normalized(points, maps.shape[:1:-1]), scores), normalized)

    def covariances(self, encoded: Encoded, normalized: bool = False) -> Tensor:
        """Covariances (B, K, D, D): the head's with ``decoding='integral'``, else those of the maxima.

        For maxima see :func:`~mmpose_ext.functional.map_covariances`.
        """
        if not self.decodes_maps:
            return super().covariances(encoded, normalized)
        maps = one_tensor('encoded', encoded)
        check_shape('encoded', maps, 'B K H W' if self.depth_size is None else 'B K D H W')
        found = scale_covariances(map_covariances(maps), [1 / side for side in maps.shape[:1:-1]])
        return super().covariances(Keypoints(found[..., 0], found[..., 0, 0], None, found), normalized)

    def exact_output(self, targets: Mapping[str, Tensor]) -> Encoded | None:
        """What a network that predicts these targets exactly hands to :meth:`decode_tensors`; None without maps."""
        if not self.decodes_maps or self.depth_size is None or 'heatmaps' not in targets:
            return super().exact_output(targets)
        return targets['heatmaps'][:, :, None] * targets['depth_vectors'][..., None, None]

    def _depth_vectors(self, labels: Tensor, weights: Tensor) -> Tensor:
        """Target vectors (B, K, cells) on depth for labels (B, K, 3)."""
        size = self.depth_size or 0
        cells = normalized_to_heatmap(labels[..., 2:], (size,))[..., 0]
        centers = torch.where(weights > 0, cells, float(size // 2))
        if self.heatmap_type == 'gaussian':
            return gaussian_vectors(centers, size, self.sigma)
        return one_hot_vectors(centers, size)
