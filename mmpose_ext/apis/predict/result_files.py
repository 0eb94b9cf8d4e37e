"""What a prediction leaves behind: people of each frame, and the files that other programs read."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.runtime.sources import Frame

__all__ = ['FramePeople', 'Journal', 'write_coco', 'write_video_json']


@dataclass(frozen=True)
class FramePeople:
    """People of one image or frame of a video.

    Attributes:
        index: Number of the image in the source, from 0.
        name: Of the image, see :class:`mmpose_ext.runtime.sources.Frame`.
        size: (w, h) in pixels, (0, 0) if the image cannot be read.
        people: Found in it.
        time: Seconds from the start of a video; None for a still image.
        problem: Why the image cannot be read, or ''.
    """

    index: int
    name: str
    size: tuple[int, int]
    people: People
    time: float | None = None
    problem: str = ''

    @classmethod
    def of(cls, frame: Frame, people: People) -> 'FramePeople':
        """People of a frame that was read, or that could not be."""
        size = (0, 0) if frame.image is None else (frame.image.shape[1], frame.image.shape[0])
        return cls(frame.index, frame.name, size, people, frame.time, frame.problem)


@dataclass
class Journal:
    """A file that grows by one line for each frame, so that nothing done is lost when the program ends early.

    Args:
        path: Of the file; None: nothing is written.
    """

    path: Path | None
    done: dict[int, FramePeople] = field(default_factory=dict)

    def resume(self) -> None:
        """Read what an earlier run has done; a line that was cut off at the end is left out."""
        if self.path is None or not self.path.is_file():
            return
        for line in self.path.read_text(encoding='utf-8').splitlines():
            try:
                entry = _from_line(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue
            self.done[entry.index] = entry
        self.start(self.done.values())

    def start(self, entries: Iterable[FramePeople] = ()) -> None:
        """Write the file anew with some entries."""
        if self.path is not None:
            write_text(self.path, ''.join(f'{json.dumps(_to_line(entry))}\n' for entry in entries))

    def add(self, entries: Sequence[FramePeople]) -> None:
        """Remember frames, and write them to the disk."""
        self.done |= {entry.index: entry for entry in entries}
        if self.path is not None and entries:
            with self.path.open('a', encoding='utf-8') as file:
                file.writelines(f'{json.dumps(_to_line(entry))}\n' for entry in entries)
                file.flush()

    def frames(self) -> list[FramePeople]:
        """All frames in their order."""
        return [self.done[index] for index in sorted(self.done)]


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and rename it, so that it is whole whenever it exists."""
    beside = path.with_name(f'.{path.name}.part')
    beside.write_text(text, encoding='utf-8')
    os.replace(beside, path)


def image_ids(names: Sequence[str]) -> list[int]:
    """COCO's number of each image: the one in its name (000000000785.jpg) if all have one, else 1, 2, 3 ..."""
    stems = [Path(name).stem for name in names]
    if all(stem.isdecimal() for stem in stems) and len({int(stem) for stem in stems}) == len(stems):
        return [int(stem) for stem in stems]
    return list(range(1, len(names) + 1))


def write_coco(out_dir: Path, frames: Sequence[FramePeople], skeleton: Skeleton) -> None:
    """Write COCO's two forms: ``keypoints.json`` with images and people, and ``results.json``.

    ``pycocotools.coco.COCO('keypoints.json')`` reads the former, ``COCO.loadRes('results.json')`` of the ground truth
    the latter, for which images have the numbers of the ground truth only where these are in their names.
    """
    readable = [frame for frame in frames if not frame.problem]
    numbers = image_ids([frame.name for frame in readable])
    images = [
        dict(id=number, file_name=Path(frame.name).name, width=frame.size[0], height=frame.size[1])
        for number, frame in zip(numbers, readable, strict=True)
    ]
    people = [entry for number, frame in zip(numbers, readable, strict=True) for entry in frame.people.to_coco(number)]
    category = dict(
        id=1,
        name='person',
        keypoints=list(skeleton.joint_names),
        skeleton=[[first + 1, second + 1] for first, second in skeleton.links],
    )
    annotations = [
        dict(entry, id=index, iscrowd=0, num_keypoints=len(skeleton.joint_names))
        for index, entry in enumerate(people, start=1)
    ]
    content = dict(images=images, annotations=annotations, categories=[category])
    write_text(out_dir / 'keypoints.json', json.dumps(content))
    write_text(out_dir / 'results.json', json.dumps(people))


def write_video_json(path: Path, frames: Sequence[FramePeople], skeleton: Skeleton, rate: float) -> None:
    """Write the people of a video: ``frames`` with ``index``, ``time`` in seconds and ``people``.

    People are entries of a COCO result file, see :meth:`mmpose_ext.runtime.people.People.to_coco`.
    """
    entries = [
        dict(index=frame.index, time=frame.time, people=frame.people.to_coco(frame.index), problem=frame.problem)
        for frame in frames
    ]
    content = dict(frame_rate=rate, size=list(frames[0].size) if frames else [0, 0], frames=entries)
    write_text(path, json.dumps(dict(content, keypoints=list(skeleton.joint_names))))


def _to_line(entry: FramePeople) -> dict[str, object]:
    people = entry.people
    arrays = dict(
        boxes=people.boxes,
        box_scores=people.box_scores,
        keypoints=people.keypoints,
        scores=people.scores,
        sigmas=people.sigmas,
        track_ids=people.track_ids,
    )
    return dict(
        index=entry.index,
        name=entry.name,
        size=list(entry.size),
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
    )
    width, height = line['size']
    return FramePeople(line['index'], line['name'], (width, height), people, line['time'], line['problem'])
