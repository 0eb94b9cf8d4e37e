"""What a head computes in a step, kept for a second loss without computing it twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ['labelled_joints', 'recorded', 'scaled']


@contextmanager
def recorded(head: Any, name: str, change: Callable[[Any], Any] | None = None) -> Iterator[list[Any]]:
    """What a method of a head returns while this lasts; heads of MMPose have not all of them.

    Args:
        head: The head; it is left as it was.
        name: The method.
        change: What the head gets in place of what the method returns.
    """
    results: list[Any] = []
    method: Any = getattr(head, name, None)
    own = name in vars(head)

    def record(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        results.append(change(result) if change else result)
        return results[-1]

    if method is None:
        yield results
        return
    setattr(head, name, record)
    try:
        yield results
    finally:
        if own:
            setattr(head, name, method)
        else:
            delattr(head, name)


def scaled(value: Any, factor: float) -> Any:
    """A loss, or a list of them, times a factor."""
    return [entry * factor for entry in value] if isinstance(value, (list, tuple)) else value * factor


def labelled_joints(sample: Any, joints: int) -> np.ndarray:
    """Which joints of a sample have a label, (K,), read on the host."""
    instances: Any = getattr(sample, 'gt_instances', {})
    if 'keypoints_visible' in instances:
        flags = np.asarray(instances.keypoints_visible, dtype=np.float32)[0]
        return (flags[..., 0] if flags.ndim == 2 else flags) >= 0.5
    return np.full(joints, 'keypoint_weights' in getattr(sample, 'gt_instance_labels', {}))
