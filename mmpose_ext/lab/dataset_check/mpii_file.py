"""Whether an annotation file in MMPose's format of MPII has the keys and types that MMPose reads."""

from collections import Counter
from collections.abc import Callable, Mapping

from .coco_file import check_keys, check_values, is_number, is_vector
from .findings import Finding

__all__ = ['check_mpii_file']

_KEYS = ('image', 'center', 'scale', 'joints', 'joints_vis')


def _are_points(value: object) -> bool:
    return isinstance(value, list) and all(is_vector(point, 2) for point in value)


_TYPES: tuple[tuple[str, str, Callable[[object], bool]], ...] = (
    ('image', 'a file name', lambda value: isinstance(value, str) and bool(value) and '\0' not in value),
    ('center', 'a list of 2 numbers', lambda value: is_vector(value, 2)),
    ('scale', 'a number', is_number),
    ('joints', 'a list of points [x, y]', _are_points),
    ('joints_vis', 'a list of numbers', is_vector),
)


def check_mpii_file(content: object, where: str) -> list[Finding]:
    """Check a file of MMPose's format of MPII: a list of people with a box and joints.

    Args:
        content: What the JSON file holds.
        where: 'train', 'val' or 'test'.
    """
    if not isinstance(content, list) or not content or not all(isinstance(person, Mapping) for person in content):
        kind = 'an empty list' if content == [] else f'a {type(content).__name__}'
        advice = "COCO's format needs type='CocoDataset', MPII's is a list of dictionaries"
        return [Finding('error', 'json', where, f'the annotation file holds {kind}, not a list of people', advice)]
    findings = check_keys(content, _KEYS, 'annotations', where)
    for key, wanted, fits in _TYPES:
        problems = check_values(content, key, 'annotations', 'error', wanted, fits, where)
        findings += [Finding('error', 'json', where, problem.what, _ADVICE) for problem in problems]
    if findings:
        return findings
    counts = Counter((len(person['joints']), len(person['joints_vis'])) for person in content)
    common = counts.most_common(1)[0][0][0]
    odd = sum(count for lengths, count in counts.items() if lengths != (common, common))
    if not odd:
        return []
    what = f"{odd} of {len(content)} people have another number of 'joints' or 'joints_vis' than {common}"
    return [Finding('error', 'keypoints', where, what, 'every person needs all joints, also unlabeled ones')]


_ADVICE = (
    "MMPose's format of MPII is a list of people: image, center [x, y], scale (height / 200), joints [[x, y], ...] "
    'and joints_vis [0 or 1, ...]'
)
