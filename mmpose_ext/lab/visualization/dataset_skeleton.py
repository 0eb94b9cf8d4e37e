"""The skeleton of a dataset: which joints are linked, and in which color each side is drawn."""

from typing import TypedDict

import numpy as np
from mmengine.config import Config

from mmpose_ext.registry import DATASETS

__all__ = ['SIDE_COLORS', 'Skeleton', 'side_of_link', 'skeleton_of']

#: Blue, green and red of the left side, the right side, and joints that belong to neither.
SIDE_COLORS = {'left': (0, 150, 255), 'right': (255, 140, 40), '': (90, 210, 90)}


class Skeleton(TypedDict):
    """Links (pairs of joints), the side of each joint ('left', 'right', '') and COCO's tolerances ((K,) or (0,))."""

    links: list[tuple[int, int]]
    sides: list[str]
    sigmas: np.ndarray


def skeleton_of(config: Config) -> Skeleton:
    """The skeleton of a config's test dataset."""
    dataset = DATASETS.build({**config.test_dataloader.dataset, 'pipeline': [], 'lazy_init': True})
    metainfo = dataset.metainfo
    names = [metainfo['keypoint_id2name'][joint].lower() for joint in range(metainfo['num_keypoints'])]
    sides = ['left' if 'left' in name else 'right' if 'right' in name else '' for name in names]
    return Skeleton(links=metainfo['skeleton_links'], sides=sides, sigmas=np.asarray(metainfo['sigmas'], float))


def side_of_link(start: str, end: str) -> str:
    """The side of a link between joints of these sides; a link across the body, as between the shoulders, has none."""
    return '' if {start, end} == {'left', 'right'} else start or end
