"""Pure functions on tensors and arrays; they know nothing of registries, configs or samples.

Alphabet of all shapes in this package: B pictures, N people, K joints, D axes, H and W the height and width of a heat
map. Points have their axes last and x first. Keypoints are in input pixels unless a name says cells or unit.
"""

from .checks import check_choice, check_positive, check_shape, check_size
from .dark import check_blur_kernel_size, dark_refine, modulated_patches
from .gaussian import gaussian_targets, gaussian_vectors, render_gaussians
from .grid import heatmap_to_input, input_to_heatmap, input_to_unit, unit_to_input
from .pck import heatmap_pck, pck
from .peaks import find_peaks, quarter_shift

__all__ = [
    'check_blur_kernel_size',
    'check_choice',
    'check_positive',
    'check_shape',
    'check_size',
    'dark_refine',
    'find_peaks',
    'gaussian_targets',
    'gaussian_vectors',
    'heatmap_pck',
    'heatmap_to_input',
    'input_to_heatmap',
    'input_to_unit',
    'modulated_patches',
    'pck',
    'quarter_shift',
    'render_gaussians',
    'unit_to_input',
]
