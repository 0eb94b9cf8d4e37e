"""How fast the loss of residual log-likelihood estimation is beside MMPose's; measured side by side in one run."""

import sys
from collections.abc import Callable

import torch
from mmpose.models.losses import RLELoss
from torch import Tensor, nn

from mmpose_ext.lab.profiling.timing import Goal, measure, one_thread, run_comparison
from mmpose_ext.registry import MODELS

__all__ = ['compare_rle_losses']

BATCH, JOINTS = 64, 17
RLE_GOALS = (Goal('RLE loss forward + backward: ours / MMPose', 'RLELoss', 'MMPose RLELoss', 0.6, at_least=False),)


def _step(loss: nn.Module, device: str) -> Callable[[], Tensor]:
    """A function that computes the loss of a batch and the gradients of the outputs and of the flow."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(BATCH, JOINTS, 2, generator=generator)
    pred = target + 0.05 * torch.randn(target.shape, generator=generator)
    raw_sigma = torch.randn(target.shape, generator=generator) - 2
    weight = (torch.rand(BATCH, JOINTS, 1, generator=generator) < 0.7).float()
    pred, raw_sigma, target, weight = (tensor.to(device) for tensor in (pred, raw_sigma, target, weight))

    def step() -> Tensor:
        loss.zero_grad()
        value = loss(pred.clone().requires_grad_(), raw_sigma.clone().requires_grad_(), target, weight)
        value.backward()
        return value.detach()

    return step


def _losses(device: str) -> dict[str, Callable[[], Tensor]]:
    """Both losses with the same weights on the same batch."""
    theirs = RLELoss(use_target_weight=True).to(device)
    ours = MODELS.build(dict(type='mmpose_ext.RLELoss')).to(device)
    ours.load_state_dict(theirs.state_dict())
    return {'MMPose RLELoss': _step(theirs, device), 'RLELoss': _step(ours, device)}


def compare_rle_losses(rounds: int = 15, block: float = 0.1) -> tuple[list[str], bool]:
    """Measure forward and backward of the loss of 64 people of 17 joints, on one thread and on a GPU.

    Args:
        rounds: Number of turns of each function.
        block: Seconds that a turn takes at least.

    Returns:
        The lines of a report, and whether every goal is met.
    """
    with one_thread():
        steps = _losses('cpu')
        values = {name: step().item() for name, step in steps.items()}
        times = measure(steps, rounds, block)
    lines = [f'{BATCH} people x {JOINTS} joints, the same weights, CPU, 1 thread, median of {rounds} rounds']
    lines += [f'  {name:42s} {1000 * times[name]:9.3f} ms   loss {value:.5f}' for name, value in values.items()]
    lines += ['', *(f'  {goal.report(times)}' for goal in RLE_GOALS)]
    if torch.cuda.is_available():
        device_times = measure(_losses('cuda'), rounds, block, torch.cuda.synchronize)
        lines += ['', f'the same on {torch.cuda.get_device_name()}']
        lines += [f'  {name:42s} {1000 * seconds:9.3f} ms' for name, seconds in device_times.items()]
    return lines, all(goal.is_met(times) for goal in RLE_GOALS)


if __name__ == '__main__':
    sys.exit(run_comparison(compare_rle_losses, __doc__))
