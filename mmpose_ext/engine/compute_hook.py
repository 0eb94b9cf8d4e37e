"""How a training computes: the order of values in memory and the number of threads."""

from logging import INFO

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmpose_ext.checkpoint import unwrap_model
from mmpose_ext.registry import HOOKS

__all__ = ['ComputeHook']


@HOOKS.register_module()
class ComputeHook(Hook):  # type: ignore[misc]
    """Set the memory format of the weights and the number of torch's threads at the start of a run.

    It is one line of a config, and every launcher has it, MMPose's ``tools/train.py`` and ``tools/test.py`` too::

        default_hooks = dict(compute=dict(type='mmpose_ext.ComputeHook', channels_last=True, threads=2))

    Args:
        channels_last: Whether weights of convolutions are kept in torch's channels-last format. Their outputs take it
            over. It changes results by rounding only, checkpoints not at all; networks of MMPose that call ``view`` on
            features, such as ResNeSt, cannot use it.
        threads: Number of threads that torch computes with in each process; None leaves what torch or
            ``OMP_NUM_THREADS`` chose. Workers of data loaders always have one.

    Raises:
        ValueError: If ``threads`` is not a whole number above 0.
    """

    # before any hook that looks at the weights
    priority = 'VERY_HIGH'

    def __init__(self, channels_last: bool = False, threads: int | None = None) -> None:
        if threads is not None and not (isinstance(threads, int) and threads > 0):
            raise ValueError(f"'threads' must be None or a whole number above 0, got {threads!r}")
        self.channels_last = channels_last
        self.threads = threads

    def before_run(self, runner: Runner) -> None:
        """Set the number of threads."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        layout = 'channels-last' if self.channels_last else "torch's"
        print_log(f'{torch.get_num_threads()} threads, weights in {layout} format', logger='current', level=INFO)

    def before_train(self, runner: Runner) -> None:
        """Set the format of the weights, which are initialized or loaded by now.

        Random weights that are drawn in another format would be other weights.
        """
        if self.channels_last:
            unwrap_model(runner.model).to(memory_format=torch.channels_last)

    def before_val(self, runner: Runner) -> None:
        """Set the format of the weights."""
        self.before_train(runner)

    def before_test(self, runner: Runner) -> None:
        """Set the format of the weights."""
        self.before_train(runner)
