"""Which joint of the teacher is which of the student."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.utils.typing import ConfigType
from torch import Tensor, nn

from mmpose_ext.functional import check_choice
from mmpose_ext.registry import DATASETS

__all__ = ['JointSelection', 'Joints', 'Metainfo', 'dataset_metainfo', 'joints_of', 'match_joints', 'named_metainfo']

# MMPose's meta information of a dataset
Metainfo = Mapping[str, Any]

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


class Joints(NamedTuple):
    """The joints of a model.

    Args:
        number: How many the head has.
        names: Their names; None if not known.
        dataset: Name of their dataset; None if not known.
    """

    number: int
    names: tuple[str, ...] | None
    dataset: str | None

    def __str__(self) -> str:
        names = 'unknown names' if self.names is None else ', '.join(self.names)
        return f'{self.number} joints ({self.dataset or "unknown dataset"}: {names})'


def joints_of(kind: str, count: int | None, metainfo: Metainfo | None) -> Joints:
    """Joints of a head, named by MMPose's parsed meta information.

    Args:
        kind: Name of the head's class, for messages.
        count: Number of the head's joints; None: as many as there are names.
        metainfo: Meta information, or None.

    Raises:
        ValueError: If the head has another number of joints than there are names, or nothing tells how many.
    """
    names = dataset = None
    if metainfo:
        names = tuple(metainfo['keypoint_id2name'][n] for n in range(metainfo['num_keypoints']))
        dataset = metainfo.get('dataset_name')
        count = count or len(names)
    if count is None:
        raise ValueError(f"'metainfo' must name the joints of a {kind}, got none")
    joints = Joints(count, names, dataset)
    if names is not None and len(names) != count:
        raise ValueError(f"'metainfo' must name the {count} joints of the {kind}, got {joints}")
    return joints


def named_metainfo(metainfo: Metainfo | str | None, name: str = 'metainfo') -> Metainfo | None:
    """Meta information as it is given, or the meta information of a dataset's class, by the name of the class.

    Args:
        metainfo: A mapping, None, or for example 'CocoDataset' or 'mmpose_ext.LspDataset'.
        name: The argument's name, for messages.

    Raises:
        ValueError: If there is no such class.
    """
    if not isinstance(metainfo, str):
        return metainfo
    kind = DATASETS.get(metainfo)
    found = _class_metainfo(kind)
    if not found:
        raise ValueError(f"'{name}' must be meta information or the name of a dataset's class, got {metainfo!r}")
    return dict(found)


def _class_metainfo(kind: type | None) -> Metainfo | None:
    """Meta information of a dataset's class; None if there is none."""
    # classes of several libraries share the registry, and not every one has meta information
    return getattr(kind, 'METAINFO', None)


def dataset_metainfo(config: ConfigType) -> Metainfo | None:
    """Parsed meta information of the dataset that a whole config trains with or, without one, tests with."""
    for loader in _LOADERS:
        dataset = (config.get(loader) or {}).get('dataset')
        while dataset:  # wrappers hold another dataset
            found = dataset.get('metainfo')
            kind = DATASETS.get(dataset['type']) if isinstance(dataset.get('type'), str) else dataset.get('type')
            found = found or _class_metainfo(kind)
            if found:
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')  # MMPose warns while it looks for its own files
                    return parse_pose_metainfo(dict(found))
            dataset = dataset.get('dataset')
    return None


def match_joints(student: Joints, teacher: Joints, unmatched: str = 'refuse') -> list[int | None]:
    """For each joint of the student the teacher's joint of the same name.

    If one of the two has no names, their joints are taken to be the same, and must be equally many.

    Args:
        student: The student's joints.
        teacher: The teacher's joints.
        unmatched: What to do with a joint that the teacher does not have: 'refuse', or 'labels': learn it from labels
            alone.

    Returns:
        Indices of the teacher's joints, None for a joint that it does not have.

    Raises:
        ValueError: If no joint, or with 'refuse' not every joint, is matched; the message names both sides.
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


class JointSelection(nn.Module):
    """Takes the student's joints out of what the teacher says about its own.

    Args:
        matches: For each joint of the student the teacher's joint, None for a joint that it does not have.
        joints: Number of the teacher's joints.

    Attributes:
        indices: For each joint of the student the teacher's joint, (K,); any where it has none.
        matched: Which joints of the student the teacher has, (K,) bool.
        matches_all: Whether it has all of them.
        is_identity: Whether its joints are the student's in the same order.
    """

    indices: Tensor
    matched: Tensor

    def __init__(self, matches: Sequence[int | None], joints: int) -> None:
        super().__init__()
        self.register_buffer('indices', torch.tensor([match or 0 for match in matches]), persistent=False)
        self.register_buffer('matched', torch.tensor([match is not None for match in matches]), persistent=False)
        self.matches_all = None not in matches
        self._on_host = np.array([match is not None for match in matches])
        self.is_identity = list(matches) == list(range(joints))

    def matched_on(self, device: torch.device) -> Tensor:
        """:attr:`matched` on its own device or on the host, without a copy between them."""
        return self.matched if self.matched.device == device else torch.from_numpy(self._on_host)

    def forward(self, values: Tensor) -> Tensor:
        """Values (B, K, ...) of the student's joints, of values (B, L, ...) of the teacher's.

        A joint that the teacher does not have gets those of another joint.
        """
        return values if self.is_identity else values.index_select(1, self.indices)
