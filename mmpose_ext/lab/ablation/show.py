"""Tables and plans as text for the terminal."""

from .plan import Plan
from .table import Table

__all__ = ['commands_text', 'table_text']


def table_text(table: Table) -> str:
    """A table as Markdown: its rows, what they train and test, and the paper's figures."""
    columns, stages = list(table.columns), table.stages.items()
    lines = [
        f'{table.name}: {table.title}',
        f'paper: {table.source}',
        f'data: {", ".join(table.data_sets)}',
        *([f'note: {table.note.strip()}'] if table.note else []),
        *(f'stage {name} uses {other} ({key})' for name, stage in stages for key, other in stage.uses.items()),
        *(f'stage {name} is trained once for all seeds' for name, stage in stages if stage.shared),
        '',
        '| row | trains | tested with | ' + ' | '.join(columns) + ' |',
        '|---' * (len(columns) + 3) + '|',
    ]
    for row in table.rows:
        options = ', '.join(f'{key.rpartition(".")[2]}={value}' for key, value in row.options.items())
        figures = ' | '.join(str(row.paper[name]) if name in row.paper else '' for name in columns)
        lines.append(f'| {row.name} | {row.stage} | {options} | {figures} |')
    return '\n'.join(lines)


def commands_text(plan: Plan) -> str:
    """The commands of a plan in the order to run them by hand; those whose result exists are marked."""
    lines = []
    for job in plan.jobs:
        lines.append(f'{"# done: " if job.is_done else ""}{job}')
    return '\n'.join(lines)
