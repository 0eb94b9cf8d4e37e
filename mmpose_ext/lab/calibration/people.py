"""Predictions of a checkpoint on the validation data of its config, beside the labels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from mmpose_ext.apis.runtime import load_config
from mmpose_ext.checkpoint import load_fitting_weights
from mmpose_ext.config import find_config
from mmpose_ext.evaluation import JointPairs, KeypointCalibration
from mmpose_ext.models.heads import BaseHead

__all__ = ['predict_people']


def predict_people(
    config: str | Path,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    cfg_options: Mapping[str, object] | None = None,
) -> tuple[JointPairs, tuple[str, ...]]:
    """Run a checkpoint on the validation data of its config (``val_dataloader``).

    Args:
        config: Its file, or its name below ``configs/``.
        checkpoint: The weights.
        work_dir: Folder of the logs.
        cfg_options: Values by dotted key, merged into the config first.

    Returns:
        Predicted people beside the labeled ones, with covariances where the head is one of this package, and the names
        of the joints.

    Raises:
        ValueError: If the config has no validation data, or the checkpoint does not fit.
    """
    cfg = load_config(str(find_config(str(config), 'config')), cfg_options, None if work_dir is None else str(work_dir))
    if cfg.get('val_dataloader') is None:
        raise ValueError(f"'config' must have a val_dataloader to be calibrated on, got {str(config)!r} without one")
    cfg.load_from = None
    cfg.test_dataloader = cfg.val_dataloader
    cfg.test_cfg = cfg.get('test_cfg') or dict()
    cfg.test_evaluator = dict(
        type='mmpose_ext.KeypointCalibration',
        ann_file=_annotations(cfg),
        use_area=_uses_area(cfg),
    )
    options = {'model.test_cfg.output_covariances': True, 'model.test_cfg.calibration': None}
    cfg.merge_from_dict(options)
    runner = _runner_without_drawings(cfg)
    model = runner.model
    if not isinstance(model.head, BaseHead):
        model.test_cfg.pop('output_covariances', None)
    load_fitting_weights(model, str(checkpoint))
    runner.test()
    metric = runner.test_evaluator.metrics[0]
    if not isinstance(metric, KeypointCalibration) or metric.pairs is None:
        raise ValueError("'config' must have a test loop that evaluates, got none")
    names = metric.dataset_meta['keypoint_id2name'] if metric.dataset_meta is not None else {}
    return metric.pairs, tuple(str(names[joint]) for joint in range(np.shape(metric.pairs.oks)[1]))


def _runner_without_drawings(cfg: Config) -> Runner:
    """A runner whose visualizer writes nothing, and is not found by the next runner of this process.

    MMEngine keeps visualizers by their names for the life of the process, with the folder of the first run.
    """
    cfg.get('default_hooks', {}).pop('visualization', None)
    name = 'calibration'
    cfg.visualizer = dict(type='mmengine.Visualizer', name=name, vis_backends=[])
    runner = Runner.from_cfg(cfg)
    Visualizer._instance_dict.pop(name, None)
    return runner


def _annotations(cfg: Config) -> str | None:
    """The annotation file of the validation data."""
    dataset = cfg.val_dataloader.dataset
    if dataset.get('ann_file') is None:
        return None
    return str(Path(dataset.get('data_root') or '') / dataset.ann_file)


def _uses_area(cfg: Config) -> bool:
    """As the config's own CocoMetric says, if it has one."""
    evaluators = cfg.get('val_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    return all(bool(one.get('use_area', True)) for one in evaluators)
