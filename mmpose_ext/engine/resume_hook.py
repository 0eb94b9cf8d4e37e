"""A resumed training goes on as if it had never stopped: which checkpoint, which data, which random numbers."""

from logging import WARNING
from pathlib import Path
from typing import TypedDict, cast

from mmengine.dist import broadcast_object_list, get_rank, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch import Tensor

from mmpose_ext.checkpoint import match_weights, unwrap_model
from mmpose_ext.registry import HOOKS

from .portable import from_portable, to_portable
from .schedule import follow_schedule
from .seeded_data import SeededBatches, derive_seed, seed_generators, seeded_loader
from .whole_files import find_checkpoint

__all__ = ['ResumeHook']

Checkpoint = dict[str, object]


class Progress(TypedDict):
    """What a checkpoint says of the data, under 'progress'.

    Attributes:
        batches: Number of batches of the started epoch that were trained on.
        batches_per_epoch: Their number in a whole epoch.
        sampler_seed: Seed of the training's sampler, or None if it has none.
        gradients: Gradients by parameter that were accumulated but not applied yet.
    """

    batches: int
    batches_per_epoch: int
    sampler_seed: int | None
    gradients: dict[str, Tensor]


@HOOKS.register_module()
class ResumeHook(Hook):  # type: ignore[misc]
    """Make a training that was killed and resumed equal to one that was not, on the CPU to the last bit.

    - With ``resume=True`` and no ``load_from``, the newest whole checkpoint of the work folder is taken.
    - The random numbers of each sample and each training step depend only on the seed and the place in the training,
      not on the worker or the history of the process. Samples are the same with any number of workers.
    - A checkpoint saved within an epoch continues with the next batch of that epoch.
    - Schedulers follow the config where it was changed, and a warning says so where the training became longer and
      the schedule did not.
    - Checkpoints hold only types that torch's safe loader reads in every program.

    Where several processes accumulate gradients over several steps, an interruption between these steps loses what was
    accumulated. Samplers and datasets with a memory of their own (e.g. a cache of images for mosaics) are not covered,
    except for samplers that depend on their seed and on what they returned before. ``EarlyStoppingHook`` starts to
    count anew.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._epoch_start = 0
        self._within_epoch = False

    def before_run(self, runner: Runner) -> None:
        """Choose the checkpoint before MMEngine does: it would trust ``last_checkpoint`` blindly."""
        if not (runner._resume and runner._load_from is None):
            return
        found: list[str | None] = [None]
        if is_main_process():
            path = find_checkpoint(runner.work_dir, _checkpoint_folder(runner))
            found = [str(path) if path else None]
        broadcast_object_list(found)
        runner._load_from = found[0]
        runner._resume = found[0] is not None

    def after_load_checkpoint(self, runner: Runner, checkpoint: Checkpoint) -> None:
        """Bring the checkpoint back into MMEngine's types, and remember the place in the data."""
        meta, hub = checkpoint.get('meta'), checkpoint.get('message_hub')
        if isinstance(meta, dict) and 'dataset_meta' in meta:
            meta['dataset_meta'] = from_portable(meta['dataset_meta'])
        if isinstance(hub, dict):
            hub['log_scalars'] = from_portable(hub['log_scalars'])
        if runner._resume:
            if isinstance(meta, dict):
                # MMEngine would run this text as a program, to read a key that configs do not have any more
                meta.pop('config', None)
            _check_state(runner, checkpoint)
            self._progress = cast('Progress | None', checkpoint.get('progress'))
            follow_schedule(runner, checkpoint)

    def before_save_checkpoint(self, runner: Runner, checkpoint: Checkpoint) -> None:
        """Note the place in the data, and convert what only MMEngine's and NumPy's classes can read."""
        meta = cast('dict[str, int]', checkpoint['meta'])
        started = self._within_epoch and meta['epoch'] == runner.epoch
        gradients = {
            name: value.grad.cpu() for name, value in runner.model.named_parameters() if value.grad is not None
        }
        checkpoint['progress'] = Progress(
            batches=meta['iter'] - self._epoch_start if started else 0,
            batches_per_epoch=len(runner.train_dataloader),
            sampler_seed=_sampler_seed(runner),
            gradients=gradients if runner.world_size == 1 else {},
        )
        for name in ('meta', 'message_hub'):
            checkpoint[name] = to_portable(checkpoint[name])

    def before_train(self, runner: Runner) -> None:
        """Replace the data loader by one whose samples have seeds of their own, and bring it to the right place."""
        loop = runner.train_loop
        progress, self._progress = self._progress, None
        seed = progress['sampler_seed'] if progress else runner.seed
        if runner.iter > 0 and seed is not None and _sampler_seed(runner) not in (None, seed):
            # a config without a seed: the loader was built with a new one before the checkpoint was read
            runner.train_dataloader.batch_sampler.sampler.seed = seed
        loader = seeded_loader(loop.dataloader, runner.seed, get_rank())
        if loader is None:
            print_log(
                f'ResumeHook cannot seed the samples of a {type(loop.dataloader).__name__} over a '
                f'{type(loop.dataloader.dataset).__name__}: a resumed training draws other random numbers',
                logger='current',
                level=WARNING,
            )
            return
        loop.dataloader = loader
        if isinstance(loop, IterBasedTrainLoop):
            # such a loop began to read when it was built; when it resumes, it reads again what was trained on
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loader)
        elif runner.iter > 0 and isinstance(loader.batch_sampler, SeededBatches):
            loader.batch_sampler.pass_epochs(runner.epoch)
            self._continue_epoch(runner, loader.batch_sampler, progress)

    def _continue_epoch(self, runner: Runner, batches: SeededBatches, progress: Progress | None) -> None:
        if progress is None:
            return
        for name, value in runner.model.named_parameters():
            if name in progress['gradients']:
                value.grad = progress['gradients'][name].to(value)
        if progress['batches'] and progress['batches_per_epoch'] != len(batches):
            print_log(
                f'The checkpoint was saved after {progress["batches"]} of {progress["batches_per_epoch"]} batches of '
                f'an epoch, which now has {len(batches)}: this epoch starts from its first batch',
                logger='current',
                level=WARNING,
            )
        else:
            batches.skip = progress['batches']

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the loader the epoch; where an epoch is continued, count its batches from the first one of the epoch."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        seed_generators(derive_seed(runner.seed, 'epoch', get_rank(), runner.epoch), cuda=True)
        skip = 0
        batches = runner.train_dataloader.batch_sampler
        if isinstance(batches, SeededBatches):
            batches.epoch, skip = runner.epoch, batches.skip
        if skip:
            _count_from(runner.train_loop, skip)
        self._epoch_start, self._within_epoch = runner.iter - skip, True

    def after_train_epoch(self, runner: Runner) -> None:
        """The epoch is complete."""
        self._within_epoch = False
        # the method of the class again, see _count_from
        vars(runner.train_loop).pop('run_iter', None)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Seed what the model draws in this step (dropout, for example)."""
        seed_generators(derive_seed(runner.seed, 'iteration', get_rank(), runner.iter), cuda=True)


def _check_state(runner: Runner, checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint of another model, of which MMEngine would load what fits; warn if there is no optimizer.

    Raises:
        ValueError: With the first weight that is missing or has another shape.
    """
    path = str(runner._load_from)
    model = unwrap_model(runner.model)
    match = match_weights(model, cast('dict[str, Tensor]', checkpoint['state_dict']), path)
    if not match.complete:
        raise ValueError(f"'resume' must be a checkpoint of this model, got {match.mismatch or match}")
    if 'optimizer' not in checkpoint:
        print_log(
            f'{path} has no state of the optimizer (the best checkpoint never has): the optimizer starts anew',
            logger='current',
            level=WARNING,
        )


def _count_from(loop: EpochBasedTrainLoop, first: int) -> None:
    """Let the loop call the next batch number ``first`` for hooks and logs, where it would call it 0."""
    run_iter = loop.run_iter

    def shifted(batch_idx: int, data_batch: object) -> None:
        run_iter(batch_idx + first, data_batch)

    loop.run_iter = shifted


def _sampler_seed(runner: Runner) -> int | None:
    """Seed of the sampler of the training, which MMEngine's and MMPose's samplers have and torch's have not."""
    batches = runner.train_dataloader.batch_sampler
    return getattr(batches.sampler, 'seed', None) if batches is not None else None


def _checkpoint_folder(runner: Runner) -> Path | None:
    """Folder of the checkpoints, if it is not the work folder."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.out_dir is not None:
            return Path(hook.out_dir) / Path(runner.work_dir).name
    return None
