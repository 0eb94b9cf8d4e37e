"""Synthetic people with their depth."""

from collections.abc import Sequence

import numpy as np
from mmpose.datasets.datasets.body import CocoDataset

from mmpose_ext.functional import find_root
from mmpose_ext.registry import DATASETS

from .keypoint_depth import add_depth

__all__ = ['Synthetic3dDataset']

_MILLIMETERS = 1000.0  # in a meter, the unit of the annotations


@DATASETS.register_module()
class Synthetic3dDataset(CocoDataset):
    """People of ``tools/dataset_converters/make_synthetic_dataset.py``, COCO's 17 joints with depth.

    The files are those of the 2D dataset: the annotations of each person hold the 3D joints and the camera, too. A
    sample's ``keypoints`` are (x, y, z): pixels, and millimeters behind the root, which is the middle of the hips. Of
    joints that are not labeled (outside of the image), z is NaN.

    For some of the people give ``indices``, a number or a range, as to any dataset of MMPose. To have people without
    depth put ``mmpose_ext.UnknownDepth`` into the pipeline: order and number stay the same.

    Args:
        root: Names of the joints whose mean is the root.
        **kwargs: Those of MMPose's ``CocoDataset``.

    Raises:
        ValueError: If a person has no 3D joints or no camera.
    """

    def __init__(self, root: Sequence[str] = ('left_hip', 'right_hip'), **kwargs: object) -> None:
        self.root = root
        super().__init__(**kwargs)

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """A person as MMPose's pipelines want it, with depth; None if it has no box or joints.

        Args:
            raw_data_info: ``raw_ann_info``, an annotation, and ``raw_img_info``, its image.
        """
        person: dict | None = super().parse_data_info(raw_data_info)
        if person is None:
            return None
        annotation = raw_data_info['raw_ann_info']
        missing = {'keypoints_3d', 'camera'} - set(annotation)
        if missing:
            raise ValueError(
                f"'ann_file' must hold 'keypoints_3d' and 'camera' of each person, as make_synthetic_dataset.py "
                f'writes them; person {annotation["id"]} has no {" and no ".join(sorted(missing))}'
            )
        names = [name for _, name in sorted(self.metainfo['keypoint_id2name'].items())]
        points = _MILLIMETERS * np.array(annotation['keypoints_3d'], np.float64)
        keypoints, seen, depths = add_depth(
            person['keypoints'], person['keypoints_visible'], points[None], find_root(names, self.root)
        )
        more = dict(keypoints_cam=seen[0], root_depth=float(depths[0]), camera_param=annotation['camera'])
        return person | dict(keypoints=keypoints, raw_ann_info=person['raw_ann_info'] | more)
