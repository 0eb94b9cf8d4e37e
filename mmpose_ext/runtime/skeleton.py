"""Names of the joints and the links between them: what drawings and files need to know of a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ['SIDE_COLORS', 'Skeleton']

#: BGR color of the left side, the right side, and joints that belong to neither.
SIDE_COLORS = {'left': (80, 200, 80), 'right': (60, 130, 250), '': (240, 170, 60)}


@dataclass(frozen=True)
class Skeleton:
    """Joints of a dataset.

    Attributes:
        joint_names: Names of the K joints.
        links: Pairs of indices of joints that a line connects.
        flip_indices: For each joint the index of the joint that it becomes in a mirrored image.
        sigmas: (K,) how far annotators differ, as a share of the square root of the area (COCO's OKS), if known.
        dataset: Name of the dataset.
    """

    joint_names: tuple[str, ...]
    links: tuple[tuple[int, int], ...] = ()
    flip_indices: tuple[int, ...] = ()
    sigmas: tuple[float, ...] | None = None
    dataset: str = ''

    @classmethod
    def from_metainfo(cls, metainfo: Mapping[str, object]) -> 'Skeleton':
        """Joints of a dataset's parsed meta information (``dataset_meta`` of MMPose).

        Args:
            metainfo: With ``keypoint_id2name`` and, where known, ``skeleton_links``, ``flip_indices`` and ``sigmas``.
        """
        names: Mapping[int, str] = _mapping(metainfo['keypoint_id2name'])
        links = [tuple(int(end) for end in link) for link in _sequence(metainfo.get('skeleton_links', ()))]
        sigmas = metainfo.get('sigmas')
        return cls(
            joint_names=tuple(names[index] for index in sorted(names)),
            links=tuple((link[0], link[1]) for link in links),
            flip_indices=tuple(int(index) for index in _sequence(metainfo.get('flip_indices', ()))),
            sigmas=None if sigmas is None else tuple(float(sigma) for sigma in np.asarray(sigmas)),
            dataset=str(metainfo.get('dataset_name', '')),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> 'Skeleton':
        """Joints as :meth:`to_dict` wrote them."""
        sigmas = values.get('sigmas')
        links = [tuple(int(end) for end in link) for link in _sequence(values.get('links', ()))]
        return cls(
            joint_names=tuple(str(name) for name in _sequence(values['joint_names'])),
            links=tuple((link[0], link[1]) for link in links),
            flip_indices=tuple(int(index) for index in _sequence(values.get('flip_indices', ()))),
            sigmas=None if sigmas is None else tuple(float(sigma) for sigma in _sequence(sigmas)),
            dataset=str(values.get('dataset', '')),
        )

    def to_dict(self) -> dict[str, object]:
        """The joints as values that json can hold."""
        return dict(
            joint_names=list(self.joint_names),
            links=[list(link) for link in self.links],
            flip_indices=list(self.flip_indices),
            sigmas=None if self.sigmas is None else list(self.sigmas),
            dataset=self.dataset,
        )

    def side_of(self, joint: int) -> str:
        """The side of the body that a joint's name tells: 'left', 'right', or '' for neither."""
        name = self.joint_names[joint].lower()
        for side in ('left', 'right'):
            if side in name or name.startswith(f'{side[0]}_'):
                return side
        return ''

    def side_of_link(self, link: tuple[int, int]) -> str:
        """The side of a link; one across the body, as between the shoulders, has none."""
        first, second = (self.side_of(joint) for joint in link)
        return '' if {first, second} == {'left', 'right'} else first or second

    def colors(
        self, of_sides: Mapping[str, tuple[int, int, int]] = SIDE_COLORS
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Colors by sides of the body.

        Args:
            of_sides: Color of 'left', 'right' and ''.

        Returns:
            Colors of the K joints, and of the links.
        """
        joints = [of_sides[self.side_of(joint)] for joint in range(len(self.joint_names))]
        return joints, [of_sides[self.side_of_link(link)] for link in self.links]


def _mapping(value: object) -> Mapping[int, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"'keypoint_id2name' must be a mapping from numbers to names, got {value!r}")
    return value


def _sequence(value: object) -> Sequence:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if not isinstance(value, (list, tuple)):
        raise ValueError(f'the joints must be described by lists, got {value!r}')
    return value
