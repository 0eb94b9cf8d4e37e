"""A file that grows by one line for each image, from which a run that ended early is resumed."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmpose_ext.files import parse_json, write_whole
from mmpose_ext.runtime.people import People

from .result_files import FramePeople

__all__ = ['Journal', 'file_stamp']


def file_stamp(name: str | int | Path | None) -> str | None:
    """Size and time of change of a file, which tell it from another one of the same name; None if there is none."""
    try:
        status = os.stat(str(name))
    except (OSError, ValueError):
        return None
    return f'{status.st_size} {status.st_mtime_ns}'


@dataclass
class Journal:
    """What a run has done, kept on the disk. The first line holds the settings, each other line one image.

    Args:
        path: Of the file; None: nothing is written.

    Attributes:
        done: People of the images that are done, by the number of the image.
    """

    path: Path | None
    done: dict[int, FramePeople] = field(default_factory=dict)

    def open(self, settings: Mapping[str, object], names: Sequence[str] | None, resume: bool) -> None:
        """Start the file anew, or with what an earlier run has done.

        Images that could not be read, and files that have changed since, are not taken over.

        Args:
            settings: What the results depend on, as values that json can hold.
            names: Of the images; None for a video, whose frames keep their numbers.
            resume: Whether to take over what an earlier run has done.

        Raises:
            ValueError: If the earlier run had other settings or images; the file is then left as it is.
        """
        if self.path is None:
            return
        first = json.loads(json.dumps(dict(settings=dict(settings))))
        if resume and self.path.is_file():
            lines = _read_lines(self.path)
            self._check_settings(lines[0] if lines else {}, first)
            self.done = self._taken_over(lines[1:], names)
        entries = [first, *(_to_line(entry) for entry in self.done.values())]
        write_whole(self.path, ''.join(f'{json.dumps(entry)}\n' for entry in entries))

    def _check_settings(self, found: Mapping[str, object], wanted: dict[str, dict[str, object]]) -> None:
        earlier = found.get('settings')
        if not isinstance(earlier, Mapping):
            raise ValueError(
                f"'resume' must go on with a run that wrote its settings, got {str(self.path)!r} without them"
            )
        for name, value in wanted['settings'].items():
            if earlier.get(name) != value:
                raise ValueError(
                    f"'resume' must go on with the run in {self._folder}, which had {name}={earlier.get(name)!r}, "
                    f'got {value!r}; choose another folder, or do not resume'
                )

    def _taken_over(self, lines: Sequence[Mapping], names: Sequence[str] | None) -> dict[int, FramePeople]:
        """People of the images that need not be read again, with the numbers that the images have now."""
        numbers = None if names is None else {name: index for index, name in reversed(list(enumerate(names)))}
        done = {}
        for line in lines:
            try:
                entry = _from_line(line)
            except (ValueError, KeyError, TypeError):
                continue
            if entry.problem:
                continue
            if numbers is not None:
                if entry.name not in numbers:
                    raise ValueError(
                        f"'resume' must go on with the images of the run in {self._folder}, which had {entry.name!r}, "
                        f'got {len(numbers)} images without it; choose another folder, or do not resume'
                    )
                stamp = file_stamp(entry.name)
                if stamp is None or stamp != line.get('stamp'):
                    continue
                entry = replace(entry, index=numbers[entry.name])
            done[entry.index] = entry
        return done

    @property
    def _folder(self) -> str:
        return '' if self.path is None else str(self.path.parent)

    def add(self, entries: Sequence[FramePeople]) -> None:
        """Remember images, and write them to the disk."""
        self.done |= {entry.index: entry for entry in entries}
        if self.path is not None and entries:
            with self.path.open('a', encoding='utf-8') as file:
                file.writelines(f'{json.dumps(_to_line(entry))}\n' for entry in entries)

    def frames(self) -> list[FramePeople]:
        """All images in their order."""
        return [self.done[index] for index in sorted(self.done)]


def _read_lines(path: Path) -> list[Mapping]:
    """The lines of a file; one that was cut off is left out."""
    lines: list[Mapping] = []
    for text in path.read_text(encoding='utf-8', errors='replace').splitlines():
        try:
            line = parse_json(text)
        except ValueError:
            continue
        if isinstance(line, Mapping):
            lines.append(line)
    return lines


def _to_line(entry: FramePeople) -> dict[str, object]:
    people = entry.people
    arrays = dict(
        boxes=people.boxes,
        box_scores=people.box_scores,
        keypoints=people.keypoints,
        scores=people.scores,
        sigmas=people.sigmas,
        track_ids=people.track_ids,
        covariances=people.covariances,
        person_scores=people.person_scores,
    )
    return dict(
        index=entry.index,
        name=entry.name,
        size=list(entry.size),
        stamp=file_stamp(entry.name),
        time=entry.time,
        problem=entry.problem,
        notes=list(people.notes),
        shape=list(people.keypoints.shape),
        **{name: None if array is None else array.ravel().tolist() for name, array in arrays.items()},
    )


def _from_line(line: Mapping) -> FramePeople:
    count, joints, dim = line['shape']

    def array(name: str, *shape: int) -> np.ndarray:
        return np.array(line[name], np.float32).reshape(shape)

    people = People(
        boxes=array('boxes', count, 4),
        box_scores=array('box_scores', count),
        keypoints=array('keypoints', count, joints, dim),
        scores=array('scores', count, joints),
        sigmas=None if line['sigmas'] is None else array('sigmas', count, joints, dim),
        track_ids=None if line['track_ids'] is None else array('track_ids', count).astype(np.int64),
        notes=tuple(line['notes']),
        person_scores=None if line.get('person_scores') is None else array('person_scores', count),
        covariances=None if line.get('covariances') is None else array('covariances', count, joints, dim, dim),
    )
    width, height = line['size']
    return FramePeople(line['index'], line['name'], (width, height), people, line['time'], line['problem'])
