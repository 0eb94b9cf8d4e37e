"""The json files that reports have written, as far as READMEs and drawings need them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from mmpose_ext.files import parse_json

__all__ = ['Measured', 'read_measured']

# Mean, spread and number of trainings of a row, by column, as report writes them.
Measured: TypeAlias = Mapping[str, Mapping[str, Mapping[str, float | None]]]


def read_measured(file: Path, choose: Callable[[Mapping[str, Any]], str]) -> tuple[str, Measured]:
    """A column of a table, and by name the rows that have a mean of it.

    Args:
        file: Written by ``report``.
        choose: Names the column, given the file's ``table``.

    Raises:
        ValueError: If the file is not one of ``report``.
    """
    try:
        content = cast('dict[str, Any]', parse_json(file.read_text(encoding='utf-8')))
        key = choose(content['table'])
        return key, {row['name']: row for row in content['rows'] if (row.get('mean') or {}).get(key) is not None}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f'a file of results must be as ablation.py report writes it, got {str(file)!r}: {error}'
        ) from error
