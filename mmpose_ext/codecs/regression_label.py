"""Coordinates as they are: labels and predictions of regression."""

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from torch import Tensor

from mmpose_ext.functional import (
    check_positive,
    check_shape,
    check_size,
    coordinate_labels,
    depth_labels,
    normalized_to_depth,
    normalized_to_input,
)
from mmpose_ext.registry import KEYPOINT_CODECS

__all__ = ['RegressionLabel']


@KEYPOINT_CODECS.register_module()
class RegressionLabel(BaseKeypointCodec):
    """Unit coordinates: input pixels divided by the input size, and depth, if asked for, by that of a box.

    With ``depth_range`` labels and predictions have three axes, of which the third is the depth behind the root joint
    in millimetres. Joints whose depth is unknown (NaN) or beyond the box, and keypoints (..., 2) of pictures that never
    had one, keep their weight on x and y and have none on depth. Without ``depth_range`` depths are left aside.

    Args:
        input_size: (w, h) of the network input in pixels.
        depth_range: Millimetres of the box around the root joint, half of it in front; None: no depth.

    Raises:
        ValueError: If an argument is out of range; the message names it, what is allowed and what came.
    """

    # a pipeline's GenerateTarget packs what encode() returns under these names
    label_mapping_table = dict(
        keypoint_labels='keypoint_labels', keypoint_weights='keypoint_weights', depth_weights='depth_weights'
    )

    def __init__(self, input_size: Sequence[int], depth_range: float | None = None) -> None:
        super().__init__()
        self.input_size = check_size('input_size', input_size)
        if depth_range is not None:
            check_positive('depth_range', depth_range)
        self.depth_range = depth_range

    @property
    def dim(self) -> int:
        """Number of axes D of labels and predictions."""
        return 2 if self.depth_range is None else 3

    def __repr__(self) -> str:
        return f'{type(self).__name__}(input_size={self.input_size}, depth_range={self.depth_range})'

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Labels of one person (MMPose's signature, for ``GenerateTarget``).

        Args:
            keypoints: (1, K, 2) in input pixels, x first, or (1, K, 3) with depth in millimetres.
            keypoints_visible: (1, K), 0 for a joint without a label; None: all have one.

        Returns:
            What :meth:`encode_batch` returns, float32: coordinates and weights with a leading axis of length 1, maps
            without.

        Raises:
            ValueError: If a shape differs.
        """
        check_shape('keypoints', keypoints, f'1 K {_axes(keypoints)}')
        visible = None if keypoints_visible is None else torch.from_numpy(np.ascontiguousarray(keypoints_visible))
        encoded = self.encode_batch(torch.from_numpy(np.ascontiguousarray(keypoints)), visible)
        labels = self.label_mapping_table
        return {name: (value if name in labels else value[0]).numpy() for name, value in encoded.items()}

    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Labels of a batch on the device the keypoints are on, without a host sync.

        Args:
            keypoints: (B, K, 2) in input pixels, x first, or (B, K, 3) with depth in millimetres.
            keypoints_visible: (B, K), 0 for a joint without a label; None: all have one.

        Returns:
            ``keypoint_labels`` (B, K, D) in unit coordinates and ``keypoint_weights`` (B, K), float32. A joint outside
            of the picture has the weight 0. With ``depth_range`` ``depth_weights`` (B, K), too.

        Raises:
            ValueError: If a shape differs.
        """
        sizes = check_shape('keypoints', keypoints, f'B K {_axes(keypoints)}')
        if keypoints_visible is None:
            keypoints_visible = keypoints.new_ones(keypoints.shape[:2])
        check_shape('keypoints_visible', keypoints_visible, 'B K', **sizes)
        labels, weights = coordinate_labels(keypoints[..., :2].float(), keypoints_visible.float(), self.input_size)
        if self.depth_range is None:
            return dict(keypoint_labels=labels, keypoint_weights=weights)
        unknown = torch.full_like(weights, float('nan'))
        depth = keypoints[..., 2].float() if keypoints.shape[-1] == 3 else unknown
        depth, depth_weights = depth_labels(depth, weights, self.depth_range)
        labels = torch.cat((labels, depth[..., None]), -1)
        return dict(keypoint_labels=labels, keypoint_weights=weights, depth_weights=depth_weights)

    def decode(self, encoded: np.ndarray, scores: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of one person in pixels.

        Args:
            encoded: (K, D) or (1, K, D) in unit coordinates.
            scores: (K,) or (1, K); None: 1.

        Returns:
            Keypoints (1, K, D) in input pixels, x first, depth in millimetres, and scores (1, K), float32.

        Raises:
            ValueError: If a shape differs.
        """
        points = torch.from_numpy(np.ascontiguousarray(encoded))
        points = points[None] if points.dim() == 2 else points
        sizes = check_shape('encoded', points, f'1 K {self.dim}')
        if scores is not None:
            scores = np.ascontiguousarray(scores)
            scores = scores[None] if scores.ndim == 1 else scores
            check_shape('scores', scores, '1 K', **sizes)
        keypoints, confidences = self.batch_decode(points, None if scores is None else torch.from_numpy(scores))
        return keypoints[0], confidences[0]

    def batch_decode(
        self, batch_coords: Tensor, batch_scores: Tensor | None = None
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Coordinates of a batch in pixels.

        Args:
            batch_coords: (B, K, D) in unit coordinates, or (B, 1, K, D) as MMPose's heads pass them; its ``RLEHead``
                passes (B, 1, K, 2 * D), with a sigma of each coordinate behind them.
            batch_scores: (B, K); None: 1 minus the mean sigma, or 1 without sigmas, because coordinates alone tell no
                confidence.

        Returns:
            For each picture the keypoints (1, K, D) in input pixels, x first, depth in millimetres, and the scores
            (1, K), float32. A point that is not finite becomes 0 on all axes with the score 0.

        Raises:
            ValueError: If a shape differs.
        """
        if batch_coords.dim() == 4 and batch_coords.shape[1] == 1:
            batch_coords = batch_coords[:, 0]
            if batch_scores is None and batch_coords.shape[-1] == 2 * self.dim:
                batch_coords, sigmas = batch_coords.split(self.dim, -1)
                batch_scores = 1 - sigmas.float().mean(-1)
        sizes = check_shape('batch_coords', batch_coords, f'B K {self.dim}')
        points = self._to_input(batch_coords)
        if batch_scores is None:
            batch_scores = points.new_ones(points.shape[:2])
        check_shape('batch_scores', batch_scores, 'B K', **sizes)
        found = torch.cat((points, batch_scores.detach().float()[..., None]), -1)
        # one transfer for both
        results = torch.where(found.isfinite().all(-1, keepdim=True), found, 0.0).cpu().numpy()
        return list(results[:, None, :, :-1]), list(results[:, None, :, -1])

    def batch_lengths(self, lengths: Tensor) -> list[np.ndarray]:
        """Lengths on each axis, such as standard deviations, in pixels and millimetres.

        Args:
            lengths: (B, K, D) in unit coordinates.

        Returns:
            For each picture (1, K, D), float32.

        Raises:
            ValueError: If a shape differs.
        """
        check_shape('lengths', lengths, f'B K {self.dim}')
        return list(self._to_input(lengths, root=0.0).cpu().numpy()[:, None])

    def _to_input(self, values: Tensor, root: float = 0.5) -> Tensor:
        """Values (B, K, D) in input pixels and millimetres, float32."""
        values = normalized_to_input(values.detach().float(), self.input_size)
        if self.depth_range is None:
            return values
        return torch.cat((values[..., :2], normalized_to_depth(values[..., 2:], self.depth_range, root)), -1)


def _axes(keypoints: np.ndarray | Tensor) -> int:
    """The number of axes that keypoints (..., D) have or, where they cannot have it, should have."""
    return 3 if getattr(keypoints, 'shape', ())[-1:] == (3,) else 2
