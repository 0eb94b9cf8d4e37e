import itertools

import cv2
import numpy as np
import pytest
import torch
from helpers import (
    FLOOR,
    blur_loop,
    dark_loop,
    modulate_loop,
    network_like_maps,
    newton_step_loop,
    quarter_shift_loop,
)
from mmpose.codecs import MSRAHeatmap

from mmpose_ext.functional import dark_refine, find_peaks, modulated_patches, render_gaussians

KERNELS = [None, 1, 3, 5, 7, 11, 17]


def refine(maps, kernel_size=11, max_offset=2.0):
    return dark_refine(maps, find_peaks(maps)[0], kernel_size, max_offset)


def stencil_is_floored(modulated, x, y):
    """Whether the logarithm sees a cut-off value, so that the result depends on the rescaling."""
    return modulated[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].min() < 2 * FLOOR


@pytest.mark.parametrize('case', ['a', 'b'])
def test_equal_to_the_released_decoder(reference, case):
    arrays = reference('dark_decode')
    maps = torch.from_numpy(arrays[f'{case}_heatmaps'])
    points = refine(maps, int(arrays[f'{case}_kernel']), None).numpy()
    compared = ~arrays[f'{case}_floored']
    assert compared.mean() > 0.5
    np.testing.assert_allclose(points[compared], arrays[f'{case}_coords'][compared], atol=2e-3)
    np.testing.assert_allclose(find_peaks(maps)[1], arrays[f'{case}_scores'])


@pytest.mark.parametrize('kernel_size', KERNELS)
@pytest.mark.parametrize('max_offset', [None, 2.0])
def test_equal_to_the_loop_on_network_like_maps(kernel_size, max_offset):
    maps, _ = network_like_maps(60, (24, 32), noise=0.005)
    maps = maps + 0.01  # no floored value
    points = refine(maps, kernel_size, max_offset).numpy()
    expected = np.stack([dark_loop(heatmap, kernel_size, max_offset) for heatmap in maps.numpy()])
    assert (expected % 1 != 0).any(1).sum() > 30, 'most maxima must be refined'
    if max_offset is None:  # where the map is nearly flat the step is large and no digit of it means anything
        keep = np.abs(expected - find_peaks(maps)[0].numpy()).max(1) < 5
        assert keep.mean() > 0.9
        points, expected = points[keep], expected[keep]
    np.testing.assert_allclose(points, expected, atol=2e-3)


@pytest.mark.parametrize(('width', 'height'), [(5, 5), (6, 5), (9, 7), (5, 16), (16, 6), (13, 12)])
@pytest.mark.parametrize('kernel_size', [3, 11, 17])
def test_maps_smaller_than_the_window(width, height, kernel_size):
    maps, _ = network_like_maps(40, (width, height), sigma=1.5, noise=0.0)
    points = refine(maps + 0.01, kernel_size, None).numpy()
    expected = np.stack([dark_loop(heatmap, kernel_size) for heatmap in (maps + 0.01).numpy()])
    keep = np.abs(expected - find_peaks(maps)[0].numpy()).max(1) < 5
    np.testing.assert_allclose(points[keep], expected[keep], atol=2e-3)


@pytest.mark.parametrize(('width', 'height'), [(1, 1), (1, 20), (20, 1), (2, 2), (4, 4), (4, 20)])
@pytest.mark.parametrize('max_offset', [None, 2.0])
def test_maps_without_an_interior_are_not_refined(width, height, max_offset):
    maps = torch.rand(20, height, width)
    cells, _ = find_peaks(maps)
    assert (dark_refine(maps, cells, 11, max_offset) == cells).all()


@pytest.mark.parametrize('kernel_size', [1, 3, 7, 11, 17])
def test_patches_are_those_of_the_blurred_map(kernel_size):
    maps = np.random.default_rng(0).random((12 * 10, 12, 10)).astype(np.float32)
    y, x = np.divmod(np.arange(len(maps)), 10)
    patches = modulated_patches(torch.from_numpy(maps), torch.from_numpy(np.stack((x, y), -1)), kernel_size).numpy()
    for n, heatmap in enumerate(maps):
        padded = np.pad(blur_loop(heatmap, kernel_size), 2, constant_values=np.nan)
        expected = padded[y[n] : y[n] + 5, x[n] : x[n] + 5]
        inside = ~np.isnan(expected)
        np.testing.assert_allclose(patches[n][inside], expected[inside], atol=1e-5)


def test_blur_is_opencvs():
    heatmap = np.random.default_rng(0).random((40, 30))
    padded = cv2.GaussianBlur(np.pad(heatmap, 5), (11, 11), 0)[5:-5, 5:-5]
    np.testing.assert_allclose(blur_loop(heatmap, 11), padded, atol=1e-9)


@pytest.mark.parametrize(
    ('size', 'sigma', 'kernel_size'), [((48, 64), 2.0, 11), ((24, 32), 1.0, 3), ((72, 96), 3.0, 17)]
)
def test_equal_to_mmpose_on_network_like_maps(size, sigma, kernel_size):
    maps, _ = network_like_maps(80, size, sigma, noise=0.01, seed=3)
    maps = maps.clamp_min(0.002)
    codec = MSRAHeatmap(size, size, sigma, unbiased=True, blur_kernel_size=kernel_size)
    expected = codec.decode(maps.numpy())[0][0]
    np.testing.assert_allclose(refine(maps, kernel_size, None), expected, atol=2e-3)


# ---------------------------------------------------------------------------------------------
# the two forms of the modulation


def test_min_max_form_and_ratio_form_give_the_same_point():
    """Equation 11 of the paper against the official implementation, as loops over whole maps, where neither clips."""
    maps, _ = network_like_maps(60, (24, 32), noise=0.0, seed=1)
    compared = 0
    for heatmap in maps.numpy().astype(np.float64):
        y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
        forms = [modulate_loop(heatmap, 11, form) for form in ('min_max', 'ratio')]
        if any(stencil_is_floored(form, x, y) for form in forms):
            continue
        steps = [newton_step_loop(form, x, y)[0] for form in forms]
        if steps[0] is not None:
            # equal but for the map's smallest value, which is below 1e-9 here and subtracted by one of the forms
            np.testing.assert_allclose(*steps, atol=1e-6)
            compared += 1
    assert compared > 25


def test_the_forms_part_by_the_order_of_the_minimum():
    """A map that does not reach down to zero: only the paper's form subtracts the minimum."""
    heatmap = render_gaussians(torch.tensor([[12.3, 15.6]], dtype=torch.float64), (24, 32), 2.0)[0].numpy()
    gaps = []
    for offset in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        points = [dark_loop(heatmap + offset, 11, form=form) for form in ('min_max', 'ratio')]
        gaps.append(np.abs(points[0] - points[1]).max())
    assert 1e-3 < gaps[0] < 0.05, gaps
    assert all(0.05 < small / large < 0.2 for large, small in itertools.pairwise(gaps)), gaps


def test_a_factor_drops_out():
    maps, _ = network_like_maps(100, (24, 32), noise=0.0)
    maps = maps + 0.01
    np.testing.assert_allclose(refine(maps), refine(maps * 37.5), atol=1e-4)


# ---------------------------------------------------------------------------------------------
# accuracy, and what happens on maps that are no Gaussian at all


@pytest.mark.parametrize('kernel_size', [None, 3, 11])
def test_exact_on_a_gaussian(kernel_size):
    rng = np.random.default_rng(0)
    centers = torch.from_numpy(rng.uniform((14, 14), (48 - 15, 64 - 15), (500, 2))).float()
    points = refine(render_gaussians(centers, (48, 64), 2.0), kernel_size)
    assert (points - centers).abs().max() < 0.01


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('kernel_size', [None, 3, 11])
def test_noise_never_moves_a_point_far(seed, kernel_size):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(2000, 24, 20, generator=generator)
    maps[:500] = maps[:500].clamp_min(0)  # floors the logarithm
    maps[500:1000] *= 1e-12
    maps[1000:1200] *= 1e30
    cells, _ = find_peaks(maps)
    points = dark_refine(maps, cells, kernel_size, 1.5)
    assert points.isfinite().all()
    assert ((points >= 0) & (points <= torch.tensor([19.0, 23.0]))).all()
    assert ((points - cells).abs() <= 1.5).all()
    assert ((points - cells).abs() > 0.26).any(), 'some maps must be refined by more than a quarter'


@pytest.mark.parametrize('max_offset', [0.1, 0.4, 2.0])
def test_step_out_of_bounds_or_off_a_maximum_becomes_the_quarter_shift(max_offset):
    noise = torch.rand(300, 16, 12, generator=torch.Generator().manual_seed(1))
    maps = torch.cat((noise, network_like_maps(300, (12, 16), sigma=1.0, noise=0.1)[0].clamp_min(0))) + 0.05
    points = refine(maps, 3, max_offset).numpy()
    cells, _ = find_peaks(maps)
    shifted = refined = 0
    for heatmap, point, cell in zip(maps.numpy(), points, cells.numpy(), strict=True):
        step, is_maximum = newton_step_loop(modulate_loop(heatmap, 3), *cell)
        if step is None:
            np.testing.assert_array_equal(point, cell)
        elif not is_maximum or np.abs(step).max() > max_offset + 1e-3:
            np.testing.assert_allclose(point, cell + quarter_shift_loop(heatmap, *cell))
            shifted += 1
        elif np.abs(step).max() < max_offset - 1e-3:
            np.testing.assert_allclose(point, cell + step, atol=1e-3)
            refined += 1
    assert shifted > 20
    assert refined > (3 if max_offset < 0.2 else 20)


@pytest.mark.parametrize('kernel_size', [None, 3])
def test_zeros_are_floored_as_in_the_released_program(kernel_size):
    """A point's distance from its cell then depends on the logarithm of the floor."""
    heatmap = np.zeros((12, 10), np.float32)
    heatmap[6, 4:6] = 1, 0.5
    expected = dark_loop(heatmap, kernel_size)
    assert 0.01 < expected[0] - 4 < 1
    assert expected[1] == 6
    np.testing.assert_allclose(refine(torch.from_numpy(heatmap)[None], kernel_size, None)[0], expected, atol=1e-4)


def test_saddle_falls_back():
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing='ij')
    saddle = torch.exp(0.02 * (x - 4) ** 2 - 0.05 * (y - 4) ** 2)[None]
    saddle[0, 4, 4] = 5  # the highest cell, but rising to both sides at a distance of two
    cell = torch.tensor([[4, 4]])
    saddle[0, 4, 5] += 0.01
    saddle[0, 4, 2] = saddle[0, 4, 6] = 30
    assert dark_refine(saddle, cell, None, 2.0).tolist() == [[4.25, 4.0]]


def test_unbounded_step_may_leave_the_map_and_the_bounded_one_may_not():
    maps = torch.rand(3000, 16, 12, generator=torch.Generator().manual_seed(0))
    last = torch.tensor([11.0, 15.0])
    free, bounded = refine(maps, 3, None), refine(maps, 3, 2.0)
    assert free.isfinite().all()
    assert ((free < 0) | (free > last)).any()
    assert ((bounded >= 0) & (bounded <= last)).all()


@pytest.mark.parametrize('level', [float('nan'), float('inf'), float('-inf'), 0.0, -1.0, 0.5, 3e38, 1e-45])
@pytest.mark.parametrize('max_offset', [None, 2.0])
@pytest.mark.parametrize('kernel_size', [None, 11])
def test_flat_and_broken_maps_stay_where_they_are(level, max_offset, kernel_size):
    maps = torch.full((2, 16, 12), level)
    assert refine(maps, kernel_size, max_offset).tolist() == [[0, 0], [0, 0]]
    # at a cell that the caller names, inside the map
    points = dark_refine(maps, torch.tensor([[5, 6], [7, 8]]), kernel_size, max_offset)
    assert points.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes_are_computed_in_float32(dtype):
    maps = network_like_maps(50, (24, 32))[0].to(dtype)
    assert (refine(maps) == refine(maps.float())).all()
    assert refine(maps).dtype == torch.float32


def test_memory_layout_does_not_matter():
    maps = network_like_maps(34, (24, 32))[0].view(2, 17, 32, 24)
    expected = refine(maps)
    for other in (
        maps.to(memory_format=torch.channels_last),
        maps.transpose(-1, -2).contiguous().transpose(-1, -2),
        torch.nn.functional.pad(maps, (3, 2, 1, 4))[..., 1:-4, 3:-2],
    ):
        assert not other.is_contiguous()
        np.testing.assert_allclose(refine(other), expected, atol=1e-5)


def test_input_is_left_alone():
    maps = network_like_maps(8, (24, 32))[0]
    kept = maps.clone()
    refine(maps)
    assert (maps == kept).all()


def test_gradients_flow_even_after_inference_mode():
    maps = network_like_maps(4, (29, 31), noise=0.0)[0] + 0.01  # a size that no other test has cached
    with torch.inference_mode():
        expected = refine(maps, 9).clone()
    maps = maps.clone().requires_grad_()
    points = refine(maps, 9)
    np.testing.assert_allclose(points.detach(), expected)
    points.sum().backward()
    assert maps.grad.isfinite().all()
    assert maps.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(blur_kernel_size=4), r"'blur_kernel_size' must be an odd whole number > 0 or None .*, got 4"),
        (dict(blur_kernel_size=0), r"'blur_kernel_size' must be .*, got 0"),
        (dict(blur_kernel_size=-3), r"'blur_kernel_size' must be .*, got -3"),
        (dict(blur_kernel_size=3.0), r"'blur_kernel_size' must be .*, got 3\.0"),
        (dict(max_offset=0.0), r"'max_offset' must be a finite number > 0, got 0\.0"),
        (dict(max_offset=float('nan')), r"'max_offset' must be a finite number > 0, got nan"),
        (
            dict(cells=torch.zeros(2, 3, dtype=torch.int64)),
            r"'cells' must have shape \(\.\.\., 2\), got shape \(2, 3\)",
        ),
    ],
)
def test_bad_arguments(change, message):
    arguments = dict(heatmaps=torch.rand(2, 8, 8), cells=torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=message):
        dark_refine(**arguments | change)


def test_no_maps_are_no_points():
    maps = torch.zeros(0, 17, 8, 6)
    cells, scores = find_peaks(maps)
    assert (cells.shape, scores.shape) == ((0, 17, 2), (0, 17))
    assert dark_refine(maps, cells).shape == (0, 17, 2)
