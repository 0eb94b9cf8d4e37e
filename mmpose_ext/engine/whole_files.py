"""A file backend whose files are either whole or not there, and the newest whole checkpoint of a work folder."""

import re
import zipfile
from collections.abc import Iterator
from logging import WARNING
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
    """Why a file is not a whole checkpoint ('does not exist', 'is empty', 'is cut off or damaged'), or None."""
    if path.is_dir():
        return None  # the checkpoints of some training strategies are folders
    if not path.exists():
        return 'does not exist'
    if not path.stat().st_size:
        return 'is empty'
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                # compares every record with its checksum
                return None if archive.testzip() is None else 'is cut off or damaged'
        # torch's format before version 1.6
        read_checkpoint(str(path))
    except (ValueError, OSError, zipfile.BadZipFile):
        return 'is cut off or damaged'
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
            if defects:
                print_log(f'{_listed(defects)}; resuming from {path}', logger='current', level=WARNING)
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
        named = folder / Path(text or 'checkpoint without a name').name
        yield named
    others = {path: int(match[1]) for path in folder.glob('*.pth') if (match := _NUMBERED.fullmatch(path.name))}
    for path in [folder / INTERRUPTED, *sorted(others, key=lambda path: (others[path], path.name), reverse=True)]:
        if path != named and path.exists():
            yield path


def _listed(defects: dict[Path, str]) -> str:
    return ', '.join(f'{path} {defect}' for path, defect in defects.items())
