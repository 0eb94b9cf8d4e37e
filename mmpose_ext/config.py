"""Where the configs of this package are, whichever way it was installed."""

from difflib import get_close_matches
from pathlib import Path

__all__ = ['config_path', 'configs_root', 'find_config']

_PACKAGE = Path(__file__).resolve().parent


def config_path(name: str) -> str:
    """Absolute path of a config of ours, to inherit from or to load.

    A config outside the repository inherits one of ours by calling this function in ``_base_``, which MMEngine
    evaluates before it reads the rest of the file. Nothing else is needed, in MMPose's own tools and mim as well::

        _base_ = __import__('mmpose_ext').config_path('dark/dark_res18_1xb32-10e_synthetic-128x96.py')

    (``__import__`` instead of an ``import`` line, because MMEngine takes a config with imports for one of its other,
    pure Python kind.)

    Args:
        name: Path below ``configs/``, with or without ``.py``.

    Returns:
        The config's path: in ``.mim/configs`` of the installed package or in ``configs`` of the repository.

    Raises:
        FileNotFoundError: If there is no such config; the message lists the closest names.
    """
    relative = name if name.endswith('.py') else f'{name}.py'
    folders = _folders()
    for folder in folders:
        if (folder / relative).is_file():
            return str(folder / relative)
    known = sorted(path.relative_to(folders[0]).as_posix() for path in folders[0].rglob('*.py'))
    stem = relative.removesuffix('.py')
    close = [path for path in known if stem in path][:3] or get_close_matches(relative, known, n=3, cutoff=0)
    raise FileNotFoundError(f"'name' must be a config below {folders[0]}, got {name!r}; closest: {', '.join(close)}")


def find_config(config: str | Path, argument: str) -> str:
    """Path of a config that a user names: by its file, or by its name below ``configs/`` of this package.

    Args:
        config: The file or the name.
        argument: Name of the argument, for the message.

    Raises:
        ValueError: If there is none; the message lists the closest names.
    """
    if Path(config).is_file():
        return str(config)
    try:
        return config_path(str(config))
    except FileNotFoundError as error:
        raise ValueError(
            f"'{argument}' must be a config, its file or its name below configs/, got {str(config)!r}, which does not "
            f'exist: {error}'
        ) from error


def configs_root() -> Path:
    """The folder of our configs: ``.mim/configs`` of the installed package or ``configs`` of the repository."""
    return _folders()[0]


def _folders() -> list[Path]:
    folders = [folder for folder in (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs') if folder.is_dir()]
    if not folders:
        raise FileNotFoundError(
            f'mmpose_ext was installed without its configs: neither .mim/configs in {_PACKAGE} '
            f'nor configs in {_PACKAGE.parent} exists'
        )
    return folders
