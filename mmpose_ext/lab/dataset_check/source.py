"""One dataset of a config: its class, its files and its annotations, with everything the checks say about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.datasets.datasets.body import MpiiDataset
from scipy.io import loadmat

from mmpose_ext.datasets.crop_box_dataset import CropBoxDataset
from mmpose_ext.registry import DATASETS

from . import instances
from .evaluation import check_bbox_file, check_head_boxes
from .files import Images, check_file, check_images, is_remote, open_images, read_json
from .findings import Finding
from .metainfo import check_joint_count, check_joint_names, check_left_right, check_metainfo
from .pipeline import registered
from .records import Records, from_coco, from_mpii
from .samples import describe_error
from .structure import check_coco_structure, check_mpii_structure

__all__ = ['Source', 'check_annotations', 'leaves', 'open_source', 'read_source']


@dataclass(frozen=True)
class Source:
    """A dataset of a loader.

    Args:
        phase: 'train', 'val' or 'test'.
        config: Its config.
        pipeline: Its transforms, with those of the datasets that wrap it.
        dataset: Built without reading any file: MMPose's own idea of paths and metainfo.
        kind: How the annotation file is read: 'coco', 'mpii', or None for formats that are not checked.
        counts: Whether the file's number of joints is that of the samples; some classes compose them of parts.
    """

    phase: str
    config: Mapping[str, Any]
    pipeline: Sequence[Mapping[str, Any]]
    dataset: Any
    kind: str | None
    counts: bool

    @property
    def metainfo(self) -> dict[str, Any]:
        """Parsed metainfo."""
        metainfo: dict[str, Any] = self.dataset.metainfo
        return metainfo

    @property
    def joint_names(self) -> list[str]:
        """Names of the joints by the metainfo."""
        return list(self.metainfo['keypoint_id2name'].values())


def leaves(config: Mapping[str, Any], pipeline: Sequence[Mapping[str, Any]] = ()) -> Iterator[tuple[Any, list[Any]]]:
    """The datasets in a config, which others may wrap (CombinedDataset, RepeatDataset), with their whole pipelines."""
    steps = [*config.get('pipeline', ()), *pipeline]
    inner = config.get('datasets') or ([config['dataset']] if isinstance(config.get('dataset'), Mapping) else [])
    if not inner:
        yield config, steps
    for part in inner:
        yield from leaves(part, steps)


def open_source(
    config: Mapping[str, Any], pipeline: Sequence[Mapping[str, Any]], phase: str, needs_sigmas: bool = True
) -> tuple[Source | None, list[Finding]]:
    """Find a dataset's class, parse its metainfo and let it join its paths; no annotation is read.

    Args:
        config: Of the dataset.
        pipeline: Its transforms, with those of the datasets that wrap it.
        phase: 'train', 'val' or 'test'.
        needs_sigmas: Whether OKS is computed.
    """
    try:
        kind = registered(DATASETS, config['type'])
        if kind is None:
            raise KeyError(f'{config["type"]} is not registered; does custom_imports name its module?')
        dataset = DATASETS.build({**config, 'pipeline': [], 'lazy_init': True})
        check = check_metainfo(dataset.metainfo, phase, needs_sigmas)
    except Exception as error:  # constructors and the parser of metainfo raise what they like
        what = f'the dataset {config.get("type")} cannot be built: {describe_error(error)}'
        advice = "'swap' and 'link' must name joints of keypoint_info" if isinstance(error, KeyError) else ''
        return None, [Finding('error', 'dataset', phase, what, advice)]
    form, counts = None, False
    if issubclass(kind, MpiiDataset):
        form, counts = 'mpii', True
    elif issubclass(kind, BaseCocoStyleDataset):
        if kind._load_annotations is BaseCocoStyleDataset._load_annotations:
            form = 'coco'
        counts = kind.parse_data_info in (BaseCocoStyleDataset.parse_data_info, CropBoxDataset.parse_data_info)
    return Source(phase, config, pipeline, dataset, form, counts), check


def read_source(
    source: Source, samples: int, rng: np.random.Generator
) -> tuple[Records | None, Images | None, list[Finding]]:
    """Read the annotations and look at the images of a dataset.

    Args:
        source: The dataset.
        samples: How many images to open.
        rng: Draws which.

    Returns:
        The annotations and the images, None where they cannot be read; and the findings.
    """
    path, folder = str(source.dataset.ann_file), str(source.dataset.data_prefix.get('img', ''))
    if source.kind is None or is_remote(path) or is_remote(folder):
        what = f'{source.config["type"]}, {path}: the annotations of this class or place are not checked'
        return None, None, [Finding('info', 'annotations', source.phase, what)]
    findings = check_file(folder, 'folder of images', source.phase, folder=True) if folder else []
    content, problems = read_json(path, 'annotation file', source.phase)
    findings += problems
    if content is None:
        return None, None, findings
    check = check_coco_structure if source.kind == 'coco' else check_mpii_structure
    problems = check(content, source.phase)
    findings += problems
    if any(problem.check == 'json' for problem in problems):
        return None, None, findings
    records = from_coco(content) if source.kind == 'coco' else from_mpii(content)
    what = f'{len(records.image)} people in {len(records.file_names)} images: {path}'
    findings.append(Finding('ok', 'annotations', source.phase, what))
    if any(finding.check == 'missing-file' for finding in findings):
        return records, None, findings
    images, problems = check_images(folder, records.file_names, source.phase)
    sizes, more = open_images(images, records.sizes, samples, rng, source.phase)
    # a wrong size is reported by itself; boxes and joints are measured by the annotations' one
    known = np.where(np.isfinite(records.sizes), records.sizes, sizes)
    return replace(records, sizes=known), images, findings + problems + more


def check_annotations(
    source: Source, records: Records, predicted: int | None, area_used: bool = False
) -> list[Finding]:
    """Everything that can be said about annotations without running a pipeline.

    Args:
        source: The dataset.
        records: Its annotations.
        predicted: Number of joints of the head; None: not to be compared.
        area_used: Whether the evaluator takes the annotated areas.
    """
    phase, names = source.phase, source.joint_names
    findings = []
    annotated = records.keypoints.shape[1]
    findings += check_joint_count(annotated if source.counts else None, len(names), predicted, phase)
    findings += check_joint_names(records.joint_names, names, phase)
    findings += instances.check_filter(records, phase)
    squares = source.kind == 'mpii' or isinstance(source.dataset, CropBoxDataset)
    findings += instances.check_boxes(records, phase, may_exceed=squares)
    findings += instances.check_visibility(records, names, phase)
    findings += instances.check_keypoints(records, phase)
    if annotated == len(names):
        findings += check_left_right(records, source.metainfo['flip_indices'], names, phase)
    if source.kind == 'coco' and phase != 'train':
        findings += instances.check_areas(records, phase, area_used)
    return findings + _check_extra_files(source, records)


def _check_extra_files(source: Source, records: Records) -> list[Finding]:
    """Detected boxes and boxes of heads, where the config names them."""
    findings = []
    boxes, heads = source.config.get('bbox_file'), source.config.get('headbox_file')
    if boxes and not is_remote(boxes):
        content, problems = read_json(boxes, 'bbox_file', source.phase)
        findings += problems
        if content is not None:
            threshold = (source.config.get('filter_cfg') or {}).get('bbox_score_thr', 0.0)
            findings += check_bbox_file(content, records, threshold, source.phase)
    if heads and not is_remote(heads):
        problems = check_file(heads, 'headbox_file', source.phase)
        findings += problems
        if not problems:
            try:
                array = np.asarray(loadmat(Path(heads))['headboxes_src'])
            except Exception as error:  # scipy raises whatever a broken file leads to
                what = f'headbox_file: {heads} cannot be read ({describe_error(error)})'
                return [*findings, Finding('error', 'head-boxes', source.phase, what)]
            findings += check_head_boxes(array, len(records.image), source.phase)
    return findings
