"""Odd values in annotation files, copies, names that look equal: all of them are named by the check."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmpose_ext.lab.dataset_check import Finding
from mmpose_ext.lab.dataset_check.annotated_people import check_duplicates
from mmpose_ext.lab.dataset_check.coco_file import check_coco_file
from mmpose_ext.lab.dataset_check.detections import check_bbox_file
from mmpose_ext.lab.dataset_check.files import read_json
from mmpose_ext.lab.dataset_check.finding_list import Report
from mmpose_ext.lab.dataset_check.identifiers import check_ids
from mmpose_ext.lab.dataset_check.image_files import check_images, open_images
from mmpose_ext.lab.dataset_check.keypoints import check_visibility
from mmpose_ext.lab.dataset_check.mpii_file import check_mpii_file
from mmpose_ext.lab.dataset_check.pipeline import check_pipeline, predicted_joints
from mmpose_ext.lab.dataset_check.records import from_coco, is_labeled
from mmpose_ext.lab.dataset_check.samples import draw_samples


def coco(people: int = 4, joints: int = 5) -> dict:
    rng = np.random.default_rng(0)
    annotations = [
        dict(
            id=n,
            image_id=n,
            category_id=1,
            bbox=[10, 10, 80, 90],
            area=5000,
            iscrowd=0,
            num_keypoints=joints,
            keypoints=np.column_stack([rng.uniform(15, 85, (joints, 2)), np.full(joints, 2)]).ravel().tolist(),
        )
        for n in range(1, people + 1)
    ]
    images = [dict(id=n, file_name=f'{n}.jpg', width=100, height=120) for n in range(1, people + 1)]
    return dict(images=images, annotations=annotations, categories=[dict(id=1, name='person')])


ODD = [None, 'text', [1], {'a': 1}, True, 1.5, float('nan'), float('inf'), -1, 2**70, 10**400, [], '', 'a\0b']
FIELDS = [
    *(('images', key) for key in ('id', 'file_name', 'width', 'height')),
    *(
        ('annotations', key)
        for key in ('id', 'image_id', 'category_id', 'bbox', 'keypoints', 'num_keypoints', 'area', 'iscrowd')
    ),
    *(('categories', key) for key in ('id', 'name', 'keypoints')),
]


@pytest.mark.parametrize(('part', 'key'), FIELDS)
def test_no_value_stops_the_check(part: str, key: str) -> None:
    """Whatever stands in a field: the file's check and the conversion to arrays end without an exception."""
    for value in ODD:
        content = coco()
        content[part][0][key] = value
        findings = check_coco_file(content, 'train')
        if not any(one.check == 'json' for one in findings):
            assert from_coco(content).keypoints.shape[1:] == (5, 2)


@pytest.mark.parametrize('entry', [None, 'person', 3, []])
@pytest.mark.parametrize('part', ['images', 'annotations', 'categories'])
def test_entries_that_are_no_dictionaries_are_named(part: str, entry: object) -> None:
    content = coco()
    content[part][0] = entry
    findings = check_coco_file(content, 'train')
    assert any(one.level == 'error' and f'{part} are not dictionaries' in one.what for one in findings)


@pytest.mark.parametrize('key', ['image', 'center', 'scale', 'joints', 'joints_vis'])
def test_odd_values_of_mpii_are_named(key: str) -> None:
    for value in (None, {'a': 1}, [['x', 'y']], float):
        person = dict(image='1.jpg', center=[5.0, 5.0], scale=0.5, joints=[[1, 2]] * 16, joints_vis=[1] * 16)
        person[key] = value
        assert any(one.check == 'json' and repr(key) in one.what for one in check_mpii_file([person], 'train'))


@pytest.mark.parametrize(
    ('values', 'level', 'check', 'text'),
    [
        (['clip_1', 2], 'error', 'id-type', "1 of 2 are text .'clip_1'"),
        ([None, 2], 'error', 'id-type', 'null'),
        ([True, 2], 'error', 'id-type', 'true or false'),
        ([[1], 2], 'error', 'id-type', 'a list'),
        ([1.5, 2], 'error', 'id-type', 'a fraction'),
        ([1.0, 2], 'warning', 'id-type', 'floats'),
        ([2**64, 2], 'error', 'id-range', '64 bits'),
    ],
)
def test_types_and_ranges_of_ids(values: list, level: str, check: str, text: str) -> None:
    (finding,) = check_ids(values, "'id' of images", 'train')
    assert (finding.level, finding.check) == (level, check)
    assert re.search(text, finding.what)
    assert check_ids([1, 2, 2**40], "'id' of images", 'train') == []


def test_negative_ids_of_annotations_are_an_error() -> None:
    content = coco()
    content['annotations'][0]['id'] = -3
    assert [one.check for one in check_coco_file(content, 'val') if one.level == 'error'] == ['id-range']


@pytest.mark.parametrize('shift', [0.0, 0.4])
@pytest.mark.parametrize('images', ['the same', 'listed twice'])
def test_people_who_are_annotated_twice(shift: float, images: str) -> None:
    content = coco()
    copies = [dict(one, id=one['id'] + 100) for one in content['annotations'][:2]]
    for copy in copies:
        points = np.add(np.reshape(copy['keypoints'], (-1, 3)), [shift, shift, 0])
        copy['keypoints'] = points.ravel().tolist()
    if images == 'listed twice':
        content['images'] += [dict(one, id=one['id'] + 50) for one in content['images'][:2]]
        for copy in copies:
            copy['image_id'] += 50
    content['annotations'] += copies
    (finding,) = check_duplicates(from_coco(content), 'val')
    assert finding.level == 'error' and finding.what.startswith('2 of 6 people')


def test_people_who_only_stand_close_are_no_copies() -> None:
    content = coco()
    for one in content['annotations']:
        one['image_id'] = 1
    assert check_duplicates(from_coco(content), 'val') == []
    # two people of one image with one labeled joint each, in the same place, in other boxes
    for number, one in enumerate(content['annotations']):
        one['keypoints'] = [50, 50, 2] + [0] * 12
        one['bbox'] = [5 * number, 10, 80, 90]
    assert check_duplicates(from_coco(content), 'val') == []


def test_visibility_is_read_as_the_heads_read_it() -> None:
    values = np.array([0, 1, 2, 0.3, -1, np.nan, np.inf, -np.inf, 1e-9])
    assert is_labeled(values).tolist() == [False, True, True, True, False, False, False, False, True]
    content = coco(joints=5)
    for one in content['annotations']:
        one['keypoints'][2::3] = [0.3, -1, float('nan'), 2, 7]
    levels = {one.what.split('are ')[1]: one.level for one in check_visibility(from_coco(content), [], 'train')[:4]}
    assert levels == {
        'NaN or infinite (nan)': 'error',
        'below 0 (-1)': 'warning',
        'not 0, 1 or 2 (7)': 'error',
        'between 0 and 1 (0.3)': 'info',
    }
    mmposes = check_visibility(from_coco(content), [], 'train', by_mmpose=True)
    assert any(one.level == 'error' and 'below 0' in one.what for one in mmposes)


def test_detections_of_other_categories() -> None:
    content = coco()
    for number, one in enumerate(content['annotations']):
        one['category_id'] = (1, 8, 23, 23)[number]
    content['categories'] = [dict(id=number, name=f'animal {number}') for number in (1, 8, 23)]
    boxes = [dict(image_id=n, category_id=1, bbox=[10, 10, 80, 90], score=0.9) for n in range(1, 5)]
    findings = check_bbox_file(boxes, from_coco(content), 0, 'val')
    (finding,) = [one for one in findings if one.check == 'bbox-category']
    assert finding.level == 'error' and '3 of 4' in finding.what and 'animal 23' in finding.what


@pytest.mark.parametrize('key', ['image_id', 'category_id', 'bbox', 'score'])
def test_odd_values_of_detections_are_named(key: str) -> None:
    for value in (None, 'text', [1], {}, float('nan')):
        boxes = [dict(image_id=n, category_id=1, bbox=[10, 10, 80, 90], score=0.9) for n in range(1, 5)]
        boxes[0][key] = value
        findings = check_bbox_file(boxes, from_coco(coco()), 0, 'val')
        assert key == 'category_id' or any(one.level in ('error', 'warning') for one in findings) or value != value


@pytest.mark.parametrize(('there', 'told'), [('NFC', 'NFD'), ('NFD', 'NFC')])
@pytest.mark.parametrize('part', ['file', 'folder'])
def test_names_that_look_equal(tmp_path: Path, there: str, told: str, part: str) -> None:
    name = 'größe/1.jpg' if part == 'folder' else '1/größe.jpg'
    path = tmp_path / unicodedata.normalize(there, name)
    path.parent.mkdir()
    path.touch()
    _, findings = check_images(str(tmp_path), [unicodedata.normalize(told, name)], 'train')
    assert f'another form of Unicode ({there} on the disk, {told} in the annotations)' in findings[-1].advice


def test_images_that_are_listed_twice(tmp_path: Path) -> None:
    (tmp_path / '1.jpg').touch()
    _, findings = check_images(str(tmp_path), ['1.jpg', '1.jpg'], 'train')
    assert [one.check for one in findings if one.level == 'warning'] == ['images-twice']


@pytest.mark.parametrize(
    ('image', 'check'),
    [
        (np.zeros((9, 9, 3), np.uint8), 'images'),
        (np.zeros((9, 9), np.uint8), 'image-channels'),
        (np.zeros((9, 9, 4), np.uint8), 'image-channels'),
        (np.zeros((9, 9, 3), np.uint16), 'image-channels'),
        (None, 'unreadable-image'),
    ],
)
def test_images_are_looked_at_as_they_are_read(tmp_path: Path, image: np.ndarray | None, check: str) -> None:
    (tmp_path / '1.png').touch()
    images, _ = check_images(str(tmp_path), ['1.png'], 'train')
    _, (finding,) = open_images(images, np.full((1, 2), np.nan), [0], lambda _: image, 3, 'train')
    assert finding.check == check


@pytest.mark.parametrize(
    ('udp', 'codec', 'count'),
    [
        (True, 'UDPHeatmap', 0),
        (False, 'UDPHeatmap', 1),
        (True, 'MSRAHeatmap', 1),
        (False, 'mmpose_ext.DarkHeatmap', 0),
        (True, 'mmpose_ext.DarkHeatmap', 1),
        (True, 'SomebodysCodec', 0),
    ],
)
def test_conventions_of_crops(mmpose_scope: None, udp: bool, codec: str, count: int) -> None:
    crop = dict(type='TopdownAffine', input_size=(9, 9), use_udp=udp)
    findings = check_pipeline([crop], dict(decoder=dict(type=codec)), 'val')
    assert len([one for one in findings if one.check == 'crop-convention' and 'UDP' in one.what]) == count


def test_joints_of_udps_offsets_are_a_third_of_the_maps() -> None:
    udp = dict(type='UDPHeatmap', heatmap_type='combined')
    assert predicted_joints(dict(out_channels=51, decoder=udp)) == 17
    assert predicted_joints(dict(out_channels=51, decoder=dict(udp, heatmap_type='gaussian'))) == 51


def test_an_exception_is_a_finding_with_its_place_and_loses_no_other() -> None:
    report = Report()

    def broken(number: int) -> list[Finding]:
        return [Finding('ok', 'broken', 'train', str(1 / number))]

    checks: list[Callable[[int], list[Finding]]] = [broken, broken]
    assert [report.check('train', check, number) for number, check in enumerate(checks)] == [True, False]
    first, second = report.findings
    assert (first.level, first.check, second.level) == ('error', 'unexpected', 'ok')
    assert 'ZeroDivisionError: division by zero (test_odd_files.py, line ' in first.what


@pytest.mark.parametrize('content', [b'{', b'\xff\xfe', b'[' * 100_000, b''])
def test_files_that_are_no_json_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'people.json'
    path.write_bytes(content)
    found, (finding,) = read_json(str(path), 'annotation file', 'train')
    assert found is None and str(path) in finding.what and finding.level == 'error'


class Failing(list):
    """A dataset whose transform ends in an error."""

    def __getitem__(self, index: int) -> None:
        raise super().__getitem__(index)


@pytest.mark.parametrize('error', [SystemExit('bye'), RecursionError('deep'), MemoryError(), AssertionError()])
def test_whatever_a_transform_raises_is_named(error: BaseException) -> None:
    items, (finding,) = draw_samples(Failing([error, error]), 2, np.random.default_rng(0), 'train')
    assert not items and finding.check == 'pipeline-run'
    assert finding.what.startswith(f'2 of 2 people do not pass the pipeline: {type(error).__name__}')


def test_keys_that_stand_twice_are_named(tmp_path: Path) -> None:
    path = tmp_path / 'people.json'
    path.write_text('{"images": [1], "annotations": [{"id": 1, "id": 2}], "images": [2]}')
    found, (finding,) = read_json(str(path), 'annotation file', 'train')
    assert found == {'images': [2], 'annotations': [{'id': 2}]}
    assert finding.check == 'json-keys' and "('id', 'images')" in finding.what


def test_a_sound_file_has_no_finding() -> None:
    content = coco()
    assert check_coco_file(json.loads(json.dumps(content)), 'train') == []
