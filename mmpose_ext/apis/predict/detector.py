"""Boxes of people from a detector of MMDetection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
from mmcv.transforms import Compose
from mmdet.apis import inference_detector, init_detector
from mmdet.utils import get_test_pipeline_cfg, register_all_modules
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.apis.inferencers.utils import default_det_models
from mmpose.evaluation.functional import nms

from mmpose_ext.checkpoint import load_fitting_weights, read_weights

from .loading import check_threshold, chosen_device, fuse_normalization, named_errors, prepare_for_cpu

__all__ = ['Detector']


class Detector:
    """A detector that finds the boxes of one category.

    Args:
        config: Config of any MMDetection model, or one of the aliases of MMPose's inferencer ('human', 'animal', ...),
            whose weights are downloaded.
        weights: Its checkpoint; not needed with an alias.
        category: Name of the category, or its number.
        score_thr: Boxes with a lower score are left out.
        nms_thr: Overlap (IoU) from which on the weaker of two boxes is left out.
        device: 'auto', 'cpu', 'cuda:0' and so on.

    Raises:
        ValueError: If the config or the category is unknown, the weights are those of another model or cannot be
            downloaded, or a threshold is not between 0 and 1.
    """

    def __init__(
        self,
        config: str | Path,
        weights: str | Path | None = None,
        category: str | int = 'person',
        score_thr: float = 0.3,
        nms_thr: float = 0.5,
        device: str = 'auto',
    ) -> None:
        check_threshold('score_thr', score_thr)
        check_threshold('nms_thr', nms_thr)
        device = chosen_device(device)
        source, checkpoint = _found(config, weights)
        if '://' not in checkpoint:
            read_weights(checkpoint, 'detector_weights')
        register_all_modules(init_default_scope=False)
        # MMDetection prints all weights that do not fit, and goes on
        with named_errors('detector', 'what MMDetection can load', config), _scope(), redirect_stdout(StringIO()):
            self.model = init_detector(source, checkpoint, device=device)
        if '://' not in checkpoint:
            load_fitting_weights(self.model, checkpoint, 'detector_weights')
        fuse_normalization(self.model)
        prepare_for_cpu(self.model)
        with named_errors('detector', 'a config with a test pipeline', config), _scope():
            pipeline = get_test_pipeline_cfg(self.model.cfg.copy())
            pipeline[0].type = 'mmdet.LoadImageFromNDArray'
            self._pipeline = Compose(pipeline)
        self.label = _label(category, self.model.dataset_meta.get('classes', ()))
        self.score_thr = score_thr
        self.nms_thr = nms_thr

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Find boxes.

        Args:
            images: Each (H, W, 3) uint8, BGR.

        Returns:
            For each image (N, 5) x1, y1, x2, y2 in pixels and the score, the most confident first; N is 0 where
            nobody is found.
        """
        with _scope():
            results = inference_detector(self.model, list(images), test_pipeline=self._pipeline)
        return [self._boxes(result.pred_instances.cpu().numpy()) for result in results]

    def _boxes(self, found: InstanceData) -> np.ndarray:
        chosen = (found.labels == self.label) & (found.scores >= self.score_thr)
        boxes = np.column_stack((found.bboxes[chosen], found.scores[chosen])).astype(np.float32)
        boxes = boxes[np.argsort(-boxes[:, 4], kind='stable')]
        return boxes[nms(boxes, self.nms_thr)] if len(boxes) else boxes


@contextmanager
def _scope() -> Iterator[None]:
    """Names without a prefix are MMDetection's inside."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


def _found(config: str | Path, weights: str | Path | None) -> tuple[Config, str]:
    """Config and weights of a detector or of an alias."""
    alias = default_det_models.get(str(config))
    if alias is not None and weights is None and Path(alias['model']).is_file():
        with named_errors('detector', 'an alias whose config is installed', config):
            return Config.fromfile(alias['model']), alias['weights']
    if not Path(config).is_file():
        raise ValueError(
            f"'detector' must be a config of MMDetection or one of {', '.join(sorted(_aliases()))}, "
            f'got {str(config)!r}, which does not exist'
        )
    if weights is None or not Path(weights).is_file():
        raise ValueError(
            f"'detector_weights' must be the checkpoint of {str(config)!r}, got "
            f'{None if weights is None else str(weights)!r}'
        )
    with named_errors('detector', 'a config of MMDetection', config):
        return Config.fromfile(config), str(weights)


def _aliases() -> list[str]:
    return [name for name, alias in default_det_models.items() if Path(alias['model']).is_file()]


def _label(category: str | int, classes: Sequence[str]) -> int:
    """Number of a category; a detector of a single category is taken to find that one."""
    if isinstance(category, int) or str(category).isdecimal():
        if not 0 <= int(category) < max(len(classes), 1):
            raise ValueError(f"'category' must be a number from 0 to {len(classes) - 1}, got {category}")
        return int(category)
    if category in classes:
        return list(classes).index(category)
    if len(classes) == 1:
        return 0
    raise ValueError(f"'category' must be one of {', '.join(classes)}, got {category!r}")
