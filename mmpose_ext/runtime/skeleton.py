"""Names of the joints and the links between them: what drawings and files need to know of a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ['Skeleton']

_LEFT, _RIGHT, _MIDDLE = (80, 200, 80), (60, 130, 250), (240, 170, 60)  # BGR


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
    link_colors: tuple[tuple[int, int, int], ...] = field(default=(), compare=False)

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

    def color_of(self, joint: int) -> tuple[int, int, int]:
        """BGR color of a joint: one for each side of the body."""
        name = self.joint_names[joint].lower()
        if name.startswith(('left', 'l_')):
            return _LEFT
        if name.startswith(('right', 'r_')):
            return _RIGHT
        return _MIDDLE

    def color_of_link(self, link: tuple[int, int]) -> tuple[int, int, int]:
        """BGR color of a link: the one of its joints' side, or of the middle where they are on two sides."""
        first, second = (self.color_of(joint) for joint in link)
        if first == second or second == _MIDDLE:
            return first
        return second if first == _MIDDLE else _MIDDLE


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
