"""Training as ``tools/train.py`` does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner, find_latest_checkpoint

from .runtime import load_config, process_group, set_visualization

__all__ = ['train']


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
    cfg_options: Mapping[str, Any] | None = None,
    launcher: str = 'none',
) -> Runner:
    """Train the model of a config; the arguments are the options of MMPose's ``tools/train.py``.

    Args:
        config: Path of the config.
        work_dir: Folder of the results; by default the config's own, or ``work_dirs/<name of the config>``.
        resume: Checkpoint to go on from; 'auto': the latest one in the folder of the results. If there is none, the
            training starts anew, from the weights of the config's ``load_from`` if it has one.
        amp: Train in mixed precision.
        no_validate: Do not evaluate during training.
        auto_scale_lr: Scale the learning rate by the batch size over the config's ``auto_scale_lr.base_batch_size``.
        show: Show predictions of the evaluations in a window.
        show_dir: Write these predictions to a folder.
        interval: Show or write every so many samples.
        wait_time: Seconds that a window stays open.
        cfg_options: Values by dotted key, merged into the config first.
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'.

    Returns:
        The runner after the last epoch.

    Raises:
        ValueError: If the config does not fit an option; the message names both.
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
    if checkpoint == 'auto':
        latest = find_latest_checkpoint(cfg.work_dir)
        if latest is None:
            # with resume MMEngine would go on in the middle of the training that load_from is from
            cfg.resume = False
            return
        # MMEngine notes the full path, which is another one after the folder was moved
        moved = Path(cfg.work_dir) / Path(latest).name
        checkpoint = str(moved) if moved.exists() else latest
    cfg.resume, cfg.load_from = True, checkpoint


def _use_amp(cfg: Config) -> None:
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise ValueError(f"'optim_wrapper.type' must be OptimWrapper or AmpOptimWrapper with --amp, got {wrapper!r}")
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
