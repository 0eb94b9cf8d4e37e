"""Training as ``tools/train.py`` does it."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner

from mmpose_ext.engine.whole_files import defect_of, find_checkpoint

from .runtime import load_config, process_group, set_visualization

__all__ = ['train']

_BFLOAT16 = 'mmpose_ext.BFloat16OptimWrapper'
_AMP_WRAPPERS = ('AmpOptimWrapper', _BFLOAT16)


def train(
    config: str,
    work_dir: str | None = None,
    resume: str | None = None,
    amp: bool = False,
    no_validate: bool = False,
    auto_scale_lr: bool = False,
    show: bool = False,
    show_dir: str | None = None,
    interval: int = 1,
    wait_time: float = 1.0,
    cfg_options: Mapping[str, object] | None = None,
    launcher: str = 'none',
) -> Runner:
    """Train the model of a config; the arguments are the options of MMPose's ``tools/train.py``.

    Args:
        config: Path of the config.
        work_dir: Folder of the results; by default the config's own, or ``work_dirs/<name of the config>``.
        resume: Checkpoint to go on from; 'auto': the newest whole one in the folder of the results. If that folder has
            none, the training starts from the beginning, with the weights of the config's ``load_from`` if it has one.
        amp: Train in mixed precision: by ``AmpOptimWrapper``, or without a GPU by ``BFloat16OptimWrapper``.
        no_validate: Do not evaluate during training.
        auto_scale_lr: Scale the learning rate by the batch size over the config's ``auto_scale_lr.base_batch_size``.
        show: Show predictions of the evaluations in a window.
        show_dir: Write these predictions to a folder.
        interval: Show or write one of so many samples.
        wait_time: Seconds that a window stays open.
        cfg_options: Values by dotted key, merged into the config first.
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'.

    Returns:
        The runner after the last epoch.

    Raises:
        ValueError: If the config does not fit an option, or there are checkpoints to resume from but none is whole.
        SystemExit: With status 75, after the state was saved, if the process gets SIGTERM (``PreemptionHook``).
    """
    cfg = load_config(config, cfg_options, work_dir, launcher)
    if no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if amp:
        _use_amp(cfg)
    if resume is not None:
        _resume(cfg, resume)
    if auto_scale_lr:
        if 'auto_scale_lr' not in cfg:
            raise ValueError("'auto_scale_lr' must be dict(base_batch_size=...) with --auto-scale-lr, got none")
        cfg.auto_scale_lr.enable = True
    set_visualization(cfg, show, show_dir, interval, wait_time)
    with process_group(cfg):
        runner = Runner.from_cfg(cfg)
        runner.train()
    return runner


def _resume(cfg: Config, checkpoint: str) -> None:
    if checkpoint != 'auto':
        defect = None if '://' in checkpoint else defect_of(Path(checkpoint))
        if defect is not None:
            raise ValueError(f"'resume' must be a whole checkpoint or 'auto', got {checkpoint!r}, which {defect}")
        cfg.resume, cfg.load_from = True, checkpoint
        return
    out_dir = cfg.get('default_hooks', {}).get('checkpoint', {}).get('out_dir')
    latest = find_checkpoint(cfg.work_dir, Path(out_dir) / Path(cfg.work_dir).name if out_dir else None)
    # with resume and without a checkpoint, MMEngine would continue the training that load_from comes from
    cfg.resume = latest is not None
    if latest is not None:
        cfg.load_from = str(latest)


def _use_amp(cfg: Config) -> None:
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in ('OptimWrapper', *_AMP_WRAPPERS):
        known = ', '.join(_AMP_WRAPPERS)
        raise ValueError(f"'optim_wrapper.type' must be OptimWrapper or one of {known} with --amp, got {wrapper!r}")
    if wrapper == _BFLOAT16 or get_device() == 'cpu':
        cfg.optim_wrapper.type = _BFLOAT16
        # there is no scaled loss in bfloat16, and no other type to choose
        for name in ('loss_scale', 'dtype'):
            cfg.optim_wrapper.pop(name, None)
    else:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
