"""Heatmaps with DARK's unbiased encoding and distribution-aware decoding."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from mmpose_ext.functional import (
    cell_sides,
    check_blur_kernel_size,
    check_choice,
    check_positive,
    check_shape,
    check_size,
    gaussian_targets,
    heatmap_to_input,
    heatmap_to_normalized,
    input_to_heatmap,
    map_covariances,
    scale_covariances,
)
from mmpose_ext.registry import KEYPOINT_CODECS

from .keypoint_codec import Encoded, KeypointCodec, Keypoints, MapFormat, check_sigma, one_tensor, to_tensor
from .maxima import refined_maxima

__all__ = ['DarkHeatmap']


@KEYPOINT_CODECS.register_module()
class DarkHeatmap(KeypointCodec):
    """Gaussian heatmaps of "Distribution-Aware Coordinate Representation for Human Pose Estimation" (CVPR 2020).

    The defaults are DARK. ``encoding='biased'`` with ``decoding='shift'`` is the paper's baseline, which Simple
    Baselines and HRNet use (MMPose's ``MSRAHeatmap``). The encoding is documented with
    :func:`mmpose_ext.functional.gaussian_targets`, the decoding with :func:`mmpose_ext.functional.dark_refine`.

    The modulation is published in two forms: the paper rescales by minimum and maximum, the official implementation by
    the ratio of the maxima. Both give the same point wherever the modulated map reaches down to zero and neither clips
    a value that the Newton step reads, because a common factor does not change the step.

    A map that shows no keypoint (a constant or negative map, or one with a NaN or +inf in it) decodes to (0, 0) with a
    score of 0 or less. Points are finite, and inside the image unless ``max_offset`` is None.

    Args:
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the heatmaps in cells.
        sigma: Standard deviation of the Gaussian in cells.
        encoding: 'unbiased' (centered on the exact position) or 'biased' (on the nearest cell).
        decoding: 'dark', 'shift' (a quarter of a cell towards the higher neighbor) or 'argmax'.
        blur_kernel_size: Side of the modulation kernel in cells, odd; None: no modulation. The paper takes 11 for
            sigma 2 and 3 for the small maps of 128x96 inputs.
        max_offset: Largest Newton step in cells on each axis; a longer one, or one where the map has no maximum, is
            replaced by the quarter shift. None: the official implementation's unbounded step.

    Raises:
        ValueError: If an argument is out of range; the message names it, what is allowed and what came.
    """

    heatmap_size: tuple[int, int]

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
        check_sigma(sigma)
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

    @property
    def map_format(self) -> MapFormat:
        """Gaussians with a maximum of 1 on the grid of this package."""
        return MapFormat('cells', 1.0, self.sigma / self.heatmap_size[0])

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Draw the targets of one person (MMPose's signature, for ``GenerateTarget``).

        This does what :meth:`encode_batch` does, in NumPy, which is faster for the few cells of one person.

        Args:
            keypoints: (1, K, 2) in input pixels, x first.
            keypoints_visible: (1, K), above 0 for a labeled keypoint; None: all are labeled.

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
            input_to_heatmap(_to_float32('keypoints', keypoints), self.input_size, self.heatmap_size),
            _to_float32('keypoints_visible', keypoints_visible),
            self.heatmap_size,
            self.sigma,
            self.encoding == 'unbiased',
        )
        return dict(heatmaps=heatmaps[0], keypoint_weights=weights)

    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Draw the targets of a batch on its device, without a host sync.

        Args:
            keypoints: (B, K, 2) in input pixels, x first.
            keypoints_visible: (B, K), above 0 for a labeled keypoint; None: all are labeled.

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

    def decode_tensors(self, encoded: Encoded, normalized: bool = False) -> Keypoints:
        """Find the keypoints of a batch on its device, without a host sync.

        Args:
            encoded: Heatmaps (B, K, H, W), any float type.
            normalized: Whether to return normalized coordinates; False: input pixels.

        Returns:
            Points (B, K, 2), x first, and scores (B, K), float32.

        Raises:
            ValueError: If the maps do not have the codec's size.
        """
        maps = one_tensor('encoded', encoded)
        check_shape('encoded', maps, 'B K H W', W=self.heatmap_size[0], H=self.heatmap_size[1])
        points, scores = refined_maxima(maps, self.decoding, self.blur_kernel_size, self.max_offset)
        if normalized:
            return Keypoints(heatmap_to_normalized(points, self.heatmap_size), scores)
        return Keypoints(heatmap_to_input(points, self.input_size, self.heatmap_size), scores)

    def covariances(self, encoded: Encoded, normalized: bool = False) -> Tensor:
        """Covariances (B, K, 2, 2) of the Gaussians that fit the maps.

        See :func:`~mmpose_ext.functional.map_covariances`, to which the modulation is that of the decoding.
        A network that is trained on Gaussians of ``sigma`` cells cannot make narrower ones: its most certain maps still
        have that spread. What the errors really are is measured by ``tools/calibrate.py``.
        """
        maps = one_tensor('encoded', encoded)
        check_shape('encoded', maps, 'B K H W', W=self.heatmap_size[0], H=self.heatmap_size[1])
        sides = cell_sides((1.0, 1.0) if normalized else self.input_size, self.heatmap_size)
        return scale_covariances(map_covariances(maps, self.blur_kernel_size), sides)


def _to_float32(name: str, array: np.ndarray) -> np.ndarray:
    if isinstance(array, np.ndarray) and array.dtype.kind == 'f':
        return array.astype(np.float32, copy=False)
    numbers: np.ndarray = to_tensor(name, array).float().numpy()
    return numbers
