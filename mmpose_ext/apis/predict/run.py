"""Predict the people of any source of images, and write what other programs read."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from mmpose_ext.runtime.crops import whole_image
from mmpose_ext.runtime.drawing import DrawSettings
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.sources import Frame, ImageSource, VideoSource

from .box_files import BoxFile
from .output import Output
from .pose_model import PoseModel
from .result_files import FramePeople

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
        predicted: Number of the people that this run has found, without those of an earlier one.
        warnings: One sentence for each video that ended early, and if drawings show no joint.
    """

    frames: list[FramePeople] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    interrupted: bool = False
    predicted: int = 0
    warnings: list[str] = field(default_factory=list)

    def add(self, other: 'Prediction') -> None:
        """Append what another run has found."""
        self.frames += other.frames
        for part, seconds in other.seconds.items():
            self.seconds[part] += seconds
        self.interrupted |= other.interrupted
        self.predicted += other.predicted
        self.warnings += other.warnings

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
        images = len(self.frames) - len(self.problems)
        lines = [f'{_count(people, "person", "people")} in {_count(images, "image", "images")}']
        if total > 0:
            ordered = sorted(self.seconds.items(), key=lambda part: -part[1])
            shares = ', '.join(f'{name} {seconds / total:.0%}' for name, seconds in ordered)
            lines.append(f'{self.predicted / total:.1f} people per second ({shares})')
        if self.notes:
            lines += [f'boxes left out or missing ({len(self.notes)}):', *(f'  {note}' for note in self.notes[:20])]
        if self.problems:
            skipped = _count(len(self.problems), 'image', 'images')
            lines += [f'{skipped} skipped:', *(f'  {problem}' for problem in self.problems[:20])]
        lines += self.warnings
        if self.interrupted:
            lines.append('interrupted: what was done is kept, --resume goes on')
        return '\n'.join(lines)


def _count(number: int, one: str, more: str) -> str:
    return f'{number} {one if number == 1 else more}'


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[part] += time.perf_counter() - start


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
        return [finder(frame.name) if frame.name in finder else np.zeros((0, 5), np.float32) for frame in frames]
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
    settings: Mapping[str, object] | None = None,
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
        settings: What the results depend on, as values that json can hold; a run to be resumed must have had the same.

    Returns:
        The people of all images.

    Raises:
        ValueError: If ``out_dir`` cannot be used, or holds a run that cannot be resumed.
        OSError: If the results cannot be written.
    """
    image_ids = finder.image_ids if isinstance(finder, BoxFile) else None
    output, result = Output(out_dir, source, model.skeleton, draw, settings, resume, image_ids), Prediction()
    done = dict(output.journal.done)
    _continue_tracks(tracker, output.journal.frames())
    bar = _progress_bar(source, 0 if output.redraws else len(done), progress)
    try:
        frames = (frame for frame in source.frames() if output.redraws or frame.index not in done)
        for batch in _batches(frames, result.seconds):
            people = _predict(batch, model, finder, result.seconds, done)
            new = []
            for frame, found in zip(batch, people, strict=True):
                if frame.index not in done:
                    found = found if tracker is None else tracker(found)
                    new.append(FramePeople.of(frame, found))
                with _timed(result.seconds, 'drawing'):
                    output.write(frame, found)
            with _timed(result.seconds, 'writing'):
                output.journal.add(new)
            result.predicted += sum(len(entry.people) for entry in new)
            bar.update(len(batch))
        result.warnings = [*_shortfall(source), *_nothing_drawn(output.journal.frames(), draw)]
    except KeyboardInterrupt:
        result.interrupted = True
    finally:
        bar.close()
        result.frames = output.journal.frames()
        with _timed(result.seconds, 'writing'):
            output.close(result.frames)
    return result


def _shortfall(source: ImageSource | VideoSource) -> list[str]:
    return [source.shortfall] if isinstance(source, VideoSource) and source.shortfall else []


def _nothing_drawn(frames: Sequence[FramePeople], draw: DrawSettings | None) -> list[str]:
    """One sentence if there are people, and no joint of theirs is confident enough to be drawn."""
    scores = [frame.people.scores.ravel() for frame in frames if len(frame.people)]
    if draw is None or not scores:
        return []
    highest = float(np.concatenate(scores).max())
    if highest >= draw.score_thr:
        return []
    return [f'no joint is drawn: the highest score is {highest:.2f}, lower than score_thr={draw.score_thr:g}']


def _continue_tracks(tracker: Tracker | None, frames: Sequence[FramePeople]) -> None:
    """Show a tracker the people of an earlier run, so that its numbers go on from theirs."""
    if tracker is not None:
        for frame in frames:
            tracker(frame.people)


def _progress_bar(source: ImageSource | VideoSource, done: int, shown: bool) -> tqdm:
    """A line with the remaining time, for which what is done already does not count."""
    return tqdm(total=len(source) or None, initial=done, unit='image', disable=not shown)


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
    if isinstance(finder, BoxFile):
        for frame in open_frames:
            if frame.name not in finder:
                found[frame.index] = replace(found[frame.index], notes=(f'{finder.path} does not have this image',))
    nobody = People.empty(len(model.skeleton.joint_names))
    known = found | {index: entry.people for index, entry in done.items()}
    return [known.get(frame.index, nobody) for frame in batch]
