"""Labels made wrong on purpose: how much does a method suffer from annotation errors?"""

import numpy as np
from mmcv.transforms import BaseTransform

from mmpose_ext.registry import TRANSFORMS

from .drop_labels import check_seed, check_share, draw_shares, person_ids

__all__ = ['CorruptLabels']


@TRANSFORMS.register_module()
class CorruptLabels(BaseTransform):
    """Move the labels of some joints to a random point of the person's box; they still count as labeled.

    Which labels are wrong, and where they lie, is decided by the id of the annotation: the same in every epoch, run
    and process, as an annotator's mistake is. With the same seed a larger ratio corrupts what a smaller one does, at
    the same points, and more. Joints without a label stay as they are. Put it first in the training's pipeline, behind
    the loading.

    Args:
        ratio: Share of the labels to corrupt, 0 to 1: every label is corrupted with this probability.
        seed: A whole number >= 0; another one corrupts others.

    Raises:
        ValueError: If an argument is out of range, or a person has no 'id'.
    """

    def __init__(self, ratio: float, seed: int = 0) -> None:
        self.ratio = check_share('ratio', ratio)
        self.seed = check_seed(seed)

    def transform(self, results: dict) -> dict:
        """Change ``keypoints`` (N, K, 2), in pixels of the image, where a label is corrupted.

        Args:
            results: Of one person or of N, with ``id``, one or N annotation ids, ``bbox`` (N, 4) (left, top, right,
                bottom) and ``keypoints_visible``, (N, K), or (N, K, 2) with weights of labels.
        """
        points = np.array(results['keypoints'])  # the dataset keeps its own
        people, joints = points.shape[:2]
        # one number decides, two are the place in the box
        shares = draw_shares(person_ids(results, people), 3 * joints, self.seed).reshape(people, 3, joints)
        labeled = np.reshape(results['keypoints_visible'], (people, joints, -1))[..., 0] > 0
        start, end = np.split(np.asarray(results['bbox'])[:, None], 2, axis=-1)
        wrong = (shares[:, 0] < self.ratio) & labeled
        places = start + (end - start) * np.moveaxis(shares[:, 1:], 1, -1)
        points[..., :2][wrong] = places[wrong]
        results['keypoints'] = points
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(ratio={self.ratio}, seed={self.seed})'
