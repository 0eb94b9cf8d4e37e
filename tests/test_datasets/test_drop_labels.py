"""Labels left out on purpose: which ones, and that everything behind treats them as unlabeled."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import random_keypoints
from mmengine.config import Config
from mmengine.dataset import Compose

from mmpose_ext.datasets.transforms import DropLabels
from mmpose_ext.datasets.transforms.drop_labels import draw_shares
from mmpose_ext.registry import KEYPOINT_CODECS, TRANSFORMS

JOINTS = 17


def person(number=7, joints=JOINTS, tail=()):
    return dict(
        id=number,
        keypoints=np.arange(2.0 * joints).reshape(1, joints, 2),
        keypoints_visible=np.ones((1, joints, *tail), np.float32),
    )


def kept(transform, people=range(1, 301)):
    return np.concatenate([transform(person(number))['keypoints_visible'] for number in people])


@pytest.mark.parametrize('level', ['joint', 'person'])
@pytest.mark.parametrize('ratio', [0.0, 0.25, 0.5, 1.0])
def test_the_share_of_dropped_labels(level, ratio):
    flags = kept(DropLabels(ratio, level))
    draws = flags.size if level == 'joint' else len(flags)
    assert abs(1 - flags.mean() - ratio) <= 3 * np.sqrt(ratio * (1 - ratio) / draws)  # 3 standard deviations
    if level == 'person':
        assert np.isin(flags.sum(1), [0, JOINTS]).all()
    elif 0 < ratio < 1:
        assert np.abs(1 - flags.mean(0) - ratio).max() <= 4 * np.sqrt(ratio * (1 - ratio) / len(flags))  # every joint


def test_the_same_in_every_epoch_and_process():
    """What is dropped is a function of seed and id alone."""
    transform = DropLabels(0.5)
    first = kept(transform)
    np.random.seed(3)  # noqa: NPY002 (MMPose's transforms draw from the global generator)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(kept(transform, range(300, 0, -1))[::-1], first)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002 (of which nothing was drawn)
    assert (kept(DropLabels(0.5, seed=1)) != first).mean() == pytest.approx(0.5, abs=0.05)


def test_numbers_that_will_not_change():
    """Written down, so that results of another machine or year drop the same labels."""
    np.testing.assert_allclose(draw_shares([1], 3, 0)[0], [0.185852, 0.523394, 0.582670], atol=1e-5)
    large = draw_shares([900_100_581_904, 900_100_581_904 % 2**32], 3, 0)  # an id of COCO
    assert np.abs(large[0] - large[1]).min() > 0


def test_more_are_dropped_of_the_same():
    few, many = kept(DropLabels(0.3)), kept(DropLabels(0.6))
    assert (few >= many).all()
    assert few.sum() > many.sum()


def test_points_and_the_data_sets_own_arrays_stay():
    given = person(tail=(2,))
    flags, points = given['keypoints_visible'], given['keypoints'].copy()
    found = DropLabels(0.5)(dict(given))
    assert flags.all()
    np.testing.assert_array_equal(found['keypoints'], points)
    expected = DropLabels(0.5)(person())['keypoints_visible']
    np.testing.assert_array_equal(found['keypoints_visible'], np.stack([expected, expected], -1))
    assert found['keypoints_visible'].dtype == np.float32


def test_several_people_of_a_image():
    both = dict(id=[3, 9], keypoints_visible=np.ones((2, JOINTS), np.float32))
    alone = [DropLabels(0.5)(person(number))['keypoints_visible'] for number in (3, 9)]
    np.testing.assert_array_equal(DropLabels(0.5)(both)['keypoints_visible'], np.concatenate(alone))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(ratio=1.5), r"'ratio' must be a number from 0 to 1, got 1.5"),
        (dict(level='image'), r"'level' must be one of 'joint', 'person', got 'image'"),
        (dict(seed=-1), r"'seed' must be a whole number from 0 to .*, got -1"),
    ],
)
def test_arguments_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        DropLabels(**dict(ratio=0.5) | change)


def test_people_without_an_id():
    with pytest.raises(ValueError, match=r"'id' must be an annotation's for each of 1 people, got None"):
        DropLabels(0.5)(dict(keypoints_visible=np.ones((1, JOINTS))))


def test_a_dropped_label_weighs_nothing(mmpose_scope):
    """Through a training pipeline and a codec."""
    pipeline = Compose(
        [
            TRANSFORMS.build(dict(type='mmpose_ext.DropLabels', ratio=0.5)),
            dict(type='GetBBoxCenterScale'),
            dict(type='TopdownAffine', input_size=(96, 128)),
            dict(type='PackPoseInputs', pack_transformed=True),
        ]
    )
    points = random_keypoints(1, JOINTS, (96, 128), margin=9)
    flags = DropLabels(0.5)(person())['keypoints_visible']
    sample = pipeline(
        dict(
            person(),
            keypoints=points,
            img=np.zeros((128, 96, 3), np.uint8),
            img_shape=(128, 96),
            bbox=np.array([[0, 0, 96, 128]], np.float32),
        )
    )['data_samples']
    codec = KEYPOINT_CODECS.build(
        dict(type='mmpose_ext.DarkHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
    )
    instances = sample.gt_instances
    encoded = codec.encode_batch(
        torch.from_numpy(instances.transformed_keypoints), torch.from_numpy(instances.keypoints_visible)
    )
    np.testing.assert_array_equal(encoded['keypoint_weights'].numpy(), flags)
    assert 0 < flags.sum() < JOINTS


def test_configs_put_it_behind_the_loading():
    """Before anything looks at which joints are labeled, as half bodies do."""
    root = Path(__file__).resolve().parents[2] / 'configs'
    found = 0
    for leaf in root.glob('*/*.py'):
        if 'DropLabels' not in leaf.read_text() and 'half-labels' not in leaf.stem:
            continue
        cfg = Config.fromfile(leaf)
        types = [step['type'] for step in cfg.train_dataloader.dataset.pipeline]
        assert types[:2] == ['LoadImage', 'mmpose_ext.DropLabels'], leaf.stem
        for loader in (cfg.val_dataloader, cfg.test_dataloader):
            assert 'mmpose_ext.DropLabels' not in [step['type'] for step in loader.dataset.pipeline]
        found += 1
    assert found
