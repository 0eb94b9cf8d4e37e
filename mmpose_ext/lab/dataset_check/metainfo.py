"""The metainfo of a dataset: the order of the joints, mirror pairs, sigmas and weights."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from mmpose.utils.typing import ConfigType

from .findings import Finding, examples

__all__ = ['WORD', 'check_metainfo', 'mirrored_name']

_MIRROR = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l'}
#: a word of a joint's name: capitals, or one capital and what follows, so that 'LeftEye' is two
WORD = '[A-Z]+(?![a-z])|[A-Z]?[a-z]+'


def mirrored_name(name: str) -> str:
    """The name with left and right exchanged: 'left_eye' -> 'right_eye', 'L_Hip' -> 'R_Hip'; itself without a side."""

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        other = _MIRROR.get(word.lower())
        if other is None:
            return word
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    return re.sub(WORD, swap, name)


def check_metainfo(
    metainfo: ConfigType, where: str, needs_sigmas: bool = True, needs_weights: bool = True
) -> list[Finding]:
    """Check what MMPose's ``parse_pose_metainfo`` returns: it accepts most mistakes silently.

    Args:
        metainfo: Parsed metainfo of a dataset with K joints.
        where: 'train', 'val' or 'test'.
        needs_sigmas: Whether OKS is computed; for other metrics MMPose's metainfos leave them out.
        needs_weights: Whether the targets are weighted by 'joint_weights'; wrong ones do no harm otherwise.
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
    weights = _check_numbers('joint_weights', metainfo['dataset_keypoint_weights'], count, where)
    findings += weights if needs_weights else [replace(one, level='info') for one in weights]
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


def _check_numbers(name: str, values: Sequence[float] | np.ndarray, count: int, where: str) -> list[Finding]:
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
