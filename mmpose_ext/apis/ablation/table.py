"""Tables: what is trained, what is tested, and what the paper says.

A table is a yaml file; ``dark/decoding`` names ``configs/dark/tables/decoding.yaml``::

    title: Coordinate decoding
    source: Zhang et al., CVPR 2020, table 1
    columns: {AP: coco/AP, AP75: coco/AP .75}   # heading: name of the metric in the log
    scale: 100                                  # the log's figures times this are the paper's unit
    order_by: AP
    stages:                                     # what is trained: a config for each data set
      biased:
        config: {coco: dark/....py, synthetic: dark/....py}
        options: {model.head.decoder.encoding: biased}
    rows:                                       # what is tested: a stage's weights, with other settings
      - name: DARK
        stage: biased
        options: {model.head.decoder.decoding: dark}
        paper: {AP: 68.4, AP75: 77.4}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mmpose_ext.config import configs_root

__all__ = ['Row', 'Stage', 'Table', 'find_table', 'list_tables']


@dataclass(frozen=True)
class Stage:
    """A training: a config for each data set (path below ``configs/``) and options on top of it."""

    config: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A test of a stage's weights under further options, and the paper's figures by column."""

    name: str
    stage: str
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """An ablation table; the fields are those of the yaml file."""

    name: str
    title: str
    source: str
    columns: Mapping[str, str]
    order_by: str
    stages: Mapping[str, Stage]
    rows: tuple[Row, ...]
    scale: float = 1.0
    note: str = ''

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that every stage has a config for, in the order of the file."""
        first, *others = (stage.config for stage in self.stages.values())
        return tuple(data for data in first if all(data in config for config in others))

    @classmethod
    def from_dict(cls, name: str, content: Mapping[str, Any]) -> 'Table':
        """Check and convert what a yaml file holds.

        Raises:
            ValueError: Naming the table, the key, what is allowed and what came.
        """

        def fail(key: str, allowed: str, came: Any) -> ValueError:
            return ValueError(f"'{key}' of table {name} must be {allowed}, got {came!r}")

        required = {'title', 'source', 'columns', 'order_by', 'stages', 'rows'}
        known = required | {'scale', 'note'}
        if not isinstance(content, Mapping) or not required <= set(content) <= known:
            raise fail(
                'keys', f'{sorted(required)} and at most {sorted(known - required)}', content and sorted(content)
            )
        if content['order_by'] not in content['columns']:
            raise fail('order_by', f'one of the columns {sorted(content["columns"])}', content['order_by'])
        try:
            stages = {key: Stage(**value) for key, value in content['stages'].items()}
            rows = tuple(Row(**value) for value in content['rows'])
        except TypeError as error:
            raise fail('stages and rows', 'mappings with the keys of Stage and Row', str(error)) from error
        for row in rows:
            if row.stage not in stages:
                raise fail(f'stage of row "{row.name}"', f'one of {sorted(stages)}', row.stage)
            if not set(row.paper) <= set(content['columns']):
                raise fail(f'paper of row "{row.name}"', f'by columns {sorted(content["columns"])}', dict(row.paper))
        if len({row.name for row in rows}) != len(rows) or not rows:
            raise fail('rows', 'one or more, of different names', [row.name for row in rows])
        return cls(name=name, **{**content, 'stages': stages, 'rows': rows})


def list_tables(root: Path | None = None) -> list[str]:
    """Names of all tables below ``configs/`` (or ``root``)."""
    root = configs_root() if root is None else root
    return sorted(
        f'{path.parent.parent.relative_to(root).as_posix()}/{path.stem}' for path in root.rglob('tables/*.yaml')
    )


def find_table(name: str, root: Path | None = None) -> Table:
    """Load a table by its name.

    Args:
        name: ``<method>/<table>``, or the path of a yaml file.
        root: Folder to look in instead of ``configs/``.

    Raises:
        ValueError: If there is no such table or the file does not fit.
    """
    root = configs_root() if root is None else root
    path = Path(name)
    if path.suffix not in ('.yaml', '.yml'):
        path = root / Path(name).parent / 'tables' / f'{Path(name).name}.yaml'
    if not path.is_file():
        raise ValueError(f"'name' must be a yaml file or one of {', '.join(list_tables(root))}, got {name!r}")
    return Table.from_dict(name, yaml.safe_load(path.read_text(encoding='utf-8')))
