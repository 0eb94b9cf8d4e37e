"""What a table's yaml file may hold: its keys, and for each key which values are allowed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ['ROW', 'STAGE', 'TABLE', 'Fault', 'Field', 'check_fields']

Accepts = Callable[[object], bool]


@dataclass(frozen=True)
class Fault:
    """Makes the errors of one table: they name the key, what is allowed and what came."""

    table: str

    def __call__(self, key: str, allowed: str, came: object) -> ValueError:
        """The error of a key, with the allowed values in words and the value that came."""
        return ValueError(f"'{key}' of table {self.table} must be {allowed}, got {came!r}")


@dataclass(frozen=True)
class Field:
    """A key of the file.

    Args:
        allowed: The allowed values in words.
        accepts: Whether a value is allowed.
        required: Whether the key has to be there.
    """

    allowed: str
    accepts: Accepts
    required: bool = False


def _is(*kinds: type) -> Accepts:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _mapping(accepts: Accepts, filled: bool = False) -> Accepts:
    """Accept a mapping from text to accepted values."""
    return lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(key, str) and accepts(one) for key, one in value.items())
        and bool(value or not filled)
    )


def _by_data(accepts: Accepts) -> Accepts:
    """Accept one value, or a mapping from datasets to values."""
    return lambda value: _mapping(accepts, filled=True)(value) if isinstance(value, Mapping) else accepts(value)


_TEXT, _NUMBER = _is(str), _is(int, float)
_EACH = 'or one for each dataset'

TABLE = {
    'title': Field('text', _TEXT, required=True),
    'source': Field('text', _TEXT, required=True),
    'columns': Field(f'a mapping from headings to metrics; a metric, {_EACH}', _mapping(_by_data(_TEXT), True), True),
    'order_by': Field('text', _TEXT, required=True),
    'stages': Field('a mapping from names to stages', _mapping(lambda value: True, True), required=True),
    'rows': Field('a list of one or more rows', lambda value: isinstance(value, list) and bool(value), required=True),
    'scale': Field(f'a number, {_EACH} (on a dataset, one for each column)', _by_data(_by_data(_NUMBER))),
    'note': Field(f'text, {_EACH}', _by_data(_TEXT)),
    'lower_is_better': Field('true or false', _is(bool)),
}
STAGE = {
    'config': Field('a mapping from datasets to files', _mapping(_TEXT, True), required=True),
    'options': Field('a mapping from dotted keys to values', _mapping(lambda value: True)),
    'uses': Field(f'a mapping from dotted keys to stages; a stage, {_EACH}', _mapping(_by_data(_TEXT))),
    'shared': Field('true or false', _is(bool)),
    'processes': Field('a whole number > 0', lambda value: type(value) is int and value > 0),
}
ROW = {
    'name': Field('text', _TEXT, required=True),
    'stage': Field('text', _TEXT, required=True),
    'options': Field('a mapping from dotted keys to values', _mapping(lambda value: True)),
    'paper': Field(f'a mapping from columns to numbers; a number, {_EACH}', _mapping(_by_data(_NUMBER))),
}


def check_fields(fault: Fault, place: str, content: object, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Check a mapping of the file against its fields.

    Args:
        fault: Makes the errors.
        place: What the mapping is in the file, such as ``stage "teacher"``; empty for the file as a whole.
        content: What the file holds there.
        fields: The keys that are allowed.

    Returns:
        The content.

    Raises:
        ValueError: If it is no mapping, if a required key is missing, or if a key or a value is not allowed.
    """
    required = [key for key, one in fields.items() if one.required]
    if not isinstance(content, Mapping) or not set(required) <= set(content) <= set(fields):
        optional = [key for key in fields if key not in required]
        came = [*content] if isinstance(content, Mapping) else content
        raise fault(place or 'keys', f'a mapping with {required} and at most {optional}', came)
    where = f' of row "{content.get("name")}"' if fields is ROW else f' of {place}' if place else ''
    for key, one in fields.items():
        if key in content and not one.accepts(content[key]):
            raise fault(f'{key}{where}', one.allowed, content[key])
    return dict(content)
