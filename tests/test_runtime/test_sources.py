"""Images from files, folders, patterns, arrays and videos."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmpose_ext.runtime.orientation import webp_orientation
from mmpose_ext.runtime.sources import ImageSource, VideoSource, open_source, open_sources, read_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((8, 12, 3), 40 * number, np.uint8))
    (tmp_path / 'README.md').write_text('no image')
    (tmp_path / 'broken.jpg').write_bytes(b'\xff\xd8\xff no image')
    (tmp_path / 'empty.png').write_bytes(b'')
    return tmp_path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / 'walk.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 10, (32, 24))
    for number in range(5):
        writer.write(np.full((24, 32, 3), 50 * number, np.uint8))
    writer.release()
    return path


def test_folder_holds_its_images_and_names_what_cannot_be_read(folder):
    frames = list(open_source(folder))
    assert [Path(frame.name).name for frame in frames] == ['0.png', '1.png', '2.png', 'broken.jpg', 'empty.png']
    assert [frame.image is None for frame in frames] == [False, False, False, True, True]
    assert 'broken.jpg is no image' in frames[3].problem
    assert 'empty.png is empty' in frames[4].problem
    assert [frame.index for frame in open_source(folder).frames(start=3)] == [3, 4]


def test_patterns_lists_and_arrays(folder):
    assert len(open_source(str(folder / '[01].png'))) == 2
    array = np.zeros((4, 5), np.uint8)
    frames = list(open_source([folder / '1.png', array]))
    assert frames[0].image[0, 0, 0] == 40
    assert frames[1].image.shape == (4, 5, 3)
    assert len(list(open_source(np.zeros((2, 4, 5, 3), np.uint8)))) == 2
    assert next(iter(open_source(array))).image.shape == (4, 5, 3)


def test_arrays_of_other_types_are_named(folder):
    frame = next(iter(open_source(np.zeros((4, 5, 3)))))
    assert frame.image is None
    assert 'float64' in frame.problem


@pytest.mark.parametrize('mode', ['L', 'RGBA', 'P', '1', 'I;16', 'CMYK'])
def test_images_of_every_kind_have_three_channels_of_eight_bits(tmp_path, mode):
    path = tmp_path / ('image.jpg' if mode == 'CMYK' else 'image.png')
    Image.new(mode, (6, 4)).save(path)
    image = read_image(path)
    assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp'])
def test_photographs_are_turned_upright(tmp_path, suffix, orientation):
    """As Pillow turns them; half the image is bright, so that all eight orientations differ."""
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :24], pixels[16:, :24] = 250, 120
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x010F] = 'maker of the phone'
    exif[0x0112] = orientation
    image.save(tmp_path / f'phone.{suffix}', exif=exif, **(dict(lossless=True) if suffix == 'webp' else {}))
    with Image.open(tmp_path / f'phone.{suffix}') as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert('RGB'))
    found = read_image(tmp_path / f'phone.{suffix}')
    assert found.shape == expected.shape
    np.testing.assert_allclose(found[..., ::-1].astype(int), expected, atol=3)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('prefix', [b'', b'Exif\0\0'])
def test_orientation_of_webp_in_both_byte_orders(order, prefix):
    entries = [(0x010F, 2, 4, 0), (0x0112, 3, 1, 8)]
    tiff = (b'II' if order == '<' else b'MM') + struct.pack(f'{order}HI', 42, 8) + struct.pack(f'{order}H', 2)
    tiff += b''.join(struct.pack(f'{order}HHIHxx', *entry) for entry in entries)

    def webp(exif):
        odd = b'VP8 ' + struct.pack('<I', 3) + b'abc\0'  # chunks of an odd size are padded
        return b'RIFF' + struct.pack('<I', 99) + b'WEBP' + odd + b'EXIF' + struct.pack('<I', len(exif)) + exif

    assert webp_orientation(webp(prefix + tiff)) == 8
    for end in range(len(tiff)):  # damaged
        assert webp_orientation(webp(prefix + tiff[:end])) in (1, 8)
    assert webp_orientation(webp(prefix + tiff.replace(struct.pack(f'{order}H', 8), b'\x77\x77'))) == 1
    assert webp_orientation(b'RIFF') == 1


def test_video_has_frames_with_times(video):
    source = open_source(video)
    assert isinstance(source, VideoSource)
    frames = list(source)
    assert (len(source), len(frames), source.rate, source.size) == (5, 5, 10, (32, 24))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert frames[2].name == 'walk.mp4 frame 2'
    # lossy, but each frame has its own gray level
    assert [round(frame.image.mean() / 50) for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.index for frame in source.frames(start=3)] == [3, 4]


@pytest.mark.parametrize('source', ['nothing.jpg', 'no/*.png', []])
def test_missing_sources_are_named(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="'source' must be"):
        open_source(source)


def test_folder_without_images_and_file_that_is_no_video_are_named(tmp_path):
    with pytest.raises(ValueError, match='folder with images'):
        open_source(tmp_path)
    (tmp_path / 'text.mp4').write_text('text')
    with pytest.raises(ValueError, match='must be a video'):
        open_source(tmp_path / 'text.mp4')


def test_one_image(folder):
    source = open_source(str(folder / '2.png'))
    assert isinstance(source, ImageSource)
    assert [frame.image[0, 0, 0] for frame in source] == [80]


def test_images_and_videos_of_a_folder(folder, video):
    (folder / 'second.mp4').write_bytes(video.read_bytes())
    images, *videos = open_sources(folder)
    assert [Path(name).name for name in images.names] == ['0.png', '1.png', '2.png', 'broken.jpg', 'empty.png']
    assert [one.stem for one in videos] == ['second', 'walk']
    assert [one.stem for one in open_sources(str(folder / '*.mp4'))] == ['second', 'walk']
    assert open_source(folder).names == images.names
    assert open_source([video]).stem == 'walk'
    with pytest.raises(ValueError, match='images or one video, got 2 videos'):
        open_source([video, folder / 'second.mp4'])
