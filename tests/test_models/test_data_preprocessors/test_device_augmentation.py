"""Augmentation on the device against MMPose's pipeline: the same numbers, joints and pixels; the same distributions."""

import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample
from scipy.stats import ks_2samp

from mmpose_ext.models.data_preprocessors.warp import warp_images
from mmpose_ext.registry import DATASETS, MODELS

pytestmark = pytest.mark.usefixtures('mmpose_scope')

SIZE = (48, 64)
FLIP = dict(type='RandomFlip')
HALF = dict(type='RandomHalfBody', min_total_keypoints=9, prob=0.3)
BOX = dict(type='RandomBBoxTransform')
# OpenCV has 32 positions between two pixels before this version, and computes with floats since
EXACT = tuple(map(int, cv2.__version__.split('.')[:2])) >= (4, 11)
needs_exact_warps = pytest.mark.skipif(not EXACT, reason='OpenCV before 4.11 rounds positions to 1/32 pixel')


def dataset_of(root: Path, *pipeline: dict) -> Any:
    settings = dict(ann_file='annotations/person_keypoints_train.json', data_prefix=dict(img='train/'))
    return DATASETS.build(dict(type='CocoDataset', data_root=f'{root}/', pipeline=[*pipeline], **settings))


def mmpose_dataset(root: Path, steps: Any, use_udp: bool = False) -> Any:
    load = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
    affine = dict(type='TopdownAffine', input_size=SIZE, use_udp=use_udp)
    return dataset_of(root, *load, *steps, affine, dict(type='PackPoseInputs', pack_transformed=True))


def region_pipeline(**load: object) -> list[dict]:
    load = dict(dict(type='mmpose_ext.LoadRegion', padding=8), **load)
    return [load, dict(type='GetBBoxCenterScale'), dict(type='mmpose_ext.PackRegion')]


def preprocessor(steps: Any, use_udp: bool = False, **colors: object) -> Any:
    augmentation = dict(input_size=SIZE, transforms=steps, use_udp=use_udp)
    return MODELS.build(dict(type='mmpose_ext.PoseDataPreprocessor', augmentation=augmentation, **colors))


def batch_of(samples: list[dict]) -> dict:
    """As a loader collates them."""
    samples = copy.deepcopy(samples)
    return dict(
        inputs=[sample['inputs'] for sample in samples], data_samples=[sample['data_samples'] for sample in samples]
    )


STEPS = {
    'nothing': [],
    'flip': [dict(FLIP, prob=1.0)],
    'half body': [dict(HALF, prob=1.0)],
    'box': [dict(BOX, rotate_prob=1.0, shift_prob=1.0)],
    'all': [FLIP, HALF, BOX],
}


@needs_exact_warps
@pytest.mark.parametrize('use_udp', [False, True], ids=['plain', 'udp'])
@pytest.mark.parametrize('steps', STEPS)
def test_a_person_is_that_of_the_pipeline(steps: str, use_udp: bool, tiny_data: Path) -> None:
    """With the same seed; pixels to half a gray level, which is OpenCV's rounding."""
    plain, regions = mmpose_dataset(tiny_data, STEPS[steps], use_udp), dataset_of(tiny_data, *region_pipeline())
    ours = preprocessor(STEPS[steps], use_udp)
    for index in range(len(plain)):
        for seed in range(6):
            np.random.seed(seed)  # noqa: NPY002
            expected = plain[index]
            sample = regions[index]
            np.random.seed(seed)  # noqa: NPY002
            found = ours(batch_of([sample]), training=True)
            (person,) = found['data_samples']
            difference = (found['inputs'][0] - expected['inputs'].float()).abs()
            assert difference.max() <= 0.5 + 0.02
            theirs = expected['data_samples']
            np.testing.assert_allclose(
                person.gt_instances.transformed_keypoints, theirs.gt_instances.transformed_keypoints, atol=2e-3
            )
            assert np.array_equal(person.gt_instances.keypoints_visible, theirs.gt_instances.keypoints_visible)
            for name in ('input_size', 'flip_indices', 'id', 'ori_shape', 'img_shape'):
                assert person.metainfo[name] == theirs.metainfo[name], name
            # a pipeline without RandomFlip does not say it
            assert person.metainfo['flip'] == theirs.metainfo.get('flip', False)
            assert person.metainfo['flip_direction'] == theirs.metainfo.get('flip_direction')


def points(samples: list[PoseDataSample]) -> np.ndarray:
    return np.concatenate([sample.gt_instances.transformed_keypoints[..., :2] for sample in samples])


def test_distributions(tiny_data: Path) -> None:
    """Where joints come to lie in 1500 draws of a batch, and of MMPose's pipeline person by person.

    Scale, rotation, shift, flip and half body are read from three joints; for equal distributions each p-value is below
    1e-4 in one of 10 000 seeds.
    """
    count = 1500
    plain, regions = mmpose_dataset(tiny_data, STEPS['all']), dataset_of(tiny_data, *region_pipeline())
    np.random.seed(0)  # noqa: NPY002
    expected = points([plain[0]['data_samples'] for _ in range(count)])
    sample = regions[0]
    sample['inputs'] = sample['inputs'][:, :2, :2]
    found = points(preprocessor(STEPS['all'])(batch_of([sample] * count), training=True)['data_samples'])

    def parameters(joints: np.ndarray) -> dict[str, np.ndarray]:
        a, b, c = joints[:, 0], joints[:, 5], joints[:, 16]
        turn = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        length = np.hypot(*(b - a).T)
        angle = np.arctan2(*(c - a).T)
        return dict(x=c[:, 0], y=c[:, 1], length=length, angle=angle, area=turn, mean=joints.mean((1, 2)))

    theirs, ours = parameters(expected), parameters(found)
    for name, values in ours.items():
        assert ks_2samp(values, theirs[name]).pvalue > 1e-4, name
    # the test sees another distribution
    other = [FLIP, HALF, dict(BOX, rotate_factor=40)]
    wrong = parameters(points(preprocessor(other)(batch_of([sample] * count), training=True)['data_samples']))
    assert min(ks_2samp(values, theirs[name]).pvalue for name, values in wrong.items()) < 1e-4


def test_color(tiny_data: Path) -> None:
    """A factor for each channel and person, as the transform of the pipeline draws it."""
    regions = dataset_of(tiny_data, *region_pipeline())
    samples = [regions[0], regions[1]]
    plain = preprocessor([])(batch_of(samples), training=True)['inputs']
    np.random.seed(0)  # noqa: NPY002
    found = preprocessor([dict(type='mmpose_ext.RandomChannelScale', amount=0.5)])(batch_of(samples), training=True)
    np.random.seed(0)  # noqa: NPY002
    factors = np.stack([np.random.uniform(0.5, 1.5, 3) for _ in range(2)])  # noqa: NPY002
    expected = (plain * torch.from_numpy(factors).float()[..., None, None]).clamp(0, 255)
    torch.testing.assert_close(found['inputs'], expected)


def test_normalized_and_only_in_training(tiny_data: Path) -> None:
    colors = dict(mean=[100.0, 110.0, 120.0], std=[50.0, 60.0, 70.0], bgr_to_rgb=True)
    regions = dataset_of(tiny_data, *region_pipeline())
    values = preprocessor([])(batch_of([regions[0]]), training=True)['inputs']
    normalized = preprocessor([], **colors)(batch_of([regions[0]]), training=True)['inputs']
    expected = values[:, [2, 1, 0]] - torch.tensor(colors['mean'])[:, None, None]
    torch.testing.assert_close(normalized, expected / torch.tensor(colors['std'])[:, None, None])
    ready = mmpose_dataset(tiny_data, [])[0]
    found = preprocessor([], **colors)(batch_of([ready]), training=False)['inputs']
    assert found.shape == (1, 3, SIZE[1], SIZE[0])


def test_batches_are_people_by_themselves(tiny_data: Path) -> None:
    """Regions of several sizes in one batch."""
    regions = dataset_of(tiny_data, *region_pipeline(padding=1.2))
    samples = [regions[index] for index in range(4)]
    samples[1] = dict(samples[1], inputs=samples[1]['inputs'][:, :50, :60])
    ours = preprocessor([])
    together = ours(batch_of(samples), training=True)['inputs']
    alone = torch.cat([ours(batch_of([sample]), training=True)['inputs'] for sample in samples])
    torch.testing.assert_close(together, alone, atol=0.02, rtol=0)


def test_regions_from_a_cache(tiny_data: Path, tmp_path: Path) -> None:
    plain = dataset_of(tiny_data, *region_pipeline(padding=1.1))
    config = dict(type='CocoDataset', data_root=f'{tiny_data}/', pipeline=region_pipeline(padding=1.1))
    config.update(ann_file='annotations/person_keypoints_train.json', data_prefix=dict(img='train/'))
    cached = DATASETS.build(dict(type='mmpose_ext.CropCache', cache_dir=str(tmp_path), dataset=config))
    for index in range(len(plain)):
        found, expected = cached[index], plain[index]
        assert torch.equal(found['inputs'], expected['inputs'])
        assert found['data_samples'].metainfo['region'] == expected['data_samples'].metainfo['region']
        assert found['data_samples'].metainfo['img_shape'] == expected['data_samples'].metainfo['img_shape']
    assert found['inputs'].shape[1] < 160


def test_a_head_learns_from_them(tiny_data: Path) -> None:
    """The head's codec draws targets from the joints that the augmentation has moved."""
    regions = dataset_of(tiny_data, *region_pipeline())
    backbone = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, norm_cfg=dict(type='BN'))
    head = dict(
        type='mmpose_ext.HeatmapHead',
        in_channels=64,
        out_channels=17,
        deconv_out_channels=(8, 8, 8),
        decoder=dict(type='mmpose_ext.DarkHeatmap', input_size=(64, 64), heatmap_size=(16, 16)),
    )
    augmentation = dict(input_size=(64, 64), transforms=STEPS['all'])
    settings = dict(type='mmpose_ext.PoseDataPreprocessor', augmentation=augmentation)
    model = MODELS.build(
        dict(type='TopdownPoseEstimator', data_preprocessor=settings, backbone=backbone, head=head)
    ).train()
    data = model.data_preprocessor(batch_of([regions[0], regions[1]]), training=True)
    losses = model(**data, mode='loss')
    losses['loss_kpt'].backward()
    assert losses['loss_kpt'] > 0


def test_refused(tiny_data: Path) -> None:
    with pytest.raises(ValueError, match=r"'transforms' must be of RandomFlip, .* in this order, got RandomHalfBody"):
        preprocessor([BOX, HALF])
    with pytest.raises(ValueError, match=r"'transforms' must be of .* got PhotometricDistortion"):
        preprocessor([dict(type='PhotometricDistortion')])
    with pytest.raises(ValueError, match=r"'direction' of RandomFlip must be 'horizontal', got 'vertical'"):
        preprocessor([dict(FLIP, direction='vertical')])
    with pytest.raises(ValueError, match=r"'data_samples' must be packed by mmpose_ext.PackRegion .* 'region'"):
        preprocessor([])(batch_of([mmpose_dataset(tiny_data, [])[0]]), training=True)
    regions = dataset_of(tiny_data, *region_pipeline())
    other = regions[1]
    other['data_samples'].set_metainfo(dict(upper_body_ids=[0]))
    with pytest.raises(ValueError, match="must be people of datasets with the same 'upper_body_ids'"):
        preprocessor([])(batch_of([regions[0], other]), training=True)


# ---------------------------------------------------------------------------------------------
# the warp


def sampled(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """Linear interpolation at a point, black outside: a slow loop."""
    total = np.zeros(image.shape[0])
    left, top = int(np.floor(x)), int(np.floor(y))
    for column in (left, left + 1):
        for row in (top, top + 1):
            if 0 <= column < image.shape[2] and 0 <= row < image.shape[1]:
                total += (1 - abs(x - column)) * (1 - abs(y - row)) * image[:, row, column]
    return total


def test_warps_are_linear_interpolation() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((3, 20, 31), (3, 40, 12), (3, 1, 1))]
    angles = rng.uniform(-3, 3, 3)
    inverses = np.stack(
        [[[np.cos(a), -np.sin(a), 10 * np.cos(a)], [1.3 * np.sin(a), 1.3 * np.cos(a), 4]] for a in angles]
    )
    found = warp_images([torch.from_numpy(image) for image in images], torch.from_numpy(inverses), (9, 7))
    assert found.shape == (3, 3, 7, 9)
    for number, image in enumerate(images):
        for row in range(7):
            for column in range(9):
                x, y = inverses[number] @ (column, row, 1)
                expected = sampled(image.astype(float), x, y)
                np.testing.assert_allclose(found[number, :, row, column].numpy(), expected, atol=0.02)
