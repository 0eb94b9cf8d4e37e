"""Heat maps with DARK's unbiased encoding and distribution-aware decoding."""

from collections.abc import Sequence

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from torch import Tensor

from mmpose_ext.functional import (
    check_blur_kernel_size,
    check_choice,
    check_positive,
    check_shape,
    check_size,
    dark_refine,
    find_peaks,
    gaussian_targets,
    heatmap_to_input,
    input_to_heatmap,
    quarter_shift,
)
from mmpose_ext.registry import KEYPOINT_CODECS

__all__ = ['DarkHeatmap']


@KEYPOINT_CODECS.register_module()
class DarkHeatmap(BaseKeypointCodec):
    """Gaussian heat maps of "Distribution-Aware Coordinate Representation for Human Pose Estimation" (CVPR 2020).

    With ``encoding='biased'`` and ``decoding='shift'`` it is the paper's baseline, that of Simple Baselines and HRNet
    (and MMPose's ``MSRAHeatmap``); the defaults are DARK. Where it draws and where it decodes is documented with
    :func:`mmpose_ext.functional.gaussian_targets` and :func:`mmpose_ext.functional.dark_refine`.

    The modulation's two published forms (rescaling by minimum and maximum in the paper, by the ratio of the maxima in
    the released program) give the same point wherever the modulated map reaches down to zero and neither clips a
    value that the Newton step reads: the step does not see a common factor.

    A map that shows no joint (constant, negative, with a NaN or +inf in it) decodes to (0, 0) with a score of 0 or
    less. Points are finite, and inside the picture unless ``max_offset`` is None.

    Args:
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the heat maps in cells.
        sigma: Standard deviation of the Gaussian in cells.
        encoding: 'unbiased' (centred on the exact position) or 'biased' (on the nearest cell).
        decoding: 'dark', 'shift' (a quarter of a cell towards the higher neighbour) or 'argmax'.
        blur_kernel_size: Side of the modulation kernel in cells, odd; None: no modulation. The paper takes 11 for
            sigma 2 and 3 for the small maps of 128x96 inputs.
        max_offset: Largest Newton step in cells on each axis; a longer one, or one where the map has no maximum, is
            replaced by the quarter shift. None: the released program's unbounded step.

    Raises:
        ValueError: If an argument is out of range; the message names it, what is allowed and what came.
    """

    # a pipeline's GenerateTarget packs what encode() returns under these names
    field_mapping_table = dict(heatmaps='heatmaps')
    label_mapping_table = dict(keypoint_weights='keypoint_weights')

    def __init__(
        self,
        input_size: Sequence[int],
        heatmap_size: Sequence[int],
        sigma: float = 2.0,
        encoding: str = 'unbiased',
        decoding: str = 'dark',
        blur_kernel_size: int | None = 11,
        max_offset: float | None = 2.0,
    ) -> None:
        super().__init__()
        self.input_size = check_size('input_size', input_size)
        self.heatmap_size = check_size('heatmap_size', heatmap_size)
        check_positive('sigma', sigma)
        check_choice('encoding', encoding, ('unbiased', 'biased'))
        check_choice('decoding', decoding, ('dark', 'shift', 'argmax'))
        check_blur_kernel_size(blur_kernel_size)
        if max_offset is not None:
            check_positive('max_offset', max_offset)
        self.sigma = sigma
        self.encoding = encoding
        self.decoding = decoding
        self.blur_kernel_size = blur_kernel_size
        self.max_offset = max_offset

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(input_size={self.input_size}, heatmap_size={self.heatmap_size}, '
            f'sigma={self.sigma}, encoding={self.encoding!r}, decoding={self.decoding!r}, '
            f'blur_kernel_size={self.blur_kernel_size}, max_offset={self.max_offset})'
        )

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Draw the targets of one person (MMPose's signature, for ``GenerateTarget``).

        Args:
            keypoints: (1, K, 2) in input pixels, x first.
            keypoints_visible: (1, K), 0 for a joint without a label; None: all have one.

        Returns:
            ``heatmaps`` (K, H, W) and ``keypoint_weights`` (1, K), float32.

        Raises:
            ValueError: If a shape differs.
        """
        sizes = check_shape('keypoints', keypoints, '1 K 2')
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], np.float32)
        check_shape('keypoints_visible', keypoints_visible, '1 K', **sizes)
        heatmaps, weights = gaussian_targets(
            input_to_heatmap(keypoints.astype(np.float32, copy=False), self.input_size, self.heatmap_size),
            keypoints_visible.astype(np.float32, copy=False),
            self.heatmap_size,
            self.sigma,
            self.encoding == 'unbiased',
        )
        return dict(heatmaps=heatmaps[0], keypoint_weights=weights)

    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Draw the targets of a batch on the device the keypoints are on, without a host sync.

        Args:
            keypoints: (B, K, 2) in input pixels, x first.
            keypoints_visible: (B, K), 0 for a joint without a label; None: all have one.

        Returns:
            ``heatmaps`` (B, K, H, W) and ``keypoint_weights`` (B, K), float32.

        Raises:
            ValueError: If a shape differs.
        """
        sizes = check_shape('keypoints', keypoints, 'B K 2')
        if keypoints_visible is None:
            keypoints_visible = keypoints.new_ones(keypoints.shape[:2])
        check_shape('keypoints_visible', keypoints_visible, 'B K', **sizes)
        heatmaps, weights = gaussian_targets(
            input_to_heatmap(keypoints.float(), self.input_size, self.heatmap_size),
            keypoints_visible.float(),
            self.heatmap_size,
            self.sigma,
            self.encoding == 'unbiased',
        )
        return dict(heatmaps=heatmaps, keypoint_weights=weights)

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the joints of one person.

        Args:
            encoded: Heat maps (K, H, W).

        Returns:
            Keypoints (1, K, 2) in input pixels, x first, and scores (1, K), float32.

        Raises:
            ValueError: If the maps do not have the codec's size.
        """
        check_shape('encoded', encoded, 'K H W', W=self.heatmap_size[0], H=self.heatmap_size[1])
        keypoints, scores = self._locate(torch.from_numpy(np.ascontiguousarray(encoded))[None])
        return keypoints.numpy(), scores.numpy()

    def batch_decode(self, batch_encoded: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Find the joints of a batch on the device the maps are on; only points and scores come to the host.

        Args:
            batch_encoded: Heat maps (B, K, H, W), any float type.

        Returns:
            For each picture the keypoints (1, K, 2) in input pixels, x first, and the scores (1, K), float32.

        Raises:
            ValueError: If the maps do not have the codec's size.
        """
        check_shape('batch_encoded', batch_encoded, 'B K H W', W=self.heatmap_size[0], H=self.heatmap_size[1])
        keypoints, scores = self._locate(batch_encoded)
        # one transfer for both
        results = torch.cat((keypoints, scores[..., None]), -1).cpu().numpy()
        return list(results[:, None, :, :2]), list(results[:, None, :, 2])

    @torch.no_grad()
    def _locate(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints (B, K, 2) in input pixels and scores (B, K), float32, of maps (B, K, H, W)."""
        cells, scores = find_peaks(heatmaps)
        if self.decoding == 'dark':
            points = dark_refine(heatmaps, cells, self.blur_kernel_size, self.max_offset)
        elif self.decoding == 'shift':
            points = cells + quarter_shift(heatmaps, cells)
        else:
            points = cells.float()
        return heatmap_to_input(points, self.input_size, self.heatmap_size), scores.float()
