"""Pickled arrays and numbers, read without running the code that a pickle may name."""

import io
import pickle

from mmengine.fileio import get

__all__ = ['load_arrays', 'loads_arrays']

# what numpy writes for arrays, scalars and their types, by the names of numpy 1 and 2
_ALLOWED = {
    *(('numpy', name) for name in ('ndarray', 'dtype')),
    *(
        (f'numpy.{core}.{module}', name)
        for core in ('core', '_core')
        for module, name in (('multiarray', '_reconstruct'), ('multiarray', 'scalar'), ('numeric', '_frombuffer'))
    ),
    ('_codecs', 'encode'),  # bytes in the protocols 0 to 2
    *(('collections', name) for name in ('OrderedDict',)),
    *(('builtins', name) for name in ('complex', 'frozenset', 'set', 'slice', 'range', 'bytearray')),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Builds arrays, numbers, text and containers, and refuses to import anything else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f'it names {module}.{name}, which could run code, and only arrays are read')
        return super().find_class(module, name)


def loads_arrays(content: bytes, path: str) -> object:
    """Arrays, numbers, text, lists, tuples and dictionaries of a pickle.

    Args:
        content: The bytes of the file.
        path: Of the file, for the message.

    Raises:
        ValueError: If the file is not a pickle, or holds anything else. No code of it is run.
    """
    try:
        # arrays that were pickled by Python 2 need latin1
        return _ArrayUnpickler(io.BytesIO(content), encoding='latin1').load()
    except Exception as error:  # a file of another kind may be taken for any sequence of pickle's instructions
        raise ValueError(f'{path} must be a pickle of arrays, got {type(error).__name__}: {error}') from error


def load_arrays(path: str) -> object:
    """The same of a file, local or in a storage that MMEngine knows.

    Args:
        path: Of the file.

    Raises:
        FileNotFoundError: If a local file does not exist.
        ValueError: If it is not a pickle of arrays.
    """
    return loads_arrays(get(path), path)
