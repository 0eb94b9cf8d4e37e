"""Pictures of what a data set and its pipeline feed to the network, with the targets that the head draws."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer
from mmpose.structures import PoseDataSample

from mmpose_ext.models.utils import gather_targets
from mmpose_ext.registry import DATASETS, KEYPOINT_CODECS

__all__ = ['MODES', 'PHASES', 'browse', 'overlay_map']

PHASES = ('train', 'val', 'test')
#: 'original': the annotated picture; 'transformed': the network's input and the maximum of its targets beside it;
#: 'targets': the target map of every joint over the input
MODES = ('original', 'transformed', 'targets')

_DRAWN_HEIGHT = 512  # pixels that a small crop is enlarged to, so that joints stay apart


def browse(
    config: str,
    output_dir: str | None = None,
    phase: str = 'train',
    mode: str = 'transformed',
    number: int = 50,
    show: bool = False,
    show_interval: float = 2.0,
    cfg_options: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Draw the first people of a data set.

    Args:
        config: Path of the config.
        output_dir: Folder for the pictures, ``<number of the sample>_<name of the picture>.png``. None: write none.
        phase: Whose data set and pipeline: 'train', 'val' or 'test'.
        mode: One of :data:`MODES`.
        number: Draw at most so many people.
        show: Show each picture in a window.
        show_interval: Seconds that a window stays open.
        cfg_options: Values by dotted key, merged into the config.

    Returns:
        The files written.

    Raises:
        ValueError: If an argument is out of range.
    """
    for name, value, allowed in (('phase', phase, PHASES), ('mode', mode, MODES)):
        if value not in allowed:
            raise ValueError(f"'{name}' must be one of {', '.join(allowed)}, got {value!r}")
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(cfg_options or {}))
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    dataset, samples = _samples(cfg, phase, mode, number)
    codec = None
    if mode != 'original' and cfg.model.head.get('decoder') is not None:
        codec = KEYPOINT_CODECS.build(cfg.model.head.decoder)

    files = []
    for index, (picture, sample) in enumerate(samples):
        image = _draw(picture, sample, dataset.metainfo, codec, mode)
        if output_dir is not None:
            file = Path(output_dir) / f'{index:05d}_{Path(sample.img_path).stem}.png'
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), image[..., ::-1])
            files.append(file)
        if show:
            Visualizer().show(image, Path(sample.img_path).name, wait_time=show_interval)
    return files


def overlay_map(picture: np.ndarray, heatmap: np.ndarray, input_size: Sequence[int]) -> np.ndarray:
    """Lay a heat map over the crop it belongs to.

    Args:
        picture: (h, w, 3) uint8 RGB, the network's input, enlarged or not.
        heatmap: (H, W) in 0..1; cell i sits at pixel i * input / map of the input.
        input_size: (w, h) of the input in pixels.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    height, width = picture.shape[:2]
    factor = np.array([width, height]) / input_size  # drawn pixels per pixel of the input
    step = np.array(heatmap.shape[::-1]) / input_size  # cells per pixel of the input
    # drawn pixel u shows the pixel (u + .5) / factor - .5 of the input
    scale, shift = step / factor, step * (0.5 / factor - 0.5)
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    values = cv2.warpAffine(np.clip(heatmap, 0, 1).astype(np.float32), matrix, (width, height), flags=flags)
    colors = cv2.applyColorMap((values * 255).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
    weight = (0.75 * values[..., None]).clip(0.25)
    return (picture * (1 - weight) + colors * weight).astype(np.uint8)


def _samples(cfg: Config, phase: str, mode: str, number: int) -> tuple[Any, Iterator[tuple[np.ndarray, Any]]]:
    """The data set, and its first people as pictures (h, w, 3) RGB with samples."""
    dataset_cfg = cfg[f'{phase}_dataloader'].dataset
    if mode == 'original':
        dataset_cfg.pipeline = [dict(type='LoadImage')]
    else:
        for step in dataset_cfg.pipeline:
            if step.type == 'PackPoseInputs':
                step.pack_transformed = True
    dataset = DATASETS.build(dataset_cfg)

    def generate() -> Iterator[tuple[np.ndarray, Any]]:
        for index in range(min(number, len(dataset))):
            item = dataset[index]
            if mode == 'original':
                yield np.ascontiguousarray(item['img'][..., ::-1]), _annotated(item)
            else:
                image = item['inputs'].permute(1, 2, 0).numpy()
                yield np.ascontiguousarray(image[..., ::-1]), item['data_samples']

    return dataset, generate()


def _annotated(item: Mapping[str, Any]) -> PoseDataSample:
    """A person of the data set, not yet transformed, as a sample."""
    sample = PoseDataSample(metainfo=dict(img_path=item['img_path']))
    sample.gt_instances = InstanceData(
        keypoints=item['keypoints'], keypoints_visible=item['keypoints_visible'], bboxes=item['bbox']
    )
    return sample


def _draw(picture: np.ndarray, sample: Any, metainfo: dict[str, Any], codec: Any, mode: str) -> np.ndarray:
    """The picture of one person, (h, w, 3) RGB."""
    skeleton = _draw_skeleton(picture, sample, metainfo, boxes=mode == 'original')
    if mode == 'original' or codec is None:
        return skeleton
    heatmaps = gather_targets([sample], codec, torch.device('cpu')).get('heatmaps')
    if heatmaps is None:  # the codec encodes coordinates alone
        return skeleton
    maps = heatmaps[0].numpy()
    if mode == 'transformed':
        return np.hstack([skeleton, overlay_map(_enlarged(picture), maps.max(0), sample.input_size)])
    names = metainfo['keypoint_id2name']
    tiles = [_titled(overlay_map(_enlarged(picture), one, sample.input_size), names[k]) for k, one in enumerate(maps)]
    columns = 6
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[first : first + columns]) for first in range(0, len(tiles), columns)])


def _draw_skeleton(picture: np.ndarray, sample: Any, metainfo: dict[str, Any], boxes: bool) -> np.ndarray:
    """The picture with the labelled joints in the data set's colours (COCO: the left side green, the right orange)."""
    image = picture.copy() if boxes else _enlarged(picture)
    factor = image.shape[0] / picture.shape[0]
    instances = sample.gt_instances
    keypoints = np.asarray(instances.get('transformed_keypoints', instances.keypoints))[..., :2]
    visible = np.asarray(instances.keypoints_visible)
    # the centre of pixel i becomes the centre of its block; OpenCV takes sixteenths of a pixel
    points = np.rint(((keypoints + 0.5) * factor - 0.5) * 16).astype(int)
    labelled = (visible[..., 0] if visible.ndim == 3 else visible) > 0
    size = max(2, image.shape[0] // 250)
    style = dict(lineType=cv2.LINE_AA, shift=4)
    for person, shown in zip(points.tolist(), labelled, strict=True):
        for (start, end), color in zip(metainfo['skeleton_links'], metainfo['skeleton_link_colors'], strict=True):
            if shown[start] and shown[end]:
                cv2.line(image, person[start], person[end], color.tolist(), size, **style)
        for point, color, drawn in zip(person, metainfo['keypoint_colors'], shown, strict=True):
            if drawn:
                cv2.circle(image, point, (size + 1) * 16, color.tolist(), cv2.FILLED, **style)
    for left, top, right, bottom in np.rint(instances.bboxes).astype(int).tolist() if boxes else ():
        cv2.rectangle(image, (left, top), (right, bottom), (255, 255, 255), size)
    return image


def _enlarged(picture: np.ndarray) -> np.ndarray:
    factor = max(1, round(_DRAWN_HEIGHT / picture.shape[0]))
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def _titled(picture: np.ndarray, title: str) -> np.ndarray:
    return cv2.putText(picture, title, (8, 32), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2, cv2.LINE_AA)
