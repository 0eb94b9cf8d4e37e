"""Converters of published Matlab files: small files of the same layout, what becomes of them, and bad ones."""

import json
import runpy
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat
from warm_python import WarmPython

from mmpose_ext.lab import matlab
from mmpose_ext.lab.dataset_converters import convert_flic, convert_lsp

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'dataset_converters'
LSP = [
    *('right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle'),
    *('right_wrist', 'right_elbow', 'right_shoulder', 'left_shoulder', 'left_elbow', 'left_wrist'),
    *('upper_neck', 'head_top'),
]
FLIC = {  # joint -> column of the 29, counted from 1 as FLIC's page does
    'left_shoulder': 1,
    'left_elbow': 2,
    'left_wrist': 3,
    'right_shoulder': 4,
    'right_elbow': 5,
    'right_wrist': 6,
    'left_hip': 7,
    'right_hip': 10,
    'left_eye': 13,
    'right_eye': 14,
    'nose': 17,
}


@pytest.fixture(autouse=True)
def _readers_have_imported_scipy(warm_python: WarmPython, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each Matlab file is read in a process of its own."""
    monkeypatch.setattr(sys, 'executable', warm_python.executable)


def read(path):
    content = json.loads(path.read_text())
    people = content['annotations']
    return content, people, np.array([person['keypoints'] for person in people]).reshape(len(people), -1, 3)


def write_images(folder, digits, sizes):
    folder.mkdir(parents=True)
    for number, (width, height) in enumerate(sizes, 1):
        cv2.imwrite(str(folder / f'im{number:0{digits}d}.jpg'), np.zeros((height, width, 3), np.uint8))


@pytest.fixture
def lsp(tmp_path):
    """LSP of 4 people and LSPET of 3; the points (N, 14, 2) as the files have them, and their flags (N, 14)."""
    rng = np.random.default_rng(0)
    points, flags = rng.uniform(10, 90, (4, 14, 2)), rng.choice([0.0, 1.0], (4, 14))
    savemat_of(tmp_path / 'lsp' / 'joints.mat', joints=np.concatenate([points, flags[..., None]], 2).T)
    write_images(tmp_path / 'lsp' / 'images', 4, [(100, 120), (110, 130), (120, 140), (130, 150)])
    more, labeled = rng.uniform(10, 190, (3, 14, 2)), rng.choice([0.0, 1.0], (3, 14))
    more[labeled == 0] = -50  # as in the release
    savemat_of(tmp_path / 'lspet' / 'joints.mat', joints=np.dstack([more, labeled]).transpose(1, 2, 0))
    write_images(tmp_path / 'lspet' / 'images', 5, [(200, 210), (220, 230), (240, 250)])
    return tmp_path, (points, flags), (more, labeled)


def savemat_of(path, **variables):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables)


# ---------------------------------------------------------------------------------------------
# LSP and LSPET


def test_lsp_files(lsp):
    root = lsp[0]
    written = convert_lsp(root)
    names = ['lsp_train', 'lsp_test', 'lspet_train', 'lsp_lspet_train']
    assert written == [root / 'annotations' / f'{name}.json' for name in names]
    images = [[image['file_name'] for image in read(path)[0]['images']] for path in written]
    first, second = [[f'lsp/images/im000{n}.jpg' for n in pair] for pair in ((1, 2), (3, 4))]
    more = [f'lspet/images/im0000{n}.jpg' for n in (1, 2, 3)]
    assert images == [first, second, more, first + more]
    for path in written:
        content, people, _ = read(path)
        assert [person['image_id'] for person in people] == [image['id'] for image in content['images']]
        assert [person['id'] for person in people] == list(range(1, len(people) + 1))
        (category,) = content['categories']
        assert (category['id'], category['keypoints']) == (1, LSP)
        assert {person['category_id'] for person in people} == {1}


def test_lsp_joints_are_all_labeled(lsp):
    """Its flag says occluded; pixels are counted from 0."""
    root, (points, occluded), _ = lsp
    paths = convert_lsp(root)
    for path, part in zip(paths[:2], (slice(0, 2), slice(2, 4)), strict=True):
        _, people, keypoints = read(path)
        np.testing.assert_allclose(keypoints[..., :2], points[part] - 1, atol=6e-4)
        np.testing.assert_array_equal(keypoints[..., 2], np.where(occluded[part], 1, 2))
        assert [person['num_keypoints'] for person in people] == [14, 14]


def test_lspet_joints_are_labeled_where_the_flag_says_so(lsp):
    root, _, (points, labeled) = lsp
    _, people, keypoints = read(convert_lsp(root)[2])
    np.testing.assert_array_equal(keypoints[..., 2], 2 * labeled)
    np.testing.assert_allclose(keypoints[..., :2], (points - 1) * labeled[..., None], atol=6e-4)
    assert [person['num_keypoints'] for person in people] == labeled.sum(1).tolist()


def test_lsp_boxes(lsp):
    """LSP's whole images; squares around LSPET's labeled joints; areas of the joints' extents."""
    root, (lsp_points, _), (points, labeled) = lsp
    paths = convert_lsp(root)
    assert [person['bbox'] for person in read(paths[1])[1]] == [[0, 0, 120, 140], [0, 0, 130, 150]]
    for n, person in enumerate(read(paths[2])[1]):
        known = points[n][labeled[n] > 0] - 1
        middle, extent = (known.min(0) + known.max(0)) / 2, np.ptp(known, axis=0)
        left, top, width, height = person['bbox']
        assert width == height == pytest.approx(1.25 * extent.max(), abs=1e-3)
        np.testing.assert_allclose([left + width / 2, top + height / 2], middle, atol=2e-3)
        assert person['area'] == pytest.approx(extent.prod(), abs=1e-3)
    assert read(paths[0])[1][0]['area'] == pytest.approx(np.ptp(lsp_points[0], axis=0).prod(), abs=1e-3)


def test_origin(lsp):
    root, (points, _), _ = lsp
    _, _, keypoints = read(convert_lsp(root, origin=0)[0])
    np.testing.assert_allclose(keypoints[..., :2], points[:2], atol=6e-4)
    with pytest.raises(ValueError, match="'origin' must be one of 0, 1, got 2"):
        convert_lsp(root, origin=2)


def test_without_lspet(lsp, capsys):
    root = lsp[0]
    (root / 'lspet').rename(root / 'elsewhere')
    assert [path.stem for path in convert_lsp(root)] == ['lsp_train', 'lsp_test']
    assert f'{root / "lspet"} is not there' in capsys.readouterr().out


def test_lspet_alone(lsp, tmp_path):
    """Without LSP every tenth person is for validation; the annotations may be written elsewhere."""
    root = lsp[0]
    (root / 'lsp').rename(root / 'elsewhere')
    points = np.random.default_rng(0).uniform(10, 190, (21, 14, 3))
    points[..., 2] = 1
    savemat_of(root / 'lspet' / 'joints.mat', joints=points.transpose(1, 2, 0))
    for number in range(4, 22):
        cv2.imwrite(str(root / 'lspet' / 'images' / f'im{number:05d}.jpg'), np.zeros((9, 8, 3), np.uint8))
    written = convert_lsp(root, out_dir=tmp_path / 'out')
    assert written == [tmp_path / 'out' / f'lspet_{name}.json' for name in ('train', 'split_train', 'split_val')]
    names = [[int(image['file_name'][-6:-4]) for image in read(path)[0]['images']] for path in written]
    assert names[0] == [*range(1, 22)]
    assert names[2] == [10, 20] and names[1] == [n for n in names[0] if n not in (10, 20)]
    assert not (root / 'annotations').exists()


def test_sizes_are_those_of_the_turned_image(lsp):
    """MMPose's LoadImage turns an image by its EXIF orientation."""
    root = lsp[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    path = root / 'lsp' / 'images' / 'im0001.jpg'
    Image.fromarray(np.zeros((40, 30, 3), np.uint8)).save(path, exif=exif)
    assert cv2.imread(str(path)).shape[:2] == (30, 40)
    image = read(convert_lsp(root)[0])[0]['images'][0]
    assert (image['width'], image['height']) == (40, 30)


def test_a_reader_that_crashes_is_an_error(tmp_path, monkeypatch):
    """A hostile file may end the process that reads it: not this one."""
    path = tmp_path / 'lsp' / 'joints.mat'
    savemat_of(path, joints=np.zeros((3, 14, 2)))
    monkeypatch.setattr(matlab, '_READER', 'import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)')
    with pytest.raises(ValueError, match=f'{path} must be a Matlab file, got a reader that ended with status -11'):
        convert_lsp(tmp_path)


def test_lspet_person_without_a_label(lsp, capsys):
    root, _, (points, labeled) = lsp
    labeled[1] = 0
    labeled[2] = np.arange(14) == 5
    savemat_of(root / 'lspet' / 'joints.mat', joints=np.dstack([points, labeled]).transpose(1, 2, 0))
    content, people, _ = read(convert_lsp(root)[2])
    assert [image['file_name'][-5] for image in content['images']] == ['1', '3']
    assert people[1]['bbox'] == [0, 0, 240, 250]  # one joint has no extent
    printed = capsys.readouterr().out
    assert 'person 2 has no labeled joint and is left out' in printed
    assert 'has 3 people, and the published one 10000' in printed


def test_nan_is_not_labeled(lsp):
    root, (points, flags), _ = lsp
    points[0, 3, 1] = np.nan
    savemat_of(root / 'lsp' / 'joints.mat', joints=np.concatenate([points, flags[..., None]], 2).T)
    _, people, keypoints = read(convert_lsp(root)[0])
    assert keypoints[0, 3].tolist() == [0, 0, 0]
    assert people[0]['num_keypoints'] == 13


def run_tool(monkeypatch, name, *arguments):
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
    runpy.run_path(str(TOOLS / name), run_name='__main__')


def test_lsp_tool(lsp, monkeypatch, capsys):
    run_tool(monkeypatch, 'lsp_to_coco.py', lsp[0], '--origin', '0')
    assert 'lsp_lspet_train.json: 5 people in 5 images' in capsys.readouterr().out
    expected = (lsp[0] / 'annotations' / 'lsp_test.json').read_bytes()
    assert convert_lsp(lsp[0], origin=0)[1].read_bytes() == expected


# ---------------------------------------------------------------------------------------------
# FLIC

FIELDS = ['poselet_hit_idx', 'moviename', 'coords', 'filepath', 'imgdims', 'currframe', 'torsobox', 'istrain', 'istest']


def example(number, train, left_first=False, center=360.0):
    """An entry of examples.mat; its joints stand around a center. ``left_first``: seen from behind."""
    coords = np.full((2, 29), np.nan)
    rng = np.random.default_rng(number)
    for name, column in FLIC.items():
        side = {'l': 40, 'r': -40, 'n': 0}[name[0]] * (-1 if left_first else 1)
        coords[:, column - 1] = center + side + rng.uniform(-10, 10), rng.uniform(100, 400)
    return dict(
        poselet_hit_idx=np.array([3, 7], np.uint16),
        moviename='film',
        coords=coords,
        filepath=f'film-{number:08d}.jpg',
        imgdims=np.array([480, 720, 3], np.uint16),
        currframe=np.uint16(number),
        torsobox=np.array([center - 30, 150, center + 50, 300], np.float32),
        istrain=np.uint8(train),
        istest=np.uint8(not train),
    )


def write_examples(root, examples):
    """As a Matlab array of structs, with the same fields in all."""
    array = np.empty((1, len(examples)), [(field, object) for field in examples[0]])
    for place, values in enumerate(examples):
        for field, value in values.items():
            array[0, place][field] = value
    savemat_of(root / 'examples.mat', examples=array)
    return examples


@pytest.fixture
def flic(tmp_path):
    """Two for training, of whom the second is seen from behind, and two for testing, in one image."""
    people = [example(1, True), example(2, True, left_first=True), example(3, False, center=70.5), example(4, False)]
    people[3]['filepath'] = people[2]['filepath']
    return tmp_path, write_examples(tmp_path, people)


def points_of(person):
    return person['coords'][:, [column - 1 for column in FLIC.values()]].T


def test_flic_files(flic):
    root, people = flic
    written = convert_flic(root)
    names = ['person_train', 'person_test', 'observer_train', 'observer_test']
    assert written == [root / 'annotations' / f'flic_{name}.json' for name in names]
    for path, part in zip(written, (people[:2], people[2:]) * 2, strict=True):
        content, annotations, keypoints = read(path)
        files = [content['images'][person['image_id'] - 1]['file_name'] for person in annotations]
        assert files == [f'images/{person["filepath"]}' for person in part]
        assert all((image['width'], image['height']) == (720, 480) for image in content['images'])
        assert content['categories'][0]['keypoints'] == [*FLIC]
        assert (keypoints[..., 2] == 2).all()
    assert len(read(written[1])[0]['images']) == 1


def test_flic_joints(flic):
    root, people = flic
    person, observer = (read(path)[2][..., :2] for path in convert_flic(root)[::2])
    expected = np.stack([points_of(person) for person in people[:2]]) - 1
    np.testing.assert_allclose(person, expected, atol=6e-4)
    # whoever is seen from behind has left and right exchanged, all joints or none
    swapped = {'left': 'right', 'right': 'left'}
    mirrored = [[*FLIC].index('_'.join(swapped.get(word, word) for word in name.split('_'))) for name in FLIC]
    np.testing.assert_allclose(observer[0], expected[0], atol=6e-4)
    np.testing.assert_allclose(observer[1], expected[1, mirrored], atol=6e-4)


def test_flic_crops(flic):
    """Squares of 440 pixels, centerd on the torso's box in x and on the image in y; they may reach beyond it."""
    boxes = [person['bbox'] for path in convert_flic(flic[0])[:2] for person in read(path)[1]]
    # the middle of the torso's box is 10 right of the center, and pixels are counted from 0
    assert boxes[2] == [70.5 + 10 - 220 - 1, 19, 440, 440]
    assert boxes[0] == boxes[1] == boxes[3] == [149, 19, 440, 440]
    (box, *_) = [person['bbox'] for person in read(convert_flic(flic[0], origin=0, crop_side=480)[0])[1]]
    assert box == [130, 0, 480, 480]
    with pytest.raises(ValueError, match="'crop_side' must be a finite number > 0, got 0"):
        convert_flic(flic[0], crop_side=0)


def test_flic_unlabeled_and_unused(tmp_path):
    people = [example(1, True), example(2, True), example(3, False)]
    people[0]['coords'][0, FLIC['nose'] - 1] = np.nan
    people[1]['istrain'] = np.uint8(0)  # neither trained nor tested on
    write_examples(tmp_path, people)
    paths = convert_flic(tmp_path)
    _, annotations, keypoints = read(paths[0])
    assert len(annotations) == 1
    assert keypoints[0, [*FLIC].index('nose')].tolist() == [0, 0, 0]
    assert annotations[0]['num_keypoints'] == 10
    assert len(read(paths[1])[1]) == 1


def test_flic_single_example(tmp_path):
    write_examples(tmp_path, [example(1, True)])
    assert len(read(convert_flic(tmp_path)[0])[1]) == 1


def test_flic_tool(flic, monkeypatch, capsys):
    run_tool(monkeypatch, 'flic_to_coco.py', flic[0], '--crop-side', '480')
    assert 'flic_observer_test.json: 2 people in 1 images' in capsys.readouterr().out
    assert read(flic[0] / 'annotations' / 'flic_person_train.json')[1][0]['bbox'][2:] == [480, 480]


# ---------------------------------------------------------------------------------------------
# bad files


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"joints.mat must be a file with the variable 'joints', and does not"):
        convert_lsp(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"examples.mat must be a file with the variable 'examples'"):
        convert_flic(tmp_path)


def hdf5(path):
    """The header of a Matlab file of version 7.3."""
    path.write_bytes(
        b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(124) + struct.pack('<H', 0x0200) + b'IM' + b'\x89HDF'
    )


def text(path):
    path.write_text('joints = [1 2 3]\n')


def empty(path):
    path.write_bytes(b'')


def cut_off(path):
    savemat(path, dict(joints=np.random.default_rng(0).random((3, 14, 40))), do_compression=True)
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (hdf5, r"must be a Matlab file of version 7 or older, got version 7.3: .*save\(file, '-v7'\)"),
        (text, r'must be a Matlab file, got'),
        (empty, r'must be a Matlab file, got'),
        (cut_off, r'must be a Matlab file, got'),
    ],
)
def test_no_matlab_file(tmp_path, spoil, message):
    path = tmp_path / 'lsp' / 'joints.mat'
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(ValueError, match=f'{path} {message}'):
        convert_lsp(tmp_path)


@pytest.mark.parametrize(
    ('variables', 'message'),
    [
        (dict(joint=1.0, other=2.0), "must have the variable 'joints', got joint, other"),
        (
            dict(joints=np.zeros((14, 3, 5))),
            r"'joints' of .*lsp.*joints.mat must have shape \(3, 14, N\), got .*of LSPET",
        ),
        (dict(joints=np.zeros((3, 16, 5))), r'must have shape \(3, 14, N\), got shape \(3, 16, 5\)'),
        (dict(joints='text'), "'joints' of .* must be numbers, got str"),
        (dict(joints=np.full((3, 14, 5), 2.0)), "'joints' of .* must have 0 and 1 as every third coordinate, got 2"),
    ],
)
def test_bad_joints(tmp_path, variables, message):
    savemat_of(tmp_path / 'lsp' / 'joints.mat', **variables)
    with pytest.raises(ValueError, match=message):
        convert_lsp(tmp_path)


def test_lspet_in_the_layout_of_lsp(lsp):
    root = lsp[0]
    joints = loadmat(root / 'lsp' / 'joints.mat')['joints']
    savemat_of(root / 'lspet' / 'joints.mat', joints=joints)
    with pytest.raises(
        ValueError, match=r'must have shape \(14, 3, N\), got shape \(3, 14, 4\); .* the layout of LSP$'
    ):
        convert_lsp(root)
    assert not (root / 'annotations').exists()


def test_missing_image(lsp):
    path = lsp[0] / 'lsp' / 'images' / 'im0003.jpg'
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f'{path} must be an image, .* does not exist'):
        convert_lsp(lsp[0])


def test_unreadable_image(lsp):
    path = lsp[0] / 'lspet' / 'images' / 'im00002.jpg'
    path.write_text('no image')
    with pytest.raises(ValueError, match=f'{path} must be an image, got a file that cannot be read'):
        convert_lsp(lsp[0])


def without(field):
    return lambda person: person.pop(field)


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (without('torsobox'), r'example 1 of .*examples.mat must be a struct with the fields coords, .*istest, got'),
        (lambda p: p.update(coords=np.zeros((2, 11))), r"'coords' of example 2 of .* must have shape \(2, 29\), got"),
        (lambda p: p.update(coords='none'), "'coords' of example 2 of .* must be numbers, got str"),
        (lambda p: p.update(imgdims=np.array([480, 720])), r"'imgdims' of example 2 of .* must have shape \(3\), got"),
        (lambda p: p.update(torsobox=np.full(4, np.nan)), "'torsobox' of example 2 of .* must be left, top, right and"),
        (lambda p: p.update(torsobox=np.array([9, 0, 3, 5])), "'torsobox' of example 2 of .* must be left, top, right"),
        (lambda p: p.update(filepath=7), "'filepath' of example 2 of .* must be a text, got 7"),
    ],
)
def test_bad_examples(tmp_path, spoil, message):
    people = [example(1, True), example(2, True)]
    spoil(people[1])
    if people[0].keys() != people[1].keys():
        people[0] = people[1]
    write_examples(tmp_path, people)
    with pytest.raises(ValueError, match=message):
        convert_flic(tmp_path)
    assert not (tmp_path / 'annotations').exists()


def test_examples_that_are_no_structs(tmp_path):
    savemat_of(tmp_path / 'examples.mat', examples=np.arange(3.0))
    with pytest.raises(ValueError, match=r'example 1 of .* must be a struct with the fields .*, got float'):
        convert_flic(tmp_path)
