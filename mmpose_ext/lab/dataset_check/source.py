"""The datasets of a loader: their classes, files and annotations, and what the checks of these are given."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.datasets.datasets.body import MpiiDataset
from mmpose.utils.typing import ConfigType

from mmpose_ext.datasets.crop_box_dataset import CropBoxDataset
from mmpose_ext.registry import DATASETS, TRANSFORMS

from .coco_file import check_coco_file
from .files import check_file, is_remote, read_json
from .finding_list import Report
from .image_files import ImageFiles, check_images, open_images
from .metainfo import check_metainfo
from .mpii_file import check_mpii_file
from .pipeline import registered, type_name, uses_weights
from .records import Records, from_coco, from_mpii, from_samples

__all__ = [
    'Source',
    'SourceConfig',
    'extra_files',
    'image_loader',
    'look_at_images',
    'open_source',
    'read_file',
    'read_people',
    'source_configs',
]


@dataclass(frozen=True)
class Source:
    """A dataset of a loader that reads files.

    Args:
        phase: 'train', 'val' or 'test'.
        config: Its config.
        pipeline: Its transforms, with those of the datasets that wrap it.
        dataset: Built without reading any file: MMPose's own idea of paths and metainfo.
        kind: How its annotation file is read: 'coco', 'mpii', or 'other' for a class that reads files in its own way.
        counts: Whether a person is 'bbox' and 'keypoints' of the file; some classes compose people of other keys.
    """

    phase: str
    config: ConfigType
    pipeline: Sequence[ConfigType]
    dataset: BaseCocoStyleDataset
    kind: str
    counts: bool

    @property
    def metainfo(self) -> ConfigType:
        """Parsed metainfo."""
        return self.dataset.metainfo

    @property
    def joint_names(self) -> list[str]:
        """Names of the joints by the metainfo."""
        return list(self.metainfo['keypoint_id2name'].values())

    @property
    def ann_files(self) -> list[str]:
        """Paths of the annotation files, as MMPose opens them."""
        files = self.dataset.ann_file
        return [str(file) for file in ([files] if isinstance(files, str) else files or ())]

    @property
    def squares(self) -> bool:
        """Whether boxes may reach beyond their image, as squares around a person do."""
        return self.kind == 'mpii' or isinstance(self.dataset, CropBoxDataset)


class SourceConfig(NamedTuple):
    """Config of a dataset that reads files, and what wraps it.

    Args:
        config: Of the dataset.
        pipeline: Its transforms, followed by those of the datasets that wrap it.
        metainfo: Of the CombinedDataset around it, which names the joints of the samples; None without one.
        test_mode: Whether it, or a dataset that wraps it, is in test mode.
    """

    config: ConfigType
    pipeline: list[ConfigType]
    metainfo: ConfigType | None
    test_mode: bool


def source_configs(
    config: ConfigType,
    pipeline: Sequence[ConfigType] = (),
    metainfo: ConfigType | None = None,
    test_mode: bool = False,
) -> Iterator[SourceConfig]:
    """The datasets that read files, inside of all that wrap them.

    Args:
        config: Of a dataset, or of a CombinedDataset, ConcatDataset, RepeatDataset ... of datasets.
        pipeline: The transforms of what wraps it, which run after its own.
        metainfo: Of what wraps it.
        test_mode: Likewise.
    """
    test_mode = test_mode or bool(config.get('test_mode', False))
    steps = [*(config.get('pipeline') or ()), *pipeline]
    inner = config.get('datasets') or ([config['dataset']] if isinstance(config.get('dataset'), Mapping) else [])
    if not inner:
        yield SourceConfig(config, steps, metainfo, test_mode)
    for part in inner:
        yield from source_configs(part, steps, metainfo or config.get('metainfo'), test_mode)


def open_source(
    config: ConfigType, pipeline: Sequence[ConfigType], phase: str, report: Report, needs_sigmas: bool = True
) -> Source | None:
    """Find a dataset's class, parse its metainfo and let it join its paths; no annotation is read.

    Args:
        config: Of the dataset.
        pipeline: Its transforms, with those of the datasets that wrap it.
        phase: 'train', 'val' or 'test'.
        report: Gets the findings.
        needs_sigmas: Whether OKS is computed.
    """
    try:
        kind: type[BaseCocoStyleDataset] | None = registered(DATASETS, config['type'])
        if kind is None:
            raise KeyError(f'{config["type"]} is not registered; does custom_imports name its module?')
        dataset = DATASETS.build({**config, 'pipeline': [], 'lazy_init': True})
        metainfo = dataset.metainfo
    except (Exception, SystemExit) as error:  # constructors and the parser of metainfo raise what they like
        advice = "'swap' and 'link' must name joints of keypoint_info" if isinstance(error, KeyError) else ''
        report.add_error('dataset', phase, f'the dataset {config.get("type")} cannot be built', error, advice)
        return None
    report.check(phase, check_metainfo, metainfo, phase, needs_sigmas, uses_weights(pipeline))
    form, counts = 'other', False
    if issubclass(kind, MpiiDataset):
        form, counts = 'mpii', True
    elif issubclass(kind, BaseCocoStyleDataset) and kind._load_annotations is BaseCocoStyleDataset._load_annotations:
        plain = (BaseCocoStyleDataset.parse_data_info, CropBoxDataset.parse_data_info)
        form, counts = 'coco', kind.parse_data_info in plain
    return Source(phase, config, pipeline, dataset, form, counts)


def read_file(source: Source, report: Report) -> Records | None:
    """The annotations as a file of COCO's or MPII's format holds them, or None if there is no such file.

    Args:
        source: The dataset.
        report: Gets the findings.
    """
    phase = source.phase
    if source.kind == 'other':
        for path in source.ann_files:
            report.check(phase, check_file, path, 'annotation file', phase)
        return None
    (path,) = source.ann_files
    found = report.call(phase, read_json, path, 'annotation file', phase)
    if found is None:
        return None
    content, problems = found
    report.findings += problems
    if content is None:
        return None
    before = len(report.findings)
    if source.kind == 'mpii':
        report.check(phase, check_mpii_file, content, phase)
    else:
        report.check(phase, check_coco_file, content, phase, source.counts)
    if any(finding.check in ('json', 'unexpected') for finding in report.findings[before:]):
        return None
    convert: Callable[..., Records] = from_mpii if source.kind == 'mpii' else from_coco
    return report.call(phase, convert, content)


def read_people(source: Source, report: Report) -> Records | None:
    """The people of a class that reads or composes them in its own way, as it hands them to the pipeline.

    Args:
        source: The dataset.
        report: Gets the findings.
    """
    phase, where = source.phase, f'{source.config["type"]}, {", ".join(source.ann_files)}'
    if not isinstance(source.dataset, BaseCocoStyleDataset):
        report.add('info', 'annotations', phase, f'{where}: the annotations of this class are not checked')
        return None
    # annotations instead of detections, and no copy for the workers
    config = {**source.config, 'pipeline': [], 'lazy_init': True, 'serialize_data': False, 'bbox_file': None}
    try:
        dataset = DATASETS.build(config)
        dataset.full_init()
        samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    except (Exception, SystemExit) as error:  # loaders raise and assert what they like
        report.add_error('dataset', phase, f'the dataset {where} cannot be built', error)
        return None
    records = report.call(phase, from_samples, samples)
    if records is None:
        what = f'{where}: the {len(samples)} samples of this class are not one person of an image each, and not checked'
        report.add('info', 'annotations', phase, what)
    return records


def image_loader(pipeline: Sequence[ConfigType]) -> Callable[[str], np.ndarray | None]:
    """A function that reads an image as the first step of a pipeline does: orientation, color, back end.

    Args:
        pipeline: Configs of the transforms. Without a loader among them, MMPose's default is taken.
    """
    step = next((step for step in pipeline if type_name(step).startswith('LoadImage')), dict(type='LoadImage'))
    transform = TRANSFORMS.build(dict(step))

    def load(path: str) -> np.ndarray | None:
        results = transform(dict(img_path=path))
        image: np.ndarray | None = None if results is None else results['img']
        return image

    return load


def look_at_images(
    source: Source, records: Records, samples: int, rng: np.random.Generator, channels: int, report: Report
) -> tuple[Records, ImageFiles | None]:
    """Look for the images of a dataset and open some of them.

    Args:
        source: The dataset.
        records: Its annotations.
        samples: How many images to open.
        rng: Draws which.
        channels: What the network's preprocessor expects.
        report: Gets the findings.

    Returns:
        The annotations with the sizes of the images that were opened, where the file tells none; and the images.
    """
    phase = source.phase
    folder = '' if source.kind == 'other' else str((source.dataset.data_prefix or {}).get('img', ''))
    if is_remote(folder) or any(map(is_remote, records.file_names[:1])):
        report.add('info', 'images', phase, f'images in {folder or records.file_names[0]} are not checked')
        return records, None
    if folder and report.check(phase, check_file, folder, 'folder of images', phase, folder=True):
        return records, None
    found = report.call(phase, check_images, folder, records.file_names, phase)
    load = report.call(phase, image_loader, source.pipeline)
    if found is None or load is None:
        return records, None
    images, findings = found
    report.findings += findings
    there = np.flatnonzero(images.exist)
    chosen = np.sort(rng.choice(there, min(samples, len(there)), replace=False)).tolist()
    opened = report.call(phase, open_images, images, records.sizes, chosen, load, channels, phase)
    if opened is None:
        return records, images
    sizes, findings = opened
    report.findings += findings
    # a wrong size is reported by itself; boxes and joints are compared with the size in the annotations
    known = np.where(np.isfinite(records.sizes), records.sizes, sizes)
    return replace(records, sizes=known), images


def extra_files(source: Source) -> dict[str, Path]:
    """Files that a config names beside the annotations and the detections, by key: 'camera_file'.

    MMPose's classes put ``data_root`` before some of them.
    """
    found = {}
    for key, value in source.config.items():
        if key.endswith('_file') and key not in ('ann_file', 'bbox_file') and isinstance(value, str) and value:
            path = Path(value)
            joined = Path(source.config.get('data_root') or '') / path
            if not is_remote(value):
                # MMPose opens a headbox_file as it is
                found[key] = joined if key != 'headbox_file' and joined.exists() and not path.exists() else path
    return found
