"""Boxes of people from files: COCO annotations, COCO detections, and tables."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmpose_ext.files import parse_json

from .loading import check_threshold

__all__ = ['BoxFile']

_COLUMNS = ('file_name', 'x1', 'y1', 'x2', 'y2')


class BoxFile:
    """Boxes by image, read from a file.

    Three kinds of files are read: COCO annotations (``images`` and ``annotations`` with ``bbox`` as x, y, w, h; boxes
    around crowds, with ``iscrowd``, are left out), COCO detections (a list of entries with ``image_id`` or
    ``file_name``, ``bbox`` and ``score``), and CSV with the columns ``file_name, x1, y1, x2, y2`` and, if wanted,
    ``score``. An image is found by its file name, without the folder, or by its number, if its name is that number as
    in COCO (000000000785.jpg is image 785).

    Args:
        path: Of the ``.json`` or ``.csv`` file.
        score_thr: Boxes with a lower score are left out.

    Attributes:
        image_ids: Of COCO annotations, the number of each image by its file name; else empty.

    Raises:
        ValueError: If the file cannot be read, or is of another kind; the message names it and the place. Or if
            ``score_thr`` is not between 0 and 1.
    """

    def __init__(self, path: str | Path, score_thr: float = 0.0) -> None:
        check_threshold('score_thr', score_thr)
        self.path = Path(path)
        self._boxes: dict[str, list[list[float]]] = defaultdict(list)
        self._known: set[str] = set()
        self.image_ids: dict[str, int] = {}
        try:
            text = self.path.read_text(encoding='utf-8-sig')
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"'boxes' must be a file of boxes, {path} cannot be read: {error}") from error
        if self.path.suffix.lower() == '.csv':
            self._read_table(text, score_thr)
        else:
            self._read_json(text, score_thr)

    def __contains__(self, name: str) -> bool:
        """Whether the file knows an image, by its file's name."""
        return self._key(name) is not None

    def __call__(self, name: str) -> np.ndarray:
        """Boxes (N, 5) of an image by its file's name: x1, y1, x2, y2 in pixels and the score; none if unknown."""
        key = self._key(name)
        return np.array([] if key is None else self._boxes[key], np.float32).reshape(-1, 5)

    def _key(self, name: str) -> str | None:
        path = Path(name)
        keys = (path.name, path.stem.lstrip('0') or '0')
        return next((key for key in keys if key in self._known), None)

    def _add(self, key: str, box: Sequence[float], score: float, score_thr: float) -> None:
        self._known.add(key)
        # a score that is not a number is kept, so that its box is named as not finite
        if not score < score_thr:
            self._boxes[key].append([*box, score])

    def _read_table(self, text: str, score_thr: float) -> None:
        table = csv.DictReader(text.splitlines())
        missing = [column for column in _COLUMNS if column not in (table.fieldnames or ())]
        if missing:
            raise ValueError(f'{self.path} must have the columns {", ".join(_COLUMNS)}, got {table.fieldnames}')
        for line, row in enumerate(table, start=2):
            try:
                box = [float(row[column]) for column in _COLUMNS[1:]]
                score = float(row.get('score') or 1)
            except (TypeError, ValueError) as error:
                raise ValueError(f'{self.path}, line {line}: a box must be four numbers, got {row}') from error
            self._add(Path(row['file_name']).name, box, score, score_thr)

    def _read_json(self, text: str, score_thr: float) -> None:
        try:
            content = parse_json(text)
        except ValueError as error:
            raise ValueError(f'{self.path} is not valid json: {error}') from error
        names: dict[object, str] = {}
        if isinstance(content, Mapping) and {'images', 'annotations'} <= content.keys():
            try:
                names = {image['id']: Path(image['file_name']).name for image in content['images']}
                self.image_ids = {name: int(str(number)) for number, name in names.items()}
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{self.path}: 'images' must be a list of entries with a whole number as 'id' and a 'file_name'"
                ) from error
            self._known.update(names.values())
            content = content['annotations']
        if not isinstance(content, list):
            raise ValueError(f'{self.path} must hold COCO annotations or a list of COCO detections')
        for index, entry in enumerate(content):
            try:
                x, y, w, h = (float(side) for side in entry['bbox'])
                key = names.get(entry.get('image_id')) or entry.get('file_name') or str(entry['image_id'])
                score = float(entry.get('score', 1))
                crowd = bool(entry.get('iscrowd', 0))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{self.path}, entry {index}: must have an 'image_id' or a 'file_name' and a 'bbox' of four "
                    f'numbers, got {entry!r:.200}'
                ) from error
            if not crowd:
                self._add(Path(str(key)).name, [x, y, x + w, y + h], score, score_thr)
