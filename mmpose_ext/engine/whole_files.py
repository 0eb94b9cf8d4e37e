"""A file backend whose files are either whole or not there, and the newest whole checkpoint of a work folder."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from logging import WARNING
from math import inf
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mmpose_ext.checkpoint import read_checkpoint
from mmpose_ext.files import write_whole

__all__ = ['INTERRUPTED', 'WHOLE_FILES', 'WholeFileBackend', 'defect_of', 'find_checkpoint']

#: Name of the file backend below, for ``backend_args``.
WHOLE_FILES = 'mmpose_ext_whole_files'
#: Checkpoint that a training writes when it is interrupted within an epoch.
INTERRUPTED = 'interrupted.pth'
#: MMEngine's file in the work folder that names the newest checkpoint.
POINTER = 'last_checkpoint'

# what MMEngine needs to resume
_STATE = {'meta', 'message_hub', 'state_dict'}
_NUMBERED = re.compile(r'(?!best_).*?(\d+)\.pth')


@register_backend(WHOLE_FILES, force=True)
class WholeFileBackend(LocalBackend):  # type: ignore[misc]
    """MMEngine's backend for local files; a file is written beside its final name and renamed."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes.

        Args:
            obj: The content.
            filepath: The file; missing folders are made.
        """
        write_whole(Path(filepath), obj)


def defect_of(path: Path) -> str | None:
    """Why a training cannot be resumed from a file, or None.

    Returns:
        'does not exist', 'is empty', 'cannot be read (...)', 'is cut off or damaged', or 'is not a checkpoint ...'.
    """
    try:
        if path.is_dir():  # the checkpoints of some training strategies are folders
            return None if any(path.iterdir()) else 'is empty'
        with path.open('rb') as file:
            if not file.read(1):
                return 'is empty'
    except (FileNotFoundError, ValueError):  # ValueError: no name of a file
        return 'does not exist'
    except OSError as error:
        return f'cannot be read ({error.strerror})'
    try:
        is_archive = zipfile.is_zipfile(path)  # else it is torch's format before version 1.6
        if is_archive:
            with zipfile.ZipFile(path) as archive:
                # compares every record with its checksum; RuntimeError: an archive with a password
                if archive.testzip() is not None:
                    return 'is cut off or damaged'
                if not any(name.endswith('/data.pkl') for name in archive.namelist()):
                    return 'is not a checkpoint (it is an archive of other files)'
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return 'is cut off or damaged'
    try:
        content = read_checkpoint(str(path))
    except ValueError as error:
        reason = str(error).rpartition(': ')[2]
        return f'is not a checkpoint ({reason})' if is_archive else 'is cut off or damaged'
    if not isinstance(content, Mapping) or not content.keys() >= _STATE:
        return f'is not a checkpoint of a training, which has {", ".join(sorted(_STATE))}'
    return None


def find_checkpoint(work_dir: str | Path, out_dir: str | Path | None = None) -> Path | None:
    """The newest whole checkpoint of a training.

    It is the one that the file ``last_checkpoint`` names or, if that one is missing or broken, the newest whole one
    before it; a warning then names both. Only files in the folder itself are taken, also after the folder was copied or
    moved.

    Args:
        work_dir: Folder of the training, with the file ``last_checkpoint``.
        out_dir: Folder of the checkpoints, by default the same.

    Returns:
        Its path, or None if the folder has no checkpoint and never had one.

    Raises:
        ValueError: If there are checkpoints, or the name of one, but none is whole.
    """
    work_dir = Path(work_dir)
    folder = Path(out_dir) if out_dir is not None else work_dir
    defects: dict[Path, str] = {}
    for path in _newest_first(work_dir / POINTER, folder):
        defect = defect_of(path)
        if defect is None:
            newer = [other for other in _others(folder) if _epoch_of(other) > _epoch_of(path)]
            if defects:
                print_log(f'{_listed(defects)}; resuming from {path}', logger='current', level=WARNING)
            elif newer:
                what = f'{work_dir / POINTER} names {path.name}; resuming from it and not from {newer[0]}'
                print_log(what, logger='current', level=WARNING)
            return path
        defects[path] = defect
    if defects:
        raise ValueError(
            f"'work_dir' must have a whole checkpoint to resume from, got {_listed(defects)}; to start the training "
            f'from the beginning, remove {work_dir / POINTER} and these files, or choose another work folder'
        )
    return None


def _newest_first(pointer: Path, folder: Path) -> Iterator[Path]:
    named = None
    if pointer.is_file():
        text = pointer.read_text(encoding='utf-8', errors='replace').strip()
        # MMEngine writes the full path, which is another one after the folder was moved or copied
        name = Path(text).name
        named = folder / ('checkpoint without a name' if name in ('', '..') else name)
        yield named
    for path in _others(folder):
        if path != named:
            yield path


def _others(folder: Path) -> list[Path]:
    """The files that may be checkpoints, the newest one first."""
    numbered = [path for path in folder.glob('*.pth') if _NUMBERED.fullmatch(path.name)]
    newest_first = sorted(numbered, key=lambda path: (_epoch_of(path), path.name), reverse=True)
    return [path for path in (folder / INTERRUPTED, *newest_first) if path.exists()]


def _epoch_of(path: Path) -> float:
    """The number in the name of a checkpoint; without one it is newer than all others."""
    match = _NUMBERED.fullmatch(path.name)
    return int(match[1]) if match else inf


def _listed(defects: dict[Path, str]) -> str:
    return ', '.join(f'{_shown(path)} {defect}' for path, defect in defects.items())


def _shown(path: Path) -> str:
    """A path in one line, however damaged the file is that named it."""
    text = str(path)
    return text if text.isprintable() and len(text) < 1000 else f'{text[:1000]!r}'
