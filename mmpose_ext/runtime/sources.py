"""Images from whatever a user names: a file, a folder, a pattern, a list, an array, a video or a camera."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .orientation import decode_upright

__all__ = [
    'IMAGE_SUFFIXES',
    'VIDEO_SUFFIXES',
    'Frame',
    'ImageSource',
    'Source',
    'VideoSource',
    'open_source',
    'open_sources',
    'read_image',
]

IMAGE_SUFFIXES = frozenset(
    [
        '.avif',
        '.bmp',
        '.heic',
        '.heif',
        '.jpe',
        '.jpeg',
        '.jpg',
        '.jp2',
        '.pbm',
        '.pgm',
        '.png',
        '.ppm',
        '.tif',
        '.tiff',
        '.webp',
    ]
)
VIDEO_SUFFIXES = frozenset(['.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.ts', '.webm', '.wmv'])
_STREAMS = ('http://', 'https://', 'rtmp://', 'rtsp://', 'udp://')

Source = str | int | Path | np.ndarray | Sequence['str | Path | np.ndarray']


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        index: Number of the image in the source, from 0.
        name: File of the image, or the video's name with the number of the frame.
        image: (H, W, 3) uint8, BGR; None if it cannot be read.
        time: Seconds from the start of a video; None for a still image.
        problem: Why there is no image.
    """

    index: int
    name: str
    image: np.ndarray | None
    time: float | None = None
    problem: str = ''


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as MMPose's ``LoadImage`` does: 8 bits, three channels, turned upright by its EXIF orientation.

    Args:
        path: Of the file.

    Returns:
        (H, W, 3) uint8, BGR; gray images have three equal channels.

    Raises:
        ValueError: If the file is missing, empty or no image; the message names it.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(f'{path} cannot be read: {error.strerror or error}') from error
    if not content.size:
        raise ValueError(f'{path} is empty')
    kind = 'video' if _is_video(path) else 'image'
    try:
        image = decode_upright(content)
    except cv2.error as error:
        raise ValueError(f'{path} is no {kind} that OpenCV reads: {error.err}') from error
    if image is None:
        raise ValueError(f'{path} is no {kind} that OpenCV reads')
    return image


def _is_video(path: str | Path) -> bool:
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def check_array(image: np.ndarray) -> np.ndarray:
    """An image given as an array, with three channels.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA, uint8.

    Raises:
        ValueError: If it is none of these.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"'source' must be an image of uint8, (H, W) or (H, W, 3), got {image.dtype} {image.shape}")
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels == 1:
        return np.ascontiguousarray(np.broadcast_to(image.reshape(*image.shape[:2], 1), (*image.shape[:2], 3)))
    if channels not in (3, 4):
        raise ValueError(f"'source' must have 1, 3 or 4 channels, got an array of shape {image.shape}")
    return np.ascontiguousarray(image[..., :3])


class ImageSource:
    """Still images: files and arrays. ``len()`` is their number."""

    is_video = False

    def __init__(self, images: Sequence[str | Path | np.ndarray]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    @property
    def names(self) -> list[str]:
        """Names of the images: their files, or 'array 0', 'array 1' and so on."""
        return [
            f'array {index}' if isinstance(item, np.ndarray) else str(item) for index, item in enumerate(self.images)
        ]

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """The images from a number on."""
        for index in range(start, len(self.images)):
            item = self.images[index]
            name = f'array {index}' if isinstance(item, np.ndarray) else str(item)
            try:
                image = check_array(item) if isinstance(item, np.ndarray) else read_image(item)
            except ValueError as error:
                yield Frame(index, name, None, problem=str(error))
            else:
                yield Frame(index, name, image)


class VideoSource:
    """Frames of a video file, a stream or a camera. ``len()`` is the file's own figure, and 0 if it tells none.

    Attributes:
        rate: Frames per second.
        size: (w, h) of the frames in pixels.
        shortfall: After :meth:`frames` has ended: one sentence if the file has fewer frames than it announces, else ''.
    """

    is_video = True

    def __init__(self, name: str | int) -> None:
        self.name = name
        video = self._open()
        rate = video.get(cv2.CAP_PROP_FPS)
        self.rate = rate if np.isfinite(rate) and rate > 0 else 30.0
        self.size = (int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        live = isinstance(name, int) or str(name).startswith(_STREAMS)
        self._count = 0 if live else max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.shortfall = ''
        video.release()

    def _open(self) -> cv2.VideoCapture:
        video = cv2.VideoCapture(self.name)
        if not video.isOpened():
            what = f'camera {self.name}' if isinstance(self.name, int) else str(self.name)
            raise ValueError(f"'source' must be a video that OpenCV reads, got {what}")
        return video

    @property
    def stem(self) -> str:
        """The name without folder and suffix, after which results are named."""
        return f'camera{self.name}' if isinstance(self.name, int) else Path(str(self.name)).stem or 'video'

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """The frames from a number on; earlier ones are read and dropped, because seeking is not exact."""
        video = self._open()
        stem = f'camera {self.name}' if isinstance(self.name, int) else Path(str(self.name)).name
        try:
            index = 0
            while video.grab():
                if index >= start:
                    time = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                    readable, image = video.retrieve()
                    name = f'{stem} frame {index}'
                    if readable:
                        yield Frame(index, name, image, time if index == 0 or time > 0 else index / self.rate)
                    else:
                        yield Frame(index, name, None, index / self.rate, f'{name} cannot be decoded')
                index += 1
            if index < self._count and not index:
                yield Frame(0, f'{stem} frame 0', None, 0.0, f'{stem} has no frame that OpenCV decodes')
            elif index + 1 < self._count:  # one frame may be rounding: some formats store the duration alone
                self.shortfall = f'{stem} ends after {index} of the {self._count} frames that it announces'
        finally:
            video.release()


def open_source(source: Source) -> ImageSource | VideoSource:
    """Find the images that a user means, where these are still images or one video.

    Args:
        source: An image file, a folder (its images, in the order of their names; other files are left out), a pattern
            such as ``photographs/*.jpg``, a list of files or arrays, one array, a video file, the address of a stream,
            or the number of a camera (also as text).

    Raises:
        ValueError: If there is no such file, no image in it, or more than one video.
    """
    found = open_sources(source)
    if len(found) > 1 and isinstance(found[0], VideoSource):
        raise ValueError(f"'source' must be images or one video, got {len(found)} videos")
    return found[0]


def open_sources(source: Source) -> list[ImageSource | VideoSource]:
    """Find the images and videos that a user means.

    Args:
        source: As for :func:`open_source`; folders, patterns and lists may also hold videos.

    Returns:
        The still images together, if there are any, then each video. A file that is named like a video and that
        OpenCV cannot open is among the images, which name it when it is read.

    Raises:
        ValueError: If there is no such file, or no image and no video in it.
    """
    if isinstance(source, np.ndarray):
        return [ImageSource([source] if source.ndim < 4 else list(source))]
    if isinstance(source, int):
        return [VideoSource(source)]
    if isinstance(source, (str, Path)):
        return _open_name(str(source))
    items = list(source)
    if not items or not all(isinstance(item, (str, Path, np.ndarray)) for item in items):
        raise ValueError(f"'source' must be a list of one or more files or arrays, got {items!r:.200}")
    return _sorted_by_kind(items)


def _sorted_by_kind(items: Sequence[str | Path | np.ndarray]) -> list[ImageSource | VideoSource]:
    """The still images of a list, then its videos."""
    images: list[str | Path | np.ndarray] = []
    videos: list[ImageSource | VideoSource] = []
    for item in items:
        if isinstance(item, np.ndarray) or not _is_video(item):
            images.append(item)
            continue
        try:
            videos.append(VideoSource(str(item)))
        except ValueError:
            images.append(item)
    return [ImageSource(images), *videos] if images else videos


def _open_name(name: str) -> list[ImageSource | VideoSource]:
    path = Path(name)
    if path.is_dir():
        suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES
        files = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.lower() in suffixes)
        if not files:
            raise ValueError(
                f"'source' must be a folder with images or videos ({' '.join(sorted(suffixes))}), got {name}"
            )
        return _sorted_by_kind(files)
    if path.is_file():
        return [VideoSource(name) if _is_video(path) else ImageSource([path])]
    if name.startswith(_STREAMS):
        return [VideoSource(name)]
    if name.isdecimal():
        return [VideoSource(int(name))]
    if glob.has_magic(name):
        matches = sorted(Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file())
        if matches:
            return _sorted_by_kind(matches)
    raise ValueError(
        f"'source' must be an image, a folder, a pattern, a video, a stream or a camera's number, got {name!r}, "
        'which does not exist'
    )
