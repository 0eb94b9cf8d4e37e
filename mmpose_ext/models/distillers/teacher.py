"""A frozen network that is no part of the model that learns from it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch import Tensor, nn

from mmpose_ext.checkpoint import load_weights
from mmpose_ext.config import config_path
from mmpose_ext.functional import (
    dark_refine,
    find_peaks,
    heatmap_to_normalized,
    input_to_normalized,
    resample,
)
from mmpose_ext.models.heads import BaseHead, MultiStageHead, RLEHead
from mmpose_ext.registry import MODELS

from .grids import map_grid
from .joints import dataset_metainfo, joints_of, named_metainfo

__all__ = ['Teacher']

# arguments of an estimator: what is left of a config that is a distilled student's itself
_ESTIMATOR = ('backbone', 'neck', 'head', 'train_cfg', 'test_cfg', 'data_preprocessor', 'init_cfg', 'metainfo')


class _Pictures(nn.Module):
    """From the student's normalised pictures to those that the teacher was trained with."""

    scale: Tensor
    shift: Tensor

    def __init__(self, student: Any, teacher: Any, size: Sequence[int]) -> None:
        super().__init__()
        self.size = tuple(size)
        (mean, std, swap), (other_mean, other_std, other_swap) = _normalisation(student), _normalisation(teacher)
        self.swap = swap != other_swap
        if self.swap:
            mean, std = mean[::-1], std[::-1]
        self.same = np.array_equal(mean, other_mean) and np.array_equal(std, other_std)
        scale, shift = std / other_std, (mean - other_mean) / other_std
        self.register_buffer('scale', torch.tensor(scale.tolist()).view(3, 1, 1), persistent=False)
        self.register_buffer('shift', torch.tensor(shift.tolist()).view(3, 1, 1), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Pictures (B, 3, h, w), B and size as the teacher wants them."""
        inputs = inputs.flip(1) if self.swap else inputs
        if not self.same:
            inputs = inputs * self.scale + self.shift
        return resample(inputs, self.size, antialias=True)


def _normalisation(preprocessor: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Mean and standard deviation (3,) that a preprocessor takes off pictures, and whether it swaps red and blue."""
    values = []
    for name, default in (('mean', 0.0), ('std', 1.0)):
        value = getattr(preprocessor, name, None)
        # on the meta device there are no values, and no pictures to come
        numbers = default if value is None or value.is_meta else value.detach().cpu().numpy().reshape(-1)
        values.append(np.broadcast_to(numbers, 3))
    return values[0], values[1], bool(getattr(preprocessor, '_channel_conversion', False))


def _file(name: str) -> str:
    """A config's path: as it is given, or below the configs of this package, wherever those were installed."""
    if Path(name).is_file():
        return name
    try:
        return config_path(name)
    except FileNotFoundError as error:
        raise ValueError(
            f"'teacher.config' must be a config, its file or its name below configs/, got {name!r}, which does not "
            f'exist: {error}'
        ) from error


def _read(teacher: Mapping[str, Any]) -> tuple[dict[str, Any], Any, str | None, str | None]:
    """Config of the model, meta information of its joints, checkpoint and scope of a teacher's settings."""
    settings = dict(teacher)
    checkpoint = settings.pop('checkpoint', None)
    if 'config' not in settings:
        if 'type' not in settings:
            raise ValueError(f"'teacher' must have a config, or be one of a model, got {sorted(teacher)}")
        return settings, None, checkpoint, None
    config, metainfo = settings.pop('config'), settings.pop('metainfo', None)
    if settings:
        raise ValueError(f"'teacher' must have config, checkpoint and metainfo, got {sorted(settings)} as well")
    if isinstance(config, (str, Path)):
        config = Config.fromfile(_file(str(config)))
    model = config.get('model', config)
    if 'type' not in model:
        raise ValueError(f"'teacher.config' must be a whole config or one of a model, got {sorted(config)}")
    if 'model' in config:
        metainfo = metainfo or model.get('metainfo') or dataset_metainfo(config)
    return dict(model), metainfo, checkpoint, config.get('default_scope')


class Teacher:
    """Holds a network outside of the tree of modules: no parameter, buffer or child of whoever holds this.

    Copies share the network, which never changes.

    Args:
        teacher: ``dict(config=..., checkpoint=..., metainfo=...)`` with a whole config or that of a model, the file of
            one, or its name below ``configs/``; or the config of a model with ``checkpoint``; or a trained model.

    Raises:
        ValueError: If it is none of these.
    """

    def __init__(self, teacher: Mapping[str, Any] | nn.Module) -> None:
        self.checkpoint: str | None = None
        self.trained = isinstance(teacher, nn.Module)
        metainfo: Any = None
        if isinstance(teacher, nn.Module):
            model = teacher
        elif isinstance(teacher, Mapping):
            config, metainfo, self.checkpoint, scope = _read(teacher)
            model = _build(config, scope)
        else:
            raise ValueError(f"'teacher' must be a config or a model, got {type(teacher).__name__}")
        if not hasattr(model, 'head') or not hasattr(model, 'extract_feat'):
            raise ValueError(f"'teacher' must be a top-down estimator with a head, got {type(model).__name__}")
        self.model: Any = model.eval().requires_grad_(False)
        metainfo = named_metainfo(metainfo, 'teacher.metainfo')
        if metainfo is not None and 'keypoint_id2name' not in metainfo:
            metainfo = parse_pose_metainfo(dict(metainfo))
        self.joints = joints_of(self.head, metainfo or getattr(model, 'metainfo', None))
        self.grid = map_grid(self.head)
        self.pictures = _Pictures(None, None, self.input_size)

    def __deepcopy__(self, memo: dict[int, Any]) -> 'Teacher':
        return self

    @property
    def head(self) -> Any:
        """The teacher's head."""
        return self.model.head

    @property
    def input_size(self) -> tuple[int, int]:
        """(w, h) of its pictures in pixels."""
        size = getattr(self.head.decoder, 'input_size', None)
        if size is None:
            raise ValueError(f"'teacher' must have a codec with an input size, got {self.head.decoder!r}")
        return int(size[0]), int(size[1])

    def adapt(self, preprocessor: Any) -> None:
        """Take pictures that another model's preprocessor made."""
        self.pictures = _Pictures(preprocessor, self.model.data_preprocessor, self.input_size)

    def apply(self, function: Callable[..., Any]) -> None:
        """Move the network, or change its type, as ``nn.Module._apply`` does."""
        for module in (self.model, self.pictures):
            module._apply(function)

    def load(self) -> None:
        """Load the checkpoint, once.

        Raises:
            ValueError: If there is none, or it does not fit.
        """
        if self.trained:
            return
        if self.checkpoint is None:
            raise ValueError(
                f"'teacher.checkpoint' must be the file of the trained {type(self.model).__name__} to train a student, "
                'got None'
            )
        load_weights(self.model, self.checkpoint, 'teacher.checkpoint')
        self.trained = True

    @torch.no_grad()
    def maps(self, inputs: Tensor) -> Tensor:
        """Maps (B, K, H, W), of the last stage, of the student's pictures (B, 3, h, w)."""
        outputs = self._outputs(inputs)
        return outputs[-1] if isinstance(outputs, (list, tuple)) else outputs

    @torch.no_grad()
    def points(self, inputs: Tensor, samples: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in unit coordinates and confidences (B, K), 0 to 1, of the student's pictures (B, 3, h, w).

        Heads of MMPose whose outputs are not maps are asked for their predictions, which are made on the host.
        """
        if self.grid == 'cells':
            points, scores = _peaks(self.maps(inputs), self.head.decoder)
        elif isinstance(self.head, BaseHead):
            points, scores = _located(self.head, self._outputs(inputs))
        else:
            feats = self.model.extract_feat(self._pictures(inputs))
            points, scores = _predicted(self.head, feats, samples, self.input_size)
        points, scores = points.float(), scores.float()
        known = points.isfinite().all(-1) & (scores > 0)
        return torch.where(known[..., None], points, 0.0), torch.where(known, scores.clamp(max=1), 0.0)

    def _pictures(self, inputs: Tensor) -> Tensor:
        if self.model.training:
            self.model.eval()
        # a copy of the student elsewhere may have taken the network with it
        if next(self.model.parameters()).device != inputs.device:
            self.apply(lambda tensor: tensor.to(inputs.device))
        return self.pictures(inputs)

    def _outputs(self, inputs: Tensor) -> Any:
        return self.head.forward(self.model.extract_feat(self._pictures(inputs)))


def _build(config: dict[str, Any], scope: str | None) -> nn.Module:
    """The model of a config; the random numbers of whoever comes next are those without it."""
    config = copy.deepcopy(config)
    if str(config['type']).rpartition('.')[2] == 'PoseDistiller':
        config = {name: value for name, value in config.items() if name in _ESTIMATOR}
        config |= dict(type='mmpose.TopdownPoseEstimator', metainfo=named_metainfo(config.get('metainfo')))
    if scope is not None:
        config.setdefault('_scope_', scope)
    with torch.random.fork_rng(devices=[]):
        return MODELS.build(ConfigDict(config))


def _peaks(maps: Tensor, codec: Any) -> tuple[Tensor, Tensor]:
    """Unit points (B, K, 2) and heights (B, K) of the maxima of maps (B, K, H, W), found on their device."""
    cells, scores = find_peaks(maps)
    points = dark_refine(maps, cells, getattr(codec, 'blur_kernel_size', None))
    return heatmap_to_normalized(points, (maps.shape[-1], maps.shape[-2])), scores


def _located(head: Any, outputs: Any) -> tuple[Tensor, Tensor]:
    """Unit points (B, K, 2) and confidences (B, K) of what one of our heads put out."""
    inner = head.heads[-1] if isinstance(head, MultiStageHead) else head
    located = head.locate(outputs)
    if isinstance(inner, RLEHead):
        points, sigmas = located
        return points, 1 - sigmas.mean(-1)
    if isinstance(located, tuple):
        return located
    if located.dim() == 4:
        return _peaks(located, None)
    return located, torch.ones_like(located[..., 0])


def _predicted(head: Any, feats: Any, samples: Sequence[Any], size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Unit points (B, K, 2) and confidences (B, K) of any head of MMPose, by way of the host."""
    predictions = head.predict(feats, samples, test_cfg={})
    predictions = predictions[0] if isinstance(predictions, tuple) else predictions
    like = feats[-1]
    points, scores = (
        torch.stack([torch.as_tensor(one[name][0]) for one in predictions]).to(like.device)
        for name in ('keypoints', 'keypoint_scores')
    )
    return input_to_normalized(points[..., :2].float(), size), scores
