"""Labeled people of an image, from a sample or from an annotation file, and which prediction is of whom."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.fileio import load
from mmpose.structures.bbox import bbox_overlaps, bbox_xywh2xyxy

from mmpose_ext.functional import check_shape

from .arrays import Annotation, Sample

__all__ = ['People', 'load_people', 'match_boxes', 'people_of_sample']

COCO_BOX_SHARE = 0.53  # of a box that its person covers, where xtcocotools and MMPose know no area


@dataclass(frozen=True)
class People:
    """Labeled people of one image, in pixels of the image.

    Args:
        boxes: (M, 4), left, top, right, bottom.
        points: (M, K, 2), x first.
        labeled: (M, K) bool.
        areas: (M,) in square pixels.
    """

    boxes: np.ndarray
    points: np.ndarray
    labeled: np.ndarray
    areas: np.ndarray


def people_of_sample(sample: Sample, joints: int, use_area: bool) -> People | None:
    """The people that a sample was made of.

    Args:
        sample: What MMEngine's evaluator hands to metrics: a ``PoseDataSample`` as a dictionary.
        joints: Number of joints K.
        use_area: Take the annotated areas, not those of the boxes.

    Returns:
        The people; None if the sample is a detection, which MMPose fills with joints at (0, 0) as a stand-in.

    Raises:
        ValueError: If there is another number of joints, or ``use_area`` without areas.
    """
    annotated, truth = 'raw_ann_info' in sample, sample.get('gt_instances', {})
    points = np.asarray(truth.get('keypoints', np.zeros((0, joints, 2))), np.float64)[..., :2]
    if not annotated and not points.any():
        return None
    sizes = check_shape('gt_instances.keypoints', points, 'M K 2', K=joints)
    # the third axis, if any, holds weights beside the visibility
    visible = np.asarray(truth.get('keypoints_visible', np.zeros(points.shape[:2])))
    visible = visible[..., 0] if visible.ndim == 3 else visible
    check_shape('gt_instances.keypoints_visible', visible, 'M K', **sizes)
    boxes = np.asarray(truth.get('bboxes', np.zeros((0, 4))), np.float64)
    raw = sample['raw_ann_info'] if annotated else None
    annotations = [] if raw is None else raw if isinstance(raw, list) else [raw]
    areas = _areas(annotations, boxes, use_area)
    check_shape('areas', areas, 'M', **sizes)
    return People(boxes, points, visible > 0, areas)


def load_people(ann_file: str, joints: int, use_area: bool) -> dict[int | str, People]:
    """All people of an annotation file in COCO's format but crowds, by the id of their image.

    Raises:
        ValueError: If there is another number of joints, or ``use_area`` without areas.
    """
    annotations: dict[int | str, list[Annotation]] = defaultdict(list)
    for annotation in load(ann_file)['annotations']:
        if 'keypoints' in annotation and 'bbox' in annotation and not annotation.get('iscrowd', 0):
            annotations[annotation['image_id']].append(annotation)
    return {image: _people(found, joints, use_area) for image, found in annotations.items()}


def match_boxes(predicted: np.ndarray, labeled: np.ndarray, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of boxes that overlap each other more than any other box, at least by a threshold.

    Boxes decide, not joints, so that a prediction is not left out or kept for being wrong or right.

    Args:
        predicted: (N, 4), left, top, right, bottom.
        labeled: (M, 4), likewise.
        threshold: Smallest intersection over union of a pair.

    Returns:
        Indices (P,) into ``predicted`` and (P,) into ``labeled``, none of them twice.
    """
    if not (len(predicted) and len(labeled)):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    overlap = bbox_overlaps(*(torch.from_numpy(np.asarray(boxes, np.float64)) for boxes in (predicted, labeled)))
    overlap = overlap.numpy()
    best = overlap.argmax(0)
    rows = np.arange(len(labeled))
    mutual = (overlap.argmax(1)[best] == rows) & (overlap[best, rows] >= threshold)
    return best[mutual], rows[mutual]


def _people(annotations: Sequence[Annotation], joints: int, use_area: bool) -> People:
    for annotation in annotations:
        if len(annotation['keypoints']) != 3 * joints:
            raise ValueError(
                f"'keypoints' of annotation {annotation.get('id')} must be {3 * joints} numbers, "
                f'got {len(annotation["keypoints"])}'
            )
    keypoints = np.array([annotation['keypoints'] for annotation in annotations], np.float64).reshape(-1, joints, 3)
    boxes = bbox_xywh2xyxy(np.array([annotation['bbox'] for annotation in annotations], np.float64))
    return People(boxes, keypoints[..., :2], keypoints[..., 2] > 0, _areas(annotations, boxes, use_area))


def _areas(annotations: Sequence[Annotation], boxes: np.ndarray, use_area: bool) -> np.ndarray:
    """Annotated areas (M,), or those of boxes (M, 4) times the share that people cover of theirs."""
    if use_area and len(boxes):
        if not annotations or not all('area' in annotation for annotation in annotations):
            raise ValueError("'use_area' must be False for a dataset whose annotations have no 'area', got True")
        return np.array([annotation['area'] for annotation in annotations], np.float64)
    raw = [annotation['bbox'][2:] for annotation in annotations if 'bbox' in annotation]
    # MMPose cuts a sample's boxes off at the border of the image; COCO's programs take them as they are annotated
    sizes = np.array(raw, np.float64) if raw and len(raw) == len(boxes) else boxes[:, 2:] - boxes[:, :2]
    return COCO_BOX_SHARE * np.prod(sizes, -1)
