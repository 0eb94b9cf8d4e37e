"""Predicted and true 3D skeletons beside the crop that the network saw."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.apis import init_model
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.structures import PoseDataSample

from mmpose_ext.evaluation.camera_mpjpe import camera_points
from mmpose_ext.functional import align_similarity, find_root, root_relative
from mmpose_ext.registry import DATASETS
from mmpose_ext.runtime.skeleton import Skeleton

from .dataset_skeleton import SIDE_COLORS, skeleton_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d import Axes3D

__all__ = ['PHASES', 'draw_3d', 'draw_person']

PHASES = ('train', 'val', 'test')

_RGB = {side: tuple(channel / 255 for channel in color[::-1]) for side, color in SIDE_COLORS.items()}
_GRAY = (0.72, 0.72, 0.72)
# left, bottom, width, height of the crop, the side view and the two cubes, as shares of the figure
_PLACES = ((0.01, 0.13, 0.21, 0.7), (0.27, 0.13, 0.22, 0.7), (0.49, 0.02, 0.25, 0.83), (0.74, 0.02, 0.25, 0.83))
_ELEVATION, _AZIMUTH = 15, -50  # degrees; the camera is at azimuth -90


def draw_3d(
    config: str,
    checkpoint: str,
    out_dir: str | None = None,
    number: int = 8,
    phase: str = 'test',
    device: str = 'cpu',
    cfg_options: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Predict people of a 3D dataset and draw each of them into a PNG.

    Args:
        config: Path of the config.
        checkpoint: Path or address of the weights.
        out_dir: Folder for the images ``<number of the sample>_<name of the image>.png``; None for
            ``work_dirs/<name of the config>/3d``.
        number: How many people, at equal distances in the dataset.
        phase: Whose dataset: 'val' or 'test', or 'train' if it has 3D samples that its pipeline does not rotate.
        device: Where the network runs.
        cfg_options: Values by dotted key, merged into the config.

    Returns:
        The files written.

    Raises:
        ValueError: If an argument is out of range, or the samples have no camera.
    """
    if phase not in PHASES:
        raise ValueError(f"'phase' must be one of {', '.join(PHASES)}, got {phase!r}")
    if number < 1:
        raise ValueError(f"'number' must be 1 or more, got {number}")
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(cfg_options or {}))
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    dataset = DATASETS.build(cfg[f'{phase}_dataloader'].dataset)
    model = init_model(cfg, checkpoint, device=device)
    folder = Path(out_dir or Path('work_dirs') / Path(config).stem / '3d')
    folder.mkdir(parents=True, exist_ok=True)
    skeleton = skeleton_of(cfg)
    root = find_root(_names(dataset))
    files = []
    for index in np.unique(np.linspace(0, len(dataset) - 1, number).round().astype(int)):
        item = dataset[int(index)]
        with torch.no_grad():
            (sample,) = model.test_step(pseudo_collate([item]))
        files.append(folder / f'{index:05d}_{Path(sample.img_path).stem}.png')
        crop = np.ascontiguousarray(item['inputs'].numpy().transpose(1, 2, 0)[..., ::-1])
        draw_person(crop, sample, skeleton, root, files[-1])
    return files


def _names(dataset: BaseCocoStyleDataset) -> list[str]:
    return [name for _, name in sorted(dataset.metainfo['keypoint_id2name'].items())]


def draw_person(crop: np.ndarray, sample: PoseDataSample, skeleton: Skeleton, root: Sequence[int], file: Path) -> None:
    """Draw one person: the crop with both skeletons, both from the side, the true and the predicted one in space.

    Left limbs are orange, right ones blue. Beside the predicted skeleton the true one is white in the crop and gray in
    space. All is in the camera's frame, which is tilted if the camera looks down, relative to the root.

    Args:
        crop: (H, W, 3), the network's input as RGB.
        sample: With ``pred_instances``, ``gt_instances`` and ``raw_ann_info``.
        skeleton: Links and sides of the joints.
        root: The joints whose mean is the root.
        file: The PNG.
    """
    from matplotlib.figure import Figure  # here, so that tools that draw nothing do not wait for it

    points, truth = camera_points(sample.to_dict())
    valid = np.isfinite(truth).all(-1)
    moved, goal = (root_relative(one[None], root)[0] for one in (points, truth))
    aligned = align_similarity(points[None], truth[None], valid[None])[0]
    errors = [float(np.linalg.norm(one - two, axis=1)[valid].mean()) for one, two in ((moved, goal), (aligned, truth))]
    middle, half = _cube(np.concatenate([goal[valid], moved[valid]]))
    figure = Figure(figsize=(15, 4.6))
    crop_axes, side = (figure.add_axes(place) for place in _PLACES[:2])
    _draw_crop(crop_axes, crop, sample, skeleton, valid)
    _, depth, up = middle
    side.set(xlim=(depth - half, depth + half), ylim=(up - half, up + half), xlabel='depth, mm', ylabel='up, mm')
    side.set(title='from the right of the image\npredicted; true in gray', aspect='equal')
    side.grid(alpha=0.4)
    _draw_limbs(side, _places(goal)[:, 1:], valid, skeleton, gray=True)
    _draw_limbs(side, _places(moved)[:, 1:], valid, skeleton)
    space = _space(figure, _PLACES[2], 'turned: true', middle, half)
    _draw_limbs(space, _places(goal), valid, skeleton)
    space = _space(figure, _PLACES[3], 'turned: predicted\ntrue in gray', middle, half)
    _draw_limbs(space, _places(goal), valid, skeleton, gray=True)
    _draw_limbs(space, _places(moved), valid, skeleton)
    for axes in figure.axes:
        axes.title.set_fontsize(10)
    figure.suptitle(f'MPJPE {errors[0]:.0f} mm, PA-MPJPE {errors[1]:.0f} mm, {valid.sum()} joints', fontsize=12)
    figure.savefig(file, dpi=100)


def _draw_crop(axes: 'Axes', crop: np.ndarray, sample: PoseDataSample, skeleton: Skeleton, valid: np.ndarray) -> None:
    center, scale = np.asarray(sample.input_center), np.asarray(sample.input_scale)
    size = np.asarray(sample.input_size)
    axes.imshow(crop)
    for instances, white in ((sample.gt_instances, True), (sample.pred_instances, False)):
        pixels = (np.asarray(instances.keypoints)[0, :, :2] - center) / scale * size + size / 2
        for start, end, color in _limbs(skeleton, valid):
            x, y = pixels[[start, end]].T
            width = 1 if white else 2
            axes.plot(x, y, color='white' if white else color, linewidth=width, solid_capstyle='round')
    axes.set(xlim=(-0.5, crop.shape[1] - 0.5), ylim=(crop.shape[0] - 0.5, -0.5), xticks=[], yticks=[])
    axes.set_title('crop: predicted\ntrue in white')


def _limbs(skeleton: Skeleton, valid: np.ndarray) -> Sequence[tuple[int, int, tuple[float, ...]]]:
    """Links between valid joints, with their colors."""
    return [
        (start, end, _RGB[skeleton.side_of_link((start, end))])
        for start, end in skeleton.links
        if valid[start] and valid[end]
    ]


def _places(points: np.ndarray) -> np.ndarray:
    """Points (K, 3) of the camera's frame in the order in which they are drawn: to the right, into the image, up."""
    return points[:, [0, 2, 1]] * (1, 1, -1)


def _cube(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Middle and half side, in whole 50 mm, of a cube around points as drawn, so that all axes have one scale."""
    places = _places(points)
    low, high = places.min(0), places.max(0)
    return (low + high) / 2, 50 * float(np.ceil((1.1 * (high - low).max() / 2 + 1) / 50))


def _space(
    figure: 'Figure', place: tuple[float, float, float, float], title: str, middle: np.ndarray, half: float
) -> 'Axes3D':
    """An empty cube: to the right, into the image, up; millimeters from the root."""
    from matplotlib.ticker import MaxNLocator

    space = cast('Axes3D', figure.add_axes(place, projection='3d', proj_type='ortho'))
    space.set_box_aspect((1, 1, 1), zoom=0.9)
    (x, depth, up), reach = middle, np.array([-half, half])
    space.set(xlim=x + reach, ylim=depth + reach, zlim=up + reach, title=title)
    space.set(xlabel='x, mm', ylabel='depth, mm', zlabel='up, mm')
    for axis in (space.xaxis, space.yaxis, space.zaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.label.set_fontsize(8)
    space.tick_params(labelsize=7)
    space.patch.set_alpha(0)  # the label of its neighbor reaches into it
    space.view_init(elev=_ELEVATION, azim=_AZIMUTH)
    return space


def _draw_limbs(axes: 'Axes', places: np.ndarray, valid: np.ndarray, skeleton: Skeleton, gray: bool = False) -> None:
    """Draw a skeleton of points (K, D) into axes of D dimensions."""
    for start, end, color in _limbs(skeleton, valid):
        axes.plot(*places[[start, end]].T, color=_GRAY if gray else color, linewidth=4 if gray else 2)
    if not gray:
        axes.plot(*places[valid].T, 'o', markersize=2.5, color='black')
