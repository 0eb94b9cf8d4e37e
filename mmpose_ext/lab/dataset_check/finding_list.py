"""The findings of a run, to which every check adds its own without endangering those of the others."""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from .findings import Finding, describe_error

__all__ = ['Report']

P = ParamSpec('P')
T = TypeVar('T')


class Report:
    """Findings in the order in which the checks made them.

    A check that raises an exception becomes a finding itself, and the checks after it still run.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def add(self, level: str, check: str, where: str, what: str, advice: str = '') -> None:
        """Add a finding; the arguments are those of :class:`~mmpose_ext.lab.dataset_check.findings.Finding`."""
        self.findings.append(Finding(level, check, where, what, advice))

    def add_error(self, check: str, where: str, what: str, error: BaseException, advice: str = '') -> None:
        """Add an exception that MMPose, or a class of the user's, raised.

        Args:
            check: Short name of the check.
            where: 'train', 'val', 'test', 'model' or 'config'.
            what: What could not be done.
            error: The exception.
            advice: What to do about it.
        """
        self.add('error', check, where, f'{what}: {describe_error(error)}', advice)

    def check(self, where: str, check: Callable[P, Sequence[Finding]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Run a check and add what it found.

        Args:
            where: 'train', 'val', 'test', 'model' or 'config'.
            check: Returns findings.
            *args: Arguments of the check.
            **kwargs: Likewise.

        Returns:
            Whether an error was added.
        """
        found = self.call(where, check, *args, **kwargs)
        self.findings += found or []
        return found is None or any(finding.level == 'error' for finding in found)

    def call(self, where: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result of a function, or None and a finding if it raises an exception."""
        try:
            return function(*args, **kwargs)
        except (Exception, SystemExit) as error:  # data from outside, and the user's own classes
            name = getattr(function, '__name__', type(function).__name__).strip('_').replace('_', ' ')
            what = f'{name}: stopped by an unexpected {describe_error(error, place=True)}'
            advice = 'a value in the files or the config is not what MMPose expects there; all other checks were made'
            self.add('error', 'unexpected', where, what, advice)
            return None

    def has(self, where: str, *checks: str) -> bool:
        """Whether one of some checks found an error in a part of the config."""
        return any(one.level == 'error' and one.where == where and one.check in checks for one in self.findings)
