"""Tables: what is trained, what is tested, and what the paper says.

A table is a yaml file; ``dark/decoding`` names ``configs/dark/tables/decoding.yaml``::

    title: Coordinate decoding
    source: Zhang et al., CVPR 2020, table 1
    columns: {AP: coco/AP, AP75: coco/AP .75}   # heading: name of the metric in the log
    scale: 100                                  # the log's figures times this are the paper's unit
    order_by: AP                                # the highest is the best; with lower_is_better: true the lowest
    stages:                                     # what is trained: a config for each data set
      biased:
        config: {coco: dark/....py, synthetic: dark/....py}
        options: {model.head.decoder.encoding: biased}
      integral:                                 # starts from the weights of another stage
        config: {coco: integral/....py, synthetic: integral/....py}
        uses: {load_from: biased}
    rows:                                       # what is tested: a stage's weights, with other settings
      - name: DARK
        stage: biased
        options: {model.head.decoder.decoding: dark}
        paper: {AP: 68.4, AP75: 77.4}

A column may have another metric on each data set, or none on some, where it is left out; a scale may differ, too::

    columns: {PCKh or AP: {mpii: PCK, synthetic: coco/AP}, AP75: {synthetic: coco/AP .75}}
    scale: {synthetic: 100}

``uses`` sets options to checkpoints: ``{model.teacher.checkpoint: teacher}`` is the last one of the stage ``teacher``,
which is trained before, with the same seed. With ``shared: true`` a stage is trained once, with seed 0, for all seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from mmpose_ext.config import configs_root

__all__ = ['Row', 'Stage', 'Table', 'find_table', 'list_tables']


@dataclass(frozen=True)
class Stage:
    """A training: a config for each data set, options on top of it, and the trainings that it builds on.

    Args:
        config: By data set a path below ``configs/``, or beside the table's own file.
        options: Values by dotted key.
        uses: Other stages by dotted key; the option is the stage's last checkpoint, of the same seed.
        shared: Trained once, with seed 0, which stands for all seeds.
        processes: Number of processes that train together, each with the batch size of the config.
    """

    config: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    processes: int = 1

    def seed(self, seed: int) -> int:
        """The seed that this stage is trained with, where others are with ``seed``."""
        return 0 if self.shared else seed


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
    columns: Mapping[str, Any]
    order_by: str
    stages: Mapping[str, Stage]
    rows: tuple[Row, ...]
    scale: Any = 1.0
    note: str = ''
    lower_is_better: bool = False

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that every stage has a config for, in the order of the file."""
        first, *others = (stage.config for stage in self.stages.values())
        return tuple(data for data in first if all(data in config for config in others))

    def on(self, data: str) -> 'Table':
        """The table on one data set: the columns that have a metric there, each with its name, and one scale."""
        found = {
            column: metric.get(data) if isinstance(metric, Mapping) else metric
            for column, metric in self.columns.items()
        }
        columns = {column: metric for column, metric in found.items() if metric is not None}
        scale = self.scale.get(data, 1.0) if isinstance(self.scale, Mapping) else self.scale
        return replace(self, columns=columns, scale=scale)

    @classmethod
    def from_dict(cls, name: str, content: Mapping[str, Any]) -> 'Table':
        """Check and convert what a yaml file holds.

        Raises:
            ValueError: Naming the table, the key, what is allowed and what came.
        """
        required = {'title', 'source', 'columns', 'order_by', 'stages', 'rows'}
        known = required | {'scale', 'note', 'lower_is_better'}
        if not isinstance(content, Mapping) or not required <= set(content) <= known:
            allowed = f'{sorted(required)} and at most {sorted(known - required)}'
            raise _fault(name, 'keys', allowed, content and [*content])
        for key in ('columns', 'stages'):
            if not isinstance(content[key], Mapping) or not content[key]:
                raise _fault(name, key, 'a mapping', content[key])
        columns = content['columns']
        if content['order_by'] not in columns:
            raise _fault(name, 'order_by', f'one of the columns {[*columns]}', content['order_by'])
        for column, metric in columns.items():
            if not all(isinstance(text, str) for text in _each(metric)):
                raise _fault(name, f'column "{column}"', 'a metric, or one for each data set', metric)
        scale = content.get('scale', 1.0)
        if not all(isinstance(number, int | float) for number in _each(scale)):
            raise _fault(name, 'scale', 'a number, or one for each data set', scale)
        if not isinstance(content.get('lower_is_better', False), bool):
            raise _fault(name, 'lower_is_better', 'true or false', content['lower_is_better'])
        stages = {key: _stage(name, key, value) for key, value in content['stages'].items()}
        _check_uses(name, stages)
        listed = content['rows'] if isinstance(content['rows'], list) else []
        rows = tuple(_row(name, value, stages, columns) for value in listed)
        if len({row.name for row in rows}) != len(rows) or not rows:
            raise _fault(name, 'rows', 'a list of one or more, of different names', content['rows'])
        table = cls(name=name, **{**content, 'stages': stages, 'rows': rows})
        if not table.data_sets:
            configs = {key: [*stage.config] for key, stage in stages.items()}
            raise _fault(name, 'config of the stages', 'for at least one data set that all have', configs)
        for data in table.data_sets:
            if table.order_by not in table.on(data).columns:
                raise _fault(name, 'order_by', f'a column with a metric on {data}', table.order_by)
        return table


def _fault(table: str, key: str, allowed: str, came: Any) -> ValueError:
    return ValueError(f"'{key}' of table {table} must be {allowed}, got {came!r}")


def _each(value: Any) -> list[Any]:
    """A value, or those for each data set."""
    return [*value.values()] if isinstance(value, Mapping) else [value]


def _stage(table: str, name: str, content: Any) -> Stage:
    known = {'config', 'options', 'uses', 'shared', 'processes'}
    if not isinstance(content, Mapping) or not {'config'} <= set(content) <= known:
        raise _fault(
            table, f'stage "{name}"', 'a mapping with config and at most options, uses, shared and processes', content
        )
    stage = Stage(**content)
    if not isinstance(stage.config, Mapping) or not all(isinstance(path, str) for path in stage.config.values()):
        raise _fault(table, f'config of stage "{name}"', 'a mapping from data sets to files', stage.config)
    if not isinstance(stage.options, Mapping):
        raise _fault(table, f'options of stage "{name}"', 'a mapping', stage.options)
    if not isinstance(stage.uses, Mapping) or not all(isinstance(key, str) for key in stage.uses):
        raise _fault(table, f'uses of stage "{name}"', 'a mapping from options to stages', stage.uses)
    if twice := sorted(set(stage.uses) & set(stage.options)):
        raise _fault(table, f'uses of stage "{name}"', 'of other keys than its options', twice)
    if not isinstance(stage.shared, bool):
        raise _fault(table, f'shared of stage "{name}"', 'true or false', stage.shared)
    if type(stage.processes) is not int or stage.processes < 1:
        raise _fault(table, f'processes of stage "{name}"', 'a whole number > 0', stage.processes)
    return stage


def _check_uses(table: str, stages: Mapping[str, Stage]) -> None:
    for name, stage in stages.items():
        for key, used in stage.uses.items():
            if used not in [*stages]:  # a list also tells of what is no possible name
                raise _fault(table, f'{key} in uses of stage "{name}"', f'one of {[*stages]}', used)
    for name in stages:
        if circle := _circle(stages, (name,)):
            raise _fault(table, f'uses of stage "{circle[0]}"', 'without a circle', ' -> '.join(map(str, circle)))


def _circle(stages: Mapping[str, Stage], way: tuple[str, ...]) -> tuple[str, ...]:
    """The first way along ``uses`` that comes back to a stage of its own; empty if there is none."""
    for used in stages[way[-1]].uses.values():
        if used in way:
            return (*way[way.index(used) :], used)
        if found := _circle(stages, (*way, used)):
            return found
    return ()


def _row(table: str, content: Any, stages: Mapping[str, Stage], columns: Mapping[str, str]) -> Row:
    known = {'name', 'stage', 'options', 'paper'}
    if not isinstance(content, Mapping) or not {'name', 'stage'} <= set(content) <= known:
        raise _fault(table, 'row', 'a mapping with name, stage and at most options and paper', content)
    row = Row(**content)
    if not isinstance(row.name, str):
        raise _fault(table, 'name of a row', 'text', row.name)
    if row.stage not in stages:
        raise _fault(table, f'stage of row "{row.name}"', f'one of {[*stages]}', row.stage)
    if not isinstance(row.options, Mapping):
        raise _fault(table, f'options of row "{row.name}"', 'a mapping', row.options)
    if not isinstance(row.paper, Mapping) or not set(row.paper) <= set(columns):
        raise _fault(table, f'paper of row "{row.name}"', f'a mapping from columns ({[*columns]})', row.paper)
    if not all(isinstance(figure, int | float) for figure in row.paper.values()):
        raise _fault(table, f'paper of row "{row.name}"', 'numbers', row.paper)
    return row


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
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ValueError(f"'name' must be a readable yaml file, got {name!r}: {error}") from error
    table = Table.from_dict(name, content)
    stages = {key: replace(stage, config=_near(path, stage.config)) for key, stage in table.stages.items()}
    return replace(table, stages=stages)


def _near(path: Path, config: Mapping[str, str]) -> dict[str, str]:
    """The configs of a stage, with the full path of those that lie where the table does."""
    folder = path.resolve().parent
    return {data: str(folder / name) if (folder / name).is_file() else name for data, name in config.items()}
