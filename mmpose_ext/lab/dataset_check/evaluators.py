"""The evaluator of a config against the dataset that is evaluated."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.utils.typing import ConfigType

from mmpose_ext.registry import DATASETS

from .findings import Finding, examples
from .pipeline import registered, type_name

__all__ = ['all_metrics', 'check_evaluator', 'metrics_of', 'uses_area']


def all_metrics(evaluator: ConfigType | Sequence[ConfigType] | None) -> list[ConfigType]:
    """Every metric of ``val_evaluator``: those of a list, and those inside a MultiDatasetEvaluator."""
    if not evaluator:
        return []
    if not isinstance(evaluator, Mapping):
        return [*evaluator]
    metrics = evaluator.get('metrics')
    if metrics is None:
        return [evaluator]
    return [metrics] if isinstance(metrics, Mapping) else [*metrics]


def metrics_of(evaluator: ConfigType | Sequence[ConfigType] | None, name: str) -> list[ConfigType]:
    """The metrics that measure the people of one dataset.

    Args:
        evaluator: ``val_evaluator`` of a config. MMPose's MultiDatasetEvaluator has a metric for each dataset, which it
            finds by the 'dataset_name' of the metainfo of the dataset's class.
        name: The 'dataset_name' of the people's metainfo.
    """
    metrics = all_metrics(evaluator)
    if not isinstance(evaluator, Mapping) or 'datasets' not in evaluator:
        return metrics
    names = _measured_names(evaluator)
    # a later metric of the same name replaces an earlier one
    return [metric for measured, metric in zip(names, metrics, strict=False) if measured == name][-1:]


def _measured_names(evaluator: ConfigType) -> list[str]:
    names = []
    for dataset in evaluator['datasets']:
        kind: type[BaseDataset] | None = registered(DATASETS, dataset['type'])
        names.append('' if kind is None else str(parse_pose_metainfo(dict(kind.METAINFO)).get('dataset_name')))
    return names


def uses_area(metrics: Sequence[ConfigType]) -> bool:
    """Whether one of the metrics scales OKS by the annotated area."""
    return any(type_name(one) == 'CocoMetric' and one.get('use_area', True) for one in metrics)


def check_evaluator(
    evaluator: ConfigType | Sequence[ConfigType] | None, dataset: ConfigType, name: str, ann_file: str, where: str
) -> list[Finding]:
    """Whether what is evaluated is what is predicted.

    Args:
        evaluator: ``val_evaluator`` or ``test_evaluator`` of the config.
        dataset: Config of a dataset of the loader.
        name: The 'dataset_name' of its metainfo.
        ann_file: Its annotation file, as MMPose opens it.
        where: 'val' or 'test'.
    """
    if not evaluator:
        what = f'{where}_dataloader has a dataset and {where}_evaluator is empty'
        return [Finding('error', 'evaluator', where, what, 'MMEngine wants both or neither')]
    findings = _check_names(evaluator, name, where)
    for metric in metrics_of(evaluator, name):
        kind = type_name(metric)
        if kind == 'CocoMetric':
            findings += _check_coco_metric(metric, dataset, ann_file, where)
        elif kind in ('MpiiPCKAccuracy', 'PCKhAccuracy') and not dataset.get('headbox_file'):
            advice = "set headbox_file='<data_root>annotations/mpii_gt_val.mat' in the dataset"
            what = f'{kind} divides by the size of the head, and the dataset has no headbox_file'
            findings.append(Finding('error', 'evaluator', where, what, advice))
    return findings


def _check_names(evaluator: ConfigType | Sequence[ConfigType], name: str, where: str) -> list[Finding]:
    """Whether a MultiDatasetEvaluator has one metric for the people of a dataset."""
    if not isinstance(evaluator, Mapping) or 'datasets' not in evaluator:
        return []
    names, metrics = _measured_names(evaluator), all_metrics(evaluator)
    if len(names) != len(metrics):
        what = f'MultiDatasetEvaluator has {len(metrics)} metrics and {len(names)} datasets'
        return [Finding('error', 'evaluator', where, what, 'give one metric for each dataset, in the same order')]
    if name not in names:
        what = f'nothing measures the people of {name!r}: MultiDatasetEvaluator has metrics for {examples(names, 9)}'
        advice = "it goes by 'dataset_name' of the metainfo of each dataset's class"
        return [Finding('error', 'evaluator', where, what, advice)]
    if names.count(name) > 1:
        what = f'{names.count(name)} datasets of MultiDatasetEvaluator have the name {name!r}'
        advice = 'the last metric measures the people of all of them, the others measure nobody'
        return [Finding('error', 'evaluator', where, what, advice)]
    return []


def _check_coco_metric(metric: ConfigType, dataset: ConfigType, ann_file: str, where: str) -> list[Finding]:
    findings = []
    truth = metric.get('ann_file')
    if truth is not None and Path(truth).absolute().resolve() != Path(ann_file).absolute().resolve():
        what = f'CocoMetric measures against {truth}, but the people are those of {ann_file}'
        advice = (
            f'name the same file in {where}_evaluator.ann_file and {where}_dataloader.dataset: foreign images stop '
            'the evaluation, missing ones count as not found'
        )
        findings.append(Finding('error', 'evaluator-ann-file', where, what, advice))
    parts = [name for name in ('indices', 'sample_interval') if dataset.get(name) not in (None, 1)]
    if parts and truth is not None:
        what = f'the dataset takes a part of the annotations ({examples(parts)}), CocoMetric all of them'
        findings.append(
            Finding('warning', 'evaluator-part', where, what, 'the AP will be too low: write a smaller file')
        )
    return findings
