"""Variables of Matlab files, with an error that says which file and what is wrong with it."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from mmpose_ext.functional import check_shape

__all__ = ['check_numbers', 'read_variable']


def read_variable(path: Path, name: str) -> Any:
    """Read a variable of a Matlab file (version 7 or older).

    Args:
        path: The file.
        name: Of the variable.

    Returns:
        An array; of a struct a dictionary, of an array of structs a list of dictionaries.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is no such file or has no such variable.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} must be a file with the variable {name!r}, and does not exist')
    try:
        variables = loadmat(path, variable_names=[name], simplify_cells=True)
    except NotImplementedError as error:  # scipy's answer to version 7.3, which is HDF5
        raise ValueError(
            f'{path} must be a Matlab file of version 7 or older, got version 7.3: load it in Matlab or Octave and '
            "save it again with save(file, '-v7')"
        ) from error
    except Exception as error:  # scipy raises whatever the first wrong byte leads to
        raise ValueError(f'{path} must be a Matlab file, got {type(error).__name__}: {error}') from error
    if name not in variables:
        found = sorted(set(loadmat(path, simplify_cells=True)) - {'__header__', '__version__', '__globals__'})
        raise ValueError(f'{path} must have the variable {name!r}, got {", ".join(found) or "none"}')
    return variables[name]


def check_numbers(name: str, where: str, values: Any, dims: str, hint: str = '') -> np.ndarray:
    """The values as float64 of a shape.

    Args:
        name: Of the variable or field, for the message.
        where: Where it was found, for the message.
        values: What was found.
        dims: Of :func:`mmpose_ext.functional.check_shape`.
        hint: Appended to the message.

    Raises:
        ValueError: If they are no numbers or have another shape.
    """
    array = np.asarray(values)
    if array.dtype.kind not in 'biuf':
        raise ValueError(f"'{name}' of {where} must be numbers, got {array.dtype.name}{hint}")
    try:
        check_shape(name, array, dims)
    except ValueError as error:
        message = str(error).replace(f"'{name}'", f"'{name}' of {where}", 1)
        raise ValueError(message + hint) from None
    return array.astype(np.float64)
