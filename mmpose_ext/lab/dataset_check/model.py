"""One step of training and one of prediction with the model of a config."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.utils.typing import ConfigType

from mmpose_ext.checkpoint import load_fitting_weights
from mmpose_ext.models.backbones import TimmBackbone
from mmpose_ext.registry import MODELS

from .findings import Finding, describe_error, percent
from .samples import Item

__all__ = ['build_model', 'check_loss', 'check_normalization', 'check_scores']

_STARTS = ('checkpoint', 'pretrained', 'init_cfg')  # a backbone's arguments for the weights it starts from


def build_model(config: ConfigType, checkpoint: str | None = None) -> tuple[BasePoseEstimator | None, list[Finding]]:
    """The model of a config, without downloading the weights it starts from.

    Args:
        config: ``cfg.model``.
        checkpoint: Path of trained weights.

    Returns:
        The model, or None; and the findings: with a checkpoint, none if it has all weights of the model.
    """
    try:
        model = MODELS.build(_without_pretrained(config))
        if checkpoint is None:
            model.init_weights()
        else:
            match = load_fitting_weights(model, checkpoint)
            if not match.complete:
                advice = 'the scores below are not those of a trained model'
                return model, [Finding('warning', 'checkpoint', 'model', str(match), advice)]
    except Exception as error:  # constructors raise what they like
        return None, [Finding('error', 'model', 'model', f'the model cannot be built: {describe_error(error)}')]
    return model, []


def _without_pretrained(config: object) -> object:
    """A copy of a config without 'Pretrained' initializations, at any depth, and addresses of timm's weights."""
    if isinstance(config, Mapping):
        of_timm = str(config.get('type')).endswith(TimmBackbone.__name__)
        return {
            key: _without_pretrained(value)
            for key, value in config.items()
            if not (key == 'init_cfg' and isinstance(value, Mapping) and value.get('type') == 'Pretrained')
            and not (key == 'checkpoint' and of_timm and '://' in str(value))
            and key != 'pretrained'
        }
    return [_without_pretrained(value) for value in config] if isinstance(config, list | tuple) else config


@torch.no_grad()
def check_loss(model: BasePoseEstimator, items: Sequence[Item]) -> list[Finding]:
    """The loss of a batch: finite, above zero, and no exception.

    Args:
        model: Any of MMPose's estimators.
        items: Samples of the training's pipeline.
    """
    try:
        model.train()
        batch = model.data_preprocessor(pseudo_collate(deepcopy(list(items))), training=True)
        losses, _ = model.parse_losses(model(**batch, mode='loss'))
    except Exception as error:  # this is what the training would stop with
        what = f'the first step of the training fails: {describe_error(error)}'
        return [Finding('error', 'loss', 'model', what)]
    value = float(losses)
    if not np.isfinite(value):
        advice = 'NaN in the labels, or a loss that is not made for such targets'
        return [Finding('error', 'loss', 'model', f'the first loss is {value}', advice)]
    if value == 0:
        advice = 'no joint is labeled inside the crops, or all weights are 0: nothing is learned'
        return [Finding('error', 'loss', 'model', 'the first loss is 0', advice)]
    return [Finding('ok', 'loss', 'model', f'the first loss is {value:.6g} ({len(items)} people)')]


def check_normalization(model: BasePoseEstimator, config: ConfigType) -> list[Finding]:
    """Whether images are normalized as they were when the weights were trained that a backbone of timm starts from.

    Args:
        model: The model of the config.
        config: ``cfg.model``.
    """
    backbone = model.backbone
    if not isinstance(backbone, TimmBackbone) or not any(config['backbone'].get(name) for name in _STARTS):
        return []
    difference = backbone.preprocessor_mismatch(config.get('data_preprocessor') or {})
    if difference is None:
        return [Finding('ok', 'normalization', 'model', f'as the weights of {backbone.model_name} expect it')]
    return [Finding('warning', 'normalization', 'model', difference, 'set it in model.data_preprocessor')]


@torch.no_grad()
def check_scores(
    model: BasePoseEstimator, items: Sequence[Item], threshold: float | None, trained: bool
) -> list[Finding]:
    """The range of the predicted scores, and how many pass the evaluator's threshold.

    Args:
        model: Any of MMPose's estimators.
        items: Samples of the evaluation's pipeline.
        threshold: ``keypoint_score_thr`` of the evaluator, or None.
        trained: Whether the weights come from a checkpoint.
    """
    try:
        results = model.eval().test_step(pseudo_collate(deepcopy(list(items))))
        scores = np.concatenate([np.asarray(r.pred_instances.keypoint_scores, float).ravel() for r in results])
        points = np.concatenate([np.asarray(r.pred_instances.keypoints, float).reshape(-1) for r in results])
    except Exception as error:  # this is what the evaluation would stop with
        return [Finding('error', 'prediction', 'model', f'prediction fails: {describe_error(error)}')]
    if not (np.isfinite(points).all() and np.isfinite(scores).all()):
        return [Finding('error', 'prediction', 'model', 'predicted joints or scores are NaN or infinite')]
    kind = 'the checkpoint' if trained else 'the untrained network'
    what = f'{kind} scores {scores.min():.4g} to {scores.max():.4g} on {len(items)} people'
    if not trained:
        return [Finding('info', 'scores', 'model', what, 'give --checkpoint for the scores to expect in use')]
    low, middle, high = np.quantile(scores, (0.05, 0.5, 0.95))
    what += f', 5 % below {low:.3g}, half below {middle:.3g}, 95 % below {high:.3g}'
    if threshold is None:
        return [Finding('info', 'scores', 'model', what)]
    above = int((scores > threshold).sum())
    what += f'; {percent(above, scores.size)} are above keypoint_score_thr={threshold}'
    if not above:
        advice = 'CocoMetric then rates every person 0: lower keypoint_score_thr in the evaluator'
        return [Finding('warning', 'score-threshold', 'model', what, advice)]
    return [Finding('info', 'scores', 'model', what)]
