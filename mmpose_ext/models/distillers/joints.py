"""Which joint of the teacher is which of the student."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.logging import print_log
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmpose_ext.functional import check_choice
from mmpose_ext.registry import DATASETS

__all__ = ['Joints', 'dataset_metainfo', 'joints_of', 'match_joints', 'named_metainfo']

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


class Joints(NamedTuple):
    """The joints of a model: how many its head has, their names and their data set's name, None if not known."""

    number: int
    names: tuple[str, ...] | None
    dataset: str | None

    def __str__(self) -> str:
        names = 'unknown names' if self.names is None else ', '.join(self.names)
        return f'{self.number} joints ({self.dataset or "unknown data set"}: {names})'


def joints_of(head: Any, metainfo: Mapping[str, Any] | None) -> Joints:
    """Joints of a head, named by MMPose's parsed meta information.

    Raises:
        ValueError: If the head has another number of joints than there are names.
    """
    names = dataset = None
    count = getattr(head, 'num_joints', None) or getattr(head, 'out_channels', None)
    if metainfo:
        names = tuple(metainfo['keypoint_id2name'][n] for n in range(metainfo['num_keypoints']))
        dataset = metainfo.get('dataset_name')
        count = count or len(names)
    if count is None:
        raise ValueError(f"'metainfo' must name the joints of a {type(head).__name__}, got none")
    joints = Joints(count, names, dataset)
    if names is not None and len(names) != count:
        raise ValueError(f"'metainfo' must name the {count} joints of the {type(head).__name__}, got {joints}")
    return joints


def named_metainfo(metainfo: Any, name: str = 'metainfo') -> Any:
    """Meta information as it is given, or that of a data set's class, by the name of the class.

    Args:
        metainfo: A mapping, None, or for example 'CocoDataset' or 'mmpose_ext.LspDataset'.
        name: The argument's name, for messages.

    Raises:
        ValueError: If there is no such class.
    """
    if not isinstance(metainfo, str):
        return metainfo
    kind = DATASETS.get(metainfo)
    if not getattr(kind, 'METAINFO', None):
        raise ValueError(f"'{name}' must be meta information or the name of a data set's class, got {metainfo!r}")
    return dict(kind.METAINFO)


def dataset_metainfo(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Parsed meta information of the data that a whole config trains, or else tests, with; None without any."""
    for loader in _LOADERS:
        dataset = (config.get(loader) or {}).get('dataset')
        while dataset:  # wrappers have another one inside
            found = dataset.get('metainfo')
            kind = DATASETS.get(dataset['type']) if isinstance(dataset.get('type'), str) else dataset.get('type')
            found = found or getattr(kind, 'METAINFO', None)
            if found:
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')  # MMPose's files are found by a second look, with a warning
                    return parse_pose_metainfo(dict(found))
            dataset = dataset.get('dataset')
    return None


def match_joints(student: Joints, teacher: Joints, unmatched: str = 'refuse') -> list[int | None]:
    """For each joint of the student the teacher's joint of the same name.

    Without names on one side the joints are taken to be the same if there are as many of them.

    Args:
        student: Those to be taught.
        teacher: Those to learn from.
        unmatched: What becomes of a joint that the teacher has not: 'refuse', or 'labels', learn it from labels alone.

    Returns:
        Indices of the teacher's joints, None for one that it has not.

    Raises:
        ValueError: If no joint, or with 'refuse' not every one, is matched; both sides are named.
    """
    check_choice('unmatched_joints', unmatched, ('refuse', 'labels'))
    both = f'the student has {student}, the teacher {teacher}'
    if student.names is None or teacher.names is None:
        if student.number == teacher.number:
            return list(range(student.number))
        side = 'model' if student.names is None else 'teacher'
        raise ValueError(f"'metainfo' of the {side} must name its joints where the other has more or fewer: {both}")
    known: Sequence[str] = teacher.names
    matches = [known.index(name) if name in known else None for name in student.names]
    missing = [name for name, match in zip(student.names, matches, strict=True) if match is None]
    if len(missing) == len(matches) or (missing and unmatched == 'refuse'):
        raise ValueError(
            f"'unmatched_joints' must be 'labels' to learn {', '.join(missing)} without the teacher, and some joint "
            f'must be left to learn with it, got {unmatched!r}: {both}'
        )
    if missing:
        print_log(f'The teacher has no {", ".join(missing)}: learned from labels alone', 'current')
    return matches
