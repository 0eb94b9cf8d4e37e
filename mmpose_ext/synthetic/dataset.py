"""The synthetic people dataset, made or found ready."""

import errno
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from mmpose_ext.synthetic.image import SPLITS
from mmpose_ext.synthetic.scene import SceneOptions
from mmpose_ext.synthetic.writer import SplitRequest, write_json, write_splits

__all__ = ['FORMAT_VERSION', 'make_synthetic_dataset']

# Raised whenever the same request would be answered with other files.
FORMAT_VERSION = 1

_STAMP = 'synthetic.json'


def make_synthetic_dataset(
    out_dir: str | Path,
    num_train: int,
    num_val: int,
    seed: int = 0,
    *,
    workers: int = 1,
    options: SceneOptions | None = None,
) -> bool:
    """Write a dataset of synthetic people in COCO's keypoint format.

    The folder then holds ``train/*.jpg``, ``val/*.jpg``, ``annotations/person_keypoints_train.json`` and
    ``..._val.json``, and the stamp ``synthetic.json``, which says what was asked for and is complete only after the
    last file. A folder whose stamp holds the same request is left as it is; one that was interrupted, or holds
    another request, is written anew. The same request gives the same bytes, whatever the number of workers; another
    version of OpenCV gives the same labels, and pixels that may differ in rounding.

    Args:
        out_dir: A new or empty folder, or one that this function wrote before.
        num_train: Number of training images, 1 or more.
        num_val: Number of validation images, 1 or more.
        seed: 0 or more.
        workers: Processes, 1 or more.
        options: Size and difficulty; None for the defaults.

    Returns:
        Whether anything was written: False when the dataset was there already.

    Raises:
        ValueError: A number out of range, or a folder that holds something else.
        OSError: The folder cannot be written, or the disk is full.
    """
    _check_numbers(num_train=(num_train, 1), num_val=(num_val, 1), seed=(seed, 0), workers=(workers, 1))
    options = options or SceneOptions()
    counts = dict(zip(SPLITS, (num_train, num_val), strict=True))
    request = json.loads(json.dumps({'seed': seed, 'counts': counts, 'options': asdict(options)}))
    out = Path(out_dir)
    stamp = _read_stamp(out)
    if _complete(out, stamp, request):
        print(f'Synthetic people: {num_train} + {num_val} images are ready in {out}', flush=True)
        return False
    try:
        _clear(out)
        content = {'format': FORMAT_VERSION, 'request': request}
        write_json(out / _STAMP, content | {'state': 'writing'})
        splits = [SplitRequest(split, count, seed, options) for split, count in counts.items()]
        write_splits(out, splits, workers, _Progress())
        write_json(out / _STAMP, content | {'state': 'complete'})
    except OSError as error:
        if error.errno == errno.ENOSPC:
            need = 0.03 * (num_train + num_val) + 1
            raise OSError(
                errno.ENOSPC, f'the disk is full; free about {need:.0f} MB and start again', str(out)
            ) from error
        raise
    print(f'Synthetic people: wrote {num_train} + {num_val} images to {out}', flush=True)
    return True


def _check_numbers(**numbers: tuple[int, int]) -> None:
    """Each is (what came, the least that is allowed)."""
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f'{name} must be an integer of {least} or more, got {value!r}')


def _read_stamp(out: Path) -> dict | None:
    """What the stamp says; None where there is none because the folder is new or empty."""
    if out.exists() and not out.is_dir():
        raise ValueError(f'out_dir must be a folder, got the file {out}')
    if not out.exists() or not any(out.iterdir()):
        return None
    try:
        stamp = json.loads((out / _STAMP).read_text(encoding='utf-8'))
    except FileNotFoundError:
        stamp = None
    except ValueError:
        stamp = {}  # cut short; still, it is ours
    if not isinstance(stamp, dict):
        raise ValueError(f'out_dir must be new, empty or an earlier synthetic dataset, got {out} without {_STAMP}')
    return stamp


def _complete(out: Path, stamp: dict | None, request: dict) -> bool:
    """Whether the folder holds everything asked for."""
    wanted = {'format': FORMAT_VERSION, 'request': request, 'state': 'complete'}
    if stamp != wanted:
        return False
    return all(
        (out / 'annotations' / f'person_keypoints_{split}.json').is_file()
        and len(list((out / split).glob('*.jpg'))) == count
        for split, count in request['counts'].items()
    )


def _clear(out: Path) -> None:
    """Removes what an earlier call wrote: the stamp's being there shows that it is ours."""
    out.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        for image in (out / split).glob('[0-9]' * 6 + '.jpg'):
            image.unlink()
        (out / 'annotations' / f'person_keypoints_{split}.json').unlink(missing_ok=True)


class _Progress:
    """One line that keeps up with the work on a terminal, one line per tenth of it elsewhere."""

    def __init__(self) -> None:
        self.split, self.start, self.tenth = '', 0.0, 0

    def __call__(self, split: str, done: int, total: int) -> None:
        if split != self.split:
            self.split, self.start, self.tenth = split, time.monotonic(), 0
        terminal = sys.stdout.isatty()
        tenth = done * 10 // total
        if done < total and (done % 20 if terminal else tenth == self.tenth):
            return
        self.tenth = tenth
        rate = done / max(time.monotonic() - self.start, 1e-3)
        left = (total - done) / rate
        line = f'Synthetic people, {split}: {done}/{total}, {rate:.0f} images/s, {left:.0f} s left'
        if terminal:
            print(f'\r{line}   ', end='' if done < total else '\n', flush=True)
        else:
            print(line, flush=True)
