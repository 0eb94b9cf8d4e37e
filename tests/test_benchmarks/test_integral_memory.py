"""The memory of the 3D soft-argmax, and that the measurement sees what there is."""

import pytest
import torch

from benchmarks.integral_memory import by_autograd, compare_memory, measure_memory
from mmpose_ext.functional import soft_argmax

SHAPE = (2, 3, 16, 12, 14)


def logits_of(shape=SHAPE, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def test_known_allocations_are_counted():
    """Three volumes are made, one is let go, two are kept by what is returned."""
    logits = logits_of()

    def expectation(values):
        kept = values.exp()  # saved for its own gradient
        (kept + 1).sum()  # let go
        return kept.sin()  # and one that is returned, with a graph

    memory = measure_memory(expectation, logits)
    assert memory.logits == logits.nbytes
    assert memory.kept == pytest.approx(2 * logits.nbytes, rel=0.01)
    assert memory.peak > 2.9 * logits.nbytes  # the gradient on top


def test_soft_argmax_keeps_one_volume_and_takes_two():
    """The weights, and the gradient of the logits; planes and vectors beside them. No volume of coordinates."""
    memory = measure_memory(soft_argmax, logits_of())
    assert memory.kept / memory.logits == pytest.approx(1, abs=0.02)
    assert 2 <= memory.peak / memory.logits <= 2 + 2 / 12


def test_the_other_way_is_the_same_expectation_and_takes_more():
    logits = logits_of()
    torch.testing.assert_close(by_autograd(logits), soft_argmax(logits), rtol=1e-4, atol=1e-4)
    assert measure_memory(by_autograd, logits).peak > 1.3 * measure_memory(soft_argmax, logits).peak


def test_report():
    lines, met = compare_memory(SHAPE)
    assert met
    assert len(lines) == 4
    assert 'logits 2 x 3 x 16 x 12 x 14 on cpu: 0.1 MB' in lines[0]
    assert lines[-1].endswith('met')
    assert len(compare_memory(SHAPE, other=False)[0]) == 3
