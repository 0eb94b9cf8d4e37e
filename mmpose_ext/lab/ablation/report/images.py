"""The people about whom two rows of a table disagree most, with predicted and true skeletons."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

from mmpose_ext.files import write_whole
from mmpose_ext.lab.visualization.dataset_skeleton import SIDE_COLORS, skeleton_of
from mmpose_ext.runtime.drawing import draw_skeleton
from mmpose_ext.runtime.skeleton import Skeleton

from .predictions import Person, read_people
from .results import Json

__all__ = ['closeness', 'draw_differences', 'most_different', 'people_file']

_WIDTH, _HEIGHT, _MARGIN = 180, 240, 1.25  # of a drawn person in pixels; the box is enlarged by the margin


def people_file(out: Path, name: str) -> Path:
    """The image with the people of a results file."""
    return out / 'images' / f'{name}-people.jpg'


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
    return float(similarity[person.labeled].mean())


def most_different(
    one: Mapping[tuple[str, int], Person], other: Mapping[tuple[str, int], Person], sigmas: np.ndarray, number: int
) -> list[tuple[Person, Person]]:
    """The people with the largest difference in :func:`closeness` between two tests.

    Args:
        one: People of the first test.
        other: Of the second one.
        sigmas: (K,), or (0,) for datasets without tolerances.
        number: How many at most.
    """
    pairs = [(one[key], other[key]) for key in one if key in other]
    differences = [-abs(closeness(first, sigmas) - closeness(second, sigmas)) for first, second in pairs]
    return [pairs[index] for index in np.argsort(differences, kind='stable')[:number]]


def _crop_matrix(box: np.ndarray) -> np.ndarray:
    """(2, 3) from the image to the drawn image, which has the box in its center."""
    width, height = np.maximum(box[2:] - box[:2], 1)
    factor = min(_WIDTH / width, _HEIGHT / height) / _MARGIN
    shift = np.array([_WIDTH, _HEIGHT]) / 2 - factor * (box[:2] + box[2:]) / 2
    return np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])


def _draw_person(image: np.ndarray, person: Person, skeleton: Skeleton, predicted: bool) -> np.ndarray:
    """The person, cut out of the image, with the true skeleton, or with the predicted one over the true one."""
    matrix = _crop_matrix(person.box)
    crop = cv2.warpAffine(image, matrix, (_WIDTH, _HEIGHT), flags=cv2.INTER_CUBIC, borderValue=(128, 128, 128))
    truth, points = (joints @ matrix[:, :2].T + matrix[:, 2] for joints in (person.truth, person.predicted))
    colors = skeleton.colors(SIDE_COLORS)
    white = skeleton.colors(dict.fromkeys(SIDE_COLORS, (255, 255, 255)))
    if not predicted:
        draw_skeleton(crop, truth, person.labeled, skeleton.links, *colors, thickness=2)
        return crop
    draw_skeleton(crop, truth, person.labeled, skeleton.links, *white)
    draw_skeleton(crop, points, person.labeled, skeleton.links, *colors, thickness=2)
    return crop


def draw_differences(
    names: Sequence[str], files: Sequence[Path], config: Config, root: Path, file: Path, number: int = 3
) -> Json:
    """Draw the people about whom two rows disagree most into one image.

    A row of the image is a person: the true skeleton, then the predictions of both rows over it.

    Args:
        names: Of the two rows.
        files: Their ``predictions.pkl`` of the same seed.
        config: With the test dataset; its metainfo gives the skeleton.
        root: Where relative paths of images start, if they are not found from here.
        file: The JPEG to write.
        number: How many people.

    Returns:
        ``rows`` (names), ``measure`` (what closeness is), ``missing`` (number of people whose image could not be read)
        and ``people``: image, closeness and error in pixels of each row.
    """
    skeleton = skeleton_of(config)
    sigmas = np.array(skeleton.sigmas or ())
    one, other = (read_people(path) for path in files)
    people: list[Json] = []
    drawn = []
    missing = 0
    for pair in most_different(one, other, sigmas, number):
        name = pair[0].image
        image = cv2.imread(name if Path(name).is_file() else str(root / name))
        if image is None:
            missing += 1
            continue
        tiles = [_draw_person(image, pair[0], skeleton, predicted=False)]
        tiles += [_draw_person(image, person, skeleton, predicted=True) for person in pair]
        drawn.append(np.hstack(tiles))
        people.append(
            dict(
                image=Path(name).name,
                closeness=[round(closeness(person, sigmas), 3) for person in pair],
                error=[round(person.error, 2) for person in pair],
            )
        )
    file.unlink(missing_ok=True)
    if drawn:
        _, content = cv2.imencode('.jpg', np.vstack(drawn), [cv2.IMWRITE_JPEG_QUALITY, 80])
        write_whole(file, content.tobytes())
    measure = 'OKS' if len(sigmas) else '1 - error / sqrt(area)'
    return dict(rows=list(names), measure=measure, people=people, missing=missing)
