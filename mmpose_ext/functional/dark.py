"""Distribution-aware refinement of a heat map's maximum (DARK, Zhang et al., CVPR 2020).

The Newton step of equation 9 reads the logarithm of the modulated map at the 13 cells of a stencil around the
maximum, so only the 5x5 cells there have to be modulated: a window of (4 + kernel) cells per map is gathered and
multiplied from both sides with a small blur matrix, whatever the size of the map. The window is moved inside the map
at the border and the blur matrix follows it, which equals zero padding without padding anything.
"""

from functools import lru_cache

import cv2
import numpy as np
import torch
from torch import Tensor

from .checks import check_positive, check_shape
from .peaks import quarter_shift

__all__ = ['check_blur_kernel_size', 'dark_refine', 'modulated_patches']

_FLOOR = 1e-10  # of the released program: what the logarithm sees at least
_REACH = 2  # cells of the stencil on each side of the maximum


def check_blur_kernel_size(value: int | None) -> None:
    """Raise a ValueError unless ``value`` is an odd whole number > 0, or None."""
    if value is not None and not (isinstance(value, int) and value > 0 and value % 2 == 1):
        raise ValueError(f"'blur_kernel_size' must be an odd whole number > 0 or None (no modulation), got {value!r}")


@lru_cache(maxsize=64)
def _blur_matrices(window: int, kernel_size: int, device: torch.device) -> Tensor:
    """Blur matrices (window, 5, window): entry ``o`` maps a window to the 5 blurred cells around its cell ``o``."""
    # OpenCV's kernel: sigma = 0.3 * ((kernel_size - 1) / 2 - 1) + 0.8, or its fixed tables for small sizes
    kernel = cv2.getGaussianKernel(kernel_size, 0)[:, 0]
    half = kernel_size // 2
    center = np.arange(window)[:, None, None] + np.arange(-_REACH, _REACH + 1)[None, :, None]
    tap = np.arange(window)[None, None, :] - center + half
    matrices = np.where((tap >= 0) & (tap < kernel_size), kernel[tap.clip(0, kernel_size - 1)], 0.0)
    with torch.inference_mode(False):  # kept for all later calls, those that need gradients among them
        return torch.from_numpy(matrices).float().to(device)


def modulated_patches(heatmaps: Tensor, cells: Tensor, blur_kernel_size: int | None) -> Tensor:
    """The 5x5 cells around a cell of each map after modulation by a Gaussian kernel (equation 10).

    Args:
        heatmaps: (N, H, W).
        cells: (N, 2) int64, x first, inside the map.
        blur_kernel_size: Odd side of the kernel, as ``cv2.GaussianBlur`` with sigma 0 takes it, with zeros outside
            the map. None: no modulation.

    Returns:
        (N, 5, 5) in float32, rows first. Cells outside the map hold what the blur spills there.
    """
    size = 1 if blur_kernel_size is None else blur_kernel_size
    count, height, width = heatmaps.shape
    reach = _REACH + size // 2
    rows, columns = min(2 * reach + 1, height), min(2 * reach + 1, width)
    left = (cells[:, 0] - reach).clamp(0, width - columns)
    top = (cells[:, 1] - reach).clamp(0, height - rows)
    if count == 0:
        return heatmaps.new_zeros(0, 2 * _REACH + 1, 2 * _REACH + 1, dtype=torch.float32)
    # a window is gathered as runs of cells, which costs less than half of an index for every cell
    device = heatmaps.device
    corners = (torch.arange(count, device=device) * height + top) * width + left
    runs = corners[:, None] + torch.arange(rows, device=device) * width
    windows = heatmaps.reshape(-1).unfold(0, columns, 1).index_select(0, runs.flatten())
    blur_rows = _blur_matrices(rows, size, device).index_select(0, cells[:, 1] - top)
    blur_columns = _blur_matrices(columns, size, device).index_select(0, cells[:, 0] - left)
    return blur_rows @ windows.view(count, rows, columns).float() @ blur_columns.transpose(1, 2)


def _newton_steps(patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Newton steps (N, 2), x first, of log-map patches (N, 5, 5); where they exist; where the Hessian is negative."""
    p = patches
    dx, dy = 0.5 * (p[:, 2, 3] - p[:, 2, 1]), 0.5 * (p[:, 3, 2] - p[:, 1, 2])
    dxx = 0.25 * (p[:, 2, 4] - 2 * p[:, 2, 2] + p[:, 2, 0])
    dyy = 0.25 * (p[:, 4, 2] - 2 * p[:, 2, 2] + p[:, 0, 2])
    dxy = 0.25 * (p[:, 3, 3] - p[:, 1, 3] - p[:, 3, 1] + p[:, 1, 1])
    determinant = dxx * dyy - dxy * dxy
    steps = torch.stack((dxy * dy - dyy * dx, dxy * dx - dxx * dy), -1) / determinant[:, None]
    exists = (determinant != 0) & steps.isfinite().all(-1)
    return steps, exists, (dxx < 0) & (determinant > 0)


def dark_refine(
    heatmaps: Tensor, cells: Tensor, blur_kernel_size: int | None = 11, max_offset: float | None = 2.0
) -> Tensor:
    """Sub-cell positions of maxima by DARK's Taylor expansion (equations 4 to 11).

    The modulated map is rescaled before its logarithm is taken. The paper rescales by minimum and maximum (equation
    11), the released program by the ratio of the maxima. A factor drops out of the Newton step, which reads only
    differences of logarithms, so both give the same point wherever the modulated map reaches down to zero and neither
    form cuts a stencil value off (the program at 1e-10). A minimum ``m`` different from zero is subtracted only by the
    paper's form and moves the point by an amount of order ``m / maximum``. This function takes the ratio form, with
    the maximum of the 5x5 cells in the place of the whole map's.

    A maximum within two cells of the border has no stencil and stays where it is, as in the released program.

    Args:
        heatmaps: (..., H, W), any float type; computed in float32.
        cells: (..., 2) int64, x first; the highest cell of each map.
        blur_kernel_size: Odd side of the modulation kernel; None: no modulation.
        max_offset: Largest step in cells on an axis. A longer step, or a Hessian that is not negative definite, is
            replaced by the quarter shift, and the point stays inside the map. None: the released program's unbounded
            step, which may leave the map.

    Returns:
        Points (..., 2) in cells, x first, float32; finite for every input.

    Raises:
        ValueError: If an argument is out of range.
    """
    check_shape('cells', cells, '... 2')
    check_blur_kernel_size(blur_kernel_size)
    if max_offset is not None:
        check_positive('max_offset', max_offset)
    height, width = heatmaps.shape[-2:]
    maps, flat_cells = heatmaps.reshape(-1, height, width), cells.reshape(-1, 2)
    patches = modulated_patches(maps, flat_cells, blur_kernel_size)
    peak = maps.flatten(1).gather(1, (flat_cells[:, 1:] * width + flat_cells[:, :1]))[..., None].float()
    patches = patches * (peak / patches.amax((1, 2), keepdim=True))
    steps, accept, is_maximum = _newton_steps(patches.clamp_min(_FLOOR).log())
    x, y = flat_cells.unbind(-1)
    interior = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    if max_offset is None:
        steps = torch.where((interior & accept)[:, None], steps, torch.zeros_like(steps))
        return (flat_cells + steps).view(cells.shape)
    accept = accept & is_maximum & (steps.abs() <= max_offset).all(-1)
    steps = torch.where(accept[:, None], steps, quarter_shift(maps, flat_cells))
    points = flat_cells + steps * interior[:, None]
    x, y = points.unbind(-1)
    return torch.stack((x.clamp(0, width - 1), y.clamp(0, height - 1)), -1).view(cells.shape)
