import numpy as np
import pytest
import torch
from torch.nn.functional import linear

from mmpose_ext.functional import upcast

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
