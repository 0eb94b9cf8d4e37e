"""tools/misc/browse_dataset.py: what it draws, and where."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose_ext.functional import gaussian_targets
from mmpose_ext.lab.visualization.browse import browse
from mmpose_ext.lab.visualization.overlays import overlay_map

GREEN, ORANGE = (0, 255, 0), (255, 128, 0)  # COCO's left and right


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


@pytest.mark.parametrize('factor', [1, 4])
def test_overlay_puts_a_map_where_its_joint_is(factor: int) -> None:
    size, point = (96, 128), np.array([50.5, 83.25])
    maps, _ = gaussian_targets(
        (point / 4)[None, None].astype(np.float32), np.ones((1, 1), np.float32), (24, 32), 2.0, True
    )
    black = np.zeros((size[1] * factor, size[0] * factor, 3), np.uint8)
    red = overlay_map(black, maps[0, 0], size)[..., 0].astype(float)
    # only the map's upper half is red in this color scale
    rows, columns = np.mgrid[: red.shape[0], : red.shape[1]]
    centre = np.array([(red * columns).sum(), (red * rows).sum()]) / red.sum()
    np.testing.assert_allclose(centre, (point + 0.5) * factor - 0.5, atol=0.35 * factor)


@pytest.mark.parametrize('phase', ['train', 'val'])
def test_transformed_pictures_show_joints_and_targets(tiny_config: Path, tmp_path: Path, phase: str) -> None:
    files = browse(str(tiny_config), str(tmp_path / 'out'), phase=phase, number=3)
    assert [file.name for file in files] == ['00000_1.png', '00001_2.png', '00002_3.png']
    picture = read(files[0])
    assert picture.shape == (512, 2 * 384, 3)  # 128x96 four times enlarged, twice
    joints, targets = picture[:, :384], picture[:, 384:]
    for color in (GREEN, ORANGE):
        assert (joints == color).all(-1).sum() > 50
        assert not (targets == color).all(-1).any()


def test_original_pictures_have_joints_where_they_are_labelled(
    tiny_config: Path, tiny_data: Path, tmp_path: Path
) -> None:
    files = browse(str(tiny_config), str(tmp_path), mode='original', number=1)
    picture = read(files[0])
    assert picture.shape == (160, 120, 3)
    annotations = json.loads((tiny_data / 'annotations/person_keypoints_train.json').read_text())['annotations']
    points = np.reshape(annotations[0]['keypoints'], (17, 3))[:, :2]
    # wrists and ankles end a limb each and were drawn last: nothing but a later joint can cover them
    for joint, color in ((15, GREEN), (16, ORANGE)):
        x, y = np.rint(points[joint]).astype(int)
        assert tuple(picture[y, x]) == color
    assert tuple(picture[10, 60]) == (255, 255, 255)  # the upper edge of the box


def test_maps_of_every_joint_by_the_tool(tiny_config: Path, tmp_path: Path, run_tool: Callable[..., str]) -> None:
    options = ('--output-dir', 'maps', '--mode', 'targets', '--number', 2, '--not-show')
    assert '2 images written' in run_tool('tools/misc/browse_dataset.py', tiny_config, *options)
    files = sorted((tmp_path / 'maps').glob('*.png'))
    assert len(files) == 2
    assert read(files[0]).shape == (3 * 512, 6 * 384, 3)  # 17 maps in rows of six


def test_mmposes_way_of_targets_is_drawn_too(tiny_config: Path, tmp_path: Path) -> None:
    """GenerateTarget in the pipeline and MMPose's codec in the head: the same image as the head's own targets."""
    ours = read(browse(str(tiny_config), str(tmp_path / 'ours'), phase='val', number=1)[0])
    with tiny_config.open('a') as file:
        file.write(
            "codec = dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), unbiased=True)\n"
            'codec.update(sigma=_base_.model.head.decoder.sigma)\n'
            "model['head'].update(decoder=dict(codec, _delete_=True))\n"
            "encode = dict(type='GenerateTarget', encoder=codec)\n"
            'until_packing = _base_.val_dataloader.dataset.pipeline[:-1]\n'
            "val_dataloader['dataset'].update(pipeline=[*until_packing, encode, dict(type='PackPoseInputs')])\n"
        )
    theirs = read(browse(str(tiny_config), str(tmp_path / 'theirs'), phase='val', number=1)[0])
    np.testing.assert_allclose(ours.astype(int), theirs.astype(int), atol=1)  # rounding to eight bits


def test_wrapped_datasets_and_broken_labels_are_drawn(tiny_config: Path, tiny_data: Path, tmp_path: Path) -> None:
    """A RepeatDataset; one joint that is NaN, one box that is; the joint is left out, the others are drawn."""
    content = json.loads((tiny_data / 'annotations/person_keypoints_train.json').read_text())
    content['annotations'][1]['keypoints'][0] = float('nan')
    content['annotations'][2]['bbox'][0] = float('nan')
    broken = tmp_path / 'broken.json'
    broken.write_text(json.dumps(content))
    with tiny_config.open('a') as file:
        file.write(
            f'inner = dict(_base_.train_dataloader.dataset, data_root=data_root, ann_file={str(broken)!r})\n'
            "train_dataloader['dataset'] = dict(_delete_=True, type='RepeatDataset', times=2, dataset=inner)\n"
        )
    assert len(browse(str(tiny_config), str(tmp_path / 'original'), mode='original')) == 4
    assert len(browse(str(tiny_config), str(tmp_path / 'transformed'), number=2)) == 2


def test_wrong_choices_are_named(tiny_config: Path) -> None:
    with pytest.raises(ValueError, match="'mode' must be one of 'original', 'transformed', 'targets', got 'all'"):
        browse(str(tiny_config), mode='all')
    with pytest.raises(ValueError, match="'phase' must be one of 'train', 'val', 'test', got 'trial'"):
        browse(str(tiny_config), phase='trial')
