"""What a perfect network would give: the error in pixels and the scores of encoding and decoding alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.utils.typing import ConfigType

from mmpose_ext.codecs import KeypointCodec
from mmpose_ext.registry import KEYPOINT_CODECS

from .findings import Finding, describe_error

__all__ = ['Decoded', 'build_codec', 'check_codec', 'encode_decode']

_BORDER = 3  # cells from the map's border within which a decoder cannot refine


@dataclass(frozen=True)
class Decoded:
    """Joints that were encoded and decoded again.

    Args:
        points: (B, K, 2) in input pixels.
        scores: (B, K).
        drawn: (B, K) bool: whether a target was drawn.
        from_maps: Whether they were decoded from heatmaps. Other targets (coordinates, SimCC's distributions) are not
            what a network puts out at test time, and have no score to go by.
    """

    points: np.ndarray
    scores: np.ndarray
    drawn: np.ndarray
    from_maps: bool


def build_codec(config: ConfigType | None) -> tuple[BaseKeypointCodec | None, list[Finding]]:
    """The codec of a head, or None and what its constructor says."""
    if not config:
        what = 'the head has no decoder: it can neither draw targets nor predict joints'
        return None, [Finding('warning', 'codec', 'model', what)]
    try:
        return KEYPOINT_CODECS.build(dict(config)), []
    except Exception as error:  # constructors of codecs raise what they like
        return None, [Finding('error', 'codec', 'model', f'the codec cannot be built: {describe_error(error)}')]


def encode_decode(codec: BaseKeypointCodec, keypoints: np.ndarray, labeled: np.ndarray) -> Decoded | None:
    """Encode joints and decode the targets.

    Args:
        codec: A codec of MMPose or of this package, for images of one person.
        keypoints: (B, K, 2) in input pixels, float32.
        labeled: (B, K) bool.

    Returns:
        The decoded joints, or None if the codec's targets are not what it decodes.
    """
    flags = labeled.astype(np.float32)
    if isinstance(codec, KeypointCodec):
        targets = codec.encode_batch(torch.from_numpy(keypoints), torch.from_numpy(flags))
        output = codec.exact_output(targets)
        if output is None:
            return None
        found = codec.decode_tensors(output)
        drawn = targets['keypoint_weights'].numpy() > 0
        return Decoded(found.points[..., :2].numpy(), found.scores.numpy(), drawn, codec.decodes_maps)
    results, maps = [], False
    for person, flag in zip(keypoints, flags, strict=True):
        encoded = codec.encode(person[None], flag[None])
        outputs = _decodable(encoded)
        if outputs is None:
            return None
        maps = outputs[0] is encoded.get('heatmaps')
        point, score = codec.decode(*outputs)
        weights = np.asarray(encoded.get('keypoint_weights', flag)).reshape(-1)[: len(flag)]
        results.append((point[0, :, :2], np.broadcast_to(np.asarray(score).reshape(-1), flag.shape), weights > 0))
    points, scores, drawn = (np.stack(column) for column in zip(*results, strict=True))
    return Decoded(points, scores, drawn, maps)


def _decodable(encoded: Mapping[str, np.ndarray | torch.Tensor]) -> tuple[np.ndarray | torch.Tensor, ...] | None:
    """What a network that predicts its targets would hand to the decoder."""
    for names in (('keypoint_x_labels', 'keypoint_y_labels'), ('keypoint_labels',), ('heatmaps',)):
        if all(name in encoded for name in names):
            return tuple(encoded[name] for name in names)
    return None


def check_codec(
    codec: BaseKeypointCodec, keypoints: np.ndarray, labeled: np.ndarray, threshold: float | None = None
) -> list[Finding]:
    """Error in pixels and scores when the dataset's own joints are encoded and decoded.

    Args:
        codec: The head's.
        keypoints: (B, K, 2) in input pixels, float32.
        labeled: (B, K) bool.
        threshold: ``keypoint_score_thr`` of the evaluator, or None.
    """
    labeled = labeled & np.isfinite(keypoints).all(-1)
    name = type(codec).__name__
    try:
        decoded = encode_decode(codec, np.where(labeled[..., None], keypoints, 0), labeled)
    except Exception as error:  # a codec of the user's may raise anything
        return [Finding('error', 'codec', 'model', f'encoding or decoding fails: {describe_error(error)}')]
    if decoded is None:
        return [Finding('info', 'codec-error', 'model', f'{name}: its targets cannot be decoded by themselves')]
    # without maps a joint may be anywhere in the image
    size = _size_of(codec, 'input_size')
    cells = np.array(_size_of(codec, 'heatmap_size') if decoded.from_maps else size, float)
    cell = np.array(size, float) / cells
    inside = labeled & decoded.drawn & ((keypoints >= 0) & (keypoints <= (cells - 1) * cell)).all(-1)
    if not inside.any():
        what = f'{name}: no joint inside the map to measure its error with'
        return [Finding('warning', 'codec-error', 'model', what)]
    middle = inside & ((keypoints >= _BORDER * cell) & (keypoints <= (cells - 1 - _BORDER) * cell)).all(-1)
    distance = np.linalg.norm(decoded.points - keypoints, axis=-1)
    if not decoded.from_maps:
        return [_report_error(codec, distance[inside])]
    findings = [_report_error(codec, distance[inside], distance[middle], cells)]
    return [*findings, _report_scores(name, decoded.scores[inside], threshold)]


def _size_of(codec: BaseKeypointCodec, name: str) -> tuple[int, int]:
    """A size (w, h) of a codec. MMPose's IntegralRegressionLabel leaves its sizes to the codecs that it is made of."""
    owner = codec if name in vars(codec) else vars(codec).get('heatmap_codec', codec)
    width, height = getattr(owner, name)
    return width, height


def _report_error(
    codec: BaseKeypointCodec, inside: np.ndarray, middle: np.ndarray | None = None, cells: np.ndarray | None = None
) -> Finding:
    """Errors in pixels of all joints and, with maps of (W, H) cells, of those away from the border."""
    width, height = _size_of(codec, 'input_size')
    limit = 1.0
    text = f'{type(codec).__name__}, {width} x {height} pixels'
    if cells is not None:
        limit = max(width / cells[0], height / cells[1])
        text += f' in {cells[0]:.0f} x {cells[1]:.0f} cells'
    text += f': encoded and decoded, {len(inside)} joints are off by {_statistics(inside)} px'
    if middle is not None and 0 < len(middle) < len(inside):
        text += f'; those {_BORDER} cells and more from the border by {_statistics(middle)} px'
    if inside.mean() > limit:
        advice = 'more than a cell: no network can do better. Do sigma and the sizes fit?'
        return Finding('warning', 'codec-error', 'model', text, advice)
    return Finding('info', 'codec-error', 'model', text)


def _report_scores(name: str, scores: np.ndarray, threshold: float | None) -> Finding:
    what = (
        f'a perfect network scores {scores.min():.3f} to {scores.max():.3f} '
        f'(the values that {name} decodes of its own targets)'
    )
    if threshold is None or scores.max() > threshold:
        return Finding('info', 'scores', 'model', what)
    advice = 'CocoMetric rates every person 0: lower keypoint_score_thr in the evaluator'
    return Finding('warning', 'score-threshold', 'model', f'{what}; keypoint_score_thr={threshold}', advice)


def _statistics(values: np.ndarray) -> str:
    return f'{values.mean():.4f} (mean), {np.median(values):.4f} (median), {values.max():.4f} (largest)'
