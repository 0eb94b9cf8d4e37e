"""Writing pictures and their COCO annotation file, by one or several processes."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2

from .labels import CATEGORY
from .picture import Picture, draw_picture
from .scene import SceneOptions

__all__ = ['SplitRequest', 'write_json', 'write_split']

_JPEG_QUALITY = 92
_CHUNK = 16  # pictures a process draws before it takes more

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SplitRequest:
    """What a split consists of.

    Attributes:
        name: 'train' or 'val'.
        count: Number of pictures, 1 or more.
        seed: 0 or more.
        options: Size and difficulty.
    """

    name: str
    count: int
    seed: int
    options: SceneOptions


def write_split(out_dir: Path, request: SplitRequest, workers: int, progress: Progress) -> None:
    """Writes `<out_dir>/<name>/*.jpg` and `<out_dir>/annotations/person_keypoints_<name>.json`.

    The bytes do not depend on the number of workers.

    Args:
        out_dir: Existing folder.
        request: What to draw.
        workers: Processes; 1 draws in this one.
        progress: Called with (pictures written, pictures in all) after each.
    """
    folder = out_dir / request.name
    folder.mkdir(exist_ok=True)
    draw = partial(_write_picture, folder, request)
    drawn = []
    for entry in _each(draw, request.count, workers):
        drawn.append(entry)
        progress(len(drawn), request.count)
    annotations_dir = out_dir / 'annotations'
    annotations_dir.mkdir(exist_ok=True)
    write_json(annotations_dir / f'person_keypoints_{request.name}.json', _coco(request, drawn))


def write_json(path: Path, content: Any) -> None:
    """Writes a file that is either whole or absent."""
    part = path.with_name(path.name + '.part')
    part.write_text(json.dumps(content, separators=(',', ':')) + '\n', encoding='utf-8')
    os.replace(part, path)


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV's own threads only get in each other's way on pictures this small."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _each(draw: Callable[[int], dict[str, Any]], count: int, workers: int) -> Iterator[dict[str, Any]]:
    """Results of `draw` for 0, 1, ..., in order."""
    if workers == 1:
        with _one_thread():
            yield from map(draw, range(count))
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context('spawn'), initializer=cv2.setNumThreads, initargs=(1,))
    try:
        yield from pool.map(draw, range(count), chunksize=_CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)


def _write_picture(folder: Path, request: SplitRequest, index: int) -> dict[str, Any]:
    """Draws one picture into its file; returns what the annotation file says of it."""
    picture: Picture = draw_picture(request.seed, request.name, index, request.options)
    name = f'{index:06d}.jpg'
    done, data = cv2.imencode('.jpg', picture.pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError(f'OpenCV could not encode {name}')
    # imwrite would only return False on a full disk, write_bytes raises.
    (folder / name).write_bytes(data.tobytes())
    return {'file_name': name, 'camera': picture.camera, 'annotations': picture.annotations}


def _coco(request: SplitRequest, drawn: list[dict[str, Any]]) -> dict[str, Any]:
    size = {'width': request.options.width, 'height': request.options.height}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, entry in enumerate(drawn, start=1):
        images.append({'id': image_id, 'file_name': entry['file_name'], **size, 'camera': entry['camera']})
        for annotation in entry['annotations']:
            annotations.append({'id': len(annotations) + 1, 'image_id': image_id, **annotation})
    info = {'description': f'mmpose_ext synthetic people, {request.name}, seed {request.seed}'}
    return {'info': info, 'images': images, 'annotations': annotations, 'categories': [CATEGORY]}
