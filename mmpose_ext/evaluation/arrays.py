"""Samples as MMEngine's evaluator hands them to metrics, and their fields as arrays."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
from torch import Tensor

__all__ = ['Annotation', 'DatasetMeta', 'Fields', 'Sample', 'to_array']

# people of a sample by field: pred_instances or gt_instances
Fields = Mapping[str, Tensor | np.ndarray]


class Annotation(TypedDict, total=False):
    """A person of an annotation file in COCO's format; the datasets with depth add joints in the camera's frame."""

    id: int
    image_id: int | str
    category_id: int
    bbox: Sequence[float]
    area: float
    iscrowd: int
    num_keypoints: int
    keypoints: Sequence[float]
    action: str | None
    camera_param: Mapping[str, np.ndarray]
    keypoints_cam: np.ndarray
    root_depth: float


class Sample(TypedDict, total=False):
    """A ``PoseDataSample`` as a dictionary."""

    img_id: int | str
    pred_instances: Fields
    gt_instances: Fields
    raw_ann_info: Annotation | list[Annotation] | None
    ori_shape: Sequence[int]


class DatasetMeta(TypedDict, total=False):
    """Meta information of a dataset, as far as metrics use it."""

    dataset_name: str
    keypoint_id2name: Mapping[int, str]
    num_keypoints: int
    sigmas: Sequence[float]


def to_array(values: Tensor | np.ndarray) -> np.ndarray:
    """A field of a sample as an array in float64, from whichever device."""
    return np.asarray(values.cpu() if isinstance(values, Tensor) else values, np.float64)
