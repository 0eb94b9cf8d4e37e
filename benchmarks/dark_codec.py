"""Compare the speed of the DARK codec with MMPose's: times side by side, ratios, and whether they meet their goals."""

import sys
from collections.abc import Callable

import numpy as np
import torch
from mmpose.codecs import MSRAHeatmap
from torch import Tensor

from mmpose_ext.lab.profiling.timing import Goal, measure, one_thread, run_comparison
from mmpose_ext.registry import KEYPOINT_CODECS

__all__ = ['compare_codecs']

BATCH, JOINTS, HEATMAP_SIZE = 64, 17, (48, 64)
INPUT_SIZE = (4 * HEATMAP_SIZE[0], 4 * HEATMAP_SIZE[1])
CODEC_GOALS = (
    Goal('decode: MMPose / ours', 'MMPose decode', 'batch_decode', 12),
    Goal('decode: ours / bare argmax (torch)', 'batch_decode', 'torch argmax', 2, at_least=False),
    Goal('encode in a data worker: MMPose / ours', 'MMPose encode', 'encode', 6),
    Goal('encode on the device: MMPose / ours', 'MMPose encode', 'encode_batch', 8),
)


def _people() -> tuple[np.ndarray, Tensor]:
    """Keypoints (B, 1, K, 2) inside the image, and maps (B, K, H, W) as a network might answer."""
    generator = np.random.default_rng(0)
    keypoints = generator.uniform(0, np.array(INPUT_SIZE) - 1, (BATCH, 1, JOINTS, 2)).astype(np.float32)
    codec = KEYPOINT_CODECS.build(dict(type='DarkHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE))
    maps = codec.encode_batch(torch.from_numpy(keypoints[:, 0]))['heatmaps']
    noise = generator.uniform(0, 0.02, maps.shape).astype(np.float32)
    return keypoints, 0.9 * maps + torch.from_numpy(noise)


def _codec_functions(device: str) -> dict[str, Callable[[], object]]:
    """What is compared; maps start on the device, keypoints where a data worker or a batch has them."""
    sizes = dict(input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE)
    ours, theirs = (
        KEYPOINT_CODECS.build(dict(type='DarkHeatmap', **sizes)),
        MSRAHeatmap(**sizes, sigma=2, unbiased=True),
    )
    keypoints, maps = _people()
    maps, points = maps.to(device), torch.from_numpy(keypoints[:, 0]).to(device)
    visible = np.ones((1, JOINTS), np.float32)

    def encode_each(codec: MSRAHeatmap) -> None:
        for person in keypoints:  # as a data worker does, which hands each target on
            codec.encode(person, visible)

    functions: dict[str, Callable[[], object]] = {
        'MMPose decode': lambda: [theirs.decode(person) for person in maps.cpu().numpy()],
        'batch_decode': lambda: ours.batch_decode(maps),
        'torch argmax': lambda: maps.flatten(2).argmax(-1),
        'MMPose encode': lambda: encode_each(theirs),
        'encode_batch': lambda: ours.encode_batch(points),
    }
    if device == 'cpu':
        array = maps.numpy().reshape(BATCH, JOINTS, -1)
        functions |= {'numpy argmax': lambda: array.argmax(-1), 'encode': lambda: encode_each(ours)}
    return functions


def compare_codecs(rounds: int = 15, block: float = 0.1) -> tuple[list[str], bool]:
    """Measure decoding and encoding of 64 images of 17 joints with maps of 64x48, on one thread and on a GPU.

    Args:
        rounds: Number of turns of each function.
        block: Seconds that a turn takes at least.

    Returns:
        The lines of a report, and whether every goal is met.
    """
    with one_thread():
        times = measure(_codec_functions('cpu'), rounds, block)
    lines = [f'{BATCH} images x {JOINTS} joints, maps of 64x48, CPU, 1 thread, median of {rounds} rounds']
    lines += [f'  {name:42s} {1000 * seconds:9.3f} ms' for name, seconds in times.items()]
    lines += ['', *(f'  {goal.report(times)}' for goal in CODEC_GOALS)]
    if torch.cuda.is_available():
        device_times = measure(_codec_functions('cuda'), rounds, block, torch.cuda.synchronize)
        lines += ['', f'the same on {torch.cuda.get_device_name()}']
        lines += [f'  {name:42s} {1000 * seconds:9.3f} ms' for name, seconds in device_times.items()]
    return lines, all(goal.is_met(times) for goal in CODEC_GOALS)


if __name__ == '__main__':
    sys.exit(run_comparison(compare_codecs, __doc__))
