"""Tables: what is trained, what is tested, and what the paper says.

A table is a yaml file; ``dark/decoding`` names ``configs/dark/tables/decoding.yaml``::

    title: Coordinate decoding
    source: Zhang et al., CVPR 2020, table 1
    columns: {AP: coco/AP, AP75: coco/AP .75}   # heading: name of the metric in the log
    scale: 100                                  # the log's figures times this are the paper's unit
    order_by: AP                                # the highest is the best; with lower_is_better: true the lowest
    stages:                                     # what is trained: a config for each dataset
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

Any metric, scale, note, option, used stage and figure may be a mapping from datasets to values instead of one value. It
is left out on a dataset that the mapping does not name. A stage whose ``config`` does not name the dataset is left out,
too, with its rows::

    columns: {PCK or AP: {mpii: PCK, synthetic: coco/AP}, AP75: {synthetic: coco/AP .75}}
    scale: {synthetic: 100}

Where the columns of one dataset have several units, its scale is a mapping from columns to numbers, 1 for columns that
it does not name: ``scale: {lspet: {AP: 100}}``.

``uses`` sets options to checkpoints: ``{model.teacher.checkpoint: teacher}`` is the last one of the stage ``teacher``,
which is trained before, with the same seed. With ``shared: true`` a stage is trained once, with seed 0, for all seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import yaml

from mmpose_ext.config import configs_root

from .schema import ROW, STAGE, TABLE, Fault, check_fields

__all__ = ['Row', 'Stage', 'Table', 'TableOnData', 'find_table', 'list_tables']

# Values by name; each value may be a mapping from datasets to values.
Options: TypeAlias = Mapping[str, object]


def _on(values: Options, data: str) -> dict[str, object]:
    """The values on one dataset; those that the dataset does not have are left out."""
    chosen = {key: value.get(data) if isinstance(value, Mapping) else value for key, value in values.items()}
    return {key: value for key, value in chosen.items() if _has(values[key], data)}


def _has(value: object, data: str) -> bool:
    """Whether there is a value on a dataset."""
    return not isinstance(value, Mapping) or data in value


@dataclass(frozen=True)
class Stage:
    """A training: a config for each dataset, options on top of it, and the trainings that it builds on.

    Args:
        config: By dataset a path below ``configs/``, or beside the table's own file.
        options: Values by dotted key.
        uses: Other stages by dotted key; the option is the stage's last checkpoint, of the same seed.
        shared: Trained once, with seed 0, which stands for all seeds.
        processes: Number of processes that train together, each with the batch size of the config.
    """

    config: Mapping[str, str]
    options: Options = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    processes: int = 1

    def seed(self, seed: int) -> int:
        """The seed that this stage is trained with, where others are with ``seed``."""
        return 0 if self.shared else seed

    def on(self, data: str) -> 'Stage':
        """The stage on one dataset."""
        uses = {key: str(name) for key, name in _on(self.uses, data).items()}
        return replace(self, config={data: self.config[data]}, options=_on(self.options, data), uses=uses)


@dataclass(frozen=True)
class Row:
    """A test of a stage's weights under further options, and the paper's figures by column."""

    name: str
    stage: str
    options: Options = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)

    def on(self, data: str) -> 'Row':
        """The row on one dataset."""
        paper = {column: figure for column, figure in _on(self.paper, data).items() if isinstance(figure, int | float)}
        return replace(self, options=_on(self.options, data), paper=paper)


@dataclass(frozen=True)
class TableOnData:
    """A table on one dataset: the columns that have a metric there, the stages and rows that have a config.

    ``scale`` has a factor for each column.
    """

    name: str
    title: str
    source: str
    columns: Mapping[str, str]
    order_by: str
    stages: Mapping[str, Stage]
    rows: tuple[Row, ...]
    scale: Mapping[str, float]
    note: str
    lower_is_better: bool


@dataclass(frozen=True)
class Table:
    """An ablation table; the fields are those of the yaml file."""

    name: str
    title: str
    source: str
    columns: Options
    order_by: str
    stages: Mapping[str, Stage]
    rows: tuple[Row, ...]
    scale: float | Mapping[str, float | Mapping[str, float]] = 1.0
    note: str | Mapping[str, str] = ''
    lower_is_better: bool = False

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Datasets that a row's stage has a config for, in the order of the file."""
        return tuple(dict.fromkeys(data for row in self.rows for data in self.stages[row.stage].config))

    def on(self, data: str) -> TableOnData:
        """The table on one dataset."""
        stages = {name: stage.on(data) for name, stage in self.stages.items() if data in stage.config}
        columns = {column: str(metric) for column, metric in _on(self.columns, data).items()}
        scale = self.scale.get(data, 1.0) if isinstance(self.scale, Mapping) else self.scale
        return TableOnData(
            name=self.name,
            title=self.title,
            source=self.source,
            columns=columns,
            order_by=self.order_by,
            stages=stages,
            rows=tuple(row.on(data) for row in self.rows if row.stage in stages),
            scale={column: scale.get(column, 1.0) if isinstance(scale, Mapping) else scale for column in columns},
            note=self.note.get(data, '') if isinstance(self.note, Mapping) else self.note,
            lower_is_better=self.lower_is_better,
        )

    @classmethod
    def from_dict(cls, name: str, content: object) -> 'Table':
        """Check and convert what a yaml file holds.

        Raises:
            ValueError: Naming the table, the key, what is allowed and what came.
        """
        fault = Fault(name)
        values = check_fields(fault, '', content, TABLE)
        stages = {
            key: Stage(**check_fields(fault, f'stage "{key}"', stage, STAGE)) for key, stage in values['stages'].items()
        }
        rows = tuple(Row(**check_fields(fault, 'row', row, ROW)) for row in values['rows'])
        table = cls(name=name, **{**values, 'stages': stages, 'rows': rows})
        _check_rows(fault, table)
        _check_uses(fault, stages)
        for data in table.data_sets:
            _check_data(fault, table.on(data), data)
        _check_names_of_data(fault, table)
        return table


def _check_rows(fault: Fault, table: Table) -> None:
    """Rows differ in their names, and name stages and columns of the table."""
    if len({row.name for row in table.rows}) != len(table.rows):
        raise fault('rows', 'a list of one or more, of different names', [row.name for row in table.rows])
    if table.order_by not in table.columns:
        raise fault('order_by', f'one of the columns {[*table.columns]}', table.order_by)
    for row in table.rows:
        if row.stage not in table.stages:
            raise fault(f'stage of row "{row.name}"', f'one of {[*table.stages]}', row.stage)
        if not set(row.paper) <= set(table.columns):
            raise fault(f'paper of row "{row.name}"', f'a mapping from columns ({[*table.columns]})', row.paper)


def _check_uses(fault: Fault, stages: Mapping[str, Stage]) -> None:
    """Stages use others of the table, by keys that their options do not set."""
    for name, stage in stages.items():
        if twice := sorted(set(stage.uses) & set(stage.options)):
            raise fault(f'uses of stage "{name}"', 'of other keys than its options', twice)
        for key, used in stage.uses.items():
            for one in used.values() if isinstance(used, Mapping) else [used]:
                if one not in stages:
                    raise fault(f'{key} in uses of stage "{name}"', f'one of {[*stages]}', one)


def _check_data(fault: Fault, table: TableOnData, data: str) -> None:
    """What a table on one dataset needs is there: the column that orders it, and the stages that others use."""
    if table.order_by not in table.columns:
        raise fault('order_by', f'a column with a metric on {data}', table.order_by)
    for name, stage in table.stages.items():
        for key, used in stage.uses.items():
            if used not in table.stages:
                raise fault(f'{key} in uses of stage "{name}"', f'a stage with a config for {data}', used)
        if circle := _circle(table.stages, (name,)):
            raise fault(f'uses of stage "{circle[0]}"', 'without a circle', ' -> '.join(circle))


def _check_names_of_data(fault: Fault, table: Table) -> None:
    """Every mapping from datasets names datasets of the table alone."""
    places: dict[str, object] = {'scale': table.scale, 'note': table.note}
    places |= {f'column "{name}"': metric for name, metric in table.columns.items()}
    for name, stage in table.stages.items():
        places |= {f'{key} of stage "{name}"': value for key, value in {**stage.options, **stage.uses}.items()}
    for row in table.rows:
        places |= {f'{key} of row "{row.name}"': value for key, value in {**row.options, **row.paper}.items()}
    if isinstance(table.scale, Mapping):
        for data, scale in table.scale.items():
            if isinstance(scale, Mapping) and not set(scale) <= set(table.columns):
                raise fault(f'scale of {data}', f'a number, or numbers for columns ({[*table.columns]})', dict(scale))
    for place, value in places.items():
        if isinstance(value, Mapping) and not set(value) <= set(table.data_sets):
            raise fault(place, f'one value, or values for datasets of the table ({[*table.data_sets]})', dict(value))


def _circle(stages: Mapping[str, Stage], way: tuple[str, ...]) -> tuple[str, ...]:
    """The first way along ``uses`` that comes back to a stage of its own; empty if there is none."""
    for used in stages[way[-1]].uses.values():
        if used in way:
            return (*way[way.index(used) :], used)
        if used in stages and (found := _circle(stages, (*way, used))):
            return found
    return ()


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
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"'name' must be a readable yaml file, got {name!r}: {error}") from error
    table = Table.from_dict(name, content)
    stages = {key: replace(stage, config=_near(path, stage.config)) for key, stage in table.stages.items()}
    return replace(table, stages=stages)


def _near(path: Path, config: Mapping[str, str]) -> dict[str, str]:
    """The configs of a stage, with the full path of those that lie where the table does."""
    folder = path.resolve().parent
    return {data: str(folder / name) if (folder / name).is_file() else name for data, name in config.items()}
