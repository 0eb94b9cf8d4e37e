"""What every loss does with weights, NaNs, empty batches, and several processes."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
import torch

from mmpose_ext.models.losses import (
    CoordinateLoss,
    HeatmapBCELoss,
    HeatmapCrossEntropyLoss,
    HeatmapDistillationLoss,
    RLELoss,
    VolumeCrossEntropyLoss,
    VolumeMSELoss,
)

FLOW = dict(type='RealNVP', hidden_channels=8, num_couplings=2)
LOSSES = {
    'L1': (CoordinateLoss, {}, (2,)),
    'L2': (CoordinateLoss, dict(norm='l2'), (2,)),
    'cross-entropy': (HeatmapCrossEntropyLoss, {}, (4, 3)),
    'BCE': (HeatmapBCELoss, {}, (4, 3)),
    'distillation': (HeatmapDistillationLoss, {}, (4, 3)),
    'distillation, cross-entropy': (HeatmapDistillationLoss, dict(kind='cross_entropy'), (4, 3)),
    'volume MSE': (VolumeMSELoss, {}, (2, 4, 3)),
    'volume cross-entropy': (VolumeCrossEntropyLoss, {}, (2, 4, 3)),
    'RLE': (RLELoss, dict(flow=FLOW), (2,)),
    'DLE': (RLELoss, dict(flow=FLOW, residual=False), (2,)),
    'basic design': (RLELoss, dict(flow=FLOW, residual=False, reparameterized=False), (2,)),
    'no flow': (RLELoss, dict(flow=None), (2,)),
}
REDUCTIONS = ('valid', 'batch', 'all')
NAN, INF = float('nan'), float('inf')


def make(name, reduction='valid'):
    kind, options, shape = LOSSES[name]
    torch.manual_seed(0)
    return kind(**options, reduction=reduction), shape


def evaluate(loss, output, target, weights):
    """The loss, its graph on ``output``, whatever else a loss needs made of these three."""
    if isinstance(loss, RLELoss):
        return loss(output, 0.5 * output, target, weights)
    if output.dim() == 5:
        return loss(output, target[:, :, 0], weights, target[..., 0, 0], weights)
    return loss(output, target, weights)


def batch(shape, count=4, joints=3):
    generator = torch.Generator().manual_seed(1)
    output, target = (torch.rand(count, joints, *shape, generator=generator) for _ in range(2))
    weights = torch.ones(count, joints)
    weights[1:2, 1:] = 0.5
    weights[2:, 0] = 0
    return output, target, weights


def gradients(loss, output, target, weights):
    output = output.clone().requires_grad_()
    loss.zero_grad()
    value = evaluate(loss, output, target, weights)
    value.backward()
    return [value.detach(), output.grad, *(parameter.grad for parameter in loss.parameters())]


@pytest.mark.parametrize('reduction', REDUCTIONS)
@pytest.mark.parametrize('where', ['output', 'target', 'both'])
@pytest.mark.parametrize('name', LOSSES)
def test_a_nan_of_a_joint_without_weight_changes_nothing(name, where, reduction):
    loss, shape = make(name, reduction)
    output, target, weights = batch(shape)
    expected = gradients(loss, output, target, weights)
    assert expected[0] != 0
    for tensor, chosen in ((output, where != 'target'), (target, where != 'output')):
        if chosen:
            tensor[weights == 0] = NAN
    for found, value in zip(gradients(loss, output, target, weights), expected, strict=True):
        torch.testing.assert_close(found, value, rtol=0, atol=0)


@pytest.mark.parametrize('bad', [-1.0, NAN, INF, -INF])
@pytest.mark.parametrize('name', LOSSES)
def test_negative_and_infinite_weights_count_as_zero(name, bad):
    loss, shape = make(name)
    output, target, weights = batch(shape)
    expected = gradients(loss, output, target, weights)
    weights[weights == 0] = bad
    for found, value in zip(gradients(loss, output, target, weights), expected, strict=True):
        torch.testing.assert_close(found, value, rtol=0, atol=0)


@pytest.mark.parametrize('reduction', REDUCTIONS)
@pytest.mark.parametrize(('count', 'weight'), [(0, 1.0), (4, 0.0), (4, NAN)])
@pytest.mark.parametrize('name', LOSSES)
def test_nothing_to_learn_from_is_zero_with_a_graph(name, count, weight, reduction):
    loss, shape = make(name, reduction)
    output, target, weights = batch(shape, count)
    value, *others = gradients(loss, output, target, weights * 0 + weight)
    assert value == 0
    assert all(gradient is not None and not gradient.any() for gradient in others)


@pytest.mark.parametrize('name', LOSSES)
def test_a_nan_of_a_joint_with_weight_is_seen(name):
    """A broken network must not look like a perfect one."""
    loss, shape = make(name)
    output, target, weights = batch(shape)
    output[0, 0] = NAN
    assert evaluate(loss, output, target, weights).isnan()


PROGRAM = """
import sys
import torch
import torch.distributed as dist
sys.path.insert(0, {folder!r})
import test_weights as tests

dist.init_process_group('gloo', rank=int(sys.argv[1]), world_size=2, init_method='tcp://127.0.0.1:' + sys.argv[2])
rank, wrong = dist.get_rank(), []
for name in tests.LOSSES:
    for reduction in tests.REDUCTIONS:
        loss, shape = tests.make(name, reduction)
        output, target, weights = tests.batch(shape, 6)
        part = slice(0, 4) if rank == 0 else slice(4, 6)  # as unequal as can be: labels, and sizes of the batches
        _, found, *parameters = tests.gradients(loss, output[part], target[part], weights[part])
        for gradient in parameters:
            dist.all_reduce(gradient)
        whole = torch.zeros(6, *found.shape[1:])
        whole[part] = found
        dist.all_reduce(whole)
        means = [whole / 2, *(gradient / 2 for gradient in parameters)]
        torch.save(means, sys.argv[3] + '/' + name + reduction + sys.argv[1])
dist.destroy_process_group()
"""


def test_two_processes_have_the_gradient_of_one(tmp_path, warm_python):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    code = PROGRAM.format(folder=str(Path(__file__).parent))
    environment = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    command = [warm_python.executable, '-W', 'ignore', '-c', code]
    commands = [[*command, str(rank), str(port), str(tmp_path)] for rank in range(2)]
    ranks = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for command in commands]
    try:
        errors = [rank.communicate(timeout=240)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], errors
    for name in LOSSES:
        for reduction in REDUCTIONS:
            loss, shape = make(name, reduction)
            _, *expected = gradients(loss, *batch(shape, 6))
            for rank in '01':
                found = torch.load(tmp_path / f'{name}{reduction}{rank}', weights_only=True)
                for gradient, value in zip(found, expected, strict=True):
                    torch.testing.assert_close(gradient, value, rtol=1e-4, atol=1e-6, msg=f'{name}, {reduction}')
