"""Where figures come from: versions, commit, date."""

import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mmpose_ext.version import __version__

from .results import Json

__all__ = ['provenance']

_PACKAGES = ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'numpy')


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints in ``root``; None without git or outside a repository."""
    try:
        return subprocess.run(
            ['git', '-C', str(root), *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def provenance(root: Path) -> Json:
    """Versions of Python and the packages, commit of ``root`` (and whether it had changes on top), date in UTC."""
    changes = _git(root, 'status', '--porcelain', '--untracked-files=no')
    return dict(
        versions=dict(
            python=platform.python_version(),
            mmpose_ext=__version__,
            **{name: found for name in _PACKAGES if (found := _version(name))},
        ),
        commit=_git(root, 'rev-parse', 'HEAD'),
        changed_files=None if changes is None else len(changes.splitlines()),
        date=datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
    )
