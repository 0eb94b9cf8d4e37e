"""Whether an annotation file in COCO's format has the keys, types and references that MMPose reads."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from .findings import Finding, examples
from .identifiers import check_references, is_whole

__all__ = ['COCO_ADVICE', 'check_coco_file', 'check_keys', 'check_values', 'is_number', 'is_vector']

COCO_ADVICE = (
    "COCO's format is a dictionary of three lists: images (id, file_name, width, height), annotations (id, image_id, "
    'category_id, bbox, keypoints, area, iscrowd) and categories (id, name, keypoints)'
)
_IMAGE_KEYS = ('id', 'file_name', 'width', 'height')
_PERSON_KEYS = ('id', 'image_id', 'category_id', 'bbox', 'keypoints')

_LARGEST = 10**300

Entries = Sequence[Mapping[str, object]]


def is_number(value: object) -> bool:
    """Whether a value is a number that fits into a float; true and false are none."""
    return isinstance(value, float) or (isinstance(value, int) and is_whole(value) and abs(value) < _LARGEST)


def is_vector(value: object, length: int | None = None) -> bool:
    """Whether a value is a list of numbers (null counts as NaN), if asked of a length."""
    return (
        isinstance(value, list)
        and (length is None or len(value) == length)
        and all(item is None or is_number(item) for item in value)
    )


def check_coco_file(content: object, where: str, plain: bool = True) -> list[Finding]:
    """Check a file of COCO's format: keys, types, lengths, identities and references.

    Args:
        content: What the JSON file holds.
        where: 'train', 'val' or 'test'.
        plain: Whether MMPose's class takes a person from 'bbox' and 'keypoints'; others compose a person of other keys.
    """
    if not isinstance(content, Mapping):
        kind = f'a {type(content).__name__}'
        is_mpii = isinstance(content, list) and content and isinstance(content[0], Mapping) and 'joints' in content[0]
        advice = "this is MMPose's format of MPII: use type='MpiiDataset'" if is_mpii else COCO_ADVICE
        return [Finding('error', 'json', where, f'the annotation file holds {kind}, not a dictionary', advice)]
    missing = [name for name in ('images', 'annotations', 'categories') if not isinstance(content.get(name), list)]
    if missing:
        what = f'the annotation file has no list {examples(repr(name) for name in missing)}'
        return [Finding('error', 'json', where, what, COCO_ADVICE)]
    images, people, categories = (content[name] for name in ('images', 'annotations', 'categories'))
    if not images or not people:
        what = f'the annotation file has {len(images)} images and {len(people)} annotations'
        return [Finding('error', 'json', where, what, 'is it the right file (person_keypoints, not captions)?')]
    findings = [
        *check_keys(images, _IMAGE_KEYS if plain else _IMAGE_KEYS[:2], 'images', where),
        *check_keys(people, _PERSON_KEYS if plain else _PERSON_KEYS[:3], 'annotations', where),
        *check_keys(categories, ('id',), 'categories', where),
    ]
    if any(finding.check == 'json' for finding in findings):
        return findings
    for name, entries, types in (('images', images, _IMAGE_TYPES), ('annotations', people, _PERSON_TYPES)):
        for key, level, wanted, fits in types:
            findings += check_values(entries, key, name, level, wanted, fits, where)
    lengths = _check_lengths(people, where) if plain else []
    return findings + lengths + check_references(images, people, categories, where)


def check_keys(entries: Sequence[object], keys: Sequence[str], kind: str, where: str) -> list[Finding]:
    """Entries that are no dictionaries or lack a key.

    A finding has the check 'json' if MMPose, and hence the other checks, cannot read the file.

    Args:
        entries: One of the lists of the file.
        keys: Those that every entry needs.
        kind: What the entries are, for the message.
        where: 'train', 'val' or 'test'.
    """
    broken = sum(not isinstance(entry, Mapping) for entry in entries)
    if broken:
        what = f'{broken} of {len(entries)} {kind} are not dictionaries'
        return [Finding('error', 'json', where, what, COCO_ADVICE)]
    findings = []
    for key in keys:
        count = sum(isinstance(entry, Mapping) and key not in entry for entry in entries)
        what = f'{count} of {len(entries)} {kind} have no {key!r}'
        if count and key in ('bbox', 'keypoints'):
            level = 'error' if count == len(entries) else 'warning'
            advice = 'MMPose drops people without one and says nothing'
            findings.append(Finding(level, 'dropped-people', where, what, advice))
        elif count:
            findings.append(Finding('error', 'json', where, what, 'MMPose stops with a KeyError there'))
    return findings


def check_values(
    entries: Entries, key: str, kind: str, level: str, wanted: str, fits: Callable[[object], bool], where: str
) -> list[Finding]:
    """Values of one key that are of a wrong type; entries without the key are none.

    Args:
        entries: One of the lists of the file.
        key: Of the value.
        kind: What the entries are, for the message.
        level: Of the finding.
        wanted: What a value must be, for the message.
        fits: Whether a value is that.
        where: 'train', 'val' or 'test'.
    """
    bad = [(entry.get('id'), entry[key]) for entry in entries if key in entry and not fits(entry[key])]
    if not bad:
        return []
    values = examples(repr(value)[:60] for _, value in bad)
    what = f'{key!r} of {len(bad)} of {len(entries)} {kind} must be {wanted}, got {values} (id {bad[0][0]})'
    return [Finding(level, _CHECKS.get(key, 'value-type'), where, what, _ADVICE.get(key, COCO_ADVICE))]


def _is_side(value: object) -> bool:
    return isinstance(value, int | float) and is_number(value) and value > 0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and is_whole(value) and value >= 0


def _is_flag(value: object) -> bool:
    return isinstance(value, int) and value in (0, 1)


def _is_size(value: object) -> bool:
    return is_number(value)


_Types = tuple[tuple[str, str, str, Callable[[object], bool]], ...]
_IMAGE_TYPES: _Types = (
    ('file_name', 'error', 'a path', lambda value: isinstance(value, str) and bool(value) and '\0' not in value),
    ('width', 'error', 'a number > 0', _is_side),
    ('height', 'error', 'a number > 0', _is_side),
)
_PERSON_TYPES: _Types = (
    ('bbox', 'error', 'a list of 4 numbers', lambda value: is_vector(value, 4)),
    ('keypoints', 'error', 'a list of numbers', is_vector),
    ('num_keypoints', 'warning', 'an integer >= 0', _is_count),
    ('area', 'error', 'a number', _is_size),
    ('iscrowd', 'warning', '0 or 1', _is_flag),
)
_CHECKS = {'bbox': 'box', 'keypoints': 'keypoints', 'num_keypoints': 'num-keypoints', 'area': 'area-missing'}
_ADVICE = {
    'bbox': 'a box is [left, top, width, height]',
    'keypoints': "'keypoints' is x, y, visibility of every joint in turn",
    'num_keypoints': 'MMPose drops people with num_keypoints = 0; without the key it counts by itself',
    'iscrowd': '1 marks a group, which MMPose drops',
}


def _check_lengths(people: Entries, where: str) -> list[Finding]:
    """Whether all people have three numbers for each of the same number of joints."""
    lists = [person.get('keypoints') for person in people]
    lengths = Counter(len(values) for values in lists if isinstance(values, list))
    uneven = sum(count for length, count in lengths.items() if length % 3)
    if uneven:
        what = f"{uneven} of {len(people)} annotations have 'keypoints' of a length that is no multiple of 3"
        return [Finding('error', 'keypoints', where, what, _ADVICE['keypoints'])]
    if len(lengths) > 1:
        number = ', '.join(f'{length // 3} joints: {count}' for length, count in lengths.most_common())
        what = f'the annotations differ in the number of joints ({number})'
        return [Finding('error', 'keypoints', where, what, 'write unlabeled joints as 0, 0, 0')]
    return []
