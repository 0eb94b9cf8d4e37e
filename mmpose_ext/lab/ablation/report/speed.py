"""Images per second of the models of several configs, measured in turns."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from mmpose_ext.lab.profiling.timing import measure, one_thread
from mmpose_ext.registry import DATASETS, MODELS

from .results import Json

__all__ = ['images_per_second']

_MAX_BATCH = 32


def _samples(batch: int, input_size: tuple[int, int], joints: int, flip_indices: list[int]) -> list[PoseDataSample]:
    """People whose boxes are the whole input."""
    size = np.array(input_size, np.float32)
    samples = []
    for _ in range(batch):
        sample = PoseDataSample(
            metainfo=dict(input_size=input_size, input_center=size / 2, input_scale=size, flip_indices=flip_indices)
        )
        sample.gt_instances = InstanceData(
            bboxes=np.array([[0, 0, *size]], np.float32),
            bbox_scores=np.ones(1, np.float32),
            keypoints_visible=np.ones((1, joints), np.float32),
        )
        samples.append(sample)
    return samples


def _predictor(cfg: Config) -> Callable[[int], object]:
    """A function that predicts a batch of so many images; its weights are random, which does not change the time."""
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = MODELS.build(cfg.model).eval()
    dataset = DATASETS.build({**cfg.test_dataloader.dataset, 'pipeline': [], 'lazy_init': True})
    width, height = cfg.model.head.decoder.input_size
    inputs = torch.rand(_MAX_BATCH, 3, height, width)

    def predict(batch: int) -> object:
        samples = _samples(batch, (width, height), dataset.metainfo['num_keypoints'], dataset.metainfo['flip_indices'])
        with torch.inference_mode():
            return model.predict(inputs[:batch], samples)

    return predict


def images_per_second(
    configs: Mapping[str, Config], repeats: int = 5, batch_seconds: float = 1.0
) -> tuple[dict[str, float], Json]:
    """Measure how many cropped images a second each config's model predicts on one CPU thread.

    A prediction is the forward pass (two with the flip test), the decoder and the mapping back into the image. Reading
    and cropping images is not in it. The models take turns, see
    :func:`mmpose_ext.lab.profiling.timing.measure`. Configs with equal models are measured once.

    Args:
        configs: Configs by name; the codec of each head has ``input_size``.
        repeats: Number of timed batches of each.
        batch_seconds: The batch is halved from 32 until the slowest model needs about this long, or it is 1.

    Returns:
        Images per second by name, and how they were measured (``batch``, ``threads``, ``device``, ``repeats``).
    """
    keys = {name: str((cfg.model, cfg.test_dataloader.dataset.type)) for name, cfg in configs.items()}
    with one_thread():
        models: dict[str, Callable[[int], object]] = {}
        for name, cfg in configs.items():
            if keys[name] not in models:
                models[keys[name]] = _predictor(cfg)
        slowest = 0.0
        for predict in models.values():
            predict(1)
            start = time.perf_counter()
            predict(1)
            slowest = max(slowest, time.perf_counter() - start)
        batch = _MAX_BATCH
        while batch > 1 and slowest * batch > batch_seconds:
            batch //= 2
        times = measure({key: partial(predict, batch) for key, predict in models.items()}, repeats)
    found = {name: batch / times[key] for name, key in keys.items()}
    return found, dict(device='CPU', threads=1, batch=batch, repeats=repeats)
