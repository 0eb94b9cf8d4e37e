"""What a prediction leaves behind: people of each frame, and the files that other programs read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmpose_ext.files import write_whole
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.runtime.sources import Frame

__all__ = ['FramePeople', 'write_coco', 'write_video_json']


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


def image_ids(names: Sequence[str], known: Mapping[str, int] | None = None) -> list[int]:
    """COCO's number of each image.

    Args:
        names: Of the images.
        known: Numbers by file names, which are taken if all images have one.

    Returns:
        The known numbers, else those in the names (000000000785.jpg is image 785) if all have one, else 1, 2, 3 ...
    """
    numbers = [(known or {}).get(Path(name).name) for name in names]
    given = [number for number in numbers if number is not None]
    if len(set(given)) == len(names):
        return given
    stems = [Path(name).stem for name in names]
    if all(stem.isdecimal() for stem in stems) and len({int(stem) for stem in stems}) == len(stems):
        return [int(stem) for stem in stems]
    return list(range(1, len(names) + 1))


def write_coco(
    out_dir: Path, frames: Sequence[FramePeople], skeleton: Skeleton, known_ids: Mapping[str, int] | None = None
) -> None:
    """Write COCO's two forms: ``keypoints.json`` with images and people, and ``results.json``.

    ``pycocotools.coco.COCO('keypoints.json')`` reads the former, ``COCO.loadRes('results.json')`` of the ground truth
    the latter. Images have the numbers of the ground truth if ``known_ids`` has them by file name, or if the names of
    the files are numbers.
    """
    readable = [frame for frame in frames if not frame.problem]
    numbers = image_ids([frame.name for frame in readable], known_ids)
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
    write_whole(out_dir / 'keypoints.json', json.dumps(content))
    write_whole(out_dir / 'results.json', json.dumps(people))


def write_video_json(path: Path, frames: Sequence[FramePeople], skeleton: Skeleton, rate: float) -> None:
    """Write the people of a video: ``frames`` with ``index``, ``time`` in seconds and ``people``.

    People are entries of a COCO result file, see :meth:`mmpose_ext.runtime.people.People.to_coco`.
    """
    entries = [
        dict(index=frame.index, time=frame.time, people=frame.people.to_coco(frame.index), problem=frame.problem)
        for frame in frames
    ]
    content = dict(frame_rate=rate, size=list(frames[0].size) if frames else [0, 0], frames=entries)
    write_whole(path, json.dumps(dict(content, keypoints=list(skeleton.joint_names))))
