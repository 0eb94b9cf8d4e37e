"""The people whose crops are cached, and a fingerprint of all that the crops depend on."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import cv2
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import BaseDataset

from ..regions import Region, person_region

__all__ = ['People', 'Settings', 'find_people', 'nested']

_VERSION = 1  # of the file's layout


class Settings(NamedTuple):
    """How crops are made.

    Attributes:
        form: 'raw' or 'jpeg'.
        padding: Side of a crop over the longer side of the box.
        quality: Of JPEG, 1 to 100.
    """

    form: str
    padding: float
    quality: int


class People(NamedTuple):
    """The regions to cache by the path of their image, sorted, without the paths' common folder.

    Attributes:
        folder: Beginning of all paths, up to a separator.
        regions: Rest of an image's path -> regions.
    """

    folder: str
    regions: dict[str, list[Region]]

    def fingerprint(self, settings: Settings, load: LoadImageFromFile) -> str:
        """Of the regions, the sizes and times of the images, and the way of reading and keeping them.

        Args:
            settings: How crops are made.
            load: What reads the images.

        Raises:
            FileNotFoundError: If an image is missing.
        """
        reader = (type(load).__module__, type(load).__qualname__, load.color_type, load.imdecode_backend)
        used = settings if settings.form == 'jpeg' else settings._replace(quality=0)
        digest = hashlib.blake2b(json.dumps([_VERSION, cv2.__version__, used, reader]).encode(), digest_size=16)
        local = load.backend_args is None or load.backend_args.get('backend') == 'local'
        for image, regions in self.regions.items():
            path = self.folder + image
            # images in a storage that is no file system are taken to stay as they are
            state = _state(path) if local and '://' not in path else None
            digest.update(json.dumps([image, regions, state]).encode())
        return digest.hexdigest()


def _state(path: str) -> tuple[int, int]:
    """Size of a file and the time of its last change."""
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"'dataset' names an image that does not exist: {path}") from error
    return found.st_size, found.st_mtime_ns


def nested(dataset: object) -> list[object]:
    """The datasets inside of a dataset such as ``RepeatDataset`` or ``CombinedDataset``."""
    inside = vars(dataset)
    return [*inside.get('datasets', ()), *([inside['dataset']] if 'dataset' in inside else [])]


def _samples(dataset: object) -> Iterator[Mapping[str, object]]:
    """What the datasets at the bottom say of their people, without meta information."""
    inner = nested(dataset)
    for part in inner:
        yield from _samples(part)
    if not inner:
        if not isinstance(dataset, BaseDataset):
            raise ValueError(f"'dataset' must consist of BaseDatasets of MMEngine, got {type(dataset).__name__}")
        dataset.full_init()
        for index in range(len(dataset)):
            yield BaseDataset.get_data_info(dataset, index)


def find_people(datasets: Iterable[object], padding: float) -> People:
    """The regions of all people of some datasets.

    Args:
        datasets: Of MMEngine or MMPose, also nested.
        padding: Side of a region over the longer side of a box.

    Raises:
        ValueError: If a person has no image or no finite box, or nobody is there.
    """
    found: dict[str, set[Region]] = {}
    for dataset in datasets:
        for person in _samples(dataset):
            if not isinstance(person.get('img_path'), str):
                raise ValueError(f"'img_path' must be a path, got {person.get('img_path')!r} in 'dataset'")
            found.setdefault(str(person['img_path']), set()).add(person_region(person, padding))
    if not found:
        raise ValueError("'dataset' must have people, got none")
    # not commonpath, which changes addresses such as s3://bucket
    prefix = os.path.commonprefix([*found])  # noqa: RUF071
    folder = prefix[: prefix.rfind('/') + 1]
    return People(folder, {path.removeprefix(folder): sorted(found[path]) for path in sorted(found)})
