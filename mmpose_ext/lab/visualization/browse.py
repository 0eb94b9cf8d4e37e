"""Images of what a dataset and its pipeline feed to the network, with the targets that the head's codec draws."""

import logging
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.structures import PoseDataSample
from mmpose.utils.typing import ConfigType

from mmpose_ext.functional import check_choice
from mmpose_ext.lab.dataset_check.findings import describe_error
from mmpose_ext.lab.dataset_check.pipeline import type_name
from mmpose_ext.lab.dataset_check.records import is_labeled
from mmpose_ext.lab.dataset_check.samples import pack_joints
from mmpose_ext.lab.dataset_check.source import source_configs
from mmpose_ext.registry import DATASETS, KEYPOINT_CODECS

from .overlays import draw_skeleton, enlarge, overlay_map, to_rgb, with_title

__all__ = ['MODES', 'PHASES', 'browse']

PHASES = ('train', 'val', 'test')
#: 'original': the annotated image; 'transformed': the network's input and the maximum of its targets beside it;
#: 'targets': the target map of every joint over the input
MODES = ('original', 'transformed', 'targets')

_COLUMNS = 6  # of the target maps of one person


@dataclass(frozen=True)
class Person:
    """A person to be drawn.

    Args:
        image: (h, w, 3) uint8 RGB.
        sample: The person's joints and boxes.
        metainfo: Of the dataset: colors and limbs.
    """

    image: np.ndarray
    sample: PoseDataSample
    metainfo: ConfigType


def browse(
    config: str,
    output_dir: str | None = None,
    phase: str = 'train',
    mode: str = 'transformed',
    number: int = 50,
    show: bool = False,
    show_interval: float = 2.0,
    cfg_options: Mapping[str, object] | None = None,
) -> list[Path]:
    """Draw the first people of a dataset.

    People who cannot be loaded or drawn are logged and left out. A joint that is not labeled, or not finite, is not
    drawn.

    Args:
        config: Path of the config.
        output_dir: Folder for the images, ``<number of the sample>_<name of the image>.png``. None: write none.
        phase: Whose dataset and pipeline: 'train', 'val' or 'test'.
        mode: One of :data:`MODES`.
        number: Draw at most so many people.
        show: Show each image in a window.
        show_interval: Seconds that a window stays open.
        cfg_options: Values by dotted key, merged into the config.

    Returns:
        The files written.

    Raises:
        ValueError: If an argument is out of range, or nobody can be drawn.
    """
    check_choice('phase', phase, PHASES)
    check_choice('mode', mode, MODES)
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(cfg_options or {}))
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    people = (_original if mode == 'original' else _transformed)(cfg[f'{phase}_dataloader'].dataset, number)
    codec = None if mode == 'original' else _build_codec((cfg.get('model') or {}).get('head') or {})

    files, failed, drawn = [], [], 0
    for index, person in enumerate(people):
        try:
            if isinstance(person, Exception):
                raise person
            image = _draw(person, codec, mode)
            path = str(person.sample.get('img_path', ''))
        except Exception as error:  # whatever a transform, a codec or a broken annotation leads to
            failed.append(f'person {index}: {describe_error(error)}')
            print_log(f'Not drawn: {failed[-1]}', 'current', logging.WARNING)
            continue
        drawn += 1
        if output_dir is not None:
            file = Path(output_dir) / f'{index:05d}_{Path(path).stem}.png'
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), image[..., ::-1])
            files.append(file)
        if show:
            Visualizer().show(image, Path(path).name, wait_time=show_interval)
    if failed and not drawn:
        raise ValueError(f'none of {len(failed)} people of the {phase} dataset can be drawn; {failed[0]}')
    return files


def _build_codec(head: ConfigType) -> BaseKeypointCodec | None:
    decoder = head.get('decoder')
    decoders = decoder if isinstance(decoder, list | tuple) else [decoder]
    return KEYPOINT_CODECS.build(decoders[-1]) if decoders and decoders[-1] else None


def _original(config: ConfigType, number: int) -> Iterator[Person | Exception]:
    """The first people as they are annotated, of each dataset that a combination holds in turn."""
    left = number
    for part in source_configs(config):
        load = next((step for step in part.pipeline if type_name(step).startswith('LoadImage')), dict(type='LoadImage'))
        dataset = DATASETS.build({**part.config, 'pipeline': [load]})
        count = min(left, len(dataset))
        left -= count
        for index in range(count):
            try:
                item = dataset.prepare_data(index)
                sample = PoseDataSample(metainfo=dict(img_path=item['img_path']))
                sample.gt_instances = InstanceData(
                    keypoints=item['keypoints'], keypoints_visible=item['keypoints_visible'], bboxes=item['bbox']
                )
                yield Person(to_rgb(item['img']), sample, dataset.metainfo)
            except Exception as error:  # the next person may be fine
                yield error


def _transformed(config: ConfigType, number: int) -> Iterator[Person | Exception]:
    """The first people as the network gets them."""
    config = deepcopy(config)
    pack_joints(config, 'val')
    dataset = DATASETS.build(config)
    for index in range(min(number, len(dataset))):
        try:
            item = dataset[index]
            image = to_rgb(item['inputs'].permute(1, 2, 0).numpy())
            yield Person(image, item['data_samples'], dataset.metainfo)
        except Exception as error:  # the next person may be fine
            yield error


def _draw(person: Person, codec: BaseKeypointCodec | None, mode: str) -> np.ndarray:
    """The image of one person, (h, w, 3) RGB."""
    image, sample = person.image, person.sample
    points, labeled = _joints(sample)
    boxes = sample.gt_instances.bboxes if mode == 'original' else ()
    large = image if mode == 'original' else enlarge(image)
    skeleton = draw_skeleton(large, large.shape[0] / image.shape[0], points, labeled, boxes, person.metainfo)
    maps = None if codec is None or mode == 'original' else _target_maps(sample, codec, points, labeled)
    if maps is None:
        return skeleton
    if mode == 'transformed':
        return np.hstack([skeleton, overlay_map(large, maps.max(0), sample.input_size)])
    names = person.metainfo['keypoint_id2name']
    tiles = [with_title(overlay_map(large, one, sample.input_size), names.get(k, str(k))) for k, one in enumerate(maps)]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _COLUMNS)
    return np.vstack([np.hstack(tiles[first : first + _COLUMNS]) for first in range(0, len(tiles), _COLUMNS)])


def _joints(sample: PoseDataSample) -> tuple[np.ndarray, np.ndarray]:
    """Joints (N, K, 2) in pixels of the image, and (N, K) bool, which of them are labeled and have a place."""
    instances = sample.gt_instances
    points = np.asarray(instances.get('transformed_keypoints', instances.keypoints), float)[..., :2]
    visible = np.asarray(instances.keypoints_visible)
    labeled = is_labeled(visible[..., 0] if visible.ndim == 3 else visible) & np.isfinite(points).all(-1)
    return np.where(labeled[..., None], points, 0), labeled


def _target_maps(
    sample: PoseDataSample, codec: BaseKeypointCodec, points: np.ndarray, labeled: np.ndarray
) -> np.ndarray | None:
    """Target maps (K, H, W), drawn by the pipeline or by the codec; None if the targets are coordinates alone."""
    fields = sample.get('gt_fields')
    if fields is not None and 'heatmaps' in fields:
        maps = np.asarray(fields.heatmaps)
    else:
        encoded = codec.encode(points.astype(np.float32), labeled.astype(np.float32))
        maps = encoded.get('heatmaps')
    if maps is None or np.ndim(maps) != 3:
        return None
    # UDP's codec with offsets has three maps for each joint, of which the first is the joint's place
    joints = points.shape[1]
    return maps[::3] if len(maps) == 3 * joints else maps
