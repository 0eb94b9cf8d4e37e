"""Labels made wrong on purpose: which ones, where they go, and that the rest stays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config

from mmpose_ext.datasets.transforms import CorruptLabels, DropLabels

JOINTS = 14
BOX = (20, 10, 120, 60)


def person(number: int = 7, tail: tuple[int, ...] = ()) -> dict[str, Any]:
    """Somebody whose joints lie outside of their box, where no wrong label is."""
    return dict(
        id=number,
        bbox=np.array([BOX], np.float32),
        keypoints=np.arange(2.0 * JOINTS, dtype=np.float32).reshape(1, JOINTS, 2) - 100,
        keypoints_visible=np.ones((1, JOINTS, *tail), np.float32),
    )


def corrupted(transform: CorruptLabels, people: range = range(1, 301)) -> np.ndarray:
    return np.concatenate([transform(person(number))['keypoints'] for number in people])


@pytest.mark.parametrize('ratio', [0.0, 0.1, 0.5, 1.0])
def test_share_and_place_of_wrong_labels(ratio: float) -> None:
    points = corrupted(CorruptLabels(ratio))
    wrong = (points > 0).all(-1)
    assert abs(wrong.mean() - ratio) <= 3 * np.sqrt(ratio * (1 - ratio) / wrong.size)  # 3 standard deviations
    np.testing.assert_array_equal(points[~wrong], np.broadcast_to(person()['keypoints'], points.shape)[~wrong])
    if not ratio:
        return
    start, size = np.array(BOX[:2]), np.array(BOX[2:]) - BOX[:2]
    places = (points[wrong] - start) / size
    assert ((places >= 0) & (places <= 1)).all()
    # uniform in both axes, which do not depend on each other
    tolerance = 4 / np.sqrt(len(places))
    np.testing.assert_allclose(places.mean(0), 0.5, atol=tolerance * np.sqrt(1 / 12))
    np.testing.assert_allclose(np.cov(places.T), np.eye(2) / 12, atol=tolerance * np.sqrt(1 / 80))


def test_the_same_in_every_epoch_and_process() -> None:
    transform = CorruptLabels(0.5)
    first = corrupted(transform)
    np.random.seed(3)  # noqa: NPY002 (MMPose's transforms draw from the global generator)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(corrupted(transform, range(300, 0, -1))[::-1], first)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002 (of which nothing was drawn)
    assert (corrupted(CorruptLabels(0.5, seed=1)) != first).any(-1).mean() == pytest.approx(0.75, abs=0.05)


def test_more_are_wrong_of_the_same() -> None:
    few, many = corrupted(CorruptLabels(0.3)), corrupted(CorruptLabels(0.6))
    wrong = (few > 0).all(-1)
    np.testing.assert_array_equal(few[wrong], many[wrong])
    assert (many > 0).all(-1).sum() > wrong.sum()


def test_unlabeled_joints_and_the_data_sets_own_arrays_stay() -> None:
    given = DropLabels(0.5)(person(tail=(2,)))
    points, flags = given['keypoints'].copy(), given['keypoints_visible'].copy()
    found = CorruptLabels(1.0)(dict(given))
    np.testing.assert_array_equal(given['keypoints'], points)
    np.testing.assert_array_equal(found['keypoints_visible'], flags)
    np.testing.assert_array_equal((found['keypoints'] != points).any(-1), flags[..., 0] > 0)
    assert found['keypoints'].dtype == np.float32


def test_several_people_of_an_image() -> None:
    alone = [person(number) for number in (3, 9)]
    both = {key: np.concatenate([one[key] for one in alone]) for key in ('bbox', 'keypoints', 'keypoints_visible')}
    expected = np.concatenate([CorruptLabels(0.5)(one)['keypoints'] for one in alone])
    np.testing.assert_array_equal(CorruptLabels(0.5)(dict(both, id=[3, 9]))['keypoints'], expected)


def test_depth_stays() -> None:
    given = person()
    given['keypoints'] = np.concatenate((given['keypoints'], np.full((1, JOINTS, 1), 5, np.float32)), -1)
    found = CorruptLabels(1.0)(dict(given))['keypoints']
    np.testing.assert_array_equal(found[..., 2], 5)
    np.testing.assert_array_equal(found[..., :2], CorruptLabels(1.0)(person())['keypoints'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(ratio=1.5), r"'ratio' must be a number from 0 to 1, got 1.5"),
        (dict(seed=-1), r"'seed' must be a whole number from 0 to .*, got -1"),
    ],
)
def test_arguments_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorruptLabels(**dict(ratio=0.5) | change)


def test_people_without_an_id() -> None:
    given = person()
    del given['id']
    with pytest.raises(ValueError, match=r"'id' must be an annotation's for each of 1 people, got None"):
        CorruptLabels(0.5)(given)


def test_configs_put_it_behind_the_loading() -> None:
    root = Path(__file__).resolve().parents[2] / 'configs'
    leaves = [leaf for leaf in root.glob('*/*.py') if 'wrong-labels' in leaf.stem]
    assert leaves
    for leaf in leaves:
        cfg = Config.fromfile(leaf)
        assert cfg.train_dataloader.dataset.pipeline[1] == dict(type='mmpose_ext.CorruptLabels', ratio=0.1)
        for loader in (cfg.val_dataloader, cfg.test_dataloader):
            assert 'mmpose_ext.CorruptLabels' not in [step['type'] for step in loader.dataset.pipeline]
