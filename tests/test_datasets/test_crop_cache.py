"""The cache of crops against the same dataset without it, and files, folders and processes that get in its way."""

import copy
import errno
import json
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmpose_ext import config_path
from mmpose_ext.datasets.crop_cache import CropFromCache, people, writing
from mmpose_ext.datasets.regions import Region, person_region, warp_part
from mmpose_ext.registry import DATASETS

pytestmark = pytest.mark.usefixtures('mmpose_scope')

SIZES = ((120, 160), (200, 90), (150, 150))  # height, width
# left, top, width, height: inside, over the border, outside, of one pixel, large
BOXES = ((30, 20, 40, 80), (-20, 60, 60, 90), (400, 400, 50, 60), (50, 50, 1, 1), (0, 0, 150, 110))
STEPS = [
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', prob=[0.3, 0.3, 0.3], direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='RandomHalfBody', min_total_keypoints=4, prob=0.5),
    dict(type='RandomBBoxTransform'),
]
LAST = [dict(type='TopdownAffine', input_size=(48, 64)), dict(type='PackPoseInputs', pack_transformed=True)]


def write_dataset(root: Path, boxes: Any = BOXES) -> Path:
    """Smooth images with noise, and in each of them a person for each box."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number, (height, width) in enumerate(SIZES, 1):
        image = cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (width, height))
        image = np.clip(image + rng.normal(0, 20, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(root / f'{number}.png'), image)
        images.append(dict(id=number, file_name=f'{number}.png', width=width, height=height))
        for left, top, w, h in boxes:
            points = np.column_stack([rng.uniform((left, top), (left + w, top + h), (14, 2)), np.full(14, 2)])
            person = dict(id=len(annotations) + 1, image_id=number, category_id=1, iscrowd=0, num_keypoints=14)
            annotations.append(dict(person, bbox=[left, top, w, h], area=w * h, keypoints=points.ravel().tolist()))
    people_file = dict(images=images, annotations=annotations, categories=[dict(id=1, name='person')])
    (root / 'people.json').write_text(json.dumps(people_file))
    return root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / 'data').mkdir()
    return write_dataset(tmp_path / 'data')


def config_of(data: Path, steps: Any = STEPS, last: Any = LAST, **load: object) -> dict:
    """A dataset whose boxes are taken as they are, also beyond the image."""
    pipeline = [dict(type='LoadImage', **load), *steps, *last]
    settings = dict(ann_file='people.json', data_root=f'{data}/', data_prefix=dict(img=''))
    return dict(type='mmpose_ext.LspDataset', pipeline=copy.deepcopy(pipeline), **settings)


def cached(data: Path, dataset: dict | None = None, **options: object) -> Any:
    dataset = config_of(data) if dataset is None else dataset
    return DATASETS.build(
        dict(type='mmpose_ext.CropCache', cache_dir=f'{data.parent}/cache', dataset=dataset, **options)
    )


def files(data: Path) -> list[str]:
    return sorted(path.name for path in (data.parent / 'cache').iterdir() if path.suffix != '.lock')


def seed(value: int) -> None:
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002
    torch.manual_seed(value)


def draw() -> tuple[float, float, float]:
    return random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray | list | tuple):
        return len(np.shape(one)) == len(np.shape(other)) and np.array_equal(one, other)
    return bool(one == other)


def assert_same_samples(plain: Any, with_cache: Any, times: int = 2, close: float = 1) -> None:
    """Same joints, boxes, names and random numbers to the last bit; values within one gray level, few of them."""
    assert len(plain) == len(with_cache) > 0
    differing, values = 0, 0
    for index in [*range(len(plain))] * times:
        seed(values)
        expected, drawn = plain[index], draw()
        seed(values)
        found = with_cache[index]
        assert drawn == draw()
        ours, theirs = found['data_samples'], expected['data_samples']
        assert equal(ours.metainfo, theirs.metainfo)
        assert equal(dict(ours.gt_instances.items()), dict(theirs.gt_instances.items()))
        assert found['inputs'].dtype == expected['inputs'].dtype
        change = (found['inputs'].double() - expected['inputs'].double()).abs()
        assert change.max() <= close
        differing, values = differing + int((change > 1e-3).sum()), values + change.numel()
    if close <= 1:
        assert differing / values < 1e-3


def count_whole_images(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the images that the dataset will read."""
    read: list[str] = []
    load = next(step for step in dataset.pipeline.transforms if isinstance(step, CropFromCache)).load
    transform = load.transform
    monkeypatch.setattr(load, 'transform', lambda results: (read.append(results['img_path']), transform(results))[1])
    return read


# ---------------------------------------------------------------------------------------------
# samples


@pytest.mark.parametrize('padding', [0.5, 1.5, 3.0])
def test_samples_are_those_of_whole_images(padding: float, data: Path) -> None:
    assert_same_samples(DATASETS.build(config_of(data)), cached(data, padding=padding))


def test_an_identity_crop_is_exact(data: Path) -> None:
    """Without a turn and at a scale of one, no rounding differs."""
    steps = [dict(type='GetBBoxCenterScale', padding=1.0)]
    data = write_dataset(data, [(20, 10, 48, 64), (-10, 20, 48, 64)])
    assert_same_samples(DATASETS.build(config_of(data, steps)), cached(data, config_of(data, steps)), close=0)


def test_whole_images_are_read_where_the_crop_ends(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = DATASETS.build(config_of(data))
    small, large = cached(data, padding=0.5), cached(data, padding=10.0)
    read_small, read_large = (count_whole_images(dataset, monkeypatch) for dataset in (small, large))
    assert_same_samples(plain, small, 1)
    assert_same_samples(plain, large, 1)
    assert 5 < len(read_small) < len(plain)
    # the boxes outside the image; 10 times one pixel of the smallest boxes does not reach far
    assert len(read_large) <= 2 * len(SIZES)


def test_color_transforms_see_the_same_values(data: Path) -> None:
    config = config_of(data, [*STEPS, dict(type='mmpose_ext.RandomChannelScale')])
    assert_same_samples(DATASETS.build(config), cached(data, config, padding=0.7))


def test_udp(data: Path) -> None:
    last = [dict(type='TopdownAffine', input_size=(48, 64), use_udp=True), *LAST[1:]]
    assert_same_samples(DATASETS.build(config_of(data, last=last)), cached(data, config_of(data, last=last)))


@pytest.mark.parametrize(
    'load',
    [
        dict(color_type='grayscale'),
        dict(to_float32=True),
        dict(imdecode_backend='pillow'),
        dict(color_type='unchanged'),
    ],
    ids=lambda load: next(iter(load.values())),
)
def test_images_are_read_as_the_config_says(load: dict, data: Path) -> None:
    gray = load.get('color_type') == 'grayscale'
    last = LAST[:1] if gray else LAST  # MMPose packs images of three channels
    plain, ours = DATASETS.build(config_of(data, last=last, **load)), cached(data, config_of(data, last=last, **load))
    for index in range(len(plain)):
        seed(index)
        expected = plain[index]
        seed(index)
        found = ours[index]
        for sample in (expected, found):
            sample['inputs'] = torch.from_numpy(sample['img']) if gray else sample['inputs']
        assert found['inputs'].dtype == expected['inputs'].dtype
        assert found['inputs'].shape == expected['inputs'].shape
        assert (found['inputs'].double() - expected['inputs'].double()).abs().max() <= 1


@pytest.mark.parametrize('color_type', ['color', 'color_ignore_orientation'])
def test_orientation(color_type: str, data: Path) -> None:
    """A camera that was held upright."""
    for number in range(1, 4):
        image = Image.open(data / f'{number}.png')
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(data / f'{number}.jpg', exif=exif)
    (data / 'people.json').write_text((data / 'people.json').read_text().replace('.png', '.jpg'))
    config = config_of(data, color_type=color_type)
    assert_same_samples(DATASETS.build(config), cached(data, config))


def test_jpeg_is_close_and_says_how_far(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(writing, 'print_log', lambda text, **_: told.append(text))
    plain, jpeg = DATASETS.build(config_of(data)), cached(data, form='jpeg', quality=90)
    changes = []
    for index in range(len(plain)):
        seed(index)
        expected = plain[index]['inputs'].double()
        seed(index)
        changes.append((jpeg[index]['inputs'].double() - expected).abs())
    change = torch.stack(changes)
    assert 0.1 < change.mean() < 8
    raw = cached(data)
    sizes = [(data.parent / 'cache' / name).stat().st_size for name in files(data)]
    assert len(sizes) == 2
    assert min(sizes) < 0.4 * max(sizes)
    assert len(raw) == len(jpeg)
    assert 'JPEG of quality 90 changes values by' in told[0]
    assert 'gray levels on average' in told[0]


def test_the_size_is_told_before(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    surveys: list[Any] = []
    announce = writing._announce

    def record(path: Path, survey: Any, *rest: Any) -> None:
        assert not [*path.parent.glob('*.part')]
        surveys.append(survey)
        announce(path, survey, *rest)

    monkeypatch.setattr(writing, '_announce', record)
    cached(data)
    size = (data.parent / 'cache' / files(data)[0]).stat().st_size
    assert 0 <= size - surveys[0].size < 500  # the header


# ---------------------------------------------------------------------------------------------
# datasets of datasets, loaders, configs


def repeated(dataset: dict) -> dict:
    return dict(type='RepeatDataset', times=2, dataset=dataset)


def joined(dataset: dict) -> dict:
    return dict(type='ConcatDataset', datasets=[dataset, copy.deepcopy(dataset)])


def combined(dataset: dict) -> dict:
    first, second = copy.deepcopy(dataset), copy.deepcopy(dataset)
    pipeline = dataset['pipeline']
    first['pipeline'], second['pipeline'] = [], [dict(type='mmpose_ext.DropLabels', ratio=0.5)]
    metainfo = DATASETS.get('mmpose_ext.LspDataset').METAINFO
    return dict(type='CombinedDataset', metainfo=metainfo, datasets=[first, second], pipeline=pipeline)


@pytest.mark.parametrize('wrap', [repeated, joined, combined], ids=lambda wrap: wrap.__name__)
def test_datasets_of_datasets(wrap: Callable[[dict], dict], data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = DATASETS.build(wrap(config_of(data)))
    inside = cached(data, wrap(config_of(data)))
    assert type(inside) is type(plain)
    assert_same_samples(plain, inside, 1)
    if wrap is not combined:
        inner = dict(type='mmpose_ext.CropCache', cache_dir=f'{data.parent}/cache', dataset=config_of(data))
        assert_same_samples(plain, DATASETS.build(wrap(inner)), 1)
        assert len(files(data)) == 1
    else:
        read = count_whole_images(inside, monkeypatch)
        [inside[index] for index in range(len(inside))]
        assert len(read) < len(inside)


def test_in_workers(data: Path) -> None:
    """Processes that start anew map the file again."""
    dataset = cached(data)
    step = dataset.pipeline.transforms[0]
    assert len(pickle.dumps(step.crops)) < 1000
    again = pickle.loads(pickle.dumps(step))
    assert len(again.crops) == len(step.crops) > 0
    person = dict(img_path=f'{data}/1.png', bbox=np.array([[30.0, 20, 70, 100]]))
    assert np.array_equal(again.crops.find(person).pixels, step.crops.find(person).pixels)


def test_one_line_of_a_config(tiny_data: Path, tmp_path: Path) -> None:
    base = config_path('dark/dark_res18_1xb32-10e_synthetic-128x96')
    (tmp_path / 'it.py').write_text(
        f"_base_ = '{base}'\n"
        "train_dataloader = dict(dataset=dict(_delete_=True, type='mmpose_ext.CropCache', "
        f"cache_dir='{tmp_path}/cache', dataset=_base_.train_dataloader.dataset))\n"
    )
    config = Config.fromfile(tmp_path / 'it.py')
    config.train_dataloader.dataset.dataset.data_root = f'{tiny_data}/'
    plain = DATASETS.build(config.train_dataloader.dataset.dataset)
    assert_same_samples(plain, DATASETS.build(config.train_dataloader.dataset))


# ---------------------------------------------------------------------------------------------
# when a cache is made anew


def touch_image(data: Path) -> None:
    image = cv2.imread(str(data / '1.png'))
    cv2.imwrite(str(data / '1.png'), 255 - image)
    os.utime(data / '1.png', (1, 1))


def move_box(data: Path) -> None:
    content = json.loads((data / 'people.json').read_text())
    content['annotations'][0]['bbox'][0] += 10
    (data / 'people.json').write_text(json.dumps(content))


@pytest.mark.parametrize('change', [touch_image, move_box])
def test_changed_data(change: Callable[[Path], None], data: Path) -> None:
    cached(data)
    before = files(data)
    cached(data)
    assert files(data) == before
    change(data)
    assert_same_samples(DATASETS.build(config_of(data)), cached(data))
    assert len(files(data)) == 2


def test_changed_settings(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(data)
    cached(data, quality=50)  # of no account for raw pixels
    assert len(files(data)) == 1
    cached(data, padding=1.5)
    cached(data, form='jpeg')
    cached(data, form='jpeg', quality=50)
    cached(data, config_of(data, color_type='grayscale', last=LAST[:1]))
    assert len(files(data)) == 5
    monkeypatch.setattr(people.cv2, '__version__', '0')
    cached(data)
    assert len(files(data)) == 6


def test_moved_data(data: Path) -> None:
    cached(data)
    shutil.move(data, data.parent / 'moved')
    moved = cached(data.parent / 'moved')
    assert len(files(data)) == 1
    assert_same_samples(DATASETS.build(config_of(data.parent / 'moved')), moved, 1)


@pytest.mark.parametrize('damage', ['cut off', 'one byte short', 'empty', 'zeros', 'longer'])
def test_damaged_files(damage: str, data: Path) -> None:
    cached(data)
    path = data.parent / 'cache' / files(data)[0]
    content = path.read_bytes()
    path.write_bytes(
        {
            'cut off': content[: len(content) // 2],
            'one byte short': content[:-1],
            'empty': b'',
            'zeros': bytes(len(content)),
            'longer': content + b'0',
        }[damage]
    )
    assert_same_samples(DATASETS.build(config_of(data)), cached(data), 1)
    assert path.read_bytes() == content


def test_broken_pixels_name_the_file(data: Path) -> None:
    dataset = cached(data, form='jpeg')
    path = data.parent / 'cache' / files(data)[0]
    content = bytearray(path.read_bytes())
    content[: dataset.pipeline.transforms[0].crops.header.keys_at] = bytes(
        dataset.pipeline.transforms[0].crops.header.keys_at
    )
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"'cache_dir' holds a broken file, {path}.*delete it"):
        cached(data, form='jpeg')[0]


def test_nothing_is_written_next_to_a_whole_file(data: Path) -> None:
    """A folder that may only be read is enough."""
    cached(data)
    folder = data.parent / 'cache'
    for lock in folder.glob('*.lock'):
        lock.unlink()
    before = [(path.name, path.stat().st_mtime_ns) for path in folder.iterdir()]
    assert len(before) == 1
    cached(data)[0]
    assert [(path.name, path.stat().st_mtime_ns) for path in folder.iterdir()] == before


# ---------------------------------------------------------------------------------------------
# processes and disks


def build_in(data: Path, marks: Path) -> None:
    write = writing._write

    def slow(*arguments: Any) -> None:
        (marks / f'{os.getpid()}').touch()
        time.sleep(0.2)
        write(*arguments)

    writing._write = slow
    assert len(cached(data)) > 0


def test_two_processes_write_once(data: Path, tmp_path: Path) -> None:
    marks = tmp_path / 'marks'
    marks.mkdir()
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=build_in, args=(data, marks)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len([*marks.iterdir()]) == 1
    assert_same_samples(DATASETS.build(config_of(data)), cached(data), 1)


def build_and_stop(data: Path) -> None:
    end = writing.write_end

    def stop(file: Any, *rest: Any) -> None:
        end(file, *rest)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    writing.write_end = stop
    cached(data)


def test_a_kill_leaves_nothing(data: Path) -> None:
    process = multiprocessing.get_context('fork').Process(target=build_and_stop, args=(data,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert [name.rpartition('.')[2] for name in files(data)] == ['part']
    assert_same_samples(DATASETS.build(config_of(data)), cached(data), 1)
    assert [name.rpartition('.')[2] for name in files(data)] == ['crops']


def test_a_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, 'write_end', full)
    with pytest.raises(OSError, match=r"'cache_dir' must be .*cache: .*No space left"):
        cached(data)
    assert not files(data)
    usage = shutil.disk_usage(data)._replace(free=1000)
    monkeypatch.setattr(writing.shutil, 'disk_usage', lambda _: usage)
    with pytest.raises(OSError, match=r"'cache_dir' must be .*MiB are needed, and 0.0 MiB are free"):
        cached(data)
    assert not files(data)


def test_folders_that_cannot_be(data: Path) -> None:
    (data.parent / 'cache').write_text('a file')
    with pytest.raises(OSError, match=r"'cache_dir' must be a folder to write crops to, got .*cache"):
        cached(data)


# ---------------------------------------------------------------------------------------------
# what is refused


def test_refused(data: Path) -> None:
    steps = [*STEPS, dict(type='mmpose_ext.DropLabels', ratio=0.5), dict(type='RandomFlip')]
    with pytest.raises(ValueError, match='and one flip, got'):
        cached(data, config_of(data, steps))
    steps = [*STEPS, dict(type='PhotometricDistortion')]
    with pytest.raises(
        ValueError, match=r"'dataset' must have only .*got mmpose.PhotometricDistortion; put others behind"
    ):
        cached(data, config_of(data, steps))
    with pytest.raises(
        ValueError, match=r"'dataset' must have LoadImage before TopdownAffine, or LoadRegion, .*got none"
    ):
        cached(data, config_of(data, last=LAST[1:]))
    for wrong in (dict(form='png'), dict(padding=0), dict(quality=0), dict(quality=95.0)):
        with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' must be"):
            cached(data, **wrong)
    (data / '2.png').unlink()
    with pytest.raises(FileNotFoundError, match=r"'dataset' names an image that does not exist: .*2\.png"):
        cached(data)


def test_images_of_16_bits(data: Path) -> None:
    cv2.imwrite(str(data / '1.png'), np.zeros((120, 160, 3), np.uint16))
    with pytest.raises(ValueError, match=r"'dataset' must have images with values of 8 bits, got uint16 from .*1\.png"):
        cached(data, config_of(data, color_type='unchanged'))


# ---------------------------------------------------------------------------------------------
# regions


def test_regions() -> None:
    person = dict(img_path='it', bbox=np.array([[10.0, 20, 30, 60]]))
    assert person_region(person, 1.5) == Region(-10, 10, 50, 70)
    given = dict(person, bbox_center=np.array([[0.5, 0]]), bbox_scale=np.array([[20.0, 4]]))
    assert person_region(given, 1.5) == Region(-15, -15, 16, 15)
    assert person_region(dict(person, bbox=np.zeros((1, 4))), 1.5) == Region(-8, -8, 8, 8)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"'bbox' must be finite, got .*for it"):
            person_region(dict(person, bbox=np.array([[0, 0, wrong, 1]])), 1.5)
    with pytest.raises(ValueError, match="'bbox' must be given for each person, got none for it"):
        person_region(dict(img_path='it'), 1.5)


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flipped_regions(direction: str) -> None:
    image = np.arange(7 * 9).reshape(7, 9)
    region = Region(2, 1, 5, 6)
    part = image[region.top : region.bottom, region.left : region.right]
    axes = {'horizontal': 1, 'vertical': 0, 'diagonal': (0, 1)}[direction]
    moved = region.flipped(direction, 7, 9)
    flipped = np.flip(image, axes)
    assert np.array_equal(flipped[moved.top : moved.bottom, moved.left : moved.right], np.flip(part, axes))


def test_a_warp_beyond_the_part_is_refused() -> None:
    """By one pixel, on each side."""
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    needed = Region(10, 12, 22, 27)  # of an output of 10x12 pixels at (11, 13), with a margin of one and a half
    matrix = np.array([[1, 0, -11.5], [0, 1, -13.5]])
    expected = cv2.warpAffine(image, matrix, (10, 12), flags=cv2.INTER_LINEAR)

    def warp(place: Region) -> Any:
        part = image[place.top : place.bottom, place.left : place.right]
        return warp_part(part, place, (40, 50), matrix, (10, 12))

    large = Region(5, 5, 30, 35)
    found = warp(large)
    assert np.abs(found.astype(int) - expected).max() <= 1
    for side in range(4):
        place = [*large]
        place[side] = needed[side] + (4 if side < 2 else -4)
        assert warp(Region(*place)) is None
