"""MMEngine's CheckpointHook, safe against being killed at any moment."""

from bisect import bisect
from collections import deque
from pathlib import Path
from typing import cast

from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor

from mmpose_ext.checkpoint import unwrap_model
from mmpose_ext.files import PART, write_whole
from mmpose_ext.registry import HOOKS

from .whole_files import INTERRUPTED, POINTER, WHOLE_FILES

__all__ = ['SafeCheckpointHook']


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):  # type: ignore[misc]
    """Save checkpoints such that a whole one is there at any time.

    The arguments are those of MMEngine's ``CheckpointHook``. What differs:

    - A checkpoint is written beside its final name, flushed to the disk and renamed. ``last_checkpoint`` is written
      in the same way, after it.
    - Old checkpoints are removed after the new one is there, not before.
    - A training that was killed between a checkpoint and the end of its validation validates first when it resumes,
      so that no evaluation and no best checkpoint is lost.
    """

    # epoch (1 for the first one) of the last checkpoint and of the last complete validation
    saved_epoch: int = -1
    _validated_epoch: int = -1
    _buffers: list[dict[str, Tensor]] | None = None
    backend_args: dict[str, str] | None
    keep_ckpt_ids: deque[int]

    def before_train(self, runner: Runner) -> None:
        """Prepare the folder; validate if the checkpoint that was loaded was not validated."""
        super().before_train(runner)
        if self.file_client_args is None and self.backend_args is None and isinstance(self.file_backend, LocalBackend):
            self.backend_args = dict(backend=WHOLE_FILES)
            if is_main_process():
                for part in Path(self.out_dir).glob(f'*.pth*{PART}'):
                    part.unlink()
        if runner.iter > 0 and self._validation_is_due(runner):
            runner.logger.info(f'Epoch {runner.epoch} was not validated before the training stopped; validating now')
            runner.val_loop.run()

    def _validation_is_due(self, runner: Runner) -> bool:
        """Whether the loop validates after the epochs that are complete, and has not done so."""
        loop, epoch = runner.train_loop, runner.epoch
        if not isinstance(loop, EpochBasedTrainLoop) or runner.val_loop is None:
            return False
        interval = loop.dynamic_intervals[bisect(loop.dynamic_milestones, epoch + 1) - 1]
        due = epoch >= loop.val_begin and (epoch % interval == 0 or epoch == loop.max_epochs)
        return due and self._validated_epoch != epoch

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, object]) -> None:
        """Read which epoch was validated; checkpoints of other hooks do not say it and count as validated.

        To resume within an epoch, this process gets its own buffers back.
        """
        meta = cast('dict[str, int]', checkpoint.get('meta', {}))
        self._validated_epoch = meta.get('validated_epoch', meta.get('epoch', -1))
        buffers = cast('list[dict[str, Tensor]]', checkpoint.get('buffers_of_processes', []))
        if runner._resume and len(buffers) == get_world_size():
            cast('dict[str, Tensor]', checkpoint['state_dict']).update(buffers[get_rank()])

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, object]) -> None:
        """Note which epoch was validated, and within an epoch the buffers of all processes."""
        cast('dict[str, int]', checkpoint['meta'])['validated_epoch'] = self._validated_epoch
        if self._buffers is not None:
            checkpoint['buffers_of_processes'] = self._buffers

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Save the checkpoint if it is the best one."""
        self._validated_epoch = runner.epoch
        super().after_val_epoch(runner, metrics)

    def save_within_epoch(self, runner: Runner) -> None:
        """Save the state after the current training step as ``interrupted.pth``.

        It is removed as soon as the next regular checkpoint is there.
        """
        # whatever was due after the last complete epoch is done
        self._validated_epoch = runner.epoch
        self._buffers = _buffers_of_processes(runner) if runner.world_size > 1 else None
        self._write(runner, INTERRUPTED, dict(epoch=runner.epoch, iter=runner.iter + 1))
        self._buffers = None

    def save_epoch(self, runner: Runner, epoch: int) -> None:
        """Save the state after a complete epoch, unless that was done already.

        Args:
            runner: The runner.
            epoch: 1 for the first one.
        """
        if self.saved_epoch == epoch:
            return
        if self.by_epoch:
            self._save_checkpoint_with_step(runner, epoch, dict(epoch=epoch, iter=runner.iter))
        else:
            self._write(runner, INTERRUPTED, dict(epoch=epoch, iter=runner.iter))

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, int]) -> None:
        outdated: list[int] = []
        if self.max_keep_ckpts > 0:
            kept = [*(number for number in self.keep_ckpt_ids if number != step), step]
            outdated, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            runner.message_hub.update_info('keep_ckpt_ids', kept)
        self._write(runner, self.filename_tmpl.format(step), meta)
        if is_main_process():
            for name in [*map(self.filename_tmpl.format, outdated), INTERRUPTED]:
                self._remove(self.file_backend.join_path(self.out_dir, name))

    def _write(self, runner: Runner, filename: str, meta: dict[str, int]) -> None:
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if filename != INTERRUPTED:
            self.saved_epoch = meta['epoch']
        if is_main_process():
            write_whole(Path(runner.work_dir) / POINTER, str(self.last_ckpt).encode())

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):
            self.file_backend.rmtree(path)  # the checkpoints of some training strategies are folders


def _buffers_of_processes(runner: Runner) -> list[dict[str, Tensor]]:
    """The buffers of the model by name, in each process.

    The weights of all processes are equal; the running means of BatchNorm become equal at the end of an epoch only.
    """
    model = unwrap_model(runner.model)
    saved = model.state_dict().keys()
    own = {name: value.cpu() for name, value in model.named_buffers() if name in saved}
    return cast('list[dict[str, Tensor]]', all_gather_object(own))
