"""Predicted joints beside the labeled ones: what confidences and covariances are measured on."""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ['JointPairs']


# not a named tuple, because MMEngine would turn it into a plain tuple
@dataclass(frozen=True)
class JointPairs:
    """Predictions of P people of K joints, each of whom has a labeled joint.

    Args:
        images: (P,) id of the image of each person.
        confidences: (P, K) predicted.
        oks: (P, K) similarity of the predicted to the labeled joint, see :func:`mmpose_ext.functional.keypoint_oks`.
        labeled: (P, K) whether the joint is labeled, and, where asked for, inside the image.
        errors: (P, K, 2) labeled minus predicted position in pixels of the image.
        areas: (P,) of the labeled people in square pixels.
        covariances: (P, K, 2, 2) predicted, in square pixels of the image; None without.
    """

    images: np.ndarray
    confidences: np.ndarray
    oks: np.ndarray
    labeled: np.ndarray
    errors: np.ndarray
    areas: np.ndarray
    covariances: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def person_oks(self) -> np.ndarray:
        """(P,) mean similarity of the labeled joints; 0 for a person without one."""
        return (self.oks * self.labeled).sum(1) / np.maximum(self.labeled.sum(1), 1)

    def select(self, chosen: np.ndarray) -> 'JointPairs':
        """Some of the people, by indices or flags (P,)."""
        return replace(self, **{name: array[chosen] for name, array in vars(self).items() if array is not None})
