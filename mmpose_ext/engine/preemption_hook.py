"""An orderly end of a training that is asked to stop, as Slurm does before it takes a machine away."""

import atexit
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from ctypes import c_byte
from types import FrameType
from typing import NoReturn

import torch
from mmengine.dist import all_reduce, barrier
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from mmpose_ext.registry import HOOKS

from .checkpoint_hook import SafeCheckpointHook

__all__ = ['EXIT_INTERRUPTED', 'PreemptionHook']

#: Exit status of a training that saved its state and can be resumed (EX_TEMPFAIL of sysexits.h: try again later).
EXIT_INTERRUPTED = 75


class _SurviveSigterm:
    """Initialize a worker such that it ignores SIGTERM; torch's own handler would end it, and the training with it.

    Args:
        init: The worker's other initialization, or None.
        closing: Shared with the main process: not 0 when that process ends, and SIGTERM has to end the worker.
    """

    def __init__(self, init: Callable[[int], None] | None, closing: c_byte) -> None:
        self.init, self.closing = init, closing

    def __call__(self, worker_id: int) -> None:
        if self.init is not None:
            self.init(worker_id)
        signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        if self.closing.value:
            os._exit(0)


@HOOKS.register_module()
class PreemptionHook(Hook):  # type: ignore[misc]
    """On SIGTERM, save the state after the current training step and leave with exit status 75.

    Started again with ``--resume``, the training goes on with the next batch, as if it had not stopped. The hook needs
    ``SafeCheckpointHook``. During a validation, one process stops at once and repeats the validation when it resumes;
    several processes finish it first.

    Several processes need not get the signal at the same time, or at all: after each step they tell each other, and
    all stop after the first step at which one of them has it.

    The workers of data loaders, which get the same signal when it is sent to a whole process group or Slurm job, do
    not die of it: the current step may need their data.
    """

    # after all hooks that change what is saved
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._asked = False
        self._previous: signal.Handlers | object = None

    def before_run(self, runner: Runner) -> None:
        """Take over SIGTERM, here and in the workers, which start later."""
        is_training = isinstance(runner._train_loop, BaseLoop)
        if not is_training or threading.current_thread() is not threading.main_thread():
            return  # only the main thread may handle signals
        self._closing = multiprocessing.RawValue('b', 0)
        atexit.register(self._close)
        self._previous = signal.signal(signal.SIGTERM, self._on_sigterm)
        for loop in (runner.train_loop, runner.val_loop):
            if loop is not None:
                loop.dataloader.worker_init_fn = _SurviveSigterm(loop.dataloader.worker_init_fn, self._closing)

    def after_run(self, runner: Runner) -> None:
        """Give SIGTERM back."""
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)  # type: ignore[arg-type]
            self._close()

    def _close(self) -> None:
        self._closing.value = 1

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: object = None
    ) -> None:
        """Save within the epoch and stop; the last step of an epoch is left to :meth:`after_train_epoch`."""
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        is_last = batch_idx + 1 >= len(runner.train_dataloader) if by_epoch else runner.iter + 1 >= runner.max_iters
        if self._all_asked(runner) and not is_last:
            self._checkpoints(runner).save_within_epoch(runner)
            self._leave(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Save after the epoch and stop, unless the training ends here anyway."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        ends = runner.epoch + 1 >= runner.max_epochs and runner.val_loop is None
        if self._all_asked(runner) and not ends:
            self._checkpoints(runner).save_epoch(runner, runner.epoch + 1)
            self._leave(runner)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: object = None) -> None:
        """Stop in the middle of a validation; it is repeated when the training resumes."""
        # processes may have different numbers of batches here and cannot agree on where to stop
        if not self._asked or runner.world_size > 1 or not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                hook.after_val_epoch(runner)  # puts the weights of the training back into the model
        self._checkpoints(runner).save_epoch(runner, runner.epoch)
        self._leave(runner)

    def _all_asked(self, runner: Runner) -> bool:
        """Whether any process got the signal: all stop after the same step."""
        if runner.world_size == 1:
            return self._asked
        asked = torch.tensor(int(self._asked))
        all_reduce(asked)
        return bool(asked)

    def _checkpoints(self, runner: Runner) -> SafeCheckpointHook:
        for hook in runner.hooks:
            if isinstance(hook, SafeCheckpointHook):
                return hook
        raise ValueError("'default_hooks.checkpoint.type' must be mmpose_ext.SafeCheckpointHook with PreemptionHook")

    def _leave(self, runner: Runner) -> NoReturn:
        barrier()  # torchrun ends the process that still writes soon after the first other one has left
        checkpoint = self._checkpoints(runner).last_ckpt
        runner.logger.warning(
            f'SIGTERM: the training is saved in {checkpoint} and ends with exit status {EXIT_INTERRUPTED}; '
            'start it again with --resume'
        )
        raise SystemExit(EXIT_INTERRUPTED)
