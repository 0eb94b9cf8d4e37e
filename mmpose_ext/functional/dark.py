"""Distribution-aware refinement of a heatmap's maximum (DARK, Zhang et al., CVPR 2020)."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .checks import check_floating, check_positive, check_shape
from .peaks import quarter_shift
from .precision import full_precision

__all__ = ['check_blur_kernel_size', 'dark_refine', 'kernel_variance', 'modulated_patches']

_FLOOR = 1e-10  # the smallest value whose logarithm is taken, as in the official implementation
_REACH = 2  # cells on each side of the maximum that the Newton step reads

# OpenCV's Gaussian kernels of small sizes, which do not follow its formula: the first half, in units of 1/256
_SMALL_KERNELS = {1: (256,), 3: (64, 128), 5: (16, 64, 96), 7: (8, 28, 56, 72), 9: (4, 13, 30, 51, 60)}


def check_blur_kernel_size(value: int | None) -> None:
    """Raise a ValueError unless ``value`` is an odd whole number > 0, or None.

    Example:
        >>> check_blur_kernel_size(11)
        >>> check_blur_kernel_size(4)
        Traceback (most recent call last):
        ValueError: 'blur_kernel_size' must be an odd whole number > 0 or None (no modulation), got 4
    """
    if value is not None and not (isinstance(value, int | np.integer) and value > 0 and value % 2 == 1):
        raise ValueError(f"'blur_kernel_size' must be an odd whole number > 0 or None (no modulation), got {value!r}")


def _gaussian_kernel(size: int) -> list[float]:
    """Weights of OpenCV's Gaussian kernel with sigma 0, which takes sigma from the size."""
    if size in _SMALL_KERNELS:
        half = [weight / 256 for weight in _SMALL_KERNELS[size]]
        return [*half, *half[-2::-1]]
    sigma = _kernel_sigma(size)
    weights = [math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma**2)) for i in range(size)]
    total = sum(weights)
    return [weight / total for weight in weights]


def kernel_variance(size: int) -> float:
    """Variance that modulation by a kernel of this side adds to a Gaussian, in square cells.

    The small kernels are taken as they are. The others are Gaussians whose ends are cut off. That changes the curvature
    of a blurred Gaussian at its maximum less than the variance of the kernel: that of the whole Gaussian fits better.
    """
    if size not in _SMALL_KERNELS:
        return _kernel_sigma(size) ** 2
    middle = (size - 1) / 2
    return sum(weight * (index - middle) ** 2 for index, weight in enumerate(_gaussian_kernel(size)))


def _kernel_sigma(size: int) -> float:
    return 0.3 * ((size - 1) / 2 - 1) + 0.8


def _blur_matrices(window: int, kernel_size: int, device: torch.device) -> Tensor:
    """Blur matrices (window, 5, window): number ``i`` maps a window to the 5 blurred cells around its cell ``i``."""
    kernel = torch.tensor(_gaussian_kernel(kernel_size), dtype=torch.float32, device=device)
    cells = torch.arange(window, device=device)
    blurred = cells[:, None, None] + torch.arange(-_REACH, _REACH + 1, device=device)[:, None]
    tap = cells - blurred + kernel_size // 2
    return torch.where((tap >= 0) & (tap < kernel_size), kernel[tap.clamp(0, kernel_size - 1)], 0.0)


@lru_cache(maxsize=64)
def _cached_blur_matrices(window: int, kernel_size: int, device: torch.device) -> Tensor:
    # later calls may need gradients, which tensors of inference mode refuse
    with torch.inference_mode(False):
        return _blur_matrices(window, kernel_size, device)


def _cut_windows(heatmaps: Tensor, top: Tensor, left: Tensor, rows: int, columns: int) -> Tensor:
    """Windows (N, rows, columns) of maps (N, H, W) whose upper left cells are (left, top)."""
    count, height, width = heatmaps.shape
    maps = torch.arange(count, device=heatmaps.device)
    # index of each window row's first cell in the flattened maps: (N, rows)
    starts = ((maps * height + top) * width + left)[:, None] + torch.arange(rows, device=heatmaps.device) * width
    if _is_exported():
        # exporters know no unfold() of an unknown number of cells
        index = starts[..., None] + torch.arange(columns, device=heatmaps.device)
        return heatmaps.reshape(-1).index_select(0, index.flatten()).view(-1, rows, columns)
    if heatmaps.numel() == 0:
        return heatmaps.new_zeros(0, rows, columns)
    # copies runs of cells, which takes less than half of the time of an index for every cell
    runs = heatmaps.reshape(-1).unfold(0, columns, 1)
    return runs.index_select(0, starts.flatten()).view(-1, rows, columns)


def _is_exported() -> bool:
    """Whether the program is being compiled, exported or traced."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def modulated_patches(heatmaps: Tensor, cells: Tensor, blur_kernel_size: int | None) -> Tensor:
    """The 5x5 cells around a cell of each map after modulation by a Gaussian kernel (equation 10).

    What is computed: ``blurred = cv2.GaussianBlur(heatmap, (size, size), 0, borderType=cv2.BORDER_CONSTANT)`` and
    ``blurred[y - 2 : y + 3, x - 2 : x + 3]``.

    How: only the window of (4 + size) cells around the maximum is read. A separable blur is a product with a matrix
    from the left (rows) and one from the right (columns), and only the 5 blurred rows and columns are computed. At the
    border the window is moved inside the map and another blur matrix is taken, which has the effect of zeros outside.

    Args:
        heatmaps: (N, H, W), any floating-point type; computed in float32, also under autocast.
        cells: (N, 2) int64, x first, inside the map.
        blur_kernel_size: Odd side of the kernel; None: no modulation.

    Returns:
        (N, 5, 5) in float32, rows first. Cells outside the map hold what the blur spills there.

    Example:
        >>> import torch
        >>> heatmap = torch.zeros(1, 9, 9)
        >>> heatmap[0, 4, 4] = 16
        >>> modulated_patches(heatmap, torch.tensor([[4, 4]]), 3)[0]
        tensor([[0., 0., 0., 0., 0.],
                [0., 1., 2., 1., 0.],
                [0., 2., 4., 2., 0.],
                [0., 1., 2., 1., 0.],
                [0., 0., 0., 0., 0.]])
    """
    size = 1 if blur_kernel_size is None else int(blur_kernel_size)
    height, width = (int(side) for side in heatmaps.shape[-2:])
    reach = _REACH + size // 2
    rows, columns = min(2 * reach + 1, height), min(2 * reach + 1, width)
    left = (cells[:, 0] - reach).clamp(0, width - columns)
    top = (cells[:, 1] - reach).clamp(0, height - rows)
    windows = _cut_windows(heatmaps, top, left, rows, columns).float()
    # a cache would keep the exporters' stand-ins for tensors
    matrices = _blur_matrices if torch.compiler.is_compiling() else _cached_blur_matrices
    blur_rows = matrices(rows, size, heatmaps.device).index_select(0, cells[:, 1] - top)
    blur_columns = matrices(columns, size, heatmaps.device).index_select(0, cells[:, 0] - left)
    with full_precision(heatmaps.device):
        return blur_rows @ windows @ blur_columns.transpose(1, 2)


def _newton_steps(patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Newton steps of log-map patches (N, 5, 5): ``-inverse(Hessian) @ gradient`` (equation 9).

    Derivatives are central differences, the second ones over two cells on each side.

    Returns:
        Steps (N, 2), x first; where they exist (N,); where the Hessian is negative definite (N,).
    """
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

    What is computed: ``point = cell - inverse(Hessian) @ gradient``, with the derivatives of the logarithm of the
    modulated map at the cell.

    The modulated map is rescaled before its logarithm is taken. The paper rescales by minimum and maximum (equation
    11), the official implementation by the ratio of the maxima. A factor drops out of the Newton step, which reads only
    differences of logarithms. So both give the same point where the modulated map reaches down to zero and no value
    that the step reads is below the floor of the logarithm (1e-10 in the official implementation). A minimum ``m``
    different from zero is subtracted only by the paper's form, and moves the point by an amount of order ``m /
    maximum``. This function takes the ratio, with the maximum of the 5x5 cells in place of that of the whole map.

    A maximum within two cells of the border lacks neighbors and stays where it is, as in the official implementation.

    Args:
        heatmaps: (..., H, W), any floating-point type; computed in float32, also under autocast.
        cells: (..., 2) int64, x first; the highest cell of each map.
        blur_kernel_size: Odd side of the modulation kernel; None: no modulation.
        max_offset: Largest step in cells on an axis. A longer step, or a Hessian that is not negative definite, is
            replaced by the quarter shift, and the point stays inside the map. None: the unbounded step of the official
            implementation, which may leave the map.

    Returns:
        Points (..., 2) in cells, x first, float32; finite for every input.

    Raises:
        ValueError: If an argument is out of range or has another shape.

    Example:
        >>> import torch
        >>> from mmpose_ext.functional import find_peaks, render_gaussians
        >>> heatmap = render_gaussians(torch.tensor([[20.25, 30.5]]), (48, 64), sigma=2.0)
        >>> cells, _ = find_peaks(heatmap)
        >>> dark_refine(heatmap, cells).round(decimals=2)
        tensor([[20.2500, 30.5000]])
    """
    check_shape('cells', cells, '... 2')
    check_shape('heatmaps', heatmaps, '... H W')
    check_floating('heatmaps', heatmaps)
    check_blur_kernel_size(blur_kernel_size)
    if max_offset is not None:
        check_positive('max_offset', max_offset)
    height, width = heatmaps.shape[-2:]
    maps, flat_cells = heatmaps.reshape(-1, height, width), cells.reshape(-1, 2)
    patches = modulated_patches(maps, flat_cells, blur_kernel_size)
    peak = (
        maps.reshape(-1, height * width).gather(1, (flat_cells[:, 1:] * width + flat_cells[:, :1]))[..., None].float()
    )
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
