"""Let mmcv 2.1.0 and xtcocotools be built by Python 3.13 and newer; on PYTHONPATH only while they are built.

Their setup.py runs a version file with ``exec(code)`` in a function and then reads ``locals()['__version__']``.
Since Python 3.13 (PEP 667) each call of locals() in a function makes a new snapshot, which lacks that name. Here
``exec`` writes to the caller's frame instead, and locals() shows what is there.
"""

import builtins
import sys
from collections.abc import Mapping
from types import CodeType
from typing import Any

_exec = builtins.exec


def exec_in_caller(
    source: str | bytes | CodeType,
    globals: dict[str, Any] | None = None,
    locals: Mapping[str, object] | None = None,
    /,
    **options: Any,
) -> None:
    if globals is None:
        frame = sys._getframe(1)
        globals, locals = frame.f_globals, frame.f_locals
    _exec(source, globals, locals, **options)


builtins.exec = exec_in_caller  # type: ignore[assignment]
