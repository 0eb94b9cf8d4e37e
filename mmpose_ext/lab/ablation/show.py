"""Tables and plans as text for the terminal."""

from collections.abc import Mapping

from .plan import Plan
from .table import Table

__all__ = ['commands_text', 'table_text']


def table_text(table: Table) -> str:
    """A table as Markdown: its rows, what they train and test, and the paper's figures."""
    stages = table.stages.items()
    # where the paper has figures, its columns alone
    columns = [name for name in table.columns if any(name in row.paper for row in table.rows)] or list(table.columns)
    lines = [
        f'{table.name}: {table.title}',
        f'paper: {table.source}',
        f'data: {", ".join(table.data_sets)}',
        *_notes(table),
        *(f'stage {name} uses {_text(other)} ({key})' for name, stage in stages for key, other in stage.uses.items()),
        *(f'stage {name} is trained once for all seeds' for name, stage in stages if stage.shared),
        '',
        '| row | trains | tested with | ' + ' | '.join(columns) + ' |',
        '|---' * (len(columns) + 3) + '|',
    ]
    for row in table.rows:
        options = ', '.join(f'{key.rpartition(".")[2]}={_text(value)}' for key, value in row.options.items())
        figures = ' | '.join(_text(row.paper[name]) if name in row.paper else '' for name in columns)
        lines.append(f'| {row.name} | {row.stage} | {options} | {figures} |')
    return '\n'.join(lines)


def _text(value: object) -> str:
    """A value; if there is one for each dataset, each with its dataset."""
    if isinstance(value, Mapping):
        return ', '.join(f'{one} on {data}' for data, one in value.items())
    return str(value)


def _notes(table: Table) -> list[str]:
    if isinstance(table.note, Mapping):
        return [f'note on {data}: {note.strip()}' for data, note in table.note.items()]
    return [f'note: {table.note.strip()}'] if table.note else []


def commands_text(plan: Plan) -> str:
    """The commands of a plan in the order to run them by hand; those whose result exists are marked."""
    lines = []
    for job in plan.jobs:
        lines.append(f'{"# done: " if job.is_done else ""}{job}')
    return '\n'.join(lines)
