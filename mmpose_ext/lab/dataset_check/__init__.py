"""What is missing or wrong in the data of a config, said before a training starts.

``tools/misc/check_dataset.py`` prints what :func:`check_dataset` finds. Each module holds checks of one kind: plain
functions over arrays and dictionaries that return findings.
"""

from .check import check_dataset
from .findings import Finding, format_findings, has_errors

__all__ = ['Finding', 'check_dataset', 'format_findings', 'has_errors']
