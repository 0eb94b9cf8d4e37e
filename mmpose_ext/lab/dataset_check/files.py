"""Whether a file of a dataset is there and can be read."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

from .findings import Finding, describe_error, examples

__all__ = ['check_file', 'is_remote', 'read_json']

_WHERE_FROM = 'docs/datasets.md says where to get the data and how its folder must look'


def is_remote(path: str) -> bool:
    """Whether a path belongs to one of MMEngine's storage back ends; such files are not looked at."""
    return '://' in path or path.startswith(('s3:', 'petrel:'))


def check_file(path: str, kind: str, where: str, folder: bool = False) -> list[Finding]:
    """Check that a file or folder exists; if not, say how far the path leads and what is there.

    Args:
        path: The path as MMPose will open it.
        kind: What it is, for the message: 'annotation file'.
        where: 'train', 'val' or 'test'.
        folder: Whether it must be a folder.
    """
    target = Path(path)
    if target.is_dir() if folder else target.is_file():
        return []
    if target.exists():
        what = f'{kind}: {path} is a {"file" if folder else "folder"}'
        return [Finding('error', 'missing-file', where, what, _WHERE_FROM)]
    parent = next((parent for parent in target.absolute().parents if parent.is_dir()), Path('/'))
    inside = sorted(entry.name for entry in parent.iterdir())
    what = f'{kind}: {path} does not exist; {parent} does and holds {examples(inside, 6) or "nothing"}'
    advice = f'{_WHERE_FROM}; for another place set data_root or the environment variable of configs/_base_/datasets'
    return [Finding('error', 'missing-file', where, what, advice)]


def read_json(path: str, kind: str, where: str) -> tuple[object, list[Finding]]:
    """The content of a JSON file, or None and what is wrong with it.

    Args:
        path: The path as MMPose will open it.
        kind: What it is, for the message: 'annotation file'.
        where: 'train', 'val' or 'test'.
    """
    findings = check_file(path, kind, where)
    if findings:
        return None, findings
    try:
        repeated: dict[str, int] = {}
        with open(path, encoding='utf-8') as file:
            content = json.load(file, object_pairs_hook=partial(_to_dict, repeated))
        return content, _check_repeated(repeated, f'{kind}: {path}', where)
    except OSError as error:
        what, advice = f'{kind}: {path} cannot be read ({describe_error(error)})', 'check the permissions of the file'
    except (ValueError, RecursionError) as error:
        what = f'{kind}: {path} is not JSON ({describe_error(error)})'
        advice = 'the download or the conversion was cut off? Get or write it again'
    return None, [Finding('error', 'json', where, what, advice)]


def _to_dict(repeated: dict[str, int], pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object as a dictionary; keys that it has more than once are counted in ``repeated``."""
    content = dict(pairs)
    if len(content) < len(pairs):
        for key, number in Counter(key for key, _ in pairs).items():
            repeated[key] = repeated.get(key, 0) + number - 1
    return content


def _check_repeated(repeated: dict[str, int], name: str, where: str) -> list[Finding]:
    keys = [key for key, number in repeated.items() if number]
    if not keys:
        return []
    what = f'{name} has keys more than once in one object ({examples(map(repr, keys))}): all but the last one are lost'
    return [Finding('warning', 'json-keys', where, what, 'was the file put together from several ones?')]
