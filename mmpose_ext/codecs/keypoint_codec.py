"""The protocol of codecs: all that heads, distillers, the dataset check and export ask of one.

A codec has two methods of its own, both on tensors of a batch: :meth:`KeypointCodec.encode_batch` draws training
targets, :meth:`KeypointCodec.decode_tensors` finds keypoints in network outputs. MMPose's ``encode``, ``decode`` and
``batch_decode`` follow from them.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from torch import Tensor

from mmpose_ext.functional import check_positive, check_shape, scale_covariances, uniform_covariances

__all__ = ['Encoded', 'KeypointCodec', 'Keypoints', 'MapFormat']


class Keypoints(NamedTuple):
    """Keypoints of a batch as tensors on one device.

    They are in input pixels (and millimeters on the third axis), or in normalized coordinates where a function says so.

    Args:
        points: (B, K, D), x first.
        scores: (B, K), the confidence of each keypoint.
        sigmas: (B, K, D), the spread of each coordinate in the unit of the points; None if nothing predicts it.
        covariances: (B, K, D, D) of the error of each keypoint, in the square of that unit; None if nobody asked for
            them.
    """

    points: Tensor
    scores: Tensor
    sigmas: Tensor | None = None
    covariances: Tensor | None = None

    def numpy(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Points (B, 1, K, D), scores (B, 1, K) and sigmas (B, 1, K, D) on the host, in one transfer.

        The axis of length 1 counts people, as in MMPose's predictions.
        """
        dim = self.points.shape[-1]
        parts = [self.points, self.scores[..., None], *([] if self.sigmas is None else [self.sigmas])]
        values = torch.cat(parts, -1).detach()[:, None].cpu().numpy()
        return values[..., :dim], values[..., dim], None if self.sigmas is None else values[..., dim + 1 :]


# what a head hands to its codec: maps or volumes, normalized keypoints, or the several outputs of a user's head
Encoded = Tensor | Keypoints | tuple[Tensor, ...]


class MapFormat(NamedTuple):
    """The meaning of target maps: what a network has to know that learns from another network's maps.

    Maps of two codecs have the same meaning if ``grid`` and ``peak`` are equal; their sizes may differ.

    Args:
        grid: Name of the rule that says which pixel a cell stands for. 'cells': cell ``i`` is at pixel
            ``i * input / heatmap`` (:mod:`mmpose_ext.functional.grid`).
        peak: Value of a map at the keypoint.
        sigma: Standard deviation of the Gaussian as a share of the map's width; None if the map is no Gaussian.
    """

    grid: str
    peak: float
    sigma: float | None


class KeypointCodec(BaseKeypointCodec):
    """Base class of codecs; a subclass sets ``input_size`` and implements :meth:`encode_batch` and decode_tensors.

    Attributes:
        input_size: (w, h) of the network input in pixels.
        heatmap_size: (W, H) of the maps in cells; None for a codec without maps.
        depth_range: Millimeters that the third axis reaches over, half of them in front of the root joint; None for a
            codec of two axes.
        depth_size: Cells of volumes on depth; None for a codec without volumes.
    """

    input_size: tuple[int, int]
    heatmap_size: tuple[int, int] | None = None
    depth_range: float | None = None
    depth_size: int | None = None

    # names under which MMPose's GenerateTarget and PackPoseInputs pack what encode() returns
    field_mapping_table: Mapping[str, str] = dict(heatmaps='heatmaps')
    label_mapping_table: Mapping[str, str] = {
        name: name
        for name in (
            *('keypoint_labels', 'keypoint_weights', 'keypoints_visible_weights'),
            *('depth_vectors', 'depth_weights'),
        )
    }

    @property
    def dim(self) -> int:
        """Number of axes D of keypoints: 2, or 3 with a ``depth_range``."""
        return 2 if self.depth_range is None else 3

    @property
    def decodes_maps(self) -> bool:
        """Whether :meth:`decode_tensors` takes maps or volumes; False: normalized keypoints."""
        return self.heatmap_size is not None

    @property
    def map_format(self) -> MapFormat | None:
        """Meaning of the target maps; None if there are no maps that another network could learn cell by cell."""
        return None

    @abstractmethod
    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Draw the training targets of a batch on its device, without a host sync.

        Args:
            keypoints: (B, K, 2) in input pixels, x first, or (B, K, 3) with depth in millimeters.
            keypoints_visible: (B, K), above 0 for a labeled keypoint; None: all are labeled.

        Returns:
            Targets by name, float32, with B in front. ``keypoint_weights`` (B, K) is always among them: 1 for a
            keypoint with a target, else 0. Heads ask for ``heatmaps`` (B, K, H, W) or ``keypoint_labels`` (B, K, D) in
            normalized coordinates, and with depth for ``depth_weights`` (B, K).
        """

    @abstractmethod
    def decode_tensors(self, encoded: Encoded, normalized: bool = False) -> Keypoints:
        """Find the keypoints of a batch on its device, without a host sync.

        Args:
            encoded: What the head hands over: with :attr:`decodes_maps` maps (B, K, H, W) or volumes (B, K, D, H, W),
                else :class:`Keypoints` in normalized coordinates. Any float type.
            normalized: Whether to return normalized coordinates; False: input pixels and millimeters.

        Returns:
            Finite keypoints, float32. A keypoint that cannot be found has a score of 0 or less.

        Raises:
            ValueError: If a shape differs.
        """

    def covariances(self, encoded: Encoded, normalized: bool = False) -> Tensor:
        """Covariances of the errors of the keypoints that :meth:`decode_tensors` finds, on their device.

        Heads call it where ``test_cfg.output_covariances`` is True. This method converts covariances that the head has
        computed. A codec of maps computes them from the maps, and overrides it.

        Args:
            encoded: What :meth:`decode_tensors` takes; :class:`Keypoints` with ``covariances``.
            normalized: Whether to return those of normalized coordinates; False: of input pixels and millimeters.

        Returns:
            (B, K, D, D), float32, symmetric and finite. A keypoint that cannot be found has the covariance of a
            position about which nothing is known but that it is in the image.

        Raises:
            ValueError: If there are none to convert.
        """
        given = encoded.covariances if isinstance(encoded, Keypoints) else None
        if given is None:
            raise ValueError(
                f"'test_cfg.output_covariances' must be False with {type(self).__name__}, which has no covariances of "
                'what the head predicts; override its method covariances()'
            )
        sides = (*self.input_size, *(() if self.depth_range is None else (self.depth_range,)))
        given = given.float()
        known = given.isfinite().all(-1).all(-1)[..., None, None]
        found = torch.where(known, given, uniform_covariances((1.0,) * len(sides), given))
        return found if normalized else scale_covariances(found, sides)

    def exact_output(self, targets: Mapping[str, Tensor]) -> Encoded | None:
        """What a network that predicts these targets exactly hands to :meth:`decode_tensors`.

        None if the targets do not say what that is.
        """
        return targets.get('heatmaps' if self.decodes_maps else 'keypoint_labels')

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Draw the training targets of one person (MMPose's signature, for ``GenerateTarget``).

        Args:
            keypoints: (1, K, 2) in input pixels, x first, or (1, K, 3) with depth in millimeters.
            keypoints_visible: (1, K), above 0 for a labeled keypoint; None: all are labeled.

        Returns:
            What :meth:`encode_batch` returns; labels and weights with the leading axis of length 1, maps without.

        Raises:
            ValueError: If a shape differs.
        """
        check_shape('keypoints', keypoints, f'1 K {keypoint_axes(keypoints)}')
        visible = None if keypoints_visible is None else to_tensor('keypoints_visible', keypoints_visible)
        encoded = self.encode_batch(to_tensor('keypoints', keypoints), visible)
        fields = self.field_mapping_table
        return {name: (value[0] if name in fields else value).numpy() for name, value in encoded.items()}

    @torch.no_grad()
    def decode(self, encoded: np.ndarray, *more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the keypoints of one person (MMPose's signature).

        Args:
            encoded: What :meth:`decode_tensors` takes, without the axis B; coordinates may have an axis of length 1
                in front.
            *more: Further arrays where ``encoded`` is the first of several, as scores behind coordinates.

        Returns:
            Keypoints (1, K, D) in input pixels (and millimeters), x first, and scores (1, K), float32.

        Raises:
            ValueError: If a shape differs.
        """
        keypoints, scores = self.batch_decode(*(to_tensor('encoded', array)[None] for array in (encoded, *more)))
        return keypoints[0], scores[0]

    @torch.no_grad()
    def batch_decode(self, batch_encoded: Tensor, *more: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Find the keypoints of a batch; only keypoints and scores come to the host (MMPose's signature).

        Args:
            batch_encoded: What :meth:`decode_tensors` takes.
            *more: Further tensors where ``batch_encoded`` is the first of several.

        Returns:
            For each image the keypoints (1, K, D) in input pixels (and millimeters), x first, and the scores (1, K),
            float32.

        Raises:
            ValueError: If a shape differs.
        """
        points, scores, _ = self.decode_tensors((batch_encoded, *more) if more else batch_encoded).numpy()
        return list(points), list(scores)


def keypoint_axes(keypoints: np.ndarray | Tensor) -> int:
    """The number of axes that keypoints (..., D) have or, where they cannot have it, should have."""
    return 3 if np.shape(keypoints)[-1:] == (3,) else 2


def to_tensor(name: str, array: np.ndarray | Sequence[float]) -> Tensor:
    """An array of the host as a float tensor, without a copy where torch can share it.

    Raises:
        ValueError: If these are not numbers.
    """
    try:
        numbers = np.asarray(array)
        if numbers.dtype.kind in 'cSUmM':
            raise TypeError(f'they are of type {numbers.dtype}')
        if numbers.dtype not in (np.float16, np.float32, np.float64):
            numbers = numbers.astype(np.float32)
        # torch does not share views that are turned round
        return torch.from_numpy(numbers.copy() if any(stride < 0 for stride in numbers.strides) else numbers)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"'{name}' must be an array of numbers, got {type(array).__name__}: {error}") from error


def check_sigma(sigma: float) -> None:
    """Raise a ValueError unless a Gaussian of this standard deviation, in cells, can be drawn."""
    check_positive('sigma', sigma)
    if not 1e-6 <= sigma <= 1e6:  # its square has to fit into float32
        raise ValueError(f"'sigma' must be a number of cells from 1e-6 to 1e6, got {sigma!r}")


def one_tensor(name: str, encoded: Encoded) -> Tensor:
    """The tensor that a codec of maps expects.

    Raises:
        ValueError: If there are several.
    """
    if isinstance(encoded, tuple):
        raise ValueError(f"'{name}' must be one tensor of maps, got {len(encoded)} of them")
    return encoded
