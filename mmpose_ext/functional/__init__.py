"""Pure functions on tensors and arrays; they know nothing of registries, configs or samples.

Letters of all shapes in this package: B images, N people, K joints, D axes, H and W the height and width of a heatmap.
Points have their axes last and x first. Keypoints are in input pixels unless a name says cells or normalized.
"""

from .camera import Camera, back_project, crop_box, project_points
from .checks import check_choice, check_floating, check_positive, check_shape, check_size
from .confidence import auroc, average_precision, calibration_error, pearson, spearman
from .covariance import (
    map_covariances,
    mixture_covariances,
    scale_covariances,
    second_moments,
    transform_covariances,
    uniform_covariances,
)
from .dark import check_blur_kernel_size, dark_refine, modulated_patches
from .distillation import heatmap_square_error, normalized_cross_entropy, resample
from .error_families import ERROR_FAMILIES, error_log_density, mahalanobis, region_radius
from .gaussian import gaussian_targets, gaussian_vectors, render_gaussians
from .grid import (
    cell_sides,
    depth_to_normalized,
    heatmap_to_input,
    heatmap_to_normalized,
    input_to_heatmap,
    input_to_normalized,
    normalized_to_depth,
    normalized_to_heatmap,
    normalized_to_input,
)
from .integral_targets import coordinate_labels, depth_labels, disk_targets, one_hot_targets, one_hot_vectors
from .joint_losses import coordinate_error, heatmap_binary_cross_entropy, heatmap_cross_entropy
from .likelihood import (
    base_log_density,
    base_quantiles,
    bounded_log_sigma,
    likelihood_loss,
    log_overlap,
    product_moments,
    standard_normal_log_density,
    standardize,
)
from .oks import keypoint_oks
from .pck import heatmap_pck, pck
from .pck_curve import area_under_curve, normalized_distances, pck_curve
from .peaks import find_peaks, find_volume_peaks, quarter_shift, volume_quarter_shift
from .pose_error import align_similarity, find_root, root_relative
from .precision import full_precision, upcast
from .reduce import REDUCTIONS, has_weight, mask_gradient, weighted_reduce
from .soft_argmax import SCORES, debias_points, soft_argmax, soft_argmax_scores, spatial_softmax
from .volume_losses import volume_cross_entropy, volume_square_error

__all__ = [
    'ERROR_FAMILIES',
    'REDUCTIONS',
    'SCORES',
    'Camera',
    'align_similarity',
    'area_under_curve',
    'auroc',
    'average_precision',
    'back_project',
    'base_log_density',
    'base_quantiles',
    'bounded_log_sigma',
    'calibration_error',
    'cell_sides',
    'check_blur_kernel_size',
    'check_choice',
    'check_floating',
    'check_positive',
    'check_shape',
    'check_size',
    'coordinate_error',
    'coordinate_labels',
    'crop_box',
    'dark_refine',
    'debias_points',
    'depth_labels',
    'depth_to_normalized',
    'disk_targets',
    'error_log_density',
    'find_peaks',
    'find_root',
    'find_volume_peaks',
    'full_precision',
    'gaussian_targets',
    'gaussian_vectors',
    'has_weight',
    'heatmap_binary_cross_entropy',
    'heatmap_cross_entropy',
    'heatmap_pck',
    'heatmap_square_error',
    'heatmap_to_input',
    'heatmap_to_normalized',
    'input_to_heatmap',
    'input_to_normalized',
    'keypoint_oks',
    'likelihood_loss',
    'log_overlap',
    'mahalanobis',
    'map_covariances',
    'mask_gradient',
    'mixture_covariances',
    'modulated_patches',
    'normalized_cross_entropy',
    'normalized_distances',
    'normalized_to_depth',
    'normalized_to_heatmap',
    'normalized_to_input',
    'one_hot_targets',
    'one_hot_vectors',
    'pck',
    'pck_curve',
    'pearson',
    'product_moments',
    'project_points',
    'quarter_shift',
    'region_radius',
    'render_gaussians',
    'resample',
    'root_relative',
    'scale_covariances',
    'second_moments',
    'soft_argmax',
    'soft_argmax_scores',
    'spatial_softmax',
    'spearman',
    'standard_normal_log_density',
    'standardize',
    'transform_covariances',
    'uniform_covariances',
    'upcast',
    'volume_cross_entropy',
    'volume_quarter_shift',
    'volume_square_error',
    'weighted_reduce',
]
