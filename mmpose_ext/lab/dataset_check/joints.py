"""The joints on their way: in the annotations, in the metainfo, behind a converter, in the head."""

import re
from collections.abc import Sequence

import numpy as np
from mmpose.utils.typing import ConfigType

from .findings import Finding, examples
from .metainfo import WORD
from .pipeline import type_name
from .records import Records

__all__ = ['check_converters', 'check_joint_count', 'check_joint_names', 'check_left_right', 'converted_joints']

_CONVERTERS = ('KeypointConverter', 'SingleHandConverter')
_MIN_PEOPLE = 30  # fewer say nothing about left and right


def converted_joints(pipeline: Sequence[ConfigType], count: int) -> int:
    """The number of joints behind the last KeypointConverter of a pipeline.

    Args:
        pipeline: Configs of the transforms.
        count: Number of joints of the dataset.
    """
    numbers = [int(step['num_keypoints']) for step in pipeline if type_name(step) in _CONVERTERS]
    return numbers[-1] if numbers else count


def check_converters(
    pipeline: Sequence[ConfigType], names: Sequence[str], target: Sequence[str] | None, where: str
) -> list[Finding]:
    """Whether KeypointConverter takes joints that exist, to places that exist, and left to left.

    Args:
        pipeline: Configs of the transforms.
        names: Names of the joints of the dataset.
        target: Names of the joints behind the converter; None: not known.
        where: 'train', 'val' or 'test'.
    """
    findings: list[Finding] = []
    for step in (step for step in pipeline if type_name(step) in _CONVERTERS):
        count = int(step['num_keypoints'])
        pairs = [(list(np.atleast_1d(source)), int(place)) for source, place in step.get('mapping', ())]
        wrong = [pair for pair in pairs if not (0 <= pair[1] < count and all(0 <= j < len(names) for j in pair[0]))]
        if wrong:
            what = f'KeypointConverter maps {examples(wrong)} of {len(names)} joints to {count}'
            return [*findings, Finding('error', 'converter', where, what, 'a pair is (source, target), from 0 on')]
        if target is None or len(target) != count:
            return findings
        sides = [(names[one[0]], target[place]) for one, place in pairs if len(one) == 1]
        crossed = [f'{one} to {other}' for one, other in sides if _side(one) and _side(other) not in ('', _side(one))]
        if crossed:
            what = f'KeypointConverter takes joints of one side to the other: {examples(crossed, 6)}'
            findings.append(Finding('warning', 'converter', where, what, 'a pair is (source, target), from 0 on'))
        names = target
    return findings


def _side(name: str) -> str:
    """The side that a joint's name tells: 'left', 'right' or none."""
    words = _plain_name(name).split()
    return next((side for side in ('left', 'right') if side in words), '')


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
    words = re.findall(WORD + '|[0-9]+', name)
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
