"""Files that are either whole or not there, whenever and by whomever they are read; JSON from outside."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ['PART', 'file_lock', 'parse_json', 'whole_file', 'write_whole']

#: Suffix of a file that is being written.
PART = '.part'


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to; at the end of the block it is flushed to the disk and renamed to ``path``.

    Whoever reads ``path``, at any time and also after a crash, finds the old content or the new content. If the block
    raises, ``path`` stays as it was. Missing folders are made. Processes that write the same file do not disturb each
    other.

    Args:
        path: The file.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with whole_file(folder / 'it.txt') as part:
        ...     _ = part.write_text('whole')
        >>> [file.name for file in folder.iterdir()]
        ['it.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{os.getpid()}{PART}')
    try:
        yield part
        with part.open('rb+') as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file as :func:`whole_file` does.

    Args:
        path: The file.
        content: Bytes, or text that becomes UTF-8; what UTF-8 cannot hold becomes a question mark.
    """
    with whole_file(path) as part:
        part.write_bytes(content.encode('utf-8', 'replace') if isinstance(content, str) else content)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Let one process of a machine at a time run a block; others wait.

    The system releases the lock when the process ends, however it ends. Windows has no such locks: there the block
    runs at once.

    Args:
        path: An empty file, which is made and stays.
    """
    if sys.platform == 'win32':
        yield
        return
    import fcntl

    with path.open('a') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def parse_json(text: str) -> object:
    """What a JSON text holds.

    Args:
        text: From any source.

    Raises:
        ValueError: If it is not JSON, or nested too deeply to be read.

    Example:
        >>> parse_json('{"AP": 0.5}')
        {'AP': 0.5}
    """
    try:
        content: object = json.loads(text)
    except RecursionError as error:
        raise ValueError('it is nested too deeply') from error
    return content
