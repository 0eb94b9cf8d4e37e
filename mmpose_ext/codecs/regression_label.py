"""Coordinates as they are: labels and predictions of regression."""

from collections.abc import Sequence

import torch
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

from .keypoint_codec import Encoded, KeypointCodec, Keypoints, keypoint_axes

__all__ = ['RegressionLabel']


@KEYPOINT_CODECS.register_module()
class RegressionLabel(KeypointCodec):
    """Normalized coordinates: input pixels divided by the input size, and depth divided by the size of a box.

    With ``depth_range`` labels and predictions have three axes. The third is the depth behind the root joint in
    millimeters. A keypoint whose depth is unknown (NaN) or beyond the box, and keypoints (..., 2) of images that never
    had a depth, keep their weight on x and y and have the weight 0 on depth. Without ``depth_range`` depths are
    ignored.

    Args:
        input_size: (w, h) of the network input in pixels.
        depth_range: Millimeters of the box around the root joint, half of it in front; None: no depth.

    Raises:
        ValueError: If an argument is out of range; the message names it, what is allowed and what came.
    """

    def __init__(self, input_size: Sequence[int], depth_range: float | None = None) -> None:
        super().__init__()
        self.input_size = check_size('input_size', input_size)
        if depth_range is not None:
            check_positive('depth_range', depth_range)
        self.depth_range = depth_range

    def __repr__(self) -> str:
        return f'{type(self).__name__}(input_size={self.input_size}, depth_range={self.depth_range})'

    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Compute the labels of a batch on its device, without a host sync.

        Args:
            keypoints: (B, K, 2) in input pixels, x first, or (B, K, 3) with depth in millimeters.
            keypoints_visible: (B, K), above 0 for a labeled keypoint; None: all are labeled.

        Returns:
            ``keypoint_labels`` (B, K, D) in normalized coordinates and ``keypoint_weights`` (B, K), float32. A
            keypoint outside of the image has the weight 0. With ``depth_range`` also ``depth_weights`` (B, K).

        Raises:
            ValueError: If a shape differs.
        """
        sizes = check_shape('keypoints', keypoints, f'B K {keypoint_axes(keypoints)}')
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

    def decode_tensors(self, encoded: Encoded, normalized: bool = False) -> Keypoints:
        """Convert normalized keypoints to input pixels and millimeters on their device, without a host sync.

        Args:
            encoded: Normalized :class:`Keypoints`. Also what MMPose's heads hand over: points (B, K, D) or
                (B, 1, K, D) alone, then the score is 1, because coordinates tell no confidence; or with the sigma of
                each coordinate behind the coordinates, (B, 1, K, 2 * D), then the score is 1 minus the mean sigma; or
                points and scores (B, K).
            normalized: Whether to leave the coordinates normalized.

        Returns:
            Keypoints, float32. One with a coordinate, a score or a sigma that is not finite is 0 on all axes, with the
            score 0 and, where there are sigmas, the sigma 0.

        Raises:
            ValueError: If a shape differs.
        """
        points, scores, sigmas, _ = self._keypoints(encoded)
        if not normalized:
            points = self._to_input(points)
            sigmas = None if sigmas is None else self._to_input(sigmas, root=0.0)
        known = points.isfinite().all(-1) & scores.isfinite()
        if sigmas is not None:
            known = known & sigmas.isfinite().all(-1)
            sigmas = torch.where(known[..., None], sigmas, 0.0)
        return Keypoints(torch.where(known[..., None], points, 0.0), torch.where(known, scores, 0.0), sigmas)

    def _keypoints(self, encoded: Encoded) -> Keypoints:
        """Normalized keypoints in float32, whatever form they come in."""
        points, scores, sigmas = (*encoded, None, None)[:3] if isinstance(encoded, tuple) else (encoded, None, None)
        if points.dim() == 4 and points.shape[1] == 1:
            points = points[:, 0]
            if scores is None and points.shape[-1] == 2 * self.dim:
                points, sigmas = points.float().split(self.dim, -1)
                scores = 1 - sigmas.mean(-1)
        sizes = check_shape('encoded', points, f'B K {self.dim}')
        scores = torch.ones_like(points[..., 0]) if scores is None else scores
        scores = scores[:, 0] if scores.dim() == 3 else scores
        check_shape('scores', scores, 'B K', **sizes)
        if sigmas is not None:
            check_shape('sigmas', sigmas, f'B K {self.dim}', **sizes)
        return Keypoints(points.float(), scores.float(), None if sigmas is None else sigmas.float())

    def _to_input(self, values: Tensor, root: float = 0.5) -> Tensor:
        """Values (B, K, D) in input pixels and millimeters; lengths, which have no position, with ``root`` 0."""
        values = normalized_to_input(values, self.input_size)
        if self.depth_range is None:
            return values
        return torch.cat((values[..., :2], normalized_to_depth(values[..., 2:], self.depth_range, root)), -1)
