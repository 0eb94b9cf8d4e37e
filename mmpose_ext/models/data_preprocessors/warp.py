"""Affine warps of a batch of images of several sizes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

__all__ = ['warp_images']


def warp_images(images: Sequence[Tensor], inverses: Tensor, size: tuple[int, int]) -> Tensor:
    """Sample each image by an affine map, with linear interpolation, black outside.

    What ``cv2.warpAffine(..., flags=cv2.INTER_LINEAR)`` does, without its rounding to whole gray levels.

    Args:
        images: B images (C, h, w) of any sizes on one device.
        inverses: (B, 2, 3), from pixels (x, y, 1) of an output to pixels of its image.
        size: Width and height of the outputs.

    Returns:
        (B, C, height, width), float32, in the images' range.
    """
    width, height = size
    high, wide = (max(image.shape[axis] for image in images) for axis in (1, 2))
    batch = images[0].new_zeros(len(images), images[0].shape[0], high, wide)
    for place, image in zip(batch, images, strict=True):
        place[:, : image.shape[1], : image.shape[2]] = image
    maps = inverses.to(batch.device, torch.float32)
    x = torch.arange(width, dtype=torch.float32, device=batch.device)
    y = torch.arange(height, dtype=torch.float32, device=batch.device)
    # (B, 2, height, width)
    points = maps[:, :, 0, None, None] * x + (maps[:, :, 1, None] * y)[..., None] + maps[:, :, 2, None, None]
    scale = points.new_tensor((wide, high))[:, None, None]
    grid = ((2 * points + 1) / scale - 1).permute(0, 2, 3, 1)  # pixel centers, as grid_sample counts them
    return grid_sample(batch.float(), grid, mode='bilinear', padding_mode='zeros', align_corners=False)
