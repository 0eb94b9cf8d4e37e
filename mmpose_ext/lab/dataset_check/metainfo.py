"""A dataset's metainfo: the joints' order, mirror pairs, tolerances and weights."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .findings import Finding, examples
from .records import Records

__all__ = ['check_joint_count', 'check_joint_names', 'check_left_right', 'check_metainfo', 'mirrored_name']

_MIRROR = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l'}
# runs of capitals, or one capital and what follows, so that 'LeftEye' is two
_WORD = '[A-Z]+(?![a-z])|[A-Z]?[a-z]+'
_MIN_PEOPLE = 30  # fewer say nothing about left and right


def mirrored_name(name: str) -> str:
    """The name with left and right exchanged: 'left_eye' -> 'right_eye', 'L_Hip' -> 'R_Hip'; itself without a side."""

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        other = _MIRROR.get(word.lower())
        if other is None:
            return word
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    return re.sub(_WORD, swap, name)


def check_metainfo(metainfo: Mapping[str, Any], where: str, needs_sigmas: bool = True) -> list[Finding]:
    """Check what MMPose's ``parse_pose_metainfo`` returns: it takes many a mistake without a word.

    Args:
        metainfo: Parsed metainfo of a dataset with K joints.
        where: 'train', 'val' or 'test'.
        needs_sigmas: Whether OKS is computed; for other metrics MMPose's metainfos leave them out.
    """
    count = metainfo['num_keypoints']
    ids = list(metainfo['keypoint_id2name'])
    findings = []
    if ids != list(range(count)) or len(set(metainfo['keypoint_id2name'].values())) != count:
        got = examples(ids, 20)
        what = f"'keypoint_info' must have the keys 0 to {count - 1} in this order and {count} names, got {got}"
        return [
            Finding('error', 'keypoint-info', where, what, 'MMPose takes the mirror pairs by place, the rest by key')
        ]
    findings += _check_flip_pairs(metainfo['flip_indices'], [metainfo['keypoint_id2name'][k] for k in ids], where)
    if needs_sigmas or len(metainfo['sigmas']):
        findings += _check_numbers('sigmas', metainfo['sigmas'], count, where)
    findings += _check_numbers('joint_weights', metainfo['dataset_keypoint_weights'], count, where)
    if not findings:
        what = f'{count} joints; mirror pairs, sigmas and weights agree'
        findings.append(Finding('ok', 'metainfo', where, what))
    return findings


def _check_flip_pairs(flip_indices: Sequence[int], names: Sequence[str], where: str) -> list[Finding]:
    """Mirror pairs: each joint once, mutual, left with right."""
    count = len(names)
    advice = "in 'keypoint_info' each of a pair names the other in 'swap'; otherwise flipped images teach nonsense"
    if sorted(flip_indices) != list(range(count)):
        twice = sorted({names[j] for j in flip_indices if list(flip_indices).count(j) > 1})
        what = f'each joint must be the mirror partner of one joint, which these are of several: {examples(twice, 6)}'
        return [Finding('error', 'flip-pairs', where, what, advice)]
    one_sided = [names[j] for j in range(count) if flip_indices[flip_indices[j]] != j]
    if one_sided:
        what = f'mirror pairs must be mutual, which these are not: {examples(one_sided, 6)}'
        return [Finding('error', 'flip-pairs', where, what, advice)]
    known = set(names)
    wrong = []
    for joint, name in enumerate(names):
        expected, partner = mirrored_name(name), names[flip_indices[joint]]
        # names may tell no side ('face-3'): then the partner must not tell one, either
        sided = expected != name or mirrored_name(partner) != partner
        if sided and expected in known and expected != partner:
            wrong.append(f'{name} with {"itself" if partner == name else partner}')
    if wrong:
        what = f'mirror pairs contradict the names: {examples(wrong, 6)}'
        return [Finding('error', 'flip-pairs', where, what, advice)]
    alone = [name for name in names if mirrored_name(name) not in known]
    if alone:
        what = f'joints of one side whose other side does not exist: {examples(alone, 6)}'
        return [
            Finding('warning', 'flip-pairs', where, what, 'leave RandomFlip and flip_test out, or correct the names')
        ]
    if count > 1 and list(flip_indices) == list(range(count)):
        what = 'no joint has a mirror partner'
        return [Finding('info', 'flip-pairs', where, what, 'right only if no joint belongs to one side')]
    return []


def _check_numbers(name: str, values: Any, count: int, where: str) -> list[Finding]:
    """Sigmas and weights: one per joint, finite, positive (a weight may be 0, but not all)."""
    values = np.asarray(values, float)
    if values.shape != (count,):
        what = f"'{name}' must be {count} numbers, got {values.size}"
        return [Finding('error', name.replace('_', '-'), where, what, 'one for each joint, in their order')]
    zero_allowed = name == 'joint_weights' and (values > 0).any()
    bad = ~np.isfinite(values) | (values < 0 if zero_allowed else values <= 0)
    if bad.any():
        what = f"'{name}' must be finite and {'>= 0' if zero_allowed else '> 0'}, got {examples(values[bad])}"
        advice = 'OKS divides by them: the AP is NaN or 0' if name == 'sigmas' else 'they multiply the loss'
        return [Finding('error', name.replace('_', '-'), where, what, advice)]
    if name == 'sigmas' and (values.min() < 0.005 or values.max() > 0.3):
        what = f"'sigmas' reach from {values.min():g} to {values.max():g}; those of COCO from .025 to .107"
        return [Finding('warning', 'sigmas', where, what, 'they are shares of the root of the area, not pixels')]
    return []


def check_joint_count(annotated: int | None, metainfo: int, predicted: int | None, where: str) -> list[Finding]:
    """The number of joints in the annotations, in the metainfo and of the head; None: not known."""
    counts = {'the annotations': annotated, 'the metainfo': metainfo, 'the head': predicted}
    known = {name: count for name, count in counts.items() if count is not None}
    text = ', '.join(f'{name} {"have" if name.endswith("s") else "has"} {count}' for name, count in known.items())
    if len(set(known.values())) == 1:
        return [Finding('ok', 'joint-count', where, f'joints: {text}')]
    advice = "set the dataset's metainfo (docs/datasets.md) and model.head.out_channels to the annotations' number"
    return [Finding('error', 'joint-count', where, f'the number of joints differs: {text}', advice)]


def check_joint_names(annotated: Sequence[str], metainfo: Sequence[str], where: str) -> list[Finding]:
    """The order of the joints in the annotations' category against the metainfo's.

    Args:
        annotated: Names by the file's category; nothing is compared if there are none.
        metainfo: Names by the metainfo.
        where: 'train', 'val' or 'test'.
    """
    if len(annotated) != len(metainfo):
        return []
    first, second = [_plain_name(name) for name in annotated], [_plain_name(name) for name in metainfo]
    places = [k for k, (one, other) in enumerate(zip(first, second, strict=True)) if one != other]
    if not places:
        return []
    differ = examples(f'{k}: {annotated[k]} / {metainfo[k]}' for k in places)
    if any(first[k] in second for k in places):
        what = f'the joints come in another order in the annotations than in the metainfo ({differ})'
        advice = 'mirror pairs, sigmas and drawings are wrong: give the dataset a metainfo in the order of its file'
        return [Finding('error', 'joint-names', where, what, advice)]
    what = f'joints have other names in the annotations than in the metainfo ({differ})'
    return [Finding('info', 'joint-names', where, what, 'right if they are the same joints')]


def _plain_name(name: str) -> str:
    """Words in lower case, sides spelt out: 'L_Eye' -> 'left eye'."""
    words = re.findall(_WORD + '|[0-9]+', name)
    return ' '.join({'l': 'left', 'r': 'right'}.get(word.lower(), word.lower()) for word in words)


def check_left_right(records: Records, flip_indices: Sequence[int], names: Sequence[str], where: str) -> list[Finding]:
    """Whether one mirror pair is labeled the other way round than the rest.

    Of a person seen from the front all left joints tend to lie right of their partners, from behind left: a pair whose
    order disagrees with the majority of the person's other pairs, over all people, was swapped in labeling.

    Args:
        records: The annotations, K joints.
        flip_indices: K mutual indices.
        names: K names.
        where: 'train', 'val' or 'test'.
    """
    pairs = [(j, k) for j, k in enumerate(flip_indices) if j < k]
    if len(pairs) < 3 or records.keypoints.shape[1] != len(flip_indices):
        return []
    left, right = np.array(pairs).T
    both = records.labeled[:, left] & records.labeled[:, right]
    order = np.where(both, np.sign(records.keypoints[:, left, 0] - records.keypoints[:, right, 0]), 0)
    others = np.sign(order.sum(1, keepdims=True) - order)
    counted = both & (others != 0) & (order != 0)
    number = counted.sum(0)
    agreement = np.where(counted, order * others, 0).sum(0) / np.maximum(number, 1)
    swapped = [
        f'{names[j]} and {names[k]} ({(1 - share) / 2:.0%} of {count} people)'
        for (j, k), share, count in zip(pairs, agreement, number, strict=True)
        if count >= _MIN_PEOPLE and share < -0.3
    ]
    if not swapped:
        return []
    what = f'pairs that lie the other way round than the rest of the person: {examples(swapped)}'
    return [
        Finding(
            'warning',
            'left-right',
            where,
            what,
            'left and right exchanged in labeling, or in the order of the joints?',
        )
    ]
