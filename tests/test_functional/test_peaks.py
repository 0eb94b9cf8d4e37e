import numpy as np
import pytest
import torch
from helpers import network_like_maps
from mmpose.codecs.utils import refine_keypoints

from mmpose_ext.functional import find_peaks, find_volume_peaks, quarter_shift, volume_quarter_shift

# the strips of the fast search depend on how height and width divide: many shapes, whole and odd ones
SIZES = [
    (1, 1),
    (1, 9),
    (9, 1),
    (3, 5),
    (24, 32),
    (48, 64),
    (72, 96),
    (17, 31),
    (13, 96),
    (33, 22),
    (96, 7),
    (128, 6),
    (200, 9),
    (2, 300),
]


@pytest.mark.parametrize(('width', 'height'), SIZES)
def test_equal_to_argmax(width, height):
    maps = np.random.default_rng(0).random((4, 5, height, width)).astype(np.float32)
    cells, scores = find_peaks(torch.from_numpy(maps))
    flat = maps.reshape(4, 5, -1)
    y, x = np.unravel_index(flat.argmax(-1), (height, width))
    assert cells.dtype == torch.int64
    if width * height > 1:  # a single cell is a constant map
        np.testing.assert_array_equal(cells, np.stack((x, y), -1))
        np.testing.assert_array_equal(scores, flat.max(-1))


@pytest.mark.parametrize(('width', 'height'), SIZES[1:])
def test_first_of_equal_maxima(width, height):
    maps = np.random.default_rng(0).integers(0, 3, (200, height, width)).astype(np.float32)
    flat = maps.reshape(200, -1)
    keep = flat.min(1) < flat.max(1)
    cells, _ = find_peaks(torch.from_numpy(maps))
    y, x = np.unravel_index(flat.argmax(-1), (height, width))
    np.testing.assert_array_equal(cells[keep], np.stack((x, y), -1)[keep])


@pytest.mark.parametrize(('width', 'height'), [(9, 1), (24, 32), (17, 31), (48, 64)])
@pytest.mark.parametrize('level', [0.0, -1.0, 0.7, 1e-30])
def test_constant_map_shows_no_joint(width, height, level):
    cells, scores = find_peaks(torch.full((2, height, width), level))
    assert not cells.any()
    np.testing.assert_allclose(scores, min(level, 0.0))


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
@pytest.mark.parametrize('place', [(0, 0), (5, 7), (31, 23)])
def test_map_with_a_hole_shows_no_joint(bad, place):
    maps = torch.rand(3, 32, 24)
    maps[1][place] = bad
    cells, scores = find_peaks(maps)
    expected, _ = find_peaks(maps[[0, 2]])
    assert cells[1].tolist() == [0, 0]
    assert scores[1] == 0
    assert (cells[[0, 2]] == expected).all()


def test_negative_maps():
    maps = -torch.rand(3, 32, 24) - 0.1
    maps[2] = float('-inf')
    cells, scores = find_peaks(maps)
    assert not cells.any()
    np.testing.assert_allclose(scores[:2], maps[:2].amax((1, 2)))
    assert scores[2] == 0


def test_minus_infinity_elsewhere_does_no_harm():
    maps = torch.full((1, 32, 24), float('-inf'))
    maps[0, 20, 3] = 0.5
    cells, scores = find_peaks(maps)
    assert cells.tolist() == [[3, 20]]
    assert scores.tolist() == [0.5]


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes(dtype):
    maps = torch.rand(40, 32, 24).to(dtype)
    cells, scores = find_peaks(maps)
    assert scores.dtype == dtype
    expected, expected_scores = find_peaks(maps.double())
    assert (cells == expected).all()
    assert (scores.double() == expected_scores).all()


def test_memory_layout_does_not_matter():
    maps = torch.rand(3, 17, 64, 48)
    expected = find_peaks(maps)
    for other in (
        maps.to(memory_format=torch.channels_last),
        maps.transpose(-1, -2).contiguous().transpose(-1, -2),
        torch.nn.functional.pad(maps, (3, 2, 1, 4))[..., 1:-4, 3:-2],
        maps.repeat_interleave(2, 0)[::2],
    ):
        assert all((a == b).all() for a, b in zip(find_peaks(other), expected, strict=True))


@pytest.mark.parametrize(('width', 'height'), [(5, 7), (24, 32), (3, 3), (1, 6), (6, 1), (2, 2)])
def test_quarter_shift_equals_mmpose(width, height):
    maps = np.random.default_rng(0).random((height * width, height, width)).astype(np.float32)
    y, x = np.divmod(np.arange(height * width), width)
    maps[np.arange(len(maps)), y, x] = 2  # a maximum in each cell of the map, borders too
    cells = torch.from_numpy(np.stack((x, y), -1))
    expected = refine_keypoints(cells[None].numpy().astype(np.float32), maps)[0]
    np.testing.assert_array_equal(cells + quarter_shift(torch.from_numpy(maps), cells), expected)


def test_quarter_shift_on_a_plateau_is_zero():
    maps = torch.zeros(1, 9, 9)
    maps[0, 3:6, 3:6] = 1
    assert quarter_shift(maps, torch.tensor([[4, 4]])).tolist() == [[0, 0]]


def test_quarter_shift_halves_the_error_of_network_like_maps():
    maps, centers = network_like_maps(2000, (48, 64), noise=0.0)
    cells, _ = find_peaks(maps)
    inner = torch.from_numpy((np.abs(centers - (23.5, 31.5)) < (20, 28)).all(1))
    before = (cells - centers)[inner].abs().mean()
    after = (cells + quarter_shift(maps, cells) - centers)[inner].abs().mean()
    # uniform errors in [-1/2, 1/2] have the mean 1/4; shifted by a quarter towards the center 1/8
    np.testing.assert_allclose([before, after], [1 / 4, 1 / 8], atol=0.02)


def test_shapes():
    maps = torch.rand(2, 3, 8, 6)
    cells, scores = find_peaks(maps)
    assert (cells.shape, scores.shape) == ((2, 3, 2), (2, 3))
    assert quarter_shift(maps, cells).shape == (2, 3, 2)
    with pytest.raises(ValueError, match=r"'cells' must have shape \(\.\.\., 2\), got shape \(2, 3\)"):
        quarter_shift(maps, scores)


# ---------------------------------------------------------------------------------------------
# volumes


def random_volumes(count=40, size=(5, 4, 6), dtype=torch.float32):
    """Volumes (N, D, H, W) with many equal neighbors."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 7, (count, *size), generator=generator).to(dtype)


@pytest.mark.parametrize('size', [(5, 4, 6), (1, 4, 6), (7, 1, 1), (64, 3, 2)])
def test_volumes_equal_to_argmax(size):
    volumes = random_volumes(size=size).view(2, 20, *size)
    cells, scores = find_volume_peaks(volumes)
    flat = volumes.reshape(2, 20, -1).numpy()
    z, y, x = np.unravel_index(flat.argmax(-1), size)
    np.testing.assert_array_equal(cells, np.stack((x, y, z), -1))
    np.testing.assert_array_equal(scores, flat.max(-1))


def test_volumes_without_a_joint():
    volumes = torch.stack([torch.zeros(3, 4, 5), torch.full((3, 4, 5), -1.0), torch.full((3, 4, 5), float('nan'))])
    cells, scores = find_volume_peaks(volumes)
    assert not cells.any()
    assert scores.tolist() == [0, -1, 0]


def test_shift_in_volumes_equals_a_loop():
    """Each axis by itself, under the rule of maps: no shift beside a border cell."""
    volumes = torch.rand(200, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    cells, _ = find_volume_peaks(volumes)
    shifts = volume_quarter_shift(volumes, cells)
    for n, (x, y, z) in enumerate(cells.tolist()):
        v = volumes[n].numpy()
        expected = [0.0, 0.0, 0.0]
        if 1 < x < 6 and y > 0:
            expected[0] = 0.25 * np.sign(v[z, y, x + 1] - v[z, y, x - 1])
        if 1 < y < 5 and x > 0:
            expected[1] = 0.25 * np.sign(v[z, y + 1, x] - v[z, y - 1, x])
        if 1 < z < 4 and x > 0:
            expected[2] = 0.25 * np.sign(v[z + 1, y, x] - v[z - 1, y, x])
        assert shifts[n].tolist() == expected
    assert (shifts != 0).any(0).all()


def test_maps_without_a_cell_or_of_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"'heatmaps' must have at least one cell, got shape \(2, 0, 3\)"):
        find_peaks(torch.zeros(2, 0, 3))
    with pytest.raises(ValueError, match=r"'heatmaps' must have a floating-point type, got torch.bool"):
        find_peaks(torch.ones(1, 4, 4, dtype=torch.bool))
