"""Writing images and their COCO annotation file, by one or several processes."""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypedDict

import cv2

from mmpose_ext.files import write_whole

from .coco_annotations import CATEGORY
from .image import DrawnImage, draw_image
from .scene import SceneOptions

__all__ = ['SplitRequest', 'write_json', 'write_splits']

_JPEG_QUALITY = 92
_CHUNK = 16  # images a process draws before it takes more


class Entry(TypedDict):
    """What the annotation file says of one image."""

    file_name: str
    camera: dict[str, list[float]]
    annotations: list[dict]


Progress = Callable[[str, int, int], None]
Mapper = Callable[[Callable[[int], Entry], Iterable[int]], Iterable[Entry]]


@dataclass(frozen=True)
class SplitRequest:
    """What a split consists of.

    Attributes:
        name: 'train' or 'val'.
        count: Number of images, 1 or more.
        seed: 0 or more.
        options: Size and difficulty.
    """

    name: str
    count: int
    seed: int
    options: SceneOptions


def write_splits(out_dir: Path, requests: list[SplitRequest], workers: int, progress: Progress) -> None:
    """Writes `<out_dir>/<name>/*.jpg` and `<out_dir>/annotations/person_keypoints_<name>.json` of every split.

    The bytes do not depend on the number of workers.

    Args:
        out_dir: Existing folder.
        requests: What to draw.
        workers: Processes; 1 draws in this one.
        progress: Called with (name of the split, images written, images in all) after each image.
    """
    annotations_dir = out_dir / 'annotations'
    annotations_dir.mkdir(exist_ok=True)
    with _mapper(workers) as each:
        for request in requests:
            folder = out_dir / request.name
            folder.mkdir(exist_ok=True)
            drawn = []
            for entry in each(partial(_write_image, folder, request), range(request.count)):
                drawn.append(entry)
                progress(request.name, len(drawn), request.count)
            write_json(annotations_dir / f'person_keypoints_{request.name}.json', _coco(request, drawn))


def write_json(path: Path, content: object) -> None:
    """Writes a file that is either whole or absent."""
    write_whole(path, json.dumps(content, separators=(',', ':')) + '\n')


@contextmanager
def _mapper(workers: int) -> Iterator[Mapper]:
    """`map`, in this process or over several; in order either way."""
    if workers > 1:
        # Spawned, not forked: whoever calls may have threads running (torch, OpenCV).
        context = get_context('spawn')
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,))
        try:
            yield partial(pool.map, chunksize=_CHUNK)
        finally:
            pool.shutdown(cancel_futures=True)
        return
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # OpenCV's threads only get in each other's way on images this small
    try:
        yield map
    finally:
        cv2.setNumThreads(before)


def _write_image(folder: Path, request: SplitRequest, index: int) -> Entry:
    """Draws one image into its file; returns what the annotation file says of it."""
    image: DrawnImage = draw_image(request.seed, request.name, index, request.options)
    name = f'{index:06d}.jpg'
    done, data = cv2.imencode('.jpg', image.pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError(f'OpenCV could not encode {name}')
    # imwrite would only return False on a full disk, write_bytes raises.
    (folder / name).write_bytes(data.tobytes())
    return {'file_name': name, 'camera': image.camera, 'annotations': image.annotations}


def _coco(request: SplitRequest, drawn: list[Entry]) -> dict:
    size = {'width': request.options.width, 'height': request.options.height}
    images: list[dict] = []
    annotations: list[dict] = []
    for image_id, entry in enumerate(drawn, start=1):
        images.append({'id': image_id, 'file_name': entry['file_name'], **size, 'camera': entry['camera']})
        for annotation in entry['annotations']:
            annotations.append({'id': len(annotations) + 1, 'image_id': image_id, **annotation})
    info = {'description': f'mmpose_ext synthetic people, {request.name}, seed {request.seed}'}
    return {'info': info, 'images': images, 'annotations': annotations, 'categories': [CATEGORY]}
