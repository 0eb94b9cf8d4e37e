import numpy as np
import pytest
import torch
from torch.nn.functional import linear

from mmpose_ext.functional import (
    dark_refine,
    find_peaks,
    heatmap_binary_cross_entropy,
    heatmap_cross_entropy,
    heatmap_square_error,
    modulated_patches,
    normalized_cross_entropy,
    quarter_shift,
    resample,
    soft_argmax,
    spatial_softmax,
    standard_normal_log_density,
    upcast,
)

low_precision = pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])


@low_precision
@pytest.mark.parametrize('wide', [torch.float32, torch.float64])
def test_gradients_stay_in_the_range_of_the_type(dtype, wide):
    values = torch.randn(7).to(dtype).requires_grad_()
    upcasted = upcast(values, wide)
    assert upcasted.dtype == wide
    assert (upcasted == values.to(wide)).all()
    factors = torch.tensor([1.5, -3e4, 1e5, -1e30, 3.4e38, -3.4e38, 0.0], dtype=wide)
    (upcasted * factors).sum().backward()
    limit = torch.finfo(dtype).max
    assert values.grad.dtype == dtype
    np.testing.assert_allclose(values.grad.to(wide), factors.clamp(-limit, limit), rtol=8e-3)
    assert values.grad.isfinite().all()


def test_a_gradient_that_is_no_number_is_not_hidden():
    values = torch.zeros(2, dtype=torch.float16, requires_grad=True)
    (upcast(values, torch.float32) * torch.tensor([float('nan'), 1.0])).sum().backward()
    assert values.grad.isnan().tolist() == [True, False]


def test_loss_scalers_see_what_overflows_under_autocast():
    values = torch.zeros(1, 1, dtype=torch.float16, requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        upcasted = upcast(values, torch.float32)
    (1e6 * upcasted).sum().backward()
    assert values.grad.isinf().all()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_wide_types_are_only_converted(dtype):
    values = torch.randn(3, dtype=dtype)
    assert upcast(values, dtype) is values
    assert upcast(values, torch.float64).dtype == torch.float64


def test_second_derivatives_are_torchs():
    values, factors = torch.randn(4).half().requires_grad_(), torch.randn(4)
    for convert in (upcast, torch.Tensor.to):
        (first,) = torch.autograd.grad((convert(values, torch.float32) ** 3 * factors).sum(), values, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), values)
        np.testing.assert_allclose(second.float(), 6 * values.detach().float() * factors, rtol=1e-2, atol=1e-3)


@pytest.mark.skipif(not hasattr(torch, 'compile'), reason='torch.compile came with torch 2.0')
def test_compiles():
    weights, values = torch.randn(2, 3).half().requires_grad_(), torch.randn(4, 3)

    def step(weights):
        return 1e5 * linear(values, upcast(weights, torch.float32)).sum()

    (found,) = torch.autograd.grad(torch.compile(step, backend='aot_eager')(weights), weights)
    (expected,) = torch.autograd.grad(step(weights), weights)
    assert found.isfinite().all()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.int64])
def test_other_types_are_named(dtype):
    with pytest.raises(ValueError, match=r"'dtype' must be one of torch.float32, torch.float64, got torch\."):
        upcast(torch.zeros(1), dtype)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_what_is_promised_in_float32_is_float32_under_autocast(dtype):
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(4, 3, 16, 12, generator=generator).to(dtype)
    cells, _ = find_peaks(maps)
    vectors = torch.rand(4, 3, 16, generator=generator)
    calls = {
        'dark_refine': lambda: dark_refine(maps, cells),
        'quarter_shift': lambda: quarter_shift(maps, cells),
        'modulated_patches': lambda: modulated_patches(maps[0], cells[0], 11),
        'soft_argmax': lambda: soft_argmax(maps, 2.0, debias=True),
        'spatial_softmax': lambda: spatial_softmax(maps),
        'resample': lambda: resample(maps, (24, 32)),
        'heatmap_cross_entropy': lambda: heatmap_cross_entropy(maps, maps.float()),
        'heatmap_binary_cross_entropy': lambda: heatmap_binary_cross_entropy(maps, maps.float()),
        'heatmap_square_error': lambda: heatmap_square_error(maps, maps.flip(-1)),
        'normalized_cross_entropy': lambda: normalized_cross_entropy(maps, maps.flip(-1)),
        'standard_normal_log_density': lambda: standard_normal_log_density(vectors),
    }
    for name, call in calls.items():
        expected = call()
        with torch.autocast('cpu', dtype=torch.bfloat16):
            found = call()
        assert found.dtype == expected.dtype == torch.float32, name
        torch.testing.assert_close(found, expected, rtol=0, atol=0, msg=name)
