"""From the images that a student sees to the images that its teacher was trained with."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mmpose_ext.functional import resample
from mmpose_ext.models.utils import normalization

__all__ = ['TeacherImages']


class TeacherImages(nn.Module):
    """Normalizes and resizes images for a teacher.

    Args:
        student: Preprocessor that made the images; None: images from 0 to 255 as they are.
        teacher: Preprocessor that the teacher was trained with; None: likewise.
        size: (w, h) of the teacher's images in pixels.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, student: nn.Module | None, teacher: nn.Module | None, size: Sequence[int]) -> None:
        super().__init__()
        self.size = tuple(size)
        (mean, std, swap), (other_mean, other_std, other_swap) = normalization(student), normalization(teacher)
        self.swap = swap != other_swap
        if self.swap:
            mean, std = mean[::-1], std[::-1]
        self.same = np.array_equal(mean, other_mean) and np.array_equal(std, other_std)
        scale, shift = std / other_std, (mean - other_mean) / other_std
        self.register_buffer('scale', torch.tensor(scale.tolist()).view(3, 1, 1), persistent=False)
        self.register_buffer('shift', torch.tensor(shift.tolist()).view(3, 1, 1), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """The teacher's images (B, 3, h, w) of the student's images (B, 3, h, w)."""
        inputs = inputs.flip(1) if self.swap else inputs
        if not self.same:
            inputs = inputs * self.scale + self.shift
        return resample(inputs, self.size, antialias=True)
