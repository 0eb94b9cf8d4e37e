"""How well the densities that RLE learned describe the errors of people that were left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.runner import Runner
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor

from mmpose_ext.apis.predict import build_model
from mmpose_ext.apis.runtime import load_config
from mmpose_ext.config import find_config
from mmpose_ext.functional import bounded_log_sigma, standardize
from mmpose_ext.models.heads.rle_head import FLOWS_3D, LikelihoodHead
from mmpose_ext.models.losses import RLELoss
from mmpose_ext.registry import MODELS

__all__ = ['ErrorDistribution', 'distribution_table', 'measure_errors']


@dataclass(frozen=True)
class ErrorDistribution:
    """What :func:`measure_errors` finds.

    Attributes:
        joints: Number of labeled joints.
        log_likelihood: Mean of a joint, in nats, over its normalized coordinates. Q times G is divided by its integral,
            so that it is a density, whatever ``flow_term`` the model was trained with.
        sigmas: Quantiles .05, .5 and .95 of the predicted sigmas, in the unit of normalized coordinates.
        mean_error: Mean of the coordinates' absolute errors, in units of the sigmas.
        quantiles: Quantiles .5, .9, .99 and .999 of these errors, over their mean. Of a Laplace distribution they are
            .69, 2.30, 4.61 and 6.91, of a normal one .85, 2.06, 3.23 and 4.12.
    """

    joints: int
    log_likelihood: float
    sigmas: tuple[float, ...]
    mean_error: float
    quantiles: tuple[float, ...]


def measure_errors(
    config: str | Path, checkpoint: str | Path, cfg_options: Mapping[str, object] | None = None
) -> ErrorDistribution:
    """Compare labels of the validation people of a config with what a network predicts, by its density.

    Args:
        config: Its file, or its name below ``configs/``: of a model whose head predicts sigmas and has ``RLELoss``.
        checkpoint: The weights.
        cfg_options: Values by dotted key, merged into the config first.

    Raises:
        ValueError: If the head or its loss is another one, there is no ``val_dataloader``, or the checkpoint does not
            fit.
    """
    cfg = load_config(str(find_config(str(config), 'config')), cfg_options)
    if cfg.get('val_dataloader') is None:
        raise ValueError(f"'config' must have a val_dataloader, got {str(config)!r} without one")
    loader = cfg.val_dataloader
    loader.dataset.pipeline[-1].pack_transformed = True  # labels in pixels of the input
    model = build_model(cfg, checkpoint)
    head = model.head
    if not isinstance(head, LikelihoodHead) or not isinstance(head.loss_module, RLELoss):
        raise ValueError(f"'config' must have a head with sigmas and RLELoss, got {type(head).__name__}")
    density = _exact_density(cfg.model.head.get('loss'), head)
    batches = [_loss_arguments(model, head, batch) for batch in Runner.build_dataloader(loader)]
    points, raw_sigmas, labels, weights = (torch.cat(tensors) for tensors in zip(*batches, strict=True))
    counted = (weights[..., 0] > 0) & labels.isfinite().all(-1)
    log_sigmas = bounded_log_sigma(raw_sigmas[counted], density.min_sigma)
    errors = standardize(points[counted] - labels[counted], log_sigmas).abs().flatten()
    with torch.no_grad():
        likelihood = -density(points, raw_sigmas, labels, counted.float()).item()
    middle, ends = torch.tensor([0.05, 0.5, 0.95]), torch.tensor([0.5, 0.9, 0.99, 0.999])
    return ErrorDistribution(
        joints=int(counted.sum()),
        log_likelihood=likelihood,
        sigmas=tuple(log_sigmas.exp().flatten().quantile(middle).tolist()),
        mean_error=errors.mean().item(),
        quantiles=tuple((errors.quantile(ends) / errors.mean()).tolist()),
    )


def distribution_table(results: Mapping[str, ErrorDistribution]) -> str:
    """A Markdown table with one row for each model, by its name."""
    lines = [
        '| model | joints | log-likelihood of a joint | sigmas: 5 % | 50 % | 95 % | mean error in sigmas '
        '| 50 % of the errors over their mean | 90 % | 99 % | 99.9 % |',
        '|' + '---|' * 11,
    ]
    for name, found in results.items():
        figures = [*(f'{sigma:.3f}' for sigma in found.sigmas), f'{found.mean_error:.3f}']
        figures += [f'{quantile:.2f}' for quantile in found.quantiles]
        lines.append(f'| {name} | {found.joints} | {found.log_likelihood:.3f} | ' + ' | '.join(figures) + ' |')
    return '\n'.join(lines)


def _exact_density(config: Mapping[str, object] | None, head: LikelihoodHead) -> RLELoss:
    """The trained loss, as the negative logarithm of a density, its mean over joints."""
    options = dict(config or (FLOWS_3D if head.dim == 3 else {}))
    changed = dict(type='mmpose_ext.RLELoss', flow_term='normalized', reduction='valid', loss_weight=1.0)
    exact: RLELoss = MODELS.build(options | changed)
    exact.load_state_dict(head.loss_module.state_dict())
    return exact.eval()


@torch.no_grad()
def _loss_arguments(model: TopdownPoseEstimator, head: LikelihoodHead, batch: dict[str, object]) -> list[Tensor]:
    """Points, raw sigmas, labels and weights of a batch."""
    data = model.data_preprocessor(batch, False)
    targets = head.targets(data['data_samples'], data['inputs'].device)
    return head.loss_arguments(head(model.extract_feat(data['inputs'])), targets)
