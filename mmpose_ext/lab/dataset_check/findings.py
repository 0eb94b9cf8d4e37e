"""What the checks found, and how it is printed."""

import textwrap
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ['LEVELS', 'Finding', 'by_share', 'describe_error', 'examples', 'format_findings', 'has_errors', 'percent']

#: 'error': training stops, learns nothing or is evaluated wrongly; 'warning': probably not intended
LEVELS = ('ok', 'info', 'warning', 'error')


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        level: One of :data:`LEVELS`.
        check: Short name of the check, the same for every config: 'flip-pairs'.
        where: The part of the config: 'train', 'val', 'test', 'model' or 'config'.
        what: What was found, with figures.
        advice: What to do about it.

    Raises:
        ValueError: If the level is not one of these.
    """

    level: str
    check: str
    where: str
    what: str
    advice: str = ''

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"'level' must be one of {', '.join(LEVELS)}, got {self.level!r}")


def has_errors(findings: Iterable[Finding], strict: bool = False) -> bool:
    """Whether there is an error, or with ``strict`` an error or a warning."""
    bad = ('error', 'warning') if strict else ('error',)
    return any(finding.level in bad for finding in findings)


def by_share(count: int, total: int, error_share: float) -> str:
    """'error' if ``count`` of ``total`` exceeds a share, otherwise 'warning'."""
    return 'error' if count > error_share * total else 'warning'


def percent(count: float, total: float) -> str:
    """A share as text: '12%', '0.4%'; '0%' of nothing."""
    share = 100 * count / total if total else 0.0
    return f'{share:.1f}%' if 0 < share < 10 else f'{share:.0f}%'


def examples(values: Iterable[object], limit: int = 3) -> str:
    """The first values as text: 'a, b, c, ...'."""
    shown = [str(value) for value in values]
    return ', '.join(shown[:limit]) + (', ...' if len(shown) > limit else '')


def describe_error(error: BaseException, place: bool = False) -> str:
    """An exception in one line: its class and message.

    Args:
        error: The exception.
        place: Whether to add the line of code that raised it. An exception without a message always gets it.
    """
    text = ' '.join(str(error).split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    if frames and not text:
        text = str(frames[-1].line)
    if frames and (place or not str(error).strip()):
        text += f' ({Path(frames[-1].filename).name}, line {frames[-1].lineno})'
    return f'{type(error).__name__}: {text}'


def format_findings(findings: Sequence[Finding], width: int = 110) -> str:
    """A table of findings, followed by a line that counts them.

    The most severe findings come last, where a terminal shows them. Within a level, the order is kept.

    Args:
        findings: What the checks returned.
        width: Columns of the text.
    """
    columns = ('level', 'where', 'check')
    sizes = [max((len(getattr(finding, name)) for finding in findings), default=0) for name in columns]
    indent = ' ' * (sum(sizes) + 2 * len(columns))
    room = max(40, width - len(indent))
    lines = []
    for finding in sorted(findings, key=lambda finding: LEVELS.index(finding.level)):
        start = ''.join(f'{getattr(finding, name):<{size + 2}}' for name, size in zip(columns, sizes, strict=True))
        text = textwrap.wrap(finding.what, room, break_long_words=False, break_on_hyphens=False) or ['']
        if finding.advice:
            text += textwrap.wrap(
                f'-> {finding.advice}', room, subsequent_indent='   ', break_long_words=False, break_on_hyphens=False
            )
        lines += [start + text[0], *(indent + line for line in text[1:])]
    count = Counter(finding.level for finding in findings)
    lines += ['', f'{_number(count["error"], "error")}, {_number(count["warning"], "warning")}.']
    return '\n'.join(lines)


def _number(count: int, noun: str) -> str:
    return f'{count or "no"} {noun}{"s" if count != 1 else ""}'
