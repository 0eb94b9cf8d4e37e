"""A paper's table in one command: what a table is, which jobs it takes, and who runs them."""

from .plan import Job, Plan, make_plan
from .readme import fill_tables
from .show import commands_text, table_text
from .table import Row, Stage, Table, TableOnData, find_table, list_tables
from .workflow import run_plan

__all__ = [
    'Job',
    'Plan',
    'Row',
    'Stage',
    'Table',
    'TableOnData',
    'commands_text',
    'fill_tables',
    'find_table',
    'list_tables',
    'make_plan',
    'run_plan',
    'table_text',
]
