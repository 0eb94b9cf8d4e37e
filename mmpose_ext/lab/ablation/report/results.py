"""Results files: the figures of a table as json, see :mod:`.collect` for the keys."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmpose_ext.files import parse_json, write_whole

__all__ = ['KIND', 'Json', 'dump_results', 'load_results', 'read_results', 'results_name']

KIND = 'ablation table'

#: A json object.
Json = dict[str, Any]

_NUMBERS = re.compile(r'\[\n([^\[\]{}"]*)\n\s*\]')  # strings in json have no line breaks


def results_name(table: str, data: str) -> str:
    """Name of a results file and its pages, without suffix: ``dark_decoding_synthetic``."""
    if table.endswith(('.yaml', '.yml')):  # a user's table, named by its path
        table = Path(table).stem
    name = table if table.endswith(f'_{data}') else f'{table}_{data}'
    return re.sub(r'[^\w.+-]', '_', name, flags=re.ASCII)


def dump_results(results: Mapping[str, Any], out: Path) -> Path:
    """Write a results file, lists of numbers in one line each."""
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
    text = _NUMBERS.sub(lambda found: '[' + ' '.join(found[1].split()) + ']', text)
    path = out / f'{results_name(results["table"]["name"], results["data"])}.json'
    write_whole(path, f'{text}\n')
    return path


def read_results(path: Path) -> Json | None:
    """The content of a results file; None if it is a json file of another kind.

    Raises:
        ValueError: Naming the file, if it cannot be read.
    """
    try:
        content = parse_json(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ValueError(f'a results file must be readable json, got {str(path)!r}: {error}') from error
    return content if isinstance(content, dict) and content.get('kind') == KIND else None


def load_results(out: Path) -> dict[str, Json]:
    """The results files of a folder by name; other json files are passed over.

    Raises:
        ValueError: Naming the file, if one cannot be read.
    """
    found = {path.stem: read_results(path) for path in sorted(out.glob('*.json')) if not path.name.startswith('.')}
    return {name: content for name, content in found.items() if content is not None}
