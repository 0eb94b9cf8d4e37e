"""Codecs as a user writes them outside of the package: one derived from DARK's, one from the protocol alone."""

import torch
from mmpose.registry import KEYPOINT_CODECS as MMPOSE_CODECS

from mmpose_ext.codecs import DarkHeatmap, KeypointCodec, Keypoints, MapFormat
from mmpose_ext.functional import heatmap_to_input, heatmap_to_normalized
from mmpose_ext.registry import KEYPOINT_CODECS

__all__ = ['TentMaps', 'WholeMass', 'registered']


class WholeMass(DarkHeatmap):
    """DARK's targets; a joint is the center of mass of the cells that are at least half as high as the highest."""

    def decode_tensors(self, encoded, normalized=False):
        points, scores = _mass(encoded, 0.5)
        if normalized:
            return Keypoints(heatmap_to_normalized(points, self.heatmap_size), scores)
        return Keypoints(heatmap_to_input(points, self.input_size, self.heatmap_size), scores)


class TentMaps(KeypointCodec):
    """Pyramids around joints in place of Gaussians, decoded as their center of mass."""

    def __init__(self, input_size, heatmap_size, width=3.0):
        super().__init__()
        self.input_size, self.heatmap_size, self.width = tuple(input_size), tuple(heatmap_size), width

    @property
    def map_format(self):
        return MapFormat('cells', 1.0, None)

    def encode_batch(self, keypoints, keypoints_visible=None):
        visible = torch.ones_like(keypoints[..., 0]) if keypoints_visible is None else keypoints_visible
        slopes = []
        for axis in (0, 1):
            cells = torch.arange(self.heatmap_size[axis], device=keypoints.device)
            center = keypoints[..., axis, None].float() * self.heatmap_size[axis] / self.input_size[axis]
            slopes.append((1 - (cells - center).abs() / self.width).clamp(min=0).nan_to_num(0))
        heatmaps = slopes[1][..., :, None] * slopes[0][..., None, :]
        drawn = (visible > 0) & (heatmaps.flatten(2).amax(-1) > 0)
        return dict(heatmaps=heatmaps * drawn[..., None, None], keypoint_weights=drawn.float())

    def decode_tensors(self, encoded, normalized=False):
        points, scores = _mass(encoded, 0.0)
        pixels = (1, 1) if normalized else self.input_size
        return Keypoints(
            torch.stack([points[..., axis] * pixels[axis] / self.heatmap_size[axis] for axis in (0, 1)], -1), scores
        )


def _mass(maps, floor):
    """Center of mass (B, K, 2) of the cells of maps (B, K, H, W) above a share of the maximum, and the maxima."""
    scores = maps.flatten(2).amax(-1).float()
    weights = torch.where(maps > floor * scores[..., None, None], maps.float(), 0.0).clamp(min=0) + 1e-12
    columns, rows = weights.sum(2), weights.sum(3)
    x, y = ((part * torch.arange(part.shape[-1], device=part.device)).sum(-1) for part in (columns, rows))
    return torch.stack((x, y), -1) / weights.sum((2, 3))[..., None], scores


class registered:
    """The codecs in this package's registry and in MMPose's, while this lasts."""

    def __enter__(self):
        KEYPOINT_CODECS.register_module(module=WholeMass)
        MMPOSE_CODECS.register_module(module=TentMaps)
        return dict(derived='mmpose_ext.WholeMass', protocol='TentMaps')

    def __exit__(self, *error):
        KEYPOINT_CODECS.module_dict.pop('WholeMass')
        MMPOSE_CODECS.module_dict.pop('TentMaps')
