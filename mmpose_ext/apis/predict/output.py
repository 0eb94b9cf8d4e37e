"""Files of a run: its journal and drawings while it goes on, and the json files at its end."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np

from mmpose_ext.runtime.drawing import DrawSettings, draw_people
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.runtime.sources import Frame, ImageSource, VideoSource

from .journal import Journal, file_stamp
from .result_files import FramePeople, write_coco, write_video_json

__all__ = ['DRAWINGS', 'Output']

DRAWINGS = 'drawn'  # the folder of drawings in the folder of results


class Output:
    """What a run writes.

    Args:
        out_dir: Folder of the results, which no other run may use at the same time; None: nothing is written.
        source: The images.
        skeleton: Of the people.
        draw: How people are drawn; None: they are not drawn.
        settings: What the results depend on; a run that is resumed must have the same.
        resume: Take over what an earlier run into the same folder has done.
        image_ids: COCO's number of each image by its file name, where they are known.

    Raises:
        ValueError: If the folder cannot be written, is in use, holds the source itself where drawings go, or, with
            ``resume``, holds a run with other settings or other images.
    """

    def __init__(
        self,
        out_dir: Path | None,
        source: ImageSource | VideoSource,
        skeleton: Skeleton,
        draw: DrawSettings | None = None,
        settings: Mapping[str, object] | None = None,
        resume: bool = False,
        image_ids: Mapping[str, int] | None = None,
    ) -> None:
        self.out_dir = out_dir
        self.source = source
        self.skeleton = skeleton
        self.draw = draw if out_dir is not None else None
        self.journal = Journal(None if out_dir is None else out_dir / '.journal.jsonl')
        self._image_ids = image_ids or {}
        self._video: cv2.VideoWriter | None = None
        self._lock: TextIO | None = None
        if out_dir is None:
            return
        self._drawings = _drawing_paths(out_dir, source) if self.draw is not None else []
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
            if self.draw is not None and isinstance(source, ImageSource):
                (out_dir / DRAWINGS).mkdir(exist_ok=True)
            self._lock = _locked(out_dir)
            names = None if isinstance(source, VideoSource) else source.names
            self.journal.open({**(settings or {}), **_of_video(source)}, names, resume)
        except OSError as error:
            raise ValueError(
                f"'out_dir' must be a folder that can be written, got {str(out_dir)!r}: {error}"
            ) from error

    @property
    def redraws(self) -> bool:
        """Whether frames that are done have to be read again: a video is drawn from its start."""
        return self.draw is not None and isinstance(self.source, VideoSource)

    def write(self, frame: Frame, people: People) -> None:
        """Draw one frame, if drawings are wanted.

        Raises:
            OSError: If the drawing cannot be written.
        """
        if self.draw is None or frame.image is None:
            return
        drawn = draw_people(frame.image, people, self.skeleton, self.draw)
        if isinstance(self.source, ImageSource):
            path = self._drawings[frame.index]
            encoded, content = cv2.imencode(path.suffix, drawn)
            if not encoded:
                raise OSError(
                    f'{path} cannot be written: OpenCV cannot encode {drawn.shape[1]} x {drawn.shape[0]} pixels'
                )
            path.write_bytes(content.tobytes())  # OpenCV cannot write every name on every system
            return
        if self._video is None:
            path, code = self._drawings[0], cv2.VideoWriter.fourcc(*'mp4v')
            self._video = cv2.VideoWriter(str(path), code, self.source.rate, drawn.shape[1::-1])
            if not self._video.isOpened():
                raise OSError(f'{path} cannot be written as a video')
        self._video.write(drawn)

    def close(self, frames: Sequence[FramePeople]) -> None:
        """Write the json files, and let other runs use the folder."""
        if self._video is not None:
            self._video.release()
        if self.out_dir is None:
            return
        if isinstance(self.source, VideoSource):
            path = self.out_dir / f'{self.source.stem}.json'
            write_video_json(path, frames, self.skeleton, self.source.rate)
        else:
            write_coco(self.out_dir, frames, self.skeleton, self._image_ids)
        if self._lock is not None:
            self._lock.close()


def _of_video(source: ImageSource | VideoSource) -> dict[str, object]:
    """What tells a video from another one."""
    if isinstance(source, ImageSource):
        return {}
    return dict(source=str(source.name), source_stamp=file_stamp(source.name))


def _drawing_paths(out_dir: Path, source: ImageSource | VideoSource) -> list[Path]:
    """A file for each image, or for the video; each is the same whenever the run is resumed, and no other's.

    Raises:
        ValueError: If one of them is a file of the source.
    """
    if isinstance(source, VideoSource):
        paths = [out_dir / f'{source.stem}.mp4']
        originals = [str(source.name)]
    else:
        originals, paths, taken = source.names, [], set()
        for index, name in enumerate(originals):
            path = Path(name.replace(' ', '_')) if isinstance(source.images[index], np.ndarray) else Path(name)
            suffix = '.png' if path.suffix.lower() == '.png' else '.jpg'
            file = f'{path.stem}{suffix}'
            while file in taken:
                file = f'{Path(file).stem}_{index}{suffix}'
            taken.add(file)
            paths.append(out_dir / DRAWINGS / file)
    existing = {path.resolve() for path in paths if path.exists()}
    for name in originals:
        if Path(name).resolve() in existing:
            raise ValueError(
                f"'out_dir' must be a folder in which no drawing replaces the source, got {str(out_dir)!r}"
            )
    return paths


def _locked(out_dir: Path) -> TextIO | None:
    """A file that only one run holds; the system releases it when the program ends, however it ends."""
    if sys.platform == 'win32':
        return None
    import fcntl

    file = (out_dir / '.lock').open('a+')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise ValueError(
            f"'out_dir' must be a folder that no other run is writing to, got {str(out_dir)!r}, which is in use"
        ) from error
    except OSError as error:
        file.close()
        raise ValueError(
            f"'out_dir' must be on a file system that has locks, got {str(out_dir)!r}: {error.strerror}"
        ) from error
    return file
