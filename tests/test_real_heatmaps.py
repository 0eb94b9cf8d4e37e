"""Decoding of heatmaps that a published network puts out on photographs: 250 people of LSPET with their labels."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from mmpose_ext.codecs.maxima import refined_maxima

Arrays = dict[str, np.ndarray]

# decoding, kernel of the modulation -> PCK by the torso at .05, .1, .15 and .2 of 2 194 joints, in percent: what the
# loops below give. One joint is .05: a distance on a threshold may fall to either side on another processor.
FIGURES = {
    ('argmax', None): (9.25, 24.75, 36.55, 43.07),
    ('shift', None): (10.89, 26.44, 37.37, 43.62),
    ('dark', None): (11.26, 26.07, 37.60, 44.17),
    ('dark', 3): (11.12, 26.39, 37.47, 44.12),
    ('dark', 7): (11.26, 25.98, 37.88, 43.89),
    ('dark', 11): (11.17, 25.62, 37.15, 43.85),
}
THRESHOLDS = (0.05, 0.1, 0.15, 0.2)
TOLERANCE = 0.15
LEFT_SHOULDER, RIGHT_HIP = 9, 2
CELL = 8  # pixels; cell i lies at pixel (i + .5) * 8 - .5, see the reference's README


@pytest.fixture
def real(reference: Callable[[str], Arrays]) -> Arrays:
    return reference('real_heatmaps_lsp')


def decoded(heatmaps: np.ndarray, decoding: str, kernel: int | None) -> np.ndarray:
    points, _ = refined_maxima(torch.from_numpy(heatmaps.astype(np.float32)), decoding, kernel)
    return points.numpy()


def slow_quarter(heatmap: np.ndarray, x: int, y: int) -> tuple[float, float]:
    """A quarter of a cell towards the higher neighbor on each axis, where MMPose's program shifts."""
    height, width = heatmap.shape
    across = heatmap[y, x + 1] - heatmap[y, x - 1] if 1 < x < width - 1 and y > 0 else 0
    down = heatmap[y + 1, x] - heatmap[y - 1, x] if 1 < y < height - 1 and x > 0 else 0
    return 0.25 * float(np.sign(across)), 0.25 * float(np.sign(down))


def slow_point(heatmap: np.ndarray, decoding: str, kernel: int | None) -> tuple[float, float]:
    """One joint of one map, as the papers describe it."""
    height, width = heatmap.shape
    y, x = divmod(int(heatmap.argmax()), width)
    if decoding == 'argmax' or (decoding == 'dark' and not (1 < x < width - 2 and 1 < y < height - 2)):
        return x, y
    dx, dy = slow_quarter(heatmap, x, y)
    if decoding == 'dark':
        blurred = heatmap
        if kernel:
            blurred = cv2.GaussianBlur(heatmap, (kernel, kernel), 0, borderType=cv2.BORDER_CONSTANT)
        patch = blurred[y - 2 : y + 3, x - 2 : x + 3].astype(np.float64)
        p = np.log(np.maximum(patch * (heatmap.max() / patch.max()), 1e-10))
        gradient = np.array([p[2, 3] - p[2, 1], p[3, 2] - p[1, 2]]) / 2
        xx, yy = (p[2, 4] - 2 * p[2, 2] + p[2, 0]) / 4, (p[4, 2] - 2 * p[2, 2] + p[0, 2]) / 4
        xy = (p[3, 3] - p[1, 3] - p[3, 1] + p[1, 1]) / 4
        if xx < 0 and xx * yy - xy * xy > 0:
            step = -np.linalg.solve([[xx, xy], [xy, yy]], gradient)
            if np.abs(step).max() <= 2:
                dx, dy = step
    return x + dx, y + dy


def slow_decoded(heatmaps: np.ndarray, decoding: str, kernel: int | None) -> np.ndarray:
    return np.array(
        [[slow_point(one.astype(np.float32), decoding, kernel) for one in person] for person in heatmaps], np.float64
    )


def errors(points: np.ndarray, real: Arrays) -> np.ndarray:
    """Distances (N, K) of points in cells from the labels, in torsos; NaN where there is nothing to compare."""
    labels, labeled = real['keypoints'].astype(np.float64), real['labelled']
    found = np.full(labeled.shape, np.nan)
    for person, (joints, flags) in enumerate(zip(labels, labeled, strict=True)):
        if not (flags[LEFT_SHOULDER] and flags[RIGHT_HIP]):
            continue
        torso = math.dist(joints[LEFT_SHOULDER], joints[RIGHT_HIP])
        for joint in np.flatnonzero(flags):
            pixels = (points[person, joint] + 0.5) * CELL - 0.5
            found[person, joint] = math.dist(pixels, joints[joint]) / torso
    return found


def pck(distances: np.ndarray) -> list[float]:
    known = distances[~np.isnan(distances)]
    return [100 * float((known <= threshold).mean()) for threshold in THRESHOLDS]


@pytest.mark.parametrize(('decoding', 'kernel'), FIGURES)
def test_figures_and_every_point_against_a_loop(decoding: str, kernel: int | None, real: Arrays) -> None:
    points = decoded(real['heatmaps'], decoding, kernel)
    slow = slow_decoded(real['heatmaps'], decoding, kernel)
    distances = np.abs(points - slow).max(-1)
    # a step close to a limit of the fallback may fall to either side of it
    assert (distances < 1e-3).mean() > 0.998
    assert np.median(distances) < 1e-5
    found, expected = pck(errors(points, real)), pck(errors(slow, real))
    assert found == pytest.approx(expected, abs=TOLERANCE)
    assert found == pytest.approx(FIGURES[decoding, kernel], abs=TOLERANCE)


def test_the_papers_order_holds_and_modulation_decides_nothing_here(real: Arrays) -> None:
    """Argmax < shift < DARK where fine positions count; the kernels differ by less than 1 point anywhere."""
    figures = {key: pck(errors(decoded(real['heatmaps'], *key), real)) for key in FIGURES}
    for kernel in (None, 3, 7, 11):
        assert figures['argmax', None][0] < figures['shift', None][0] < figures['dark', kernel][0]
        for mine, plain in zip(figures['dark', kernel], figures['dark', None], strict=True):
            assert abs(mine - plain) < 1


def fitted_width(heatmap: np.ndarray) -> float:
    """Standard deviation in cells of the Gaussian that fits the 7x7 cells around the maximum best."""
    height, width = heatmap.shape
    y, x = divmod(int(heatmap.argmax()), width)
    rows, columns = (slice(max(0, middle - 3), min(side, middle + 4)) for middle, side in ((y, height), (x, width)))
    window, (ys, xs) = heatmap[rows, columns], np.mgrid[rows, columns]

    def residual(p: np.ndarray) -> np.ndarray:
        return (p[0] * np.exp(-((xs - p[1]) ** 2 + (ys - p[2]) ** 2) / (2 * p[3] ** 2)) - window).ravel()

    fit = least_squares(residual, (window.max(), x, y, 1.5), method='lm')
    return abs(float(fit.x[3]))


def test_modulation_helps_narrow_peaks_and_harms_wide_ones(real: Arrays) -> None:
    """On these maps a wide peak belongs to an unsure joint, a narrow one to a sure one."""
    plain, modulated = (errors(decoded(real['heatmaps'], 'dark', kernel), real) for kernel in (None, 11))
    known = ~np.isnan(plain)
    maps = real['heatmaps'].astype(np.float64)[known]
    widths = np.array([fitted_width(one) for one in maps])
    assert np.quantile(widths, (0.25, 0.5, 0.75)) == pytest.approx((1.15, 1.33, 1.68), abs=0.02)
    thirds = np.digitize(widths, np.quantile(widths, (1 / 3, 2 / 3)))
    gains = [
        100 * float((modulated[known] <= 0.1)[thirds == third].mean() - (plain[known] <= 0.1)[thirds == third].mean())
        for third in range(3)
    ]
    # 10 joints more of 731, 16 and 4 less
    assert gains == pytest.approx((1.4, -2.2, -0.5), abs=0.4)


@pytest.mark.parametrize('noise', [0.02, 0.05])
def test_without_modulation_noise_counts_more_the_wider_a_peak_is(noise: float) -> None:
    """The cause that the paper has in mind, alone: Gaussians with independent noise in every cell."""
    rng = np.random.default_rng(0)
    centers = rng.uniform(20, 44, (1500, 2))
    grid = np.arange(64)
    spread: dict[int | None, list[float]] = {None: [], 11: []}
    for width in (1.0, 2.0, 3.0):
        profiles = np.exp(-((grid - centers[..., None]) ** 2) / (2 * width**2))  # (N, 2, 64)
        maps = profiles[:, 1, :, None] * profiles[:, 0, None, :] + noise * rng.standard_normal((1500, 64, 64))
        for kernel, found in spread.items():
            steps = decoded(maps[:, None], 'dark', kernel)[:, 0] - centers
            found.append(float(np.sqrt((steps**2).sum(-1).mean())))
    plain, modulated = spread[None], spread[11]
    assert plain[0] < plain[1] < plain[2]
    assert plain[2] > 2 * plain[0]
    ratios = [one / other for one, other in zip(plain, modulated, strict=True)]
    assert 1.2 < ratios[0] < ratios[1] < ratios[2]
    assert max(modulated) < 2.5 * noise
