"""Depth of the joints against what the head's codec can encode."""

from collections.abc import Sequence

import numpy as np

from .findings import Finding, percent
from .records import is_labeled
from .samples import Item

__all__ = ['check_depths']


def check_depths(items: Sequence[Item], reach: float | None) -> list[Finding]:
    """How many joints of the training have a depth, and whether the codec reaches as far.

    Args:
        items: What the training's pipeline returned for people.
        reach: ``depth_range`` of the head's codec in millimeters; None for a codec without depth.
    """
    depths = []
    for item in items:
        instances = item['data_samples'].gt_instances
        points = np.asarray(instances.transformed_keypoints)[0]
        flags = np.asarray(instances.keypoints_visible)[0].reshape(len(points), -1)[:, 0]
        depths.append(np.where(is_labeled(flags), points[:, 2] if points.shape[1] > 2 else np.nan, np.nan))
    known = np.isfinite(np.stack(depths))
    if not known.any():
        if reach is None:
            return []
        what = f'the codec encodes depth, and no joint of {len(items)} people has one'
        advice = 'take a dataset with depth, or a codec and a head without'
        return [Finding('error', 'depth', 'train', what, advice)]
    values = np.stack(depths)[known]
    what = (
        f'{known.any(1).sum()} of {len(items)} people have joints with a depth, {values.min():.0f} to '
        f'{values.max():.0f} mm from the root'
    )
    if reach is None:
        return [Finding('warning', 'depth', 'train', f'{what}; the codec has no depth_range and leaves it out')]
    outside = int((np.abs(values) > reach / 2).sum())
    what += f'; {percent(outside, len(values))} of their joints are beyond the depth_range of {reach:g} mm'
    if outside > 0.05 * len(values):
        advice = 'are the depths millimeters behind the root? Otherwise enlarge depth_range'
        return [Finding('warning', 'depth', 'train', what, advice)]
    return [Finding('info', 'depth', 'train', what)]
