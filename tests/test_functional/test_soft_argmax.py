import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmpose_ext.functional import SCORES, debias_points, soft_argmax, soft_argmax_scores, spatial_softmax

REPEATABLE = settings(max_examples=40, deadline=None, derandomize=True)
# (H, W) and (D, H, W), no two sides alike; and sides of one cell
SIZES = [(7, 5), (4, 7, 5), (1, 6), (6, 1), (1, 1), (1, 4, 3)]
every_size = pytest.mark.parametrize('size', SIZES)
every_beta = pytest.mark.parametrize('beta', [1, 0.3, 10.0])
low_precision = pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])


def random_maps(size, batch=2, joints=3, std=1.0, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (std * torch.randn(batch, joints, *size, generator=generator, dtype=torch.float64)).to(dtype)


def gaussian_maps(centers, size, sigma=2.0):
    """Maps (1, K, H, W) with a maximum of 1 of centers (K, 2) in cells."""
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float32) for side in size), indexing='ij')
    return torch.stack([torch.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for cx, cy in centers])[None]


def probabilities_loop(logits, beta):
    """Cell -> probability of one map or volume, in float64."""
    values = {index: beta * float(logits[index]) for index in np.ndindex(*logits.shape)}
    highest = max(values.values())
    total = sum(math.exp(value - highest) for value in values.values())
    return {index: math.exp(value - highest) / total for index, value in values.items()}


def expectation_loop(logits, beta):
    """Expected place, x first, of one map or volume."""
    point = [0.0] * logits.ndim
    for index, probability in probabilities_loop(logits, beta).items():
        for axis, cell in enumerate(reversed(index)):
            point[axis] += probability * cell
    return point


def expectation_by_autograd(logits, beta):
    """The same of all maps, by operations that autograd differentiates."""
    probabilities = (logits.flatten(2) * beta).softmax(-1).view(logits.shape)
    points = []
    for axis, side in enumerate(reversed(logits.shape[2:])):
        cells = torch.arange(side, dtype=logits.dtype).view(side, *(1,) * axis)
        points.append((probabilities * cells).flatten(2).sum(-1))
    return torch.stack(points, -1)


def per_map(function, maps, *arguments):
    """Results (B, K, ...) of a function of one map."""
    return np.array([[function(one, *arguments) for one in person] for person in maps.numpy()])


# ---------------------------------------------------------------------------------------------
# values


@every_size
@every_beta
def test_equal_to_a_loop(size, beta):
    maps = random_maps(size)
    points = soft_argmax(maps, beta)
    assert points.shape == (2, 3, len(size))
    np.testing.assert_allclose(points, per_map(expectation_loop, maps, beta), atol=1e-10)
    np.testing.assert_allclose(soft_argmax(maps.float(), beta), points, atol=1e-5)


@every_size
@every_beta
def test_probabilities_equal_to_a_loop(size, beta):
    maps = random_maps(size)
    expected = per_map(lambda one: list(probabilities_loop(one, beta).values()), maps)
    np.testing.assert_allclose(spatial_softmax(maps, beta).flatten(2), expected, atol=1e-12)
    assert spatial_softmax(maps.half(), beta).dtype == torch.float32


def test_equal_to_the_released_program(reference):
    arrays_ = reference('integral_3d')
    volumes, coords = torch.from_numpy(arrays_['heatmaps']), arrays_['coords']
    joints = coords.shape[1]
    volumes = volumes.view(len(volumes), joints, -1, *volumes.shape[2:])
    sizes = np.array(volumes.shape[:1:-1])  # x, y, z
    assert len({*sizes}) == 3, 'sides that differ tell the axes apart'
    np.testing.assert_allclose(soft_argmax(volumes) / sizes - 0.5, coords, atol=1e-5)
    # a map is the volume's marginal: log-sum-exp over the depth
    np.testing.assert_allclose(soft_argmax(volumes.logsumexp(2)) / sizes[:2] - 0.5, coords[..., :2], atol=1e-5)


def test_axes_are_x_y_z():
    volume = torch.zeros(1, 1, 4, 6, 8)
    volume[0, 0, 1, 2, 5] = 100.0
    assert soft_argmax(volume).tolist() == [[[5, 2, 1]]]
    assert soft_argmax(volume[:, :, 1]).tolist() == [[[5, 2]]]


@every_size
def test_maps_in_any_memory_order(size):
    maps = random_maps(size, dtype=torch.float32)
    turned = maps.transpose(1, -1).contiguous().transpose(1, -1)  # channels last
    turned.requires_grad_()
    points = soft_argmax(turned)
    np.testing.assert_allclose(points.detach(), soft_argmax(maps), atol=1e-6)
    points.square().sum().backward()
    plain = maps.clone().requires_grad_()
    soft_argmax(plain).square().sum().backward()
    np.testing.assert_allclose(turned.grad, plain.grad, atol=1e-6)


def test_a_batch_of_no_pictures():
    maps = torch.zeros(0, 3, 4, 5, requires_grad=True)
    assert soft_argmax(maps).shape == (0, 3, 2)
    soft_argmax(maps).sum().backward()
    assert maps.grad.shape == maps.shape
    assert [values.shape for values in soft_argmax_scores(maps)] == [(0, 3, 2), (0, 3)]


def test_logits_are_left_alone():
    maps = random_maps((7, 5), dtype=torch.float32)
    kept = maps.clone()
    soft_argmax(maps, 3.0, True)
    soft_argmax(maps.requires_grad_(), 1, True).sum().backward()
    soft_argmax_scores(maps)
    assert (maps == kept).all()


# ---------------------------------------------------------------------------------------------
# gradients


@every_size
@pytest.mark.parametrize('beta', [1, 0.3, 4.0])
@pytest.mark.parametrize('debias', [False, True])
def test_gradient_is_numerically_right(size, beta, debias):
    # a third of the cells far above 0: a joint, so that the debiasing is neither cut off nor nothing
    maps = random_maps(size, 1, 2).abs() + 3 * (random_maps(size, 1, 2, seed=1) > 0.5) - 0.2
    maps.requires_grad_()
    assert torch.autograd.gradcheck(lambda logits: soft_argmax(logits, beta, debias), maps, eps=1e-6, atol=1e-7)


@every_size
@every_beta
def test_gradient_is_autograds(size, beta):
    slope = random_maps((len(size),))
    gradients = []
    for function in (soft_argmax, expectation_by_autograd):
        maps = random_maps(size).requires_grad_()
        (function(maps, beta) * slope).sum().backward()
        gradients.append(maps.grad)
    np.testing.assert_allclose(*gradients, atol=1e-12)


def test_gradient_of_debiased_points_is_autograds():
    """Through the share of the background, too."""
    y, x = np.mgrid[:9, :7]
    maps = torch.from_numpy(4 * np.exp(-((x - 1.4) ** 2 + (y - 6.2) ** 2) / 2))[None, None]
    slope, gradients = torch.tensor([0.3, -1.0], dtype=torch.float64), []

    def plainly(logits):
        total = logits.flatten(2).exp().sum(-1, keepdim=True)
        middle = torch.tensor([3.0, 4.0], dtype=torch.float64)
        return (total * expectation_by_autograd(logits, 1) - 63 * middle) / (total - 63)

    for function in (lambda logits: soft_argmax(logits, debias=True), plainly):
        logits = maps.clone().requires_grad_()
        (function(logits) * slope).sum().backward()
        gradients.append(logits.grad)
    np.testing.assert_allclose(*gradients, atol=1e-9)
    assert gradients[0].abs().max() > 0.01


def test_one_backward_pass_and_no_second_derivative():
    maps = random_maps((7, 5)).requires_grad_()
    points = soft_argmax(maps)
    gradient = torch.autograd.grad(points.sum(), maps, create_graph=True)[0]
    with pytest.raises(RuntimeError, match=r'once_differentiable|does not require grad'):
        gradient.sum().backward()
    points = soft_argmax(maps)
    points.sum().backward()
    with pytest.raises(RuntimeError, match='second time'):
        points.sum().backward()


@pytest.mark.parametrize('debias', [False, True])
def test_what_is_kept_for_the_backward_pass(debias):
    """One tensor of the size of the volume, in float32; nothing of the size of the logits' own type."""
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    maps = random_maps((6, 7, 5), dtype=torch.bfloat16).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        soft_argmax(maps, 2.0, debias)
    large = [tensor for tensor in kept if tensor.numel() >= maps.numel()]
    assert [tensor.dtype for tensor in large] == [torch.float32]
    assert sum(tensor.numel() for tensor in kept) < 1.5 * maps.numel()


@low_precision
def test_half_precision_is_computed_in_float32(dtype):
    maps = random_maps((7, 5), std=3, dtype=dtype).requires_grad_()
    wide = maps.detach().float().requires_grad_()
    points, expected = soft_argmax(maps, 2.0, True), soft_argmax(wide, 2.0, True)
    assert points.dtype == torch.float32
    np.testing.assert_array_equal(points.detach(), expected.detach())
    points.sum().backward()
    expected.sum().backward()
    assert maps.grad.dtype == dtype
    assert (maps.grad == wide.grad.to(dtype)).all()
    for score in SCORES:
        for found, wanted in zip(soft_argmax_scores(maps, 2, score), soft_argmax_scores(wide, 2, score), strict=True):
            assert found.dtype == torch.float32
            np.testing.assert_array_equal(found, wanted)


@low_precision
def test_autocast_changes_nothing(dtype):
    maps = random_maps((7, 5), std=3, dtype=dtype).requires_grad_()
    expected = soft_argmax(maps, 2.0, True)
    wanted = torch.autograd.grad(expected.sum(), maps)[0]
    with torch.autocast('cpu', torch.bfloat16):  # what torch 2.1 has on the CPU
        points, scores = soft_argmax(maps, 2.0, True), soft_argmax_scores(maps, 2.0)[1]
    assert points.dtype == scores.dtype == torch.float32
    np.testing.assert_array_equal(points.detach(), expected.detach())
    gradient = torch.autograd.grad(points.sum(), maps)[0]
    assert gradient.dtype == dtype
    np.testing.assert_array_equal(gradient.float(), wanted.float())


@pytest.mark.parametrize('size', [(7, 5), (4, 7, 5)])
@pytest.mark.parametrize('debias', [False, True])
@pytest.mark.parametrize('beta', [1.0, 10.0])
@pytest.mark.parametrize('scale', [1e4, -1e4, 3e37])
def test_large_logits_stay_finite(size, debias, beta, scale):
    maps = (scale * random_maps(size)).float().requires_grad_()
    points = soft_argmax(maps, beta, debias)
    assert points.isfinite().all()
    points.square().sum().backward()
    assert maps.grad.isfinite().all()
    for score in SCORES:
        found, scores = soft_argmax_scores(maps, beta, score, debias=debias)
        np.testing.assert_array_equal(found, points.detach())
        assert ((scores >= 0) & (scores <= 1)).all()
    highest = maps.flatten(2).argmax(-1)
    expected = torch.stack([highest % 5, highest // 5 % 7, highest // 35][: len(size)], -1)
    np.testing.assert_allclose(points.detach(), expected, atol=1e-3)  # one cell is all that is left


# ---------------------------------------------------------------------------------------------
# debiasing: beta 10, sigma 2 cells, 64 x 48 cells of 4 pixels, as in the issue

BETA, SIZE, STRIDE = 10.0, (64, 48), 4
RIGHT, BOTTOM = SIZE[1] - 1 - 1.5, SIZE[0] - 1 - 1.5
BORDERS = {'left': (1.5, 30), 'right': (RIGHT, 30), 'top': (20, 1.5), 'bottom': (20, BOTTOM), 'corner': (1.5, BOTTOM)}


def mmpose_debias(maps, beta):
    """The formula of MMPose's head, in its units: (x / W, y / H), the logits without beta, C - 1 for C - n."""
    sizes = torch.tensor([maps.shape[-1], maps.shape[-2]])
    total = maps.flatten(2).exp().sum(-1, keepdim=True)
    return total / (total - 1) * (soft_argmax(maps, beta) / sizes - 1 / (2 * total)) * sizes


@pytest.mark.parametrize('border', BORDERS)
def test_a_joint_6_pixels_from_the_border(border):
    center = torch.tensor(BORDERS[border])
    maps = gaussian_maps([BORDERS[border]], SIZE)
    plain = (STRIDE * (soft_argmax(maps, BETA) - center)).abs().max()
    debiased = (STRIDE * (soft_argmax(maps, BETA, debias=True) - center)).abs().max()
    assert debiased < 0.5
    assert plain > 4


def test_figures_of_the_design():
    maps = gaussian_maps([BORDERS['left']], SIZE)
    found = [STRIDE * point[0, 0, 0].item() for point in (soft_argmax(maps, BETA), soft_argmax(maps, BETA, True))]
    np.testing.assert_allclose(found, [10.18, 6.05], atol=0.01)
    np.testing.assert_allclose(STRIDE * mmpose_debias(maps, BETA)[0, 0, 0], 10.15, atol=0.01)


@pytest.mark.parametrize('size', [(9, 7), (3, 9, 7)])
@pytest.mark.parametrize('beta', [1.0, 2.5])
def test_debiasing_equals_the_formula(size, beta):
    """(C p - n m) / (C - n), where no exponential overflows and C exceeds n."""
    # background at 0, a joint of a few cells well above it
    maps = torch.zeros(2, 3, *size, dtype=torch.float64)
    maps.view(2, 3, -1)[..., 5:9] = 4.0 + random_maps((4,))
    cells = math.prod(size)
    total = (beta * maps).flatten(2).exp().sum(-1, keepdim=True)
    middle = torch.tensor([(side - 1) / 2 for side in reversed(size)], dtype=torch.float64)
    expected = (total * expectation_by_autograd(maps, beta) - cells * middle) / (total - cells)
    assert (cells / total).max() < 0.9
    limits = torch.tensor([side - 1.0 for side in reversed(size)], dtype=torch.float64)
    assert ((expected > 0) & (expected < limits)).any(), 'some of the points are inside'
    np.testing.assert_allclose(soft_argmax(maps, beta, debias=True), expected.clamp(min=0).minimum(limits), atol=1e-9)


def test_debiasing_finds_a_joint_on_a_background_of_zeros():
    maps = torch.zeros(1, 1, 9, 7, dtype=torch.float64)
    maps[..., 2, 5] = 3.0  # C = 62 + e^3; of the cell itself the background has one e^0, too
    np.testing.assert_allclose(soft_argmax(maps, debias=True), [[[5, 2]]], atol=1e-9)
    assert soft_argmax(maps)[0, 0, 0] < 4


def test_debiasing_changes_nothing_without_a_background():
    maps = gaussian_maps([(1.5, 30), (20.2, 40.7)], SIZE)
    certain = soft_argmax(maps, 1000.0)
    np.testing.assert_allclose(soft_argmax(maps, 1000.0, debias=True), certain, atol=1e-4)


@pytest.mark.parametrize('level', [0.0, -3.0, 0.05, -1e30])
def test_a_constant_map_stays_in_the_middle(level):
    maps = torch.full((1, 1, 9, 6), level, requires_grad=True)
    points = soft_argmax(maps, debias=True)
    np.testing.assert_allclose(points.detach(), [[[2.5, 4]]], atol=1e-4)
    points.sum().backward()
    assert maps.grad.isfinite().all()


def test_a_point_at_the_border_can_come_back():
    """A map that is all background, and biased so far that the point has left it: the gradient is not 0."""
    maps = torch.full((1, 1, *SIZE), -5.0)
    maps[0, 0, 50:, 40:] = -2.0
    maps.requires_grad_()
    points = soft_argmax(maps, debias=True)
    assert points.tolist() == [[[47, 63]]]
    points.sum().backward()
    assert maps.grad.isfinite().all()
    assert maps.grad[0, 0, 63, 47] > 0 > maps.grad[0, 0, 0, 0]


def test_debiasing_takes_the_partition_sum_as_it_is():
    points = torch.tensor([[[2.0, 1.0]]])
    # half of the sum is background: twice the distance from the middle (3, 2)
    found = debias_points(points, torch.tensor([[math.log(2 * 35)]]), (5, 7))
    np.testing.assert_allclose(found, [[[1, 0]]], atol=1e-5)
    assert debias_points(points, torch.tensor([[float('inf')]]), (5, 7)).tolist() == points.tolist()


def test_the_background_counts_as_nine_tenths_at_most():
    points = torch.tensor([[[3.02, 1.99]]])
    # tenfold from the middle (3, 2), of whatever background there is from there on
    for share in (0.9, 0.95, 1.0, 40.0):
        found = debias_points(points, torch.tensor([[math.log(35 / share)]]), (5, 7))
        np.testing.assert_allclose(found, [[[3.2, 1.9]]], atol=1e-4)


# ---------------------------------------------------------------------------------------------
# scores


def score_loop(logits, beta, score, radius):
    point, probabilities = expectation_loop(logits, beta), probabilities_loop(logits, beta)
    if score == 'peak':
        return max(probabilities.values())
    if score == 'spread':
        squares = [
            probability * sum((cell - place) ** 2 for cell, place in zip(reversed(index), point, strict=True))
            for index, probability in probabilities.items()
        ]
        return 1 / (1 + sum(squares) / len(point) / radius**2)

    def part(cell, place):
        """Length of the cell [cell - 1/2, cell + 1/2] within the radius from a place."""
        return max(0.0, min(cell + 0.5, place + radius) - max(cell - 0.5, place - radius))

    return sum(
        probability * math.prod(part(cell, place) for cell, place in zip(reversed(index), point, strict=True))
        for index, probability in probabilities.items()
    )


@every_size
@pytest.mark.parametrize('score', SCORES)
@pytest.mark.parametrize('radius', [2.0, 1, 0.7, 0.3])
def test_scores_equal_to_a_loop(size, score, radius):
    maps = random_maps(size, std=2)
    points, scores = soft_argmax_scores(maps, 1.5, score, radius)
    np.testing.assert_allclose(points, soft_argmax(maps, 1.5), atol=1e-12)
    np.testing.assert_allclose(scores, per_map(score_loop, maps, 1.5, score, radius), atol=1e-10)
    assert not soft_argmax_scores(maps.requires_grad_())[1].requires_grad


@pytest.mark.parametrize('score', SCORES)
def test_scores_are_those_of_the_debiased_point(score):
    maps = gaussian_maps([BORDERS['corner']], SIZE)
    points, scores = soft_argmax_scores(maps, BETA, score, 2.0, debias=True)
    np.testing.assert_array_equal(points, soft_argmax(maps, BETA, debias=True))
    plain = soft_argmax_scores(maps, BETA, score, 2.0)[1]
    # the peak is where it is; the mass and the distances are measured from another point
    assert {'peak': scores == plain, 'mass': scores > 1.2 * plain, 'spread': scores < plain}[score]


@REPEATABLE
@given(
    arrays(np.float32, (1, 2, 5, 4), elements=st.floats(-50, 50, width=32)),
    st.sampled_from(SCORES),
    st.floats(0.125, 20),
    st.booleans(),
)
def test_points_are_inside_and_scores_from_0_to_1(maps, score, beta, debias):
    points, scores = soft_argmax_scores(torch.from_numpy(maps), beta, score, debias=debias)
    assert ((points >= 0) & (points <= torch.tensor([3, 4]))).all()
    assert ((scores >= 0) & (scores <= 1 + 1e-6)).all()


@REPEATABLE
@given(st.sampled_from(SCORES), st.floats(1.0, 5.0), st.floats(1.1, 2.0), st.sampled_from([(9, 8), (5, 9, 8)]))
def test_a_sharper_map_scores_higher(score, sigma, factor, size):
    places = [torch.arange(side) - side / 2.0 for side in size]
    square = sum(place.view(-1, *(1,) * (len(size) - 1 - axis)) ** 2 for axis, place in enumerate(places))
    blunt, sharp = (-square / (2 * width**2) for width in (sigma * factor, sigma))
    _, scores = soft_argmax_scores(torch.stack((blunt, sharp))[None], 1.0, score)
    assert scores[0, 0] < scores[0, 1]


@pytest.mark.parametrize('score', ['mass', 'spread'])
def test_two_places_score_lower_than_one(score):
    maps = torch.zeros(1, 2, 16, 16)
    maps[0, 0, 3, 3] = maps[0, 1, 3, 3] = 20.0
    maps[0, 1, 12, 12] = 20.0  # as likely as the other
    _, (one, two) = (values[0] for values in soft_argmax_scores(maps, score=score))
    assert one > 0.99
    assert two < 0.2


@pytest.mark.parametrize('score', SCORES)
def test_scores_have_no_jumps(score):
    """A map that moves by a thousandth of a cell: its score moves as little."""
    steps = torch.arange(0, 1.001, 0.001, dtype=torch.float64)
    row = torch.arange(12, dtype=torch.float64)
    logits = -((row - 5 - steps[:, None, None, None]) ** 2) / 2
    _, scores = soft_argmax_scores(logits, 1.0, score, 2.0)
    assert (scores[1:] - scores[:-1]).abs().max() < 2e-3
    assert scores.std() > 0 or score == 'spread'


# ---------------------------------------------------------------------------------------------
# programs made of it


class Decoder(torch.nn.Module):
    def forward(self, maps):
        points, scores = soft_argmax_scores(maps, 2.0, 'mass', debias=True)
        return points, scores, soft_argmax(maps)


@pytest.mark.parametrize('size', [(7, 5), (4, 7, 5)])
def test_it_can_be_traced(size):
    maps, others = random_maps(size, dtype=torch.float32), random_maps(size, dtype=torch.float32, seed=1)
    traced = torch.jit.trace(Decoder(), (maps,))
    for found, expected in zip(traced(others), Decoder()(others), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_it_can_be_exported():
    """No branch of it looks at data: torch.export refuses those."""
    if not hasattr(torch.export, 'Dim'):
        pytest.skip('torch.export of this torch (2.1) is a prototype')
    maps, others = (random_maps((4, 7, 5), dtype=torch.float32, seed=seed) for seed in (0, 1))
    exported = torch.export.export(Decoder(), (maps,)).module()
    for found, expected in zip(exported(others), Decoder()(others), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize('function', [soft_argmax, soft_argmax_scores, spatial_softmax])
@pytest.mark.parametrize('shape', [(3, 4), (2, 3, 4), (2, 3, 4, 5, 6, 7)])
def test_bad_shapes(function, shape):
    with pytest.raises(ValueError, match=r"'logits' must have shape \(B, K, H, W\) or .*, got shape \(.*\)"):
        function(torch.zeros(shape))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(beta=0), r"'beta' must be a finite number > 0, got 0"),
        (dict(beta=-1.0), r"'beta' must be .*, got -1\.0"),
        (dict(beta=float('nan')), r"'beta' must be .*, got nan"),
        (dict(radius=0), r"'radius' must be a finite number > 0, got 0"),
        (dict(score='entropy'), r"'score' must be one of 'mass', 'spread', 'peak', got 'entropy'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        soft_argmax_scores(torch.zeros(1, 1, 2, 2), **arguments)
    if 'beta' in arguments:
        with pytest.raises(ValueError, match=message):
            soft_argmax(torch.zeros(1, 1, 2, 2), **arguments)


# ---------------------------------------------------------------------------------------------
# CUDA


@pytest.mark.cuda
@low_precision
@pytest.mark.parametrize('size', [(64, 48), (16, 16, 12)])
def test_on_a_gpu_as_on_the_cpu_without_waiting_for_it(size, dtype):
    maps = random_maps(size, std=3, dtype=dtype)
    there = maps.cuda().requires_grad_()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode('error')
    try:
        with torch.autocast('cuda', dtype):
            points = soft_argmax(there, 2.0, True)
            scores = soft_argmax_scores(there, 2.0)[1]
        points.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
    here = maps.clone().requires_grad_()
    expected = soft_argmax(here, 2.0, True)
    expected.sum().backward()
    np.testing.assert_allclose(points.detach().cpu(), expected.detach(), atol=1e-3)
    np.testing.assert_allclose(scores.cpu(), soft_argmax_scores(maps, 2.0)[1], atol=1e-4)
    np.testing.assert_allclose(there.grad.float().cpu(), here.grad.float(), atol=1e-2)
