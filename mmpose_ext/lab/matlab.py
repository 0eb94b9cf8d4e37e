"""Variables of Matlab files, with an error that says which file and what is wrong with it.

SciPy reads Matlab's format in C, and a damaged file can end the process. The files are therefore read in a process of
their own, which hands the variable back as a pickle of arrays.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from mmpose_ext.datasets.array_pickle import loads_arrays
from mmpose_ext.functional import check_shape

__all__ = ['check_numbers', 'read_variable']

_SECONDS = 600  # a file that takes longer does not end at all
_READER = """
import pickle, sys
from scipy.io import loadmat
path, name = sys.argv[1:]
try:
    variables = loadmat(path, variable_names=[name], simplify_cells=True)
    if name in variables:
        answer = 'variable', variables[name]
    else:
        found = set(loadmat(path, simplify_cells=True)) - {'__header__', '__version__', '__globals__'}
        answer = 'missing', ', '.join(sorted(found)) or 'none'
except NotImplementedError:  # scipy's answer to version 7.3, which is HDF5
    answer = 'version', ''
except Exception as error:  # scipy raises whatever the first wrong byte leads to
    answer = 'error', f'{type(error).__name__}: {error}'
sys.stdout.buffer.write(pickle.dumps(answer, protocol=4))
"""


def read_variable(path: Path, name: str) -> object:
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
    kind, value = _read_in_child(path, name)
    if kind == 'version':
        raise ValueError(
            f'{path} must be a Matlab file of version 7 or older, got version 7.3: load it in Matlab or Octave and '
            "save it again with save(file, '-v7')"
        )
    if kind == 'missing':
        raise ValueError(f'{path} must have the variable {name!r}, got {value}')
    if kind == 'error':
        raise ValueError(f'{path} must be a Matlab file, got {value}')
    return value


def _read_in_child(path: Path, name: str) -> tuple[str, object]:
    """What the reading process answers: ('variable', its value), or the kind of an error with a text."""
    command = [sys.executable, '-W', 'ignore', '-c', _READER, str(path), name]
    try:
        child = subprocess.run(command, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return 'error', f'nothing after {_SECONDS} s of reading'
    if child.returncode:
        last = child.stderr.decode(errors='replace').strip().splitlines()[-1:]
        return 'error', f'a reader that ended with status {child.returncode} {" ".join(last)}'.rstrip()
    answer = loads_arrays(child.stdout, str(path))
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise ValueError(f'{path} must be a Matlab file, got an answer of its reader that is no variable')
    return str(answer[0]), answer[1]


def check_numbers(name: str, where: str, values: object, dims: str, hint: str = '') -> np.ndarray:
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
