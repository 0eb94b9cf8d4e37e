"""The people about whom two rows of a table disagree most, with predicted and true skeletons."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config

from mmpose_ext.registry import DATASETS

__all__ = [
    'SIDE_COLORS',
    'Person',
    'closeness',
    'draw_differences',
    'most_different',
    'read_people',
    'side_of_link',
    'skeleton_of',
]

_WIDTH, _HEIGHT, _MARGIN = 216, 288, 1.25  # of a drawn picture in pixels; the box is enlarged by the margin
# blue, green, red: of the left side, the right side, and what belongs to neither
SIDE_COLORS = {'left': (0, 150, 255), 'right': (255, 140, 40), '': (90, 210, 90)}
_SHIFT = 4  # OpenCV's fixed point: 2^-4 pixels


@dataclass(frozen=True)
class Person:
    """What a test predicted for one person.

    Attributes:
        picture: File name.
        box: (4,) left, top, right, bottom in pixels.
        truth: (K, 2) in pixels.
        labelled: (K,) bool.
        predicted: (K, 2) in pixels.
        area: Of the person in square pixels: as labelled, or else of the box.
    """

    picture: str
    box: np.ndarray
    truth: np.ndarray
    labelled: np.ndarray
    predicted: np.ndarray
    area: float

    @property
    def error(self) -> float:
        """Mean distance between predicted and true joints in pixels."""
        return float(np.linalg.norm(self.predicted - self.truth, axis=1)[self.labelled].mean())


def read_people(path: Path) -> dict[tuple[str, int], Person]:
    """The people of a ``predictions.pkl`` (MMEngine's ``DumpResults``) by picture and annotation.

    Those without a labelled joint are left out. Only read files that you made: a pickle can run any code.
    """
    people = {}
    with path.open('rb') as file:
        samples = pickle.load(file)
    for sample in samples:
        truth, box = sample['gt_instances'], np.asarray(sample['gt_instances']['bboxes'][0], float)
        labelled = np.asarray(truth['keypoints_visible'][0]) > 0
        if labelled.ndim > 1:  # MMPose packs weights beside the flags in some versions
            labelled = labelled[..., 0]
        if labelled.any():
            area = (sample.get('raw_ann_info') or {}).get('area') or np.prod(box[2:] - box[:2])
            people[sample['img_path'], sample.get('id', 0)] = Person(
                sample['img_path'],
                box,
                np.asarray(truth['keypoints'][0], float)[:, :2],
                labelled,
                np.asarray(sample['pred_instances']['keypoints'][0], float)[:, :2],
                float(area),
            )
    return people


def closeness(person: Person, sigmas: np.ndarray) -> float:
    """COCO's object keypoint similarity of a prediction; without sigmas, 1 minus the error in units of sqrt(area).

    Args:
        person: The person.
        sigmas: (K,) tolerances of the joints by COCO's definition, or (0,).
    """
    if not len(sigmas):
        return 1 - person.error / person.area**0.5
    squared = ((person.predicted - person.truth) ** 2).sum(1)
    similarity = np.exp(-squared / (2 * (2 * sigmas) ** 2 * (person.area + np.spacing(1))))
    return float(similarity[person.labelled].mean())


def most_different(
    one: Mapping[tuple[str, int], Person], other: Mapping[tuple[str, int], Person], sigmas: np.ndarray, number: int
) -> list[tuple[Person, Person]]:
    """The people whom two tests predict most differently well, by the difference of their :func:`closeness`.

    Args:
        one: People of the first test.
        other: Of the second one.
        sigmas: (K,), or (0,) for data sets without.
        number: How many at most.
    """
    pairs = [(one[key], other[key]) for key in one if key in other]
    differences = [-abs(closeness(first, sigmas) - closeness(second, sigmas)) for first, second in pairs]
    return [pairs[index] for index in np.argsort(differences, kind='stable')[:number]]


def skeleton_of(config: Config) -> dict[str, Any]:
    """Links (pairs of joints), side of each joint ('left', 'right', '') and sigmas of a config's test data set."""
    dataset = DATASETS.build({**config.test_dataloader.dataset, 'pipeline': [], 'lazy_init': True})
    metainfo = dataset.metainfo
    names = [metainfo['keypoint_id2name'][joint].lower() for joint in range(metainfo['num_keypoints'])]
    sides = ['left' if 'left' in name else 'right' if 'right' in name else '' for name in names]
    return dict(links=metainfo['skeleton_links'], sides=sides, sigmas=np.asarray(metainfo['sigmas'], float))


def side_of_link(start: str, end: str) -> str:
    """The side of a link between joints of these sides; one across the body, such as the shoulders', has none."""
    return '' if {start, end} == {'left', 'right'} else start or end


def _crop_matrix(box: np.ndarray) -> np.ndarray:
    """(2, 3) from the picture to the drawn picture, whose centre is the box's."""
    width, height = np.maximum(box[2:] - box[:2], 1)
    factor = min(_WIDTH / width, _HEIGHT / height) / _MARGIN
    shift = np.array([_WIDTH, _HEIGHT]) / 2 - factor * (box[:2] + box[2:]) / 2
    return np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])


def _draw_skeleton(
    image: np.ndarray, points: np.ndarray, labelled: np.ndarray, skeleton: Mapping[str, Any], plain: bool = False
) -> None:
    """Draw the labelled joints of (K, 2) points into the image; ``plain``: thin and white."""
    sides = skeleton['sides']
    fixed = [tuple(map(int, point)) for point in np.clip(np.rint(points * 2**_SHIFT), -(2**20), 2**20)]
    for start, end in skeleton['links']:
        if labelled[start] and labelled[end]:
            color = (255, 255, 255) if plain else SIDE_COLORS[side_of_link(sides[start], sides[end])]
            cv2.line(image, fixed[start], fixed[end], color, 1 if plain else 2, cv2.LINE_AA, _SHIFT)
    for joint in np.flatnonzero(labelled):
        color = (255, 255, 255) if plain else SIDE_COLORS[sides[joint]]
        cv2.circle(image, fixed[joint], (2 if plain else 3) << _SHIFT, color, -1, cv2.LINE_AA, _SHIFT)


def _draw_person(image: np.ndarray, person: Person, skeleton: Mapping[str, Any], predicted: bool) -> np.ndarray:
    """The person cut out of the picture with the true skeleton, or the predicted one over the true one."""
    matrix = _crop_matrix(person.box)
    crop = cv2.warpAffine(image, matrix, (_WIDTH, _HEIGHT), flags=cv2.INTER_CUBIC, borderValue=(128, 128, 128))
    truth, points = (joints @ matrix[:, :2].T + matrix[:, 2] for joints in (person.truth, person.predicted))
    _draw_skeleton(crop, truth, person.labelled, skeleton, plain=predicted)
    if predicted:
        _draw_skeleton(crop, points, person.labelled, skeleton)
    return crop


def draw_differences(
    names: Sequence[str], files: Sequence[Path], config: Config, root: Path, folder: Path, number: int = 6
) -> dict[str, Any]:
    """Draw the people about whom two rows disagree most.

    Args:
        names: Of the two rows.
        files: Their ``predictions.pkl`` of the same seed.
        config: With the test data set; its metainfo gives the skeleton.
        root: Where relative paths of pictures start, if they are not found from here.
        folder: Where the JPEGs go; those of an earlier report are removed.
        number: How many people.

    Returns:
        ``rows`` (names), ``measure`` (what closeness is), ``missing`` (number of people whose picture could not be
        read) and ``people``: picture, closeness and error in pixels of each row, the files of the drawn truth and rows.
    """
    skeleton = skeleton_of(config)
    one, other = (read_people(path) for path in files)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob('*.jpg'):
        old.unlink()
    people: list[dict[str, Any]] = []
    missing = 0
    for pair in most_different(one, other, skeleton['sigmas'], number):
        name = pair[0].picture
        image = cv2.imread(name if Path(name).is_file() else str(root / name))
        if image is None:
            missing += 1
            continue
        written = [f'{len(people) + 1}-{kind}.jpg' for kind in ('true', 'first', 'second')]
        drawn = [_draw_person(image, pair[0], skeleton, predicted=False)]
        drawn += [_draw_person(image, person, skeleton, predicted=True) for person in pair]
        for file, crop in zip(written, drawn, strict=True):
            cv2.imwrite(str(folder / file), crop, [cv2.IMWRITE_JPEG_QUALITY, 85])
        people.append(
            dict(
                picture=Path(name).name,
                closeness=[round(closeness(person, skeleton['sigmas']), 3) for person in pair],
                error=[round(person.error, 2) for person in pair],
                files=written,
            )
        )
    measure = 'OKS' if len(skeleton['sigmas']) else '1 - error / sqrt(area)'
    return dict(rows=list(names), measure=measure, people=people, missing=missing)
