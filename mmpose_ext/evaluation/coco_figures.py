"""Figures of COCO's keypoint evaluation by faster-coco-eval, under the rules of xtcocotools.

xtcocotools, which MMPose's ``CocoMetric`` calls, extends COCO's evaluation to other datasets. faster-coco-eval has
COCO's rules alone, but matches people in C++. What the rules differ in is the data that the matching gets, and this
module prepares them:

- a person without labeled joints is ignored; in CrowdPose it is one without visible joints (``num_keypoints``);
- a detection of which no joint has a score above 0 is left out;
- without ``use_area``, or where an annotation has no area, it is 0.53 times the area of the box;
- the area of a detection is that of its box or, without one, of the box around its joints.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import TypedDict

import numpy as np

from mmpose_ext.functional import check_choice

from .arrays import Annotation

__all__ = ['CocoImage', 'CocoResult', 'coco_figures']

# share of a box that a person covers, where the annotation does not tell
_COVERED = 0.53
# crowd indices of CrowdPose: images below the first are easy, those from the second on are hard
_CROWD_LIMITS = (0.2, 0.8)
# the figures by name: whether it is a precision, the threshold of OKS or None for the mean, and the range of areas
_FIGURES: Mapping[str, tuple[bool, float | None, int]] = {
    'AP': (True, None, 0),
    'AP .5': (True, 0.5, 0),
    'AP .75': (True, 0.75, 0),
    'AP (M)': (True, None, 1),
    'AP (L)': (True, None, 2),
    'AR': (False, None, 0),
    'AR .5': (False, 0.5, 0),
    'AR .75': (False, 0.75, 0),
    'AR (M)': (False, None, 1),
    'AR (L)': (False, None, 2),
}


class CocoImage(TypedDict, total=False):
    """An image of an annotation file; ``crowdIndex`` is CrowdPose's."""

    id: int
    crowdIndex: float


class CocoResult(TypedDict, total=False):
    """A detection; ``keypoints`` are x, y and the score of each joint, 3 * K numbers. Without ``area`` it follows."""

    image_id: int
    category_id: int
    keypoints: Sequence[float] | np.ndarray
    score: float
    bbox: Sequence[float] | np.ndarray
    area: float


def coco_figures(
    images: Sequence[CocoImage],
    annotations: Sequence[Annotation],
    results: Sequence[CocoResult],
    sigmas: Sequence[float] | np.ndarray,
    iou_type: str = 'keypoints',
    use_area: bool = True,
    categories: Collection[int] | None = None,
) -> dict[str, float]:
    """Average precision and recall of detected people.

    The figures are those of ``xtcocotools.cocoeval.COCOeval`` for any number of joints K.

    Args:
        images: The images of the evaluation.
        annotations: The people in them.
        results: The detections in them.
        sigmas: Tolerance of each joint (K,), as in the dataset's metainfo.
        iou_type: 'keypoints', or 'keypoints_crowd' for CrowdPose's rules and figures; images then need a
            ``crowdIndex``, and annotations ``num_keypoints``.
        use_area: Whether annotations tell the area of people; False: it is taken of their boxes.
        categories: Categories that the figures are a mean of; None: those of the annotations.

    Returns:
        Figures by the names of MMPose's ``CocoMetric``. A figure without any person to find is -1.

    Raises:
        ImportError: If faster-coco-eval is missing.
        ValueError: If a detection is of another image, or has another number of joints.
    """
    check_choice('iou_type', iou_type, ('keypoints', 'keypoints_crowd'))
    crowd = iou_type == 'keypoints_crowd'
    people = [_person(annotation, crowd, use_area) for annotation in annotations]
    found = _detections(results, len(sigmas), {image['id'] for image in images})
    known = sorted({annotation['category_id'] for annotation in annotations} if categories is None else categories)
    accumulate = _accumulator(images, people, found, np.asarray(sigmas, np.float64), known)
    precision, recall = accumulate([image['id'] for image in images])
    names = [name for name in _FIGURES if not (crowd and '(' in name)]
    figures = {name: _mean(precision, recall, *_FIGURES[name]) for name in names}
    if crowd:
        easy, hard = _CROWD_LIMITS
        levels = {'AP(E)': (-np.inf, easy), 'AP(M)': (easy, hard), 'AP(H)': (hard, np.inf)}
        for name, (low, high) in levels.items():
            chosen = [image['id'] for image in images if low <= image['crowdIndex'] < high]
            # xtcocotools has the mean of all entries here, those of categories without people (-1) included
            figures[name] = round(float(accumulate(chosen)[0][..., 0, :].mean()), 4)
    return figures


def _person(annotation: Annotation, crowd: bool, use_area: bool) -> dict[str, object]:
    """An annotation with the fields that the evaluation reads."""
    labeled = np.count_nonzero(np.asarray(annotation['keypoints'])[2::3] > 0)
    _, _, width, height = annotation['bbox']
    given = annotation.get('area') if use_area else None
    return dict(
        id=annotation['id'],
        image_id=annotation['image_id'],
        category_id=annotation['category_id'],
        bbox=annotation['bbox'],
        keypoints=annotation['keypoints'],
        iscrowd=annotation.get('iscrowd', 0),
        num_keypoints=annotation['num_keypoints'] if crowd else labeled,
        area=width * height * _COVERED if given is None else given,
    )


def _detections(results: Sequence[CocoResult], joints: int, images: Collection[int]) -> list[dict[str, object]]:
    """Detections with the fields that the evaluation reads, numbered from 1."""
    detections = []
    has_boxes = bool(results) and len(results[0].get('bbox', ())) > 0
    for number, result in enumerate(results, 1):
        keypoints = np.asarray(result['keypoints'], np.float64)
        if result['image_id'] not in images:
            raise ValueError(f"'results' must be of the images of the evaluation, got image {result['image_id']}")
        if keypoints.shape != (3 * joints,):
            raise ValueError(
                f"'results' must have three numbers for each of the {joints} sigmas, got keypoints of shape "
                f'{keypoints.shape}'
            )
        if not (keypoints[2::3] > 0).any():
            continue
        if has_boxes:
            area = result['bbox'][2] * result['bbox'][3]
        else:
            area = float(np.ptp(keypoints[0::3]) * np.ptp(keypoints[1::3]))
        detections.append(
            dict(
                id=number,
                image_id=result['image_id'],
                category_id=int(result['category_id']),  # MMPose's dataset has an array
                keypoints=keypoints.tolist(),
                score=float(result['score']),
                area=float(result.get('area', area)),
                bbox=[0.0, 0.0, 0.0, 0.0],
            )
        )
    return detections


def _accumulator(
    images: Sequence[CocoImage],
    people: list[dict[str, object]],
    detections: list[dict[str, object]],
    sigmas: np.ndarray,
    categories: list[int],
) -> Callable[[list[int]], tuple[np.ndarray, np.ndarray]]:
    """A function from identifiers of images to precision (T, R, C, A, M) and recall (T, C, A, M), as in pycocotools."""
    try:
        library = import_module('faster_coco_eval')
    except ImportError as error:
        raise ImportError(
            "FasterCocoMetric needs faster-coco-eval, found none; install it: pip install 'mmpose_ext[coco]'"
        ) from error
    sets = []
    for records in (people, detections):
        coco = library.COCO()
        named = [dict(id=number, name=str(number)) for number in categories]
        coco.dataset = dict(images=[dict(id=image['id']) for image in images], annotations=records, categories=named)
        coco.createIndex()
        sets.append(coco)

    def accumulate(chosen: list[int]) -> tuple[np.ndarray, np.ndarray]:
        evaluation = library.COCOeval_faster(*sets, 'keypoints', print_function=lambda *_: None, kpt_oks_sigmas=sigmas)
        parameters = evaluation.params
        parameters.imgIds, parameters.catIds = list(chosen), categories
        shape = len(parameters.iouThrs), max(len(categories), 1), 3, 1
        if not (chosen and categories):
            return np.full((shape[0], 101, *shape[1:]), -1.0), np.full(shape, -1.0)
        evaluation.evaluate()
        evaluation.accumulate()
        return evaluation.eval['precision'], evaluation.eval['recall']

    return accumulate


def _mean(precision: np.ndarray, recall: np.ndarray, is_precision: bool, threshold: float | None, area: int) -> float:
    """The mean of the entries of one figure that are known; -1 if there is none."""
    values = precision if is_precision else recall
    if threshold is not None:
        values = values[[round((threshold - 0.5) / 0.05)]]
    values = values[..., area, 0]
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0
