"""Random odd inputs for every codec and every loss, and what has to hold for all of them.

    python tests/fuzz.py --seed 0 --count 1000000

Each seed stands for one round: one codec or loss, one batch of joints. ``--count`` is a number of joints; rounds with
rising seeds follow one another until so many were checked. Each finding is printed with the seed that repeats it
(``--seed SEED --count 1``). The exit status is 1 if there are findings. ``tests/test_fuzz.py`` runs some rounds of
each codec and loss.
"""

import argparse
import itertools
import math
import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from odd_inputs import ODD, WEIGHTS, odd_maps, odd_points, odd_strides, pick

from mmpose_ext.codecs import DarkHeatmap, IntegralLabel, Keypoints, RegressionLabel
from mmpose_ext.functional import has_weight
from mmpose_ext.models.losses import (
    CoordinateLoss,
    HeatmapBCELoss,
    HeatmapCrossEntropyLoss,
    HeatmapDistillationLoss,
    RLELoss,
    VolumeCrossEntropyLoss,
    VolumeMSELoss,
)

BATCHES = [(0, 17), (3, 0), (1, 1), (1, 133), (7, 5), (24, 17), (4, 133)]
SIZES = [((96, 128), (24, 32)), ((64, 64), (64, 16)), ((60, 40), (30, 40)), ((7, 5), (3, 2)), ((40, 31), (13, 9))]
SIZES += [((32, 32), (1, 1))]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
DEPTH = dict(depth_size=8, depth_range=2000.0)
FLOW = dict(type='RealNVP', hidden_channels=8, num_couplings=2)


def _codecs() -> Iterator[tuple[type, dict]]:
    for encoding, decoding, kernel, offset in itertools.product(
        ('unbiased', 'biased'), ('dark', 'shift', 'argmax'), (11, 3, None), (2.0, 0.25, None)
    ):
        if decoding == 'dark' or (kernel, offset) == (11, 2.0):
            yield DarkHeatmap, dict(encoding=encoding, decoding=decoding, blur_kernel_size=kernel, max_offset=offset)
    for kind, decoding in itertools.product(('gaussian', 'one_hot', 'disk', None), ('integral', 'argmax', 'shift')):
        yield IntegralLabel, dict(heatmap_type=kind, decoding=decoding)
        if kind != 'disk':
            yield IntegralLabel, dict(heatmap_type=kind, decoding=decoding, **DEPTH)
    yield IntegralLabel, dict(heatmap_type='gaussian', decoding='dark')
    yield RegressionLabel, {}
    yield RegressionLabel, dict(depth_range=2000.0)


# loss, its options, shape behind (B, K)
LOSSES: list[tuple[type, dict, tuple[int, ...]]] = [
    (CoordinateLoss, {}, (2,)),
    (CoordinateLoss, dict(norm='l2'), (3,)),
    (HeatmapCrossEntropyLoss, {}, (4, 3)),
    (HeatmapCrossEntropyLoss, dict(beta=2.0), (2, 4, 3)),
    (HeatmapBCELoss, {}, (4, 3)),
    (HeatmapDistillationLoss, {}, (4, 3)),
    (HeatmapDistillationLoss, dict(kind='cross_entropy'), (4, 3)),
    (VolumeMSELoss, {}, (2, 4, 3)),
    (VolumeCrossEntropyLoss, {}, (2, 4, 3)),
    (RLELoss, dict(flow=FLOW), (2,)),
    (RLELoss, dict(flow=dict(FLOW, dim=3), flow_2d=FLOW), (3,)),
    (RLELoss, dict(flow=FLOW, residual=False), (2,)),
    (RLELoss, dict(flow=FLOW, residual=False, reparameterized=False), (2,)),
    (RLELoss, dict(flow=None, q_distribution='gaussian'), (3,)),
]
CODECS = list(_codecs())
SUBJECTS: list[tuple] = CODECS + LOSSES


# ---------------------------------------------------------------------------------------------
# what has to hold; each of these yields findings
def holds(right: torch.Tensor, what: str, *shown: torch.Tensor) -> Iterator[str]:
    """A finding unless ``right`` (B, K, ...) is true everywhere; ``shown`` (B, K, ...) are values of the first one."""
    wrong = (~right).nonzero()
    if len(wrong):
        at = tuple(wrong[0].tolist())
        values = ', '.join(str(value[at[:2]].flatten()[:6].tolist()) for value in shown)
        yield f'not {what}, {len(wrong)} times, first at {at}: {values}'


def close(left: torch.Tensor, right: torch.Tensor, tolerance: float = 1e-5) -> torch.Tensor:
    """Whether two tensors are equal but for rounding."""
    return torch.isclose(left.double(), right.double(), rtol=tolerance, atol=tolerance)


def check_encode(rng: np.random.Generator, codec, batch: tuple[int, int]) -> Iterator[str]:
    count, axes = math.prod(batch), pick(rng, [2, codec.dim]) if not isinstance(codec, DarkHeatmap) else 2
    dtype = pick(rng, [np.float16, np.float32, np.float64])
    points = odd_points(rng, count, axes, (*codec.input_size, 1200.0)).reshape(*batch, axes).astype(dtype)
    visible = rng.choice(WEIGHTS, batch).astype(dtype)
    encoded = codec.encode_batch(torch.from_numpy(points), torch.from_numpy(visible))
    shown = torch.from_numpy(points), torch.from_numpy(visible)
    for name, values in encoded.items():
        yield from holds(values.isfinite(), f'{name} is finite', *shown)
        if name.endswith('weights'):
            yield from holds((values == 0) | (values == 1), f'{name} is 0 or 1', *shown)
            yield from holds((values == 0) | (shown[1] > 0), f'{name} is 0 without a label', *shown)
        elif name != 'keypoint_labels':
            yield from holds((values >= 0) & (values <= 1), f'{name} is in [0, 1]', *shown)
    if 'heatmaps' in encoded:
        empty = encoded['heatmaps'].amax((-2, -1)) == 0
        yield from holds(empty | (encoded['keypoint_weights'] > 0), 'a map without weight is 0', *shown)
    for image in range(min(batch[0], 3)):
        one = slice(image, image + 1)
        single = codec.encode(odd_strides(rng, points[one]), odd_strides(rng, visible[one]))
        for name, values in encoded.items():
            found = torch.from_numpy(single[name]).reshape(values[one].shape)
            yield from holds(
                close(found, values[one]), f'{name} of one image as in the batch', *(t[one] for t in shown)
            )


def check_decode(rng: np.random.Generator, codec, batch: tuple[int, int]) -> Iterator[str]:
    count, dim, dtype = math.prod(batch), codec.dim, pick(rng, DTYPES)
    if codec.decodes_maps:
        cells = codec.heatmap_size[::-1] if codec.depth_size is None else (codec.depth_size, *codec.heatmap_size[::-1])
        maps = torch.from_numpy(odd_maps(rng, count, cells).reshape(*batch, *cells)).to(dtype)
        encoded, parts = maps, lambda one: maps[one]
        turned = maps.transpose(-1, -2).contiguous().transpose(-1, -2)
        numbers = maps.float() if dtype == torch.float64 else maps
        top, bottom = numbers.flatten(2).amax(-1), numbers.flatten(2).amin(-1)
        nothing = numbers.flatten(2).isnan().any(-1) | ~(top > 0) | top.isinf() | (top == bottom)
        nothing &= top.new_tensor(math.prod(cells) > 1, dtype=torch.bool)
    else:
        values = odd_points(rng, count * 2, dim, (1.0, 1.0, 1.0)).reshape(2, *batch, dim)
        points, sigmas = torch.from_numpy(values).to(dtype)
        encoded = Keypoints(points, torch.from_numpy(rng.choice(ODD, batch)).to(dtype), pick(rng, [sigmas, None]))
        parts = lambda one: Keypoints(*(None if part is None else part[one] for part in encoded))  # noqa: E731
        turned, nothing = encoded, ~(encoded.points.isfinite().all(-1) & encoded.scores.isfinite())
    points, scores, sigmas, _ = codec.decode_tensors(encoded)
    shown = points, scores
    for name, values in (('points', points), ('scores', scores), ('sigmas', sigmas)):
        if values is not None:
            yield from holds(values.isfinite(), f'{name} are finite', *shown)
    yield from holds(~nothing | (scores <= 0), 'the score is at most 0 where there is nothing to find', *shown)
    if codec.decodes_maps and (not isinstance(codec, DarkHeatmap) or codec.max_offset is not None):
        middle = points.new_tensor((*codec.input_size, 0.0)[:dim]) / 2
        reach = points.new_tensor((*codec.input_size, codec.depth_range or 0.0)[:dim]) / 2
        yield from holds((points - middle).abs() <= reach * (1 + 1e-6), 'points are in the image', *shown)
    for found, one in [(codec.decode_tensors(turned), slice(None))] + [
        (codec.decode_tensors(parts(slice(image, image + 1))), slice(image, image + 1))
        for image in range(min(batch[0], 3))
    ]:
        same = close(found.points, points[one], 1e-3).all(-1) & close(found.scores, scores[one])
        yield from holds(same, 'decoded alone and turned as in the batch', found.points, points[one], scores[one])


def round_trip_error(codec) -> float:
    """Largest error in cells of keypoints that are encoded and decoded, far from the border."""
    if not codec.decodes_maps:
        return 1e-4
    limits = {'argmax': 0.5, 'shift': 0.25, 'dark': 0.05}
    if isinstance(codec, DarkHeatmap):
        nearest_cell = codec.encoding == 'biased'
        if codec.max_offset == 0.25:
            limits['dark'] = 0.25  # longer steps are replaced by the quarter shift
    else:
        nearest_cell = codec.heatmap_type == 'one_hot'
        if codec.heatmap_type == 'disk':  # any cell of the disk
            return codec.radius * max(np.divide(codec.heatmap_size, codec.input_size)) + 1
    return (0.5 if nearest_cell else limits[codec.decoding]) + 1e-3


def check_round_trip(rng: np.random.Generator, codec, batch: tuple[int, int]) -> Iterator[str]:
    cells = np.array(codec.heatmap_size or codec.input_size)
    margin = np.where(cells > 24, 10, 3)
    if (cells < 7).any() or (isinstance(codec, DarkHeatmap) and codec.blur_kernel_size == 11 and (cells < 24).any()):
        return
    places = margin + rng.random((*batch, 2)) * (cells - 1 - 2 * margin)
    points = torch.from_numpy(places * np.array(codec.input_size) / cells).float()
    if codec.dim == 3:
        depth = torch.from_numpy(rng.uniform(-600, 600, (*batch, 1))).float()
        points = torch.cat((points, depth), -1)
    targets = codec.encode_batch(points)
    output = codec.exact_output(targets)
    if output is None:
        return
    found, scores, *_ = codec.decode_tensors(output)
    error = (found[..., :2] - points[..., :2]) / torch.tensor(codec.input_size) * torch.from_numpy(cells)
    yield from holds(error.abs() <= round_trip_error(codec), 'decoded where it was encoded', points, found)
    yield from holds(scores > 0, 'a drawn joint has a score', points, scores)
    if codec.dim == 3:
        step = codec.depth_range / (codec.depth_size or 100)
        yield from holds((found[..., 2] - points[..., 2]).abs() <= 0.501 * step, 'depth as encoded', points, found)


def check_loss(rng: np.random.Generator, loss, shape: tuple[int, ...], batch: tuple[int, int]) -> Iterator[str]:
    def draw(*tail: int) -> torch.Tensor:
        return torch.from_numpy(rng.random((*batch, *tail))).float()

    volume = isinstance(loss, VolumeMSELoss | VolumeCrossEntropyLoss)
    by_axis = isinstance(loss, CoordinateLoss) and rng.random() < 0.5
    scale = 10.0 ** rng.integers(-6, 4)
    dtype = pick(rng, [torch.float32, torch.float32, torch.float64, torch.bfloat16])
    outputs = [((draw(*shape) - 0.5) * scale).to(dtype) for _ in range(2 if isinstance(loss, RLELoss) else 1)]
    targets = [draw(*shape[1:]), draw(shape[0])] if volume else [draw(*shape)]
    targets = [values / values.flatten(2).sum(-1).view(*batch, *(1,) * (values.dim() - 2)) for values in targets]
    weights = torch.from_numpy(rng.choice(WEIGHTS, (*batch, shape[0]) if by_axis else batch)).float()
    more = [torch.from_numpy(rng.choice(WEIGHTS, batch)).float()] if volume else []
    counted = has_weight(weights)

    def result(fill: bool) -> list[torch.Tensor]:
        chosen = [values.clone() for values in (*outputs, *targets)]
        for values in chosen if fill else ():
            odd = (
                torch.from_numpy(odd_maps(rng, math.prod(batch), values.shape[2:])).view(values.shape).to(values.dtype)
            )
            mask = counted.view(*counted.shape, *(1,) * (values.dim() - counted.dim()))
            values.copy_(torch.where(mask, values, odd))
        learned, fixed = chosen[: len(outputs)], chosen[len(outputs) :]
        loss.zero_grad()
        value = loss(*(values.requires_grad_() for values in learned), fixed[0], weights, *fixed[1:], *more)
        value.backward()
        return [value.detach(), *(values.grad for values in learned), *(one.grad for one in loss.parameters())]

    plain, filled = result(False), result(True)
    names = ['loss', *('gradient' for _ in outputs), *('gradient of a parameter' for _ in plain)]
    for name, before, after in zip(names, plain, filled, strict=False):
        if not before.isfinite().all():
            yield f'not {name} is finite, at scale {scale} in {dtype}'
        if not torch.equal(before.nan_to_num(), after.nan_to_num()):
            yield f'not {name} is the same whatever joints without weight hold, at scale {scale} in {dtype}'
    for gradient in filled[1 : 1 + len(outputs)]:
        mask = counted.view(*counted.shape, *(1,) * (gradient.dim() - counted.dim()))
        yield from holds((gradient == 0) | mask, 'the gradient of a joint without weight is 0', gradient)


# ---------------------------------------------------------------------------------------------
def run_round(seed: int) -> tuple[str, int, list[str]]:
    """Name of the codec or loss of this seed, the number of joints that were checked, and findings."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    kind, options, *shape = SUBJECTS[seed % len(SUBJECTS)]
    batch = pick(rng, BATCHES)
    name = f'{kind.__name__}({", ".join(f"{key}={value!r}" for key, value in options.items())}), batch {batch}'
    try:
        if shape:
            loss = kind(**options, reduction=pick(rng, ['valid', 'batch', 'all']))
            return name, math.prod(batch), list(check_loss(rng, loss, shape[0], batch))
        size, cells = pick(rng, SIZES)
        codec = kind(size, **options) if kind is RegressionLabel else kind(size, cells, sigma=1.5, **options)
        name += f', {size} and {cells}'
        checks = (check_encode, check_decode, check_round_trip)
        return name, math.prod(batch), [found for check in checks for found in check(rng, codec, batch)]
    except Exception as error:
        return name, math.prod(batch), [f'{type(error).__name__}: {error}']


def main() -> int:
    """Run rounds until ``--count`` joints were checked; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--seed', type=int, default=0, help='seed of the first round (default: %(default)s)')
    parser.add_argument('--count', type=int, default=10**6, help='joints to check at least (default: %(default)s)')
    arguments = parser.parse_args()
    warnings.filterwarnings('ignore', message='overflow encountered')  # 1e200 in float32
    start, printed, joints, findings = time.monotonic(), time.monotonic(), 0, 0
    for seed in itertools.count(arguments.seed):
        name, count, found = run_round(seed)
        joints, findings = joints + count, findings + len(found)
        for what in found:
            print(f'seed {seed}: {name}: {what}', flush=True)
        if time.monotonic() - printed > 10:
            printed = time.monotonic()
            print(f'{joints} joints, {findings} findings, {printed - start:.0f} s', flush=True)
        if joints >= arguments.count:
            break
    print(f'{joints} joints in {seed - arguments.seed + 1} rounds, {findings} findings')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
