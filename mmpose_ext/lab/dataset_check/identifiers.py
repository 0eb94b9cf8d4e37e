"""Identities of images, annotations and categories: of one type, in the range of integers, each once."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

from .findings import Finding, examples

__all__ = ['as_key', 'check_ids', 'check_references', 'check_repeated', 'is_whole']

_LARGEST = 2**63 - 1


def is_whole(value: object) -> bool:
    """Whether a value is an integer; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def as_key(value: object) -> Hashable:
    """A value that can be looked up: itself, or its text if it is a list or a dictionary."""
    return value if isinstance(value, Hashable) else repr(value)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return 'text'
    return {'NoneType': 'null', 'bool': 'true or false', 'list': 'a list', 'dict': 'a dictionary'}.get(
        type(value).__name__, 'a fraction'
    )


def _is_fraction(value: object) -> bool:
    return isinstance(value, float) and not (math.isfinite(value) and value == int(value))


def check_ids(values: Sequence[object], name: str, where: str) -> list[Finding]:
    """Identities must be integers that numpy can hold: MMPose and the COCO tools compute with them.

    Args:
        values: One for each entry.
        name: What they are, for the message: "'id' of images".
        where: 'train', 'val' or 'test'.
    """
    findings = []
    advice = 'write integers: MMPose computes with ids, and the COCO tools look them up by value'
    wrong = [value for value in values if not is_whole(value) and (_is_fraction(value) or not isinstance(value, float))]
    for kind in dict.fromkeys(map(_kind, wrong)):
        those = [value for value in wrong if _kind(value) == kind]
        what = f'{name} must be an integer, and {len(those)} of {len(values)} are {kind} ({examples(map(repr, those))})'
        findings.append(Finding('error', 'id-type', where, what, advice))
    floats = [value for value in values if isinstance(value, float) and not _is_fraction(value)]
    if floats:
        what = f'{name} must be an integer, and {len(floats)} of {len(values)} are floats ({examples(floats)})'
        findings.append(Finding('warning', 'id-type', where, what, 'beyond 2**53 neighboring floats are the same'))
    large = [value for value in values if isinstance(value, int) and abs(value) > _LARGEST]
    if large:
        what = f'{len(large)} of {len(values)} {name} do not fit into 64 bits ({examples(large)})'
        findings.append(Finding('error', 'id-range', where, what, 'number the entries anew'))
    return findings


def check_repeated(values: Sequence[object], name: str, where: str) -> list[Finding]:
    """Whether identities come more than once."""
    twice = [value for value, count in Counter(map(as_key, values)).items() if count > 1]
    if not twice:
        return []
    what = f'{len(twice)} ids of {name} come more than once ({examples(twice)})'
    return [Finding('error', 'ids', where, what, 'the COCO tools keep only the last of them')]


def check_references(
    images: Sequence[Mapping[str, object]],
    people: Sequence[Mapping[str, object]],
    categories: Sequence[Mapping[str, object]],
    where: str,
) -> list[Finding]:
    """Identities of a file in COCO's format, and whether annotations name images and categories that exist.

    Args:
        images: Entries with 'id'.
        people: Annotations with 'id', 'image_id' and 'category_id'.
        categories: Entries with 'id'.
        where: 'train', 'val' or 'test'.
    """
    findings = []
    for name, entries, key in (
        ('images', images, 'id'),
        ('annotations', people, 'id'),
        ('annotations', people, 'image_id'),
        ('annotations', people, 'category_id'),
        ('categories', categories, 'id'),
    ):
        findings += check_ids([entry.get(key) for entry in entries], f'{key!r} of {name}', where)
        if key == 'id':
            findings += check_repeated([entry.get(key) for entry in entries], name, where)
    image_ids = {as_key(image.get('id')) for image in images}
    lost = [person.get('id') for person in people if as_key(person.get('image_id')) not in image_ids]
    if lost:
        what = (
            f"{len(lost)} of {len(people)} annotations name an 'image_id' that is not in 'images' (id {examples(lost)})"
        )
        findings.append(Finding('error', 'image-ids', where, what, 'they are never used; are the ids of one type?'))
    category_ids = {as_key(category.get('id')) for category in categories}
    named = dict.fromkeys(as_key(person.get('category_id')) for person in people)
    strange = sorted(str(name) for name in named if name not in category_ids)
    if strange:
        what = f"annotations have the category_id {examples(strange)}, which is not in 'categories'"
        findings.append(Finding('error', 'categories', where, what, 'the evaluation leaves them out: AP = -1'))
    numbers = [number for person in people if isinstance(number := person.get('id'), int) and is_whole(number)]
    negative = [number for number in numbers if number < 0]
    if negative:
        what = f'{len(negative)} of {len(people)} annotations have a negative id ({examples(negative)})'
        findings.append(Finding('error', 'id-range', where, what, 'the evaluation takes it for "no match": AP = 0'))
    if 0 in numbers:
        advice = 'MMPose evaluates it rightly; the original COCO tools count a match with it as none'
        findings.append(Finding('info', 'ids', where, 'an annotation has the id 0', advice))
    return findings
