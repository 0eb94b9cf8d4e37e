"""How much the images of a batch teach by their labels, and how much by the teacher.

Outside of a compiled graph this is computed on the host, where it is known without waiting for a device. A compiled
graph reads no sample: there it is computed of the tensors of a :class:`GatheredSamples`, on their device.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmpose_ext.models.heads import Samples
from mmpose_ext.models.utils import GatheredSamples, Targets, labeled_joints

from .joint_matching import JointSelection

__all__ = ['Shares', 'labels_of', 'to_device']


def labels_of(samples: Samples, joints: int) -> Tensor:
    """Which of the K joints of B samples are labeled, (B, K) bool."""
    if torch.compiler.is_compiling() and isinstance(samples, GatheredSamples):
        return samples.labeled.expand(-1, joints)
    labeled = np.array([labeled_joints(sample, joints) for sample in samples], bool)
    return torch.from_numpy(labeled.reshape(len(samples), joints))


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Values on a device; the copy to a GPU does not make the host wait."""
    if values.device.type == 'cpu' and device.type == 'cuda':
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


class Shares(NamedTuple):
    """The shares of labels and teacher in the loss of a batch.

    Args:
        labeled: Which joints are labeled, (B, K) bool.
        alpha: Share of the teacher in images with a labeled joint.
        alpha_unlabeled: Share of the teacher in images without one.
    """

    labeled: Tensor
    alpha: float
    alpha_unlabeled: float

    def weights(self, selection: JointSelection, by_label: bool) -> Tensor:
        """Weights (B, K) of joints in what is learned from the teacher, its share included.

        Args:
            selection: Which joints the teacher has.
            by_label: Whether joints without a label have no weight.
        """
        values = torch.where(self.labeled.any(1), float(self.alpha), float(self.alpha_unlabeled)).float()
        weights = values[:, None].expand(self.labeled.shape)
        if not selection.matches_all:
            weights = weights * selection.matched_on(weights.device)
        return weights * self.labeled if by_label else weights

    def need_teacher(self, weights: Tensor) -> bool:
        """Whether any joint learns from the teacher, by its :meth:`weights`; with alpha=1 there is no other loss.

        What a compiled graph computes does not depend on labels: there only shares of 0 leave the teacher out.
        """
        if torch.compiler.is_compiling():
            return self.alpha > 0 or self.alpha_unlabeled > 0
        return self.alpha == 1 or bool(weights.any())

    def discount_unlabeled(self, targets: Targets) -> Targets:
        """Targets of one stage in which a map of zeros counts less for images without any labeled joint.

        Heads with an ``unlabeled_weight`` train such maps as labels; here their share is that of labels. All losses of
        labels are multiplied with ``1 - alpha`` afterwards.
        """
        has_label = self.labeled.any(1)
        if 'loss_weights' not in targets or (not torch.compiler.is_compiling() and has_label.all()):
            return targets
        weights = targets['loss_weights']
        factors = torch.where(has_label, 1.0, (1 - self.alpha_unlabeled) / (1 - self.alpha))
        return dict(targets, loss_weights=weights * to_device(factors.to(weights.dtype), weights.device)[:, None])
