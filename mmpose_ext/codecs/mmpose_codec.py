"""MMPose's own codecs behind the protocol of this package."""

import numpy as np
import torch
from mmpose.codecs import MegviiHeatmap, MSRAHeatmap, UDPHeatmap
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor

from mmpose_ext.functional import input_to_normalized, map_covariances, normalized_to_input, scale_covariances

from .keypoint_codec import Encoded, KeypointCodec, Keypoints, MapFormat

__all__ = ['MMPoseCodec', 'keypoint_codec']


class MMPoseCodec(KeypointCodec):
    """A codec of MMPose for the heads and distillers of this package.

    It decodes on the host, as MMPose does, and draws no batches: its targets come from MMPose's ``GenerateTarget``.

    Args:
        codec: Any codec of MMPose for top-down heads of two axes.
    """

    def __init__(self, codec: BaseKeypointCodec) -> None:
        super().__init__()
        self.codec = codec
        # MMPose's base class does not promise a size; some codecs have none
        self.input_size = getattr(codec, 'input_size', None)  # type: ignore[assignment]
        self.heatmap_size = getattr(codec, 'heatmap_size', None)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.codec!r})'

    @property
    def map_format(self) -> MapFormat | None:
        """Meaning of the target maps of the codecs whose maps a network can learn; None for others."""
        codec = self.codec
        if isinstance(codec, MSRAHeatmap):
            return MapFormat('cells', 1.0, codec.sigma / codec.heatmap_size[0])
        # these two have grids of their own, on which maps cannot be resampled
        name = f'{type(codec).__name__} {self.input_size} {self.heatmap_size}'
        if isinstance(codec, UDPHeatmap) and codec.heatmap_type == 'gaussian':
            return MapFormat(name, 1.0, codec.sigma / codec.heatmap_size[0])
        return MapFormat(name, 255.0, None) if isinstance(codec, MegviiHeatmap) else None

    def encode_batch(self, keypoints: Tensor, keypoints_visible: Tensor | None = None) -> dict[str, Tensor]:
        """Refuse: MMPose's codecs draw the targets of one person on the host.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            f"'decoder' must be a codec with encode_batch() to draw targets in the head, got "
            f"{type(self.codec).__name__}; take one of mmpose_ext's, or put GenerateTarget into the pipeline"
        )

    def decode_tensors(self, encoded: Encoded, normalized: bool = False) -> Keypoints:
        """Find the keypoints of a batch by way of the host."""
        sigmas = None
        if isinstance(encoded, Keypoints):
            # as MMPose's heads hand over coordinates: one person each, the sigmas behind the points
            sigmas = encoded.sigmas
            encoded = torch.cat([encoded.points, *([] if sigmas is None else [sigmas])], -1)[:, None]
        given = encoded if isinstance(encoded, tuple) else (encoded,)
        device = given[0].device
        if self.codec.support_batch_decoding:
            found = list(zip(*self.codec.batch_decode(*given), strict=True))
        elif len(given) > 1:
            found = [self.codec.decode(*one) for one in to_numpy(given, unzip=True)]
        else:
            found = [self.codec.decode(one) for one in to_numpy(given[0])]
        points, scores = (torch.from_numpy(np.concatenate(part)).to(device) for part in zip(*found, strict=True))
        if sigmas is not None and not normalized:
            sigmas = normalized_to_input(sigmas, self.input_size)
        return Keypoints(input_to_normalized(points, self.input_size) if normalized else points, scores, sigmas)

    def covariances(self, encoded: Encoded, normalized: bool = False) -> Tensor:
        """Covariances (B, K, 2, 2): those of the maps of MSRA's, UDP's and Megvii's Gaussians, or the head's.

        Raises:
            ValueError: If the codec has neither.
        """
        if self.map_format is None or not isinstance(encoded, Tensor) or encoded.dim() != 4:
            return super().covariances(encoded, normalized)
        # UDP puts the centers of the outermost cells onto those of the outermost pixels; others divide the sides
        edge = 1 if isinstance(self.codec, UDPHeatmap) else 0
        pixels = [
            (side - edge) / (cells - edge) for side, cells in zip(self.input_size, encoded.shape[:1:-1], strict=True)
        ]
        sides = [side / whole for side, whole in zip(pixels, self.input_size, strict=True)] if normalized else pixels
        return scale_covariances(map_covariances(encoded), sides)


def keypoint_codec(codec: BaseKeypointCodec) -> KeypointCodec:
    """A codec that keeps the protocol of this package: the given one if it does, else an adapter for it."""
    return codec if isinstance(codec, KeypointCodec) else MMPoseCodec(codec)
