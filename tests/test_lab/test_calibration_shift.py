"""People of other datasets: formats, folders and joints."""

import json

import cv2
import numpy as np
import pytest
from mmpose.registry import DATASETS

from mmpose_ext.lab.calibration import calibrate
from mmpose_ext.lab.calibration.shift import read_people, reordered_annotations


def test_joints_of_other_datasets_are_found_by_name():
    people = [
        dict(id=1, image_id=1, bbox=[0, 0, 9, 9], keypoints=[1, 2, 2, 3, 4, 1, 5, 6, 0], num_keypoints=2),
        dict(id=2, image_id=1, bbox=[0, 0, 9, 9], keypoints=[0, 0, 0, 3, 4, 0, 5, 6, 2], num_keypoints=1),
        dict(id=3, image_id=1, iscrowd=1, keypoints=[1, 2, 2] * 3, bbox=[0, 0, 9, 9]),
    ]
    content = dict(
        images=[dict(id=1, file_name='a.jpg')],
        annotations=people,
        categories=[dict(id=7, name='person', keypoints=['left_ankle', 'head_top', 'nose'])],
    )
    found = reordered_annotations(content, ('head', 'right_knee', 'left_ankle'))
    assert [one['keypoints'] for one in found['annotations']] == [[3, 4, 1, 0, 0, 0, 1, 2, 2]]
    assert found['annotations'][0]['num_keypoints'] == 2
    assert found['annotations'][0]['bbox'] == [0, 0, 9, 9]
    larger = reordered_annotations(content, ('head', 'left_ankle'), padding=2.0)
    assert larger['annotations'][0]['bbox'] == [-4.5, -4.5, 18, 18]
    assert larger['annotations'][0]['area'] == pytest.approx(0.53 * 81)
    people[0]['area'] = 7.0
    assert reordered_annotations(content, ('head',))['annotations'][0]['area'] == 7.0
    assert found['categories'][0]['keypoints'] == ['head', 'right_knee', 'left_ankle']
    with pytest.raises(ValueError, match='must have one of the joints'):
        reordered_annotations(content, ('tail',))
    with pytest.raises(ValueError, match="COCO's format"):
        reordered_annotations(dict(images=[]), ('head',))
    crowd = dict(content, categories=[dict(keypoints=['neck', 'top_head', 'tail'])])
    found = reordered_annotations(crowd, ('head_top', 'upper_neck'))
    assert [one['keypoints'] for one in found['annotations']] == [[3, 4, 1, 1, 2, 2]]


@pytest.mark.parametrize('place', ['set', 'set/train2017', '', 'images'])
def test_images_are_found_around_the_annotations(tmp_path, place):
    """In the folder of the annotations, in one beside it, in the one above, or in one below that."""
    annotations = tmp_path / 'set' / 'annotations.json'
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    annotations.parent.mkdir(exist_ok=True)
    annotations.write_text(json.dumps(dict(images=[dict(file_name='a.png'), dict(file_name='b.png')])))
    (tmp_path / 'some').mkdir()
    (tmp_path / 'some' / 'a.png').touch()  # not all images
    (tmp_path / place / 'a.png').touch()
    with pytest.raises(ValueError, match=r'must have their images beside the annotations, got .*annotations\.json'):
        read_people(annotations)
    (tmp_path / place / 'b.png').touch()
    content, folder = read_people(annotations)
    assert folder == (tmp_path / place).resolve()
    assert len(content['images']) == 2


def test_people_of_mpii_are_those_of_mmpose(tmp_path, mmpose_scope):
    rng = np.random.default_rng(0)
    people = [
        dict(
            image=f'{number}.png',
            center=rng.uniform(50, 90, 2).tolist(),
            scale=0.4 + number,
            joints=rng.uniform(20, 120, (16, 2)).tolist(),
            joints_vis=rng.choice([0, 1], 16).tolist(),
        )
        for number in (0, 1, 1)
    ]
    for number in (0, 1):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.zeros((100 + number, 140, 3), np.uint8))
    (tmp_path / 'mpii.json').write_text(json.dumps(people))
    content, folder = read_people(tmp_path / 'mpii.json')
    assert folder == tmp_path.resolve()
    assert [(one['file_name'], one['width'], one['height']) for one in content['images']] == [
        ('0.png', 140, 100),
        ('1.png', 140, 101),
    ]
    dataset = DATASETS.build(dict(type='MpiiDataset', ann_file=str(tmp_path / 'mpii.json'), pipeline=[]))
    names = [dataset.metainfo['keypoint_id2name'][joint] for joint in range(16)]
    assert content['categories'][0]['keypoints'] == names
    for number, one in enumerate(content['annotations']):
        theirs = dataset.get_data_info(number)
        x, y, width, height = one['bbox']
        np.testing.assert_allclose([x, y, x + width, y + height], theirs['bbox'][0], rtol=1e-4)
        found = np.reshape(one['keypoints'], (16, 3))
        labeled = theirs['keypoints_visible'][0] > 0
        np.testing.assert_array_equal(found[:, 2] > 0, labeled)
        np.testing.assert_allclose(found[labeled, :2], theirs['keypoints'][0, labeled], rtol=1e-6)
        assert one['area'] == pytest.approx(np.ptp(found[labeled, :2], axis=0).prod())
        assert one['image_id'] == content['images'][int(theirs['img_path'].split('/')[-1][0])]['id']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"images": [', 'cannot be read'),
        ('{"annotations": []}', 'has another'),
        ('3', 'has another'),
        ('[{"joints": []}]', 'has another'),
        ('[{"image": "a.png", "joints": [[1, 2]]}]', 'has another'),
    ],
)
def test_files_in_another_format_are_named_before_anything_is_predicted(tmp_path, text, message):
    (tmp_path / 'people.json').write_text(text)
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=rf"'shifts' must be annotation files in COCO's or MPII's format, .*{message}"):
        calibrate('no config', 'no checkpoint', shifts=[tmp_path / 'people.json'])
