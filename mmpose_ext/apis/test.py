"""Testing as ``tools/test.py`` does it."""

from collections.abc import Mapping
from logging import WARNING
from pathlib import Path

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmpose_ext.checkpoint import load_fitting_weights, unwrap_model
from mmpose_ext.models.heads import BaseHead
from mmpose_ext.runtime.calibration import read_calibration
from mmpose_ext.runtime.skeleton import Skeleton

from .runtime import load_config, process_group, set_visualization

__all__ = ['evaluate']

# metrics that rank people by the mean score of their joints, and the same metrics that can take calibrated scores
_RANKED = {
    'CocoMetric': 'mmpose_ext.CocoMetric',
    'mmpose.CocoMetric': 'mmpose_ext.CocoMetric',
    **{name: name for name in ('mmpose_ext.CocoMetric', 'mmpose_ext.FasterCocoMetric')},
    'mmpose_ext.FasterCocoWholeBodyMetric': 'mmpose_ext.FasterCocoWholeBodyMetric',
}


def evaluate(
    config: str,
    checkpoint: str,
    work_dir: str | None = None,
    out: str | None = None,
    dump: str | None = None,
    show: bool = False,
    show_dir: str | None = None,
    interval: int = 1,
    wait_time: float = 1.0,
    badcase: bool = False,
    cfg_options: Mapping[str, object] | None = None,
    launcher: str = 'none',
    calibration: str | None = None,
) -> dict[str, float]:
    """Evaluate a checkpoint; the arguments are the options of MMPose's ``tools/test.py``.

    Args:
        config: Path of the config.
        checkpoint: Path or address of the weights.
        work_dir: Folder of the results; by default the config's own, or ``work_dirs/<name of the config>``.
        out: File for the metrics, ``.json``, ``.yaml`` or ``.pkl``.
        dump: File for all predictions, ``.pkl`` or ``.pickle``.
        show: Show predictions in a window.
        show_dir: Write predictions as images to a folder.
        interval: Show or write one of so many samples.
        wait_time: Seconds that a window stays open.
        badcase: Draw the samples that the config's ``badcase`` hook finds bad, instead of all.
        cfg_options: Values by dotted key, merged into the config first.
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'.
        calibration: File of ``tools/calibrate.py``, applied to scores and covariances of a head of this package.
            ``CocoMetric`` then ranks people by their calibrated scores, unless the config names its ``score_mode``.

    Returns:
        The metrics by name.

    Raises:
        ValueError: If an option is out of range, the config does not fit it, or the checkpoint has no weight of the
            model; the message names both. Where the checkpoint has only a part of the weights, a warning says so
            before and after the test.
    """
    cfg = load_config(config, cfg_options, work_dir, launcher)
    cfg.load_from = None  # loaded below
    _apply_calibration(cfg, calibration)
    _check_suffix('out', out, ('.json', '.yaml', '.yml', '.pkl', '.pickle'))
    _check_suffix('dump', dump, ('.pkl', '.pickle'))
    if badcase:
        _watch_bad_cases(cfg, show, interval, wait_time)
    set_visualization(cfg, show and not badcase, show_dir, interval, wait_time)
    if dump is not None:
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='mmpose_ext.DumpPredictionsHook', path=dump)]
    with process_group(cfg):
        runner = Runner.from_cfg(cfg)
        model = unwrap_model(runner.model)
        _check_model(runner, model, calibration)
        match = load_fitting_weights(model, checkpoint)
        print_log(f'Load checkpoint from {checkpoint}', logger='current')
        metrics = runner.test()
        if not match.complete:
            # the last thing that is read must not be metrics that look like those of a trained model
            print_log(f'These are not the metrics of a trained model: {match}', logger='current', level=WARNING)
        if out is not None and is_main_process():
            mmengine.mkdir_or_exist(Path(out).resolve().parent)
            mmengine.dump({name: float(value) for name, value in metrics.items()}, out)
    return metrics


def _check_suffix(name: str, path: str | None, allowed: tuple[str, ...]) -> None:
    if path is not None and not path.endswith(allowed):
        raise ValueError(f"'{name}' must be a file name that ends in {', '.join(allowed)}, got {path!r}")


def _apply_calibration(cfg: Config, calibration: str | None) -> None:
    if calibration is not None:
        read_calibration(calibration)
        cfg.merge_from_dict({'model.test_cfg.calibration': calibration})
        evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
        for evaluator in evaluators:
            if evaluator.type in _RANKED and 'score_mode' not in evaluator:
                evaluator.update(type=_RANKED[evaluator.type], score_mode='pose')


def _check_model(runner: Runner, model: BaseModel, calibration: str | None) -> None:
    if calibration is None:
        return
    read_calibration(calibration).check_model(
        Skeleton.from_metainfo(runner.test_loop.dataloader.dataset.metainfo).joint_names
    )
    if not isinstance(model.head, BaseHead):
        raise ValueError(
            "'calibration' must be None with a head of MMPose (one of mmpose_ext loads its checkpoints), got "
            f'{calibration!r} with {type(model.head).__name__}'
        )


def _watch_bad_cases(cfg: Config, show: bool, interval: int, wait_time: float) -> None:
    if 'badcase' not in cfg.get('default_hooks', {}):
        raise ValueError(
            "'default_hooks' must have badcase=dict(type='BadCaseAnalysisHook') with --badcase, "
            f'got only {", ".join(cfg.get("default_hooks", {})) or "nothing"}'
        )
    hook = cfg.default_hooks.badcase
    hook.update(enable=True, show=show, interval=interval, wait_time=wait_time if show else 0.0)
    if not hook.get('metric'):
        # the hook measures a loss between keypoints in pixels, or one of the evaluator's metrics
        by_loss = hook.get('metric_type', 'loss') == 'loss'
        hook.metric = cfg.model.head.loss if by_loss else cfg.test_evaluator
