"""Predict the people of any source of images, and write what other programs read."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from tqdm import tqdm

from mmpose_ext.runtime.crops import whole_image
from mmpose_ext.runtime.drawing import DrawSettings, draw_people
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.sources import Frame, ImageSource, VideoSource

from .box_files import BoxFile
from .pose_model import PoseModel
from .result_files import FramePeople, Journal, write_coco, write_video_json

__all__ = ['BoxFinder', 'Prediction', 'Tracker', 'run_prediction']

_IMAGES_AT_ONCE = 16  # of a batch at most, so that memory stays bounded where images show few people


class BoxFinder(Protocol):
    """What finds people in images, such as :class:`~mmpose_ext.apis.predict.detector.Detector`."""

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """For each image, (H, W, 3) uint8 in BGR, boxes (N, 5) with a score."""


class Tracker(Protocol):
    """What gives people of consecutive frames their numbers."""

    def __call__(self, people: People) -> People:
        """The people of the next frame with ``track_ids``."""


@dataclass
class Prediction:
    """What a run has found.

    Attributes:
        frames: People of each image, in the order of the source.
        seconds: Spent on each part: reading, detection, pose, drawing, writing.
        interrupted: Whether Ctrl-C ended the run before its end.
    """

    frames: list[FramePeople] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    interrupted: bool = False

    @property
    def problems(self) -> list[str]:
        """One sentence for each image that could not be read."""
        return [frame.problem for frame in self.frames if frame.problem]

    @property
    def notes(self) -> list[str]:
        """One sentence for each box that was left out."""
        return [f'{frame.name}: {note}' for frame in self.frames for note in frame.people.notes]

    @property
    def exit_code(self) -> int:
        """0: everything was predicted; 3: some images could not be read; 130: interrupted by Ctrl-C."""
        return 130 if self.interrupted else 3 if self.problems else 0

    def summary(self) -> str:
        """A few lines: how many people, how fast, and the share of each part."""
        people = sum(len(frame.people) for frame in self.frames)
        total = sum(self.seconds.values())
        lines = [f'{people} people in {len(self.frames) - len(self.problems)} images']
        if total > 0:
            ordered = sorted(self.seconds.items(), key=lambda part: -part[1])
            shares = ', '.join(f'{name} {seconds / total:.0%}' for name, seconds in ordered)
            lines.append(f'{people / total:.1f} people per second ({shares})')
        if self.notes:
            lines += [f'{len(self.notes)} boxes left out:', *(f'  {note}' for note in self.notes[:20])]
        if self.problems:
            lines += [f'{len(self.problems)} images skipped:', *(f'  {problem}' for problem in self.problems[:20])]
        if self.interrupted:
            lines.append('interrupted: what was done is kept, --resume goes on')
        return '\n'.join(lines)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[part] += time.perf_counter() - start


class _Output:
    """Files of a run: the journal, drawings, and the json files at the end."""

    def __init__(
        self, out_dir: Path | None, source: ImageSource | VideoSource, draw: DrawSettings | None, resume: bool
    ) -> None:
        self.out_dir = out_dir
        self.source = source
        self.draw = draw if out_dir is not None else None
        self.journal = Journal(None if out_dir is None else out_dir / '.journal.jsonl')
        self._video: cv2.VideoWriter | None = None
        self._names: set[str] = set()
        if out_dir is None:
            return
        out_dir.mkdir(parents=True, exist_ok=True)
        if resume:
            self.journal.resume()
        else:
            self.journal.start()
        if self.draw is not None and isinstance(source, ImageSource):
            (out_dir / 'drawn').mkdir(exist_ok=True)

    @property
    def redraws(self) -> bool:
        """Whether frames that are done have to be read again: a video is drawn from its start."""
        return self.draw is not None and isinstance(self.source, VideoSource)

    def write(self, frame: Frame, people: People, model: PoseModel) -> None:
        """Draw one frame, if drawings are wanted."""
        if self.draw is None or frame.image is None or self.out_dir is None:
            return
        drawn = draw_people(frame.image, people, model.skeleton, self.draw)
        if isinstance(self.source, ImageSource):
            cv2.imwrite(str(self.out_dir / 'drawn' / self._unique(frame)), drawn)
            return
        if self._video is None:
            path = self.out_dir / f'{_stem(self.source)}.mp4'
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self._video = cv2.VideoWriter(str(path), code, self.source.rate, drawn.shape[1::-1])
        self._video.write(drawn)

    def _unique(self, frame: Frame) -> str:
        """A file name that no other image of the run has."""
        path = Path(frame.name.replace(' ', '_')) if frame.name.startswith('array ') else Path(frame.name)
        suffix = '.png' if path.suffix.lower() == '.png' else '.jpg'
        name = f'{path.stem}{suffix}'
        if name in self._names:
            name = f'{path.stem}_{frame.index}{suffix}'
        self._names.add(name)
        return name

    def close(self, frames: Sequence[FramePeople], model: PoseModel) -> None:
        """Write the json files."""
        if self._video is not None:
            self._video.release()
        if self.out_dir is None:
            return
        if isinstance(self.source, VideoSource):
            path = self.out_dir / f'{_stem(self.source)}.json'
            write_video_json(path, frames, model.skeleton, self.source.rate)
        else:
            write_coco(self.out_dir, frames, model.skeleton)


def _stem(source: VideoSource) -> str:
    return f'camera{source.name}' if isinstance(source.name, int) else Path(str(source.name)).stem or 'video'


def _batches(frames: Iterator[Frame], seconds: dict[str, float]) -> Iterator[list[Frame]]:
    """Frames in groups that are predicted together."""
    batch: list[Frame] = []
    while True:
        with _timed(seconds, 'reading'):
            frame = next(frames, None)
        if frame is None:
            break
        batch.append(frame)
        if len(batch) == _IMAGES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _boxes(frames: Sequence[Frame], finder: BoxFinder | BoxFile | None) -> list[np.ndarray]:
    """Boxes (N, 5) of frames that were read: found, given, or the whole image."""
    images = [frame.image for frame in frames if frame.image is not None]
    if finder is None:
        return [whole_image(image) for image in images]
    if isinstance(finder, BoxFile):
        given = [finder(frame.name) for frame in frames]
        return [np.zeros((0, 5), np.float32) if boxes is None else boxes for boxes in given]
    return finder(images)


def run_prediction(
    source: ImageSource | VideoSource,
    model: PoseModel,
    finder: BoxFinder | BoxFile | None = None,
    out_dir: Path | None = None,
    draw: DrawSettings | None = None,
    tracker: Tracker | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Prediction:
    """Predict all images of a source.

    Args:
        source: The images.
        model: Finds the joints.
        finder: Finds the people; None: one person fills each image.
        out_dir: Folder of the results; None: nothing is written.
        draw: How people are drawn; None: nothing is drawn.
        tracker: Numbers the people of a video.
        resume: Take over what an earlier run into the same folder has done.
        progress: Show a line with the remaining time on the error output.

    Returns:
        The people of all images.
    """
    output = _Output(out_dir, source, draw, resume)
    result = Prediction()
    done = dict(output.journal.done)
    bar = tqdm(total=len(source) or None, unit='image', disable=not progress)
    try:
        frames = (frame for frame in source.frames() if output.redraws or frame.index not in done)
        bar.update(0 if output.redraws else len(done))
        for batch in _batches(frames, result.seconds):
            people = _predict(batch, model, finder, result.seconds, done)
            entries = []
            for frame, found in zip(batch, people, strict=True):
                found = tracker(found) if tracker is not None and frame.index not in done else found
                with _timed(result.seconds, 'drawing'):
                    output.write(frame, found, model)
                entries.append(FramePeople.of(frame, found))
            with _timed(result.seconds, 'writing'):
                output.journal.add([entry for entry in entries if entry.index not in done])
            bar.update(len(batch))
    except KeyboardInterrupt:
        result.interrupted = True
    finally:
        bar.close()
        result.frames = output.journal.frames()
        with _timed(result.seconds, 'writing'):
            output.close(result.frames, model)
    return result


def _predict(
    batch: Sequence[Frame],
    model: PoseModel,
    finder: BoxFinder | BoxFile | None,
    seconds: dict[str, float],
    done: dict[int, FramePeople],
) -> list[People]:
    """People of each frame of a batch: of an earlier run, found now, or nobody where there is no image."""
    open_frames = [frame for frame in batch if frame.index not in done and frame.image is not None]
    with _timed(seconds, 'detection'):
        boxes = _boxes(open_frames, finder)
    with _timed(seconds, 'pose'):
        images = [frame.image for frame in open_frames if frame.image is not None]
        found = dict(zip([frame.index for frame in open_frames], model.predict_batch(images, boxes), strict=True))
    nobody = People.empty(len(model.skeleton.joint_names))
    known = found | {index: entry.people for index, entry in done.items()}
    return [known.get(frame.index, nobody) for frame in batch]
