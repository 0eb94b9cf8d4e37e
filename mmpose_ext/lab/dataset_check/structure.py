"""Whether an annotation file has the keys and references that MMPose reads."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .findings import Finding, examples

__all__ = ['check_coco_structure', 'check_mpii_structure']

_IMAGE_KEYS = ('id', 'file_name', 'width', 'height')
_PERSON_KEYS = ('id', 'image_id', 'category_id', 'bbox', 'keypoints')
_MPII_KEYS = ('image', 'center', 'scale', 'joints', 'joints_vis')


def check_coco_structure(content: Any, where: str) -> list[Finding]:
    """Check a file of COCO's format: keys, lengths, identities and references.

    Args:
        content: What the json file holds.
        where: 'train', 'val' or 'test'.
    """
    if not isinstance(content, Mapping):
        kind = f'a {type(content).__name__}'
        is_mpii = isinstance(content, list) and content and isinstance(content[0], Mapping) and 'joints' in content[0]
        advice = "this is MMPose's format of MPII: use type='MpiiDataset'" if is_mpii else _COCO_ADVICE
        return [Finding('error', 'json', where, f'the annotation file holds {kind}, not a dictionary', advice)]
    missing = [name for name in ('images', 'annotations', 'categories') if not isinstance(content.get(name), list)]
    if missing:
        what = f'the annotation file has no list {examples(repr(name) for name in missing)}'
        return [Finding('error', 'json', where, what, _COCO_ADVICE)]
    images, people = content['images'], content['annotations']
    if not images or not people:
        what = f'the annotation file has {len(images)} images and {len(people)} annotations'
        return [Finding('error', 'json', where, what, 'is it the right file (person_keypoints, not captions)?')]
    findings = _check_keys(images, _IMAGE_KEYS, 'images', where) + _check_keys(
        people, _PERSON_KEYS, 'annotations', where
    )
    if any(finding.check == 'json' for finding in findings):
        return findings
    return findings + _check_values(people, where) + _check_references(content, where)


def check_mpii_structure(content: Any, where: str) -> list[Finding]:
    """Check a file of MMPose's format of MPII: a list of people with a box and joints."""
    if not isinstance(content, list) or not content or not all(isinstance(person, Mapping) for person in content):
        kind = 'an empty list' if content == [] else f'a {type(content).__name__}'
        advice = "COCO's format needs type='CocoDataset', MPII's is a list of dictionaries"
        return [Finding('error', 'json', where, f'the annotation file holds {kind}, not a list of people', advice)]
    findings = _check_keys(content, _MPII_KEYS, 'annotations', where)
    if findings:
        return findings
    counts = Counter((len(person['joints']), len(person['joints_vis'])) for person in content)
    common = counts.most_common(1)[0][0][0]
    odd = sum(count for lengths, count in counts.items() if lengths != (common, common))
    if odd:
        what = f"{odd} of {len(content)} people have another number of 'joints' or 'joints_vis' than {common}"
        findings.append(
            Finding('error', 'keypoints', where, what, 'every person needs all joints, also unlabeled ones')
        )
    return findings


_COCO_ADVICE = (
    "COCO's format is a dictionary of three lists: images (id, file_name, width, height), annotations (id, image_id, "
    'category_id, bbox, keypoints, area, iscrowd) and categories (id, name, keypoints)'
)


def _check_keys(entries: Sequence[Any], keys: Sequence[str], kind: str, where: str) -> list[Finding]:
    """Entries that are no dictionaries or lack a key; the check's name is 'json' where nothing can be read then."""
    broken = sum(not isinstance(entry, Mapping) for entry in entries)
    if broken:
        return [
            Finding('error', 'json', where, f'{broken} of {len(entries)} {kind} are not dictionaries', _COCO_ADVICE)
        ]
    findings = []
    for key in keys:
        count = sum(key not in entry for entry in entries)
        if count and key in ('bbox', 'keypoints'):
            advice = 'MMPose drops people without one and says nothing'
            what = f'{count} of {len(entries)} {kind} have no {key!r}'
            findings.append(
                Finding('error' if count == len(entries) else 'warning', 'dropped-people', where, what, advice)
            )
        elif count:
            what = f'{count} of {len(entries)} {kind} have no {key!r}'
            findings.append(Finding('error', 'json', where, what, 'MMPose stops with a KeyError there'))
    return findings


def _check_values(people: Sequence[Mapping[str, Any]], where: str) -> list[Finding]:
    findings = []
    lengths = Counter(len(p['keypoints']) for p in people if isinstance(p.get('keypoints'), list))
    uneven = sum(count for length, count in lengths.items() if length % 3)
    if uneven:
        what = f"{uneven} of {len(people)} annotations have 'keypoints' of a length that is no multiple of 3"
        findings.append(
            Finding('error', 'keypoints', where, what, "'keypoints' is x, y, visibility of every joint in turn")
        )
    elif len(lengths) > 1:
        number = ', '.join(f'{length // 3} joints: {count}' for length, count in lengths.most_common())
        what = f'the annotations differ in the number of joints ({number})'
        findings.append(Finding('error', 'keypoints', where, what, 'write unlabeled joints as 0, 0, 0'))
    bad = [p['id'] for p in people if 'bbox' in p and not (isinstance(p['bbox'], list) and len(p['bbox']) == 4)]
    if bad:
        what = f"'bbox' of {len(bad)} of {len(people)} annotations is not a list of 4 numbers (id {examples(bad)})"
        findings.append(Finding('error', 'box', where, what, 'a box is [left, top, width, height]'))
    return findings


def _check_references(content: Mapping[str, Any], where: str) -> list[Finding]:
    images, people, categories = content['images'], content['annotations'], content['categories']
    findings = []
    for kind, entries in (('images', images), ('annotations', people)):
        twice = _repeated(entry['id'] for entry in entries)
        if twice:
            what = f'{len(twice)} ids of {kind} come more than once ({examples(twice)})'
            findings.append(Finding('error', 'ids', where, what, 'the COCO tools keep only the last of them'))
    image_ids, category_ids = {image['id'] for image in images}, {category.get('id') for category in categories}
    lost = [person['id'] for person in people if person['image_id'] not in image_ids]
    if lost:
        what = (
            f"{len(lost)} of {len(people)} annotations name an 'image_id' that is not in 'images' (id {examples(lost)})"
        )
        findings.append(Finding('error', 'image-ids', where, what, 'they are never used; are the ids of one type?'))
    strange = sorted({str(p['category_id']) for p in people if p['category_id'] not in category_ids})
    if strange:
        what = f"annotations have the category_id {examples(strange)}, which is not in 'categories'"
        findings.append(Finding('error', 'categories', where, what, 'the evaluation leaves them out: AP = -1'))
    if any(person['id'] == 0 for person in people):
        advice = 'the original COCO tools count a match with it as none; begin with 1'
        findings.append(Finding('warning', 'ids', where, 'an annotation has the id 0', advice))
    return findings


def _repeated(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]
