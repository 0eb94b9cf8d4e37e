"""A frozen network that is no part of the model that learns from it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from mmengine.config import Config, ConfigDict
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.utils.typing import ConfigType
from torch import Tensor, nn

from mmpose_ext.checkpoint import load_weights
from mmpose_ext.codecs import MapFormat
from mmpose_ext.config import find_config
from mmpose_ext.models.heads import Features, Samples
from mmpose_ext.registry import MODELS

from .heads import DistilledHead, distilled_head
from .joint_matching import JointSelection, Metainfo, dataset_metainfo, joints_of, named_metainfo
from .teacher_images import TeacherImages

__all__ = ['Teacher', 'without_teacher']

# arguments of an estimator: what remains of the config of a distilled student that is a teacher itself
_ESTIMATOR = ('backbone', 'neck', 'head', 'train_cfg', 'test_cfg', 'data_preprocessor', 'init_cfg', 'metainfo')


def without_teacher(config: ConfigType) -> ConfigType:
    """Config of the student alone of a config with ``PoseDistiller``; any other config of a model as it is."""
    if str(config.get('type')).rpartition('.')[2] != 'PoseDistiller':
        return config
    plain = {name: value for name, value in config.items() if name in _ESTIMATOR}
    return dict(plain, type='mmpose.TopdownPoseEstimator', metainfo=named_metainfo(plain.get('metainfo')))


def _read(teacher: ConfigType) -> tuple[ConfigType, Metainfo | str | None, str | None, str | None]:
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
        config = Config.fromfile(find_config(config, 'teacher.config'))
    model = config.get('model', config)
    if 'type' not in model:
        raise ValueError(f"'teacher.config' must be a whole config or one of a model, got {sorted(config)}")
    if 'model' in config:
        metainfo = metainfo or model.get('metainfo') or dataset_metainfo(config)
    return dict(model), metainfo, checkpoint, config.get('default_scope')


class Teacher:
    """Holds a network outside of the tree of modules: it is no parameter, buffer or child of its owner.

    Copies share the network, which never changes.

    Args:
        teacher: ``dict(config=..., checkpoint=..., metainfo=...)`` with a whole config or the config of a model, the
            file of one, or its name below ``configs/``; or the config of a model with ``checkpoint``; or a trained
            model.

    Raises:
        ValueError: If it is none of these.
    """

    def __init__(self, teacher: ConfigType | nn.Module) -> None:
        self.checkpoint: str | None = None
        self.loaded = isinstance(teacher, nn.Module)
        metainfo: Metainfo | str | None = None
        if isinstance(teacher, nn.Module):
            model = teacher
        elif isinstance(teacher, Mapping):
            config, metainfo, self.checkpoint, scope = _read(teacher)
            model = _build(config, scope)
        else:
            raise ValueError(f"'teacher' must be a config or a model, got {type(teacher).__name__}")
        if not (isinstance(model, BasePoseEstimator) and model.with_head):
            raise ValueError(f"'teacher' must be a top-down estimator with a head, got {type(model).__name__}")
        self.model: BasePoseEstimator = model.eval().requires_grad_(False)
        names = named_metainfo(metainfo, 'teacher.metainfo')
        if names is not None and 'keypoint_id2name' not in names:
            names = parse_pose_metainfo(dict(names))
        self.kind = type(model.head).__name__
        self.joints = joints_of(self.kind, self.head.num_joints, names or model.metainfo)
        self.map_format: MapFormat | None = self.head.map_format if self.head.decoder is not None else None
        self.images = TeacherImages(None, None, self.input_size)
        self.selection = JointSelection(range(self.joints.number), self.joints.number)

    def __deepcopy__(self, memo: dict[int, object]) -> 'Teacher':
        return self

    @property
    def head(self) -> DistilledHead:
        """The teacher's head."""
        return distilled_head(self.model.head)

    @property
    def input_size(self) -> tuple[int, int]:
        """(w, h) of its images in pixels."""
        decoder = self.head.decoder
        size = None if decoder is None else self.head.codec.input_size
        if size is None:
            raise ValueError(f"'teacher' must have a codec with an input size, got {decoder!r}")
        return int(size[0]), int(size[1])

    def adapt(self, preprocessor: nn.Module, matches: Sequence[int | None]) -> None:
        """Take images that a student's preprocessor made, and answer with the student's joints.

        Args:
            preprocessor: The student's preprocessor.
            matches: For each joint of the student the teacher's joint, None for a joint that it does not have.
        """
        self.images = TeacherImages(preprocessor, self.model.data_preprocessor, self.input_size)
        self.selection = JointSelection(matches, self.joints.number)

    def apply(self, function: Callable[[Tensor], Tensor]) -> None:
        """Move the network, or change its type, as ``nn.Module._apply`` does."""
        for module in (self.model, self.images, self.selection):
            cast(nn.Module, module)._apply(function)

    def load(self) -> None:
        """Load the checkpoint, once.

        Raises:
            ValueError: If there is none, or it does not fit.
        """
        if self.loaded:
            return
        if self.checkpoint is None:
            raise ValueError(
                f"'teacher.checkpoint' must be the file of the trained {type(self.model).__name__} to train a student, "
                'got None'
            )
        load_weights(self.model, self.checkpoint, 'teacher.checkpoint')
        self.loaded = True

    @torch.no_grad()
    def maps(self, inputs: Tensor) -> Tensor:
        """Maps (B, K, H, W) of the student's joints, by the last stage, for the student's images (B, 3, h, w)."""
        return self.selection(self.head.maps(self._features(inputs)))

    @torch.no_grad()
    def points(self, inputs: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
        """Normalized points (B, K, 2) and confidences (B, K), 0 to 1, of the student's joints.

        They are what the teacher's codec decodes. Heads of MMPose are asked for their predictions, which are made on
        the host.

        Args:
            inputs: The student's images (B, 3, h, w).
            samples: Their samples, which heads of MMPose ask for.
        """
        found = self.head.keypoints(self._features(inputs), samples)
        points, scores = self.selection(found.points.float()), self.selection(found.scores.float())
        known = points.isfinite().all(-1) & (scores > 0)
        return torch.where(known[..., None], points, 0.0), torch.where(known, scores.clamp(max=1), 0.0)

    def _features(self, inputs: Tensor) -> Features:
        if self.model.training:
            self.model.eval()
        # a copy of the student on another device may have moved the network there
        if next(self.model.parameters()).device != inputs.device:
            self.apply(lambda tensor: tensor.to(inputs.device))
        return self.model.extract_feat(self.images(inputs))


def _build(config: ConfigType, scope: str | None) -> nn.Module:
    """The model of a config; building it does not change the state of the random number generator."""
    config = without_teacher(copy.deepcopy(config))
    if scope is not None:
        config.setdefault('_scope_', scope)
    with torch.random.fork_rng(devices=[]):
        return MODELS.build(ConfigDict(config))
