import numpy as np
import pytest
import torch

from mmpose_ext.functional import gaussian_vectors, one_hot_vectors, volume_cross_entropy, volume_square_error

BATCH, JOINTS, DEPTH, HEIGHT, WIDTH = 2, 3, 4, 6, 5
ERRORS = {'square': volume_square_error, 'entropy': volume_cross_entropy}
each_error = pytest.mark.parametrize('kind', ERRORS)


def arrays(kind, dtype=torch.float64):
    """Volumes, maps, vectors and which joints have depth; sides that differ tell the axes apart."""
    generator = torch.Generator().manual_seed(0)
    volumes = torch.randn(BATCH, JOINTS, DEPTH, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    x, y, z = (torch.rand(BATCH, JOINTS, generator=generator) * (side - 1) for side in (WIDTH, HEIGHT, DEPTH))
    draw = {'square': lambda at, side: gaussian_vectors(at, side, 1.0), 'entropy': one_hot_vectors}[kind]
    columns, rows, vectors = draw(x, WIDTH), draw(y, HEIGHT), draw(z, DEPTH)
    maps = rows[..., :, None] * columns[..., None, :]
    has_depth = torch.tensor([[True, False, True], [False, False, True]])
    return volumes.to(dtype), maps.double(), vectors.double(), has_depth


def square_loop(volume, target_map, vector, has_depth):
    total = 0.0
    if has_depth:
        for z, y, x in np.ndindex(volume.shape):
            total += (volume[z, y, x] - vector[z] * target_map[y, x]) ** 2
        return total / volume.size
    mass, squares = sum(vector), sum(value**2 for value in vector)
    for y, x in np.ndindex(target_map.shape):
        total += (sum(volume[:, y, x]) / mass - target_map[y, x]) ** 2
    return squares * total / volume.size


def entropy_loop(volume, target_map, vector, has_depth):
    probabilities = np.exp(volume) / np.exp(volume).sum()
    total = 0.0
    for y, x in np.ndindex(target_map.shape):
        if not has_depth:
            total -= target_map[y, x] * np.log(probabilities[:, y, x].sum())
            continue
        for z in range(len(vector)):
            total -= target_map[y, x] * vector[z] * np.log(probabilities[z, y, x])
    return total


@each_error
def test_equal_to_a_loop(kind):
    inputs = arrays(kind)
    errors = ERRORS[kind](*inputs)
    assert errors.dtype == torch.float64
    for index in np.ndindex(BATCH, JOINTS):
        expected = dict(square=square_loop, entropy=entropy_loop)[kind](*(value[index].numpy() for value in inputs))
        np.testing.assert_allclose(errors[index], expected, rtol=1e-10)


def test_a_volume_that_is_right_in_3d_is_right_in_2d():
    _, maps, vectors, has_depth = arrays('square')
    volumes = vectors[..., None, None] * maps[:, :, None]
    np.testing.assert_allclose(volume_square_error(volumes, maps, vectors, has_depth), 0, atol=1e-30)


def test_joints_with_and_without_depth_weigh_alike():
    """A volume with the vector's shape on depth has one error, whatever map it has on x and y."""
    _, maps, vectors, has_depth = arrays('square')
    volumes = vectors[..., None, None] * torch.rand_like(maps)[:, :, None]
    errors = [volume_square_error(volumes, maps, vectors, flags) for flags in (has_depth | True, has_depth & False)]
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-10)
    assert (errors[0] > 0).all()


@each_error
def test_gradient_is_the_numerical_one(kind):
    volumes, *others = arrays(kind)
    assert torch.autograd.gradcheck(lambda values: ERRORS[kind](values, *others), volumes.requires_grad_())


def test_without_depth_a_column_of_cells_moves_as_one():
    """Nothing tells its cells apart: the square error moves all by the same, the entropy by their probabilities."""
    for kind, error in ERRORS.items():
        volumes, maps, vectors, has_depth = arrays(kind)
        error(volumes.requires_grad_(), maps, vectors, has_depth & False).sum().backward()
        gradient = volumes.grad
        if kind == 'entropy':
            gradient = gradient / volumes.detach().softmax(2)
        assert gradient.abs().amax() > 0
        np.testing.assert_allclose(gradient, gradient[:, :, :1].expand_as(gradient), rtol=1e-9)


@each_error
def test_a_vector_of_a_joint_without_depth_may_be_anywhere(kind):
    volumes, maps, vectors, has_depth = arrays(kind)
    moved = torch.where(has_depth[..., None], vectors, vectors.flip(-1))
    errors = [ERRORS[kind](volumes, maps, one, has_depth) for one in (vectors, moved)]
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-12)


@pytest.mark.parametrize('beta', [0.5, 20.0])
def test_beta_is_a_factor_of_the_logits(beta):
    volumes, *others = arrays('entropy')
    np.testing.assert_allclose(
        volume_cross_entropy(volumes, *others, beta), volume_cross_entropy(beta * volumes, *others)
    )


def test_cross_entropy_of_large_logits_is_finite():
    volumes, *others = arrays('entropy')
    for scale in (1e4, 1e30):
        logits = (scale * volumes).float().requires_grad_()
        volume_cross_entropy(logits, *(other.float() for other in others[:2]), others[2]).sum().backward()
        assert logits.grad.isfinite().all()


@each_error
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
def test_in_low_precision(kind, dtype):
    volumes, maps, vectors, has_depth = arrays(kind, dtype)
    volumes.requires_grad_()
    maps, vectors = maps.float(), vectors.float()
    expected = ERRORS[kind](volumes.detach().float(), maps, vectors, has_depth)
    with torch.autocast('cpu', torch.bfloat16):
        errors = ERRORS[kind](volumes, maps, vectors, has_depth)
    assert errors.dtype == torch.float32
    np.testing.assert_array_equal(errors.detach(), expected)
    errors.sum().backward()
    assert volumes.grad.dtype == dtype and volumes.grad.isfinite().all()


@each_error
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(maps=torch.zeros(2, 3, 5, 6)), r"'maps' must have shape \(B, K, H, W\) with B=2, K=3, H=6, W=5, got"),
        (dict(vectors=torch.zeros(2, 3, 6)), r"'vectors' must have shape \(B, K, D\) with B=2, K=3, D=4, got"),
        (dict(has_depth=torch.zeros(2, 3, 1) > 0), r"'has_depth' must have shape \(B, K\) with B=2, K=3, got"),
    ],
)
def test_bad_shapes(kind, change, message):
    volumes, maps, vectors, has_depth = arrays(kind)
    with pytest.raises(ValueError, match=message):
        ERRORS[kind](volumes, **dict(maps=maps, vectors=vectors, has_depth=has_depth) | change)
    with pytest.raises(ValueError, match=r'must have shape \(B, K, D, H, W\), got shape \(2, 3, 4, 6\)'):
        ERRORS[kind](volumes[..., 0], maps, vectors, has_depth)
