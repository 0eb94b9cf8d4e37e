"""Datasets of one person an image in COCO's format, whose boxes are what is cut out."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.structures.bbox import bbox_xywh2xyxy

__all__ = ['CropBoxDataset', 'make_metainfo', 'swap_sides']

_BOXES = ('annotated', 'joints')
_COLORS = {'left': (0, 255, 0), 'right': (255, 128, 0), '': (51, 153, 255)}  # MMPose's


class CropBoxDataset(BaseCocoStyleDataset):
    """A COCO-style dataset whose boxes may reach beyond their image.

    MMPose cuts boxes off at the border of the image, which moves their center: the person is no longer where a paper
    puts it. Here boxes stay as they are annotated. With ``GetBBoxCenterScale(padding=1.0)`` they are the crop itself;
    what lies beyond the image is black.

    Args:
        *args: Those of ``BaseCocoStyleDataset``.
        boxes: ``'annotated'``, or ``'joints'``: the smallest box around a person's labeled joints. It is close to the
            box that a detector of people gives, which is what a network meets in use; ``GetBBoxCenterScale`` adds its
            usual padding of 1.25 to both.
        **kwargs: Those of ``BaseCocoStyleDataset``.

    Raises:
        ValueError: If ``boxes`` is neither of the two.
    """

    def __init__(self, *args: Any, boxes: str = 'annotated', **kwargs: Any) -> None:
        if boxes not in _BOXES:
            raise ValueError(f"'boxes' must be one of {_BOXES}, got {boxes!r}")
        self.boxes = boxes
        super().__init__(*args, **kwargs)

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """A person as MMPose's pipelines want it; None if it has no box or joints.

        Args:
            raw_data_info: ``raw_ann_info``, an annotation, and ``raw_img_info``, its image.
        """
        person: dict | None = super().parse_data_info(raw_data_info)
        if person is None:
            return None
        annotated = np.array(raw_data_info['raw_ann_info']['bbox'], np.float32).reshape(1, 4)
        person['bbox'] = bbox_xywh2xyxy(annotated)
        labeled = person['keypoints'][person['keypoints_visible'] > 0]
        # one joint has a position, and no extent
        if self.boxes == 'joints' and len(labeled) > 1:
            person['bbox'] = np.concatenate((labeled.min(0), labeled.max(0))).reshape(1, 4)
        return person


def make_metainfo(
    name: str, joints: Mapping[str, tuple[str, float]], links: Iterable[tuple[str, str]], title: str
) -> dict:
    """Meta information in the form that MMPose parses. Mirror pairs and colors follow from the joints' names.

    Args:
        name: Of the dataset.
        joints: Name -> half of the body ('upper' or 'lower') and sigma, in the order of the annotations.
        links: Pairs of joints between which a limb is drawn.
        title: Of the paper.
    """
    keypoints = {
        index: dict(name=joint, id=index, color=_color(joint), type=half, swap=swap_sides(joint))
        for index, (joint, (half, _)) in enumerate(joints.items())
    }
    skeleton = {index: dict(link=link, id=index, color=_color(*link)) for index, link in enumerate(links)}
    return dict(
        dataset_name=name,
        paper_info=dict(title=title),
        keypoint_info=keypoints,
        skeleton_info=skeleton,
        joint_weights=[1.0] * len(joints),
        sigmas=[sigma for _, sigma in joints.values()],
    )


def swap_sides(joint: str) -> str:
    """The joint's name with left and right exchanged; itself if it belongs to neither side."""
    for side, other in (('left_', 'right_'), ('right_', 'left_')):
        if joint.startswith(side):
            return other + joint.removeprefix(side)
    return joint


def _color(*joints: str) -> list[int]:
    """Of a joint, or of a limb between two: that of the one side they belong to, or the middle's."""
    sides = {side for side in _COLORS if any(side and joint.startswith(f'{side}_') for joint in joints)}
    return list(_COLORS[sides.pop() if len(sides) == 1 else ''])
