"""Fake batches, and slow readable loops that say what the fast code has to compute."""

import copy
import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

FLOOR = 1e-10  # what DARK's official implementation lets the logarithm see at least
# options that make a network of 0.2 million weights of the synthetic configs with a ResNet-18
SMALL_NETWORK = {
    'model.backbone.stem_channels': 8,
    'model.backbone.base_channels': 8,
    'model.head.in_channels': 64,
}


# ---------------------------------------------------------------------------------------------
# configs


@cache
def _read(path: str) -> Config:
    return Config.fromfile(path, format_python_code=False)  # as text in half the time


def load_config(path: Path | str) -> Config:
    """A config, read once for all tests and copied for each."""
    return copy.deepcopy(_read(str(path)))


@cache
def _shapes(backbone: str, head: str, width: int, height: int) -> list[tuple[int, ...]]:
    # without memory a batch norm takes longer than all else, and it keeps the shape
    keep = mock.patch('torch.nn.functional.batch_norm', lambda values, *_, **__: values)
    with torch.device('meta'), torch.no_grad(), keep:
        network, layers = (MODELS.build(json.loads(part)) for part in (backbone, head))
        network.eval(), layers.eval()  # that of HRNet returns nothing
        outputs = layers(network(torch.empty(1, 3, height, width)))
    return [tuple(output.shape) for output in (outputs if isinstance(outputs, tuple | list) else [outputs])]


def output_shapes(model: ConfigDict) -> list[tuple[int, ...]]:
    """Shapes of what a model's head puts out for an image of its codec's size; of several stages, of each.

    Computed without memory, and once for all models whose backbone and layers are the same.
    """
    backbone, head = model.backbone.to_dict(), model.head.to_dict()
    backbone.pop('init_cfg', None)
    width, height = head.pop('decoder')['input_size']
    head.pop('loss', None)  # zuko's flows have to compute where they are built
    for stage in head['head'] if isinstance(head.get('head'), list) else []:
        stage.pop('decoder', None)
    return _shapes(*(json.dumps(part, sort_keys=True) for part in (backbone, head)), width, height)


# ---------------------------------------------------------------------------------------------
# fake batches


def random_keypoints(batch: int, joints: int, size: Sequence[int], margin: float = 0.0, seed: int = 0) -> np.ndarray:
    """Keypoints (B, K, 2) inside an image of ``size`` (w, h), at least ``margin`` pixels from its border."""
    rng = np.random.default_rng(seed)
    low, high = margin, np.array(size) - 1 - margin
    return rng.uniform(low, high, (batch, joints, 2)).astype(np.float32)


def make_samples(
    keypoints: np.ndarray, visible: np.ndarray | None = None, input_size: Sequence[int] | None = (96, 128)
) -> list[PoseDataSample]:
    """Samples as ``PackPoseInputs(pack_transformed=True)`` leaves them; neighbors (0, 1), (2, 3) ... are mirrored."""
    batch, joints = keypoints.shape[:2]
    visible = np.ones((batch, joints), np.float32) if visible is None else visible
    mirrored = [min(joint ^ 1, joints - 1) for joint in range(joints)]
    samples = []
    for points, flags in zip(keypoints, visible, strict=True):
        sample = PoseDataSample(metainfo=dict(flip_indices=mirrored))
        if input_size is not None:
            sample.set_metainfo(dict(input_size=tuple(input_size)))
        sample.gt_instances = InstanceData(transformed_keypoints=points[None], keypoints_visible=flags[None])
        samples.append(sample)
    return samples


def pack_targets(samples: Sequence[PoseDataSample], codec: dict[str, Any]) -> list[PoseDataSample]:
    """The samples as a pipeline with ``GenerateTarget`` leaves them: with targets, without transformed keypoints."""
    packed = []
    for sample in samples:
        results = dict(
            img=np.zeros((*codec['input_size'][::-1], 3), np.uint8),
            transformed_keypoints=sample.gt_instances.transformed_keypoints,
            keypoints_visible=sample.gt_instances.keypoints_visible,
            dataset_keypoint_weights=np.ones(sample.gt_instances.transformed_keypoints.shape[1], np.float32),
            **sample.metainfo,
        )
        packed.append(PackPoseInputs()(GenerateTarget(encoder=dict(codec))(results))['data_samples'])
    return packed


def make_features(batch: int, channels: int, size: Sequence[int], seed: int = 0) -> tuple[Tensor]:
    """A backbone's output: one feature map (B, C, h, w) for ``size`` (w, h)."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(batch, channels, size[1], size[0], generator=generator),)


def network_like_maps(
    count: int, size: Sequence[int], sigma: float = 2.0, noise: float = 0.02, seed: int = 0
) -> tuple[Tensor, np.ndarray]:
    """Maps (N, H, W) as a trained network gives them, and the true centers (N, 2) in cells.

    Gaussians of varying height, width and stretch, with a second weak peak and smooth noise.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    centers = rng.uniform(0, (width - 1, height - 1), (count, 2))
    maps = np.empty((count, height, width), np.float32)
    y, x = np.mgrid[:height, :width]
    for n, (cx, cy) in enumerate(centers):
        sx, sy = sigma * rng.uniform(0.8, 1.3, 2)
        peak = rng.uniform(0.3, 1.0) * np.exp(-((x - cx) ** 2) / (2 * sx**2) - (y - cy) ** 2 / (2 * sy**2))
        ox, oy = rng.uniform(0, (width - 1, height - 1))
        other = 0.15 * np.exp(-((x - ox) ** 2 + (y - oy) ** 2) / (2 * sigma**2))
        smooth = cv2.GaussianBlur(rng.standard_normal((height, width)), (5, 5), 0)
        maps[n] = np.maximum(peak, other) + noise * smooth
    return torch.from_numpy(maps), centers.astype(np.float32)


def can_autocast(dtype: torch.dtype) -> bool:
    """Whether this torch computes in ``dtype`` on the CPU, forwards and backwards: 2.1 does not in float16."""
    try:
        with torch.autocast('cpu', dtype, enabled=dtype != torch.float32):
            torch.nn.Conv2d(2, 2, 1)(torch.rand(1, 2, 4, 4)).sum().backward()
    except RuntimeError:
        return False
    return True


def train_on_hard_batches(
    head: Any, size: Sequence[int], input_size: Sequence[int], dtype: torch.dtype, steps: int = 200
) -> int:
    """Train a head for 2 channels and 3 joints on features that grow up to 10000, every third batch without a joint.

    Returns:
        The number of steps whose gradient was not finite; they are left out, as the scaler of float16 training does.
        Losses, parameters and predictions are finite, or this raises.
    """
    optimizer = torch.optim.SGD(head.train().parameters(), lr=0.01, momentum=0.9)
    keypoints = random_keypoints(2, 3, input_size, margin=-10)
    seen, unseen = (make_samples(keypoints, np.full((2, 3), flag, np.float32), input_size) for flag in (1, 0))
    skipped = 0
    for step in range(steps):
        features = [10 ** (4 * step / steps) * feature for feature in make_features(2, 2, size, seed=step)]
        with torch.autocast('cpu', dtype, enabled=dtype != torch.float32):
            losses = head.loss(features, unseen if step % 3 == 2 else seen)
        assert all(value.isfinite() for value in losses.values()), step
        optimizer.zero_grad()
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        if not torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0).isfinite():
            skipped += 1
            continue
        optimizer.step()
    assert all(parameter.isfinite().all() for parameter in head.parameters())
    with torch.no_grad():
        predictions = head.eval().predict(features, seen)
    assert all(np.isfinite(one.keypoints).all() and np.isfinite(one.keypoint_scores).all() for one in predictions)
    return skipped


# ---------------------------------------------------------------------------------------------
# oracles


def gaussian_targets_loop(
    centers: np.ndarray, visible: np.ndarray, size: Sequence[int], sigma: float, unbiased: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Target maps (K, H, W) and weights (K,) in float64, cell by cell."""
    width, height = size
    maps = np.zeros((len(centers), height, width))
    weights = np.array(visible, dtype=np.float64)
    for k, center in enumerate(centers):
        if visible[k] < 0.5:
            continue
        if not np.isfinite(center).all():
            weights[k] = 0
            continue
        x, y = (float(c) if unbiased else float(int(c + 0.5)) for c in center)
        first = int(x - 3 * sigma), int(y - 3 * sigma)
        behind = int(x + 3 * sigma + 1), int(y + 3 * sigma + 1)
        if first[0] >= width or first[1] >= height or behind[0] < 0 or behind[1] < 0:
            weights[k] = 0
            continue
        for row in range(height):
            for column in range(width):
                if unbiased or (abs(column - x) <= 3 * sigma and abs(row - y) <= 3 * sigma):
                    maps[k, row, column] = math.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return maps, weights


def blur_loop(heatmap: np.ndarray, kernel_size: int) -> np.ndarray:
    """Gaussian blur of a map (H, W) with zeros around it, tap by tap, in float64."""
    taps = cv2.getGaussianKernel(kernel_size, 0)[:, 0]
    half = kernel_size // 2
    height, width = heatmap.shape
    padded = np.pad(heatmap.astype(np.float64), half)
    blurred = np.zeros((height, width))
    for row, row_tap in enumerate(taps):
        for column, column_tap in enumerate(taps):
            blurred += row_tap * column_tap * padded[row : row + height, column : column + width]
    return blurred


def modulate_loop(heatmap: np.ndarray, kernel_size: int | None, form: str = 'ratio') -> np.ndarray:
    """The whole modulated map in float64, rescaled by the ratio of maxima or as equation 11 of the paper says."""
    blurred = heatmap.astype(np.float64) if kernel_size is None else blur_loop(heatmap, kernel_size)
    if form == 'ratio':
        return blurred * heatmap.max() / blurred.max()
    return (blurred - blurred.min()) / (blurred.max() - blurred.min()) * heatmap.max()


def newton_step_loop(modulated: np.ndarray, x: int, y: int) -> tuple[np.ndarray | None, bool]:
    """Newton step (2,) at a cell of a modulated map, None without one; and whether the Hessian is negative definite."""
    height, width = modulated.shape
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return None, False
    p = np.log(np.maximum(modulated, FLOOR))
    gradient = np.array([(p[y, x + 1] - p[y, x - 1]) / 2, (p[y + 1, x] - p[y - 1, x]) / 2])
    dxx = (p[y, x + 2] - 2 * p[y, x] + p[y, x - 2]) / 4
    dyy = (p[y + 2, x] - 2 * p[y, x] + p[y - 2, x]) / 4
    dxy = (p[y + 1, x + 1] - p[y - 1, x + 1] - p[y + 1, x - 1] + p[y - 1, x - 1]) / 4
    hessian = np.array([[dxx, dxy], [dxy, dyy]])
    if np.linalg.det(hessian) == 0:
        return None, False
    return -np.linalg.solve(hessian, gradient), bool((np.linalg.eigvalsh(hessian) < 0).all())


def quarter_shift_loop(heatmap: np.ndarray, x: int, y: int) -> np.ndarray:
    """Shift (2,) by a quarter of a cell towards the higher neighbor, with the official implementations' border rule."""
    height, width = heatmap.shape
    shift = np.zeros(2)
    if 1 < x < width - 1 and 0 < y < height:
        shift[0] = 0.25 * np.sign(heatmap[y, x + 1] - heatmap[y, x - 1])
    if 1 < y < height - 1 and 0 < x < width:
        shift[1] = 0.25 * np.sign(heatmap[y + 1, x] - heatmap[y - 1, x])
    return shift


def dark_loop(
    heatmap: np.ndarray, kernel_size: int | None, max_offset: float | None = None, form: str = 'ratio'
) -> np.ndarray:
    """Point (2,) in cells of one map (H, W) with a maximum above zero."""
    height, width = heatmap.shape
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    cell = np.array([x, y], float)
    step, is_maximum = newton_step_loop(modulate_loop(heatmap, kernel_size, form), x, y)
    if max_offset is None:
        return cell if step is None else cell + step
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return cell
    if step is None or not is_maximum or np.abs(step).max() > max_offset:
        step = quarter_shift_loop(heatmap, x, y)
    return np.clip(cell + step, 0, (width - 1, height - 1))


def build(registry: Any, config: dict[str, Any]) -> Any:
    """Build from a registry without changing the config."""
    return registry.build(dict(config))
