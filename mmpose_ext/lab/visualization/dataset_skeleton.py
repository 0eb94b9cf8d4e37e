"""The skeleton of a config's dataset, and the colors in which reports draw its sides."""

from mmengine.config import Config

from mmpose_ext.registry import DATASETS
from mmpose_ext.runtime.skeleton import Skeleton

__all__ = ['SIDE_COLORS', 'skeleton_of']

#: BGR color of the left side, the right side, and joints that belong to neither, in reports and 3D images.
SIDE_COLORS = {'left': (0, 150, 255), 'right': (255, 140, 40), '': (90, 210, 90)}


def skeleton_of(config: Config) -> Skeleton:
    """The skeleton of a config's test dataset."""
    dataset = DATASETS.build({**config.test_dataloader.dataset, 'pipeline': [], 'lazy_init': True})
    return Skeleton.from_metainfo(dataset.metainfo)
