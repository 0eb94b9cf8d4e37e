"""Labels left out on purpose: how much does a method need?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from mmcv.transforms import BaseTransform

from mmpose_ext.functional import check_choice
from mmpose_ext.registry import TRANSFORMS

__all__ = ['DropLabels', 'check_seed', 'check_share', 'draw_shares', 'person_ids']


def check_share(name: str, value: float) -> float:
    """The value, which must be a number from 0 to 1."""
    if not (isinstance(value, (int, float)) and 0 <= value <= 1):
        raise ValueError(f"'{name}' must be a number from 0 to 1, got {value!r}")
    return value


def check_seed(seed: int) -> int:
    """The seed, which must be a whole number below 2**32."""
    if not (isinstance(seed, int) and 0 <= seed < 2**32):
        raise ValueError(f"'seed' must be a whole number from 0 to 2**32 - 1, got {seed!r}")
    return seed


def person_ids(results: dict, people: int) -> list[int]:
    """The annotation ids of all people of a sample."""
    ids: list[int] = np.atleast_1d(results.get('id', ())).tolist()
    if len(ids) != people:
        raise ValueError(f"'id' must be an annotation's for each of {people} people, got {results.get('id')}")
    return ids


def draw_shares(ids: Sequence[int], joints: int, seed: int) -> npt.NDArray[np.float64]:
    """Numbers (N, K) from 0 to 1, uniform, that depend on the seed and on a person's id alone.

    Not on the order of the data, the number of workers, the epoch or the version of numpy, whose old generator, which
    draws them, does not change any more.
    """
    words = [(int(number) % 2**32, int(number) // 2**32) for number in ids]  # COCO has ids above 2**32
    return np.stack([np.random.RandomState([seed, *word]).random_sample(joints) for word in words])


@TRANSFORMS.register_module()
class DropLabels(BaseTransform):
    """Take the labels of some joints, or of some people, away: they become joints that nobody has labeled.

    Which ones is decided by the id of the annotation: the same in every epoch, run and process. With the same seed a
    larger ratio drops what a smaller one does, and more. Points stay where they are and lose their visibility, so that
    every codec and loss treats them as unlabeled. Put it first in the training's pipeline, behind the loading.

    Args:
        ratio: Share of the labels to drop, 0 to 1: every label is dropped with this probability.
        level: 'joint' decides for each joint of a person, 'person' for all of them together.
        seed: A whole number >= 0; another one drops others.

    Raises:
        ValueError: If an argument is out of range, or a person has no 'id'.
    """

    def __init__(self, ratio: float, level: str = 'joint', seed: int = 0) -> None:
        self.ratio = check_share('ratio', ratio)
        check_choice('level', level, ('joint', 'person'))
        self.level = level
        self.seed = check_seed(seed)

    def transform(self, results: dict) -> dict:
        """Set ``keypoints_visible`` (N, K), or (N, K, 2) with weights of labels, to 0 where a label is dropped.

        Args:
            results: Of one person or of N, with ``id``, one or N annotation ids.
        """
        visible = np.array(results['keypoints_visible'])  # the dataset keeps its own
        shares = draw_shares(
            person_ids(results, len(visible)), visible.shape[1] if self.level == 'joint' else 1, self.seed
        )
        visible[np.broadcast_to(shares < self.ratio, visible.shape[:2])] = 0
        results['keypoints_visible'] = visible
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(ratio={self.ratio}, level={self.level!r}, seed={self.seed})'
