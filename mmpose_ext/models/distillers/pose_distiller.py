"""A student that learns from its labels and from a teacher, and is a plain student everywhere else."""

from collections.abc import Callable, Sequence
from functools import partial
from logging import WARNING

import numpy as np
from mmengine.logging import print_log
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmpose_ext.functional import check_choice, resample
from mmpose_ext.models.heads import HeadStep, Samples
from mmpose_ext.models.utils import GatheredSamples
from mmpose_ext.models.utils.samples import dataset_names_of
from mmpose_ext.registry import MODELS

from .heads import AnyStep, DistilledHead, MoreTargets, distilled_head
from .joint_matching import Metainfo, joints_of, match_joints, named_metainfo
from .shares import Shares, labels_of, to_device
from .teacher import Teacher

__all__ = ['PoseDistiller']

# by name; some heads of MMPose return a list under one
Losses = dict[str, Tensor | list[Tensor]]


@MODELS.register_module()
class PoseDistiller(TopdownPoseEstimator):
    """Fast pose distillation (Zhang et al., "Fast Human Pose Estimation", CVPR 2019) of any pair of networks.

    ``L = alpha * L_pd + (1 - alpha) * L_gt`` (equation 5), with the losses of the student's head as L_gt. These lines
    make the config of a student that of a distilled one::

        model = dict(
            type='mmpose_ext.PoseDistiller',
            teacher=dict(config='teacher.py', checkpoint='teacher.pth'),
            alpha=0.5)

    The student is the model itself. The teacher is held outside of the tree of modules: it follows the model to other
    devices and types, but it is in no checkpoint, optimizer, average or distributed wrapper and never in training mode,
    and building it does not change the student's initial weights. Checkpoints are those of the plain student.
    Copies of the model share the teacher. Its checkpoint is read when training starts, and not for a test.

    How the student learns:

    - 'maps': cell by cell, where both put out maps with the same meaning (``KeypointCodec.map_format``). The maps of
      the teacher's last stage are resampled to the size of the student's maps, of every stage that has a loss.
    - 'points': the teacher's joints, as its codec decodes them, are the labels of the student's own codec and loss,
      weighted by the teacher's confidence. So heatmaps teach integral regression or RLE, and the other way round; the
      student's head and codec have to be of this package, or derived from its base classes.

    The teacher's images are made of the student's: normalized and resized as the teacher has learned them. Both must
    have the same ratio of width to height. Joints are matched by name. ``metainfo`` (MMPose's argument) names the
    student's joints; ``teacher.metainfo``, the teacher's model or the dataset of its config name the teacher's.
    Without names both must have equally many joints; if the images are of another dataset than the teacher's, the first
    step raises an error.

    Args:
        backbone: Config of the backbone.
        neck: Config of the neck, or None.
        head: Config of the head.
        train_cfg: MMPose's.
        test_cfg: MMPose's.
        data_preprocessor: Config of the preprocessor.
        init_cfg: MMEngine's initialization config.
        metainfo: MMPose's, or the name of a dataset's class that has it, such as 'mmpose_ext.LspDataset'.
        teacher: ``dict(config=..., checkpoint=..., metainfo=...)`` with the file of a config, or its name below
            ``configs/``, a whole config or the config of a model; or the config of a model with ``checkpoint``; or a
            trained model. The checkpoint is a local file; no code in it is run. It may be missing for a test.
        alpha: Share of the teacher, 0 to 1. With 1 labels are not used at all, and may be missing.
        alpha_unlabeled: Share of the teacher in images without any labeled joint.
        learn: 'maps', 'points', or 'auto': maps where both have maps of the same meaning.
        loss_pd: Config of the loss of maps, called with (maps, the teacher's maps, weights); default
            ``HeatmapDistillationLoss``, a mean squared error.
        label_weights: Weight joints by their labels in L_pd, too, as the official implementation does. False: joints
            without a label learn from the teacher, as the paper argues (section 3.2).
        unmatched_joints: What to do with joints that the teacher does not have: 'refuse', or 'labels': learn them from
            labels alone.

    Raises:
        ValueError: If an argument is out of range or the two do not fit; the message names both sides.
    """

    def __init__(
        self,
        backbone: ConfigType,
        neck: OptConfigType = None,
        head: OptConfigType = None,
        train_cfg: OptConfigType = None,
        test_cfg: OptConfigType = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
        metainfo: Metainfo | str | None = None,
        *,
        teacher: ConfigType | nn.Module,
        alpha: float = 0.5,
        alpha_unlabeled: float = 1.0,
        learn: str = 'auto',
        loss_pd: OptConfigType = None,
        label_weights: bool = False,
        unmatched_joints: str = 'refuse',
    ) -> None:
        names = named_metainfo(metainfo)
        super().__init__(backbone, neck, head, train_cfg, test_cfg, data_preprocessor, init_cfg, names)
        _check_share('alpha', alpha)
        _check_share('alpha_unlabeled', alpha_unlabeled)
        self.alpha = alpha
        self.alpha_unlabeled = alpha_unlabeled
        self.label_weights = label_weights
        # not a module, so that it is not a part of this one
        self._teacher = Teacher(teacher)
        self._joints = joints_of(type(self.head).__name__, self._student.num_joints, self.metainfo)
        matches = match_joints(self._joints, self._teacher.joints, unmatched_joints)
        self._teacher.adapt(self.data_preprocessor, matches)
        self._check_axes()
        self._check_input_size()
        self.learn = self._choose(learn)
        if self.learn == 'points' and loss_pd is not None:
            raise ValueError(f"'loss_pd' must be None where points are learned: the head's loss is, got {loss_pd}")
        self.loss_pd = MODELS.build(dict(loss_pd or dict(type='mmpose_ext.HeatmapDistillationLoss')))
        self._checked = False

    @property
    def teacher(self) -> nn.Module:
        """The frozen network."""
        return self._teacher.model

    @property
    def _student(self) -> DistilledHead:
        return distilled_head(self.head)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        self._teacher.apply(fn)
        return super()._apply(fn, recurse)

    def init_weights(self) -> None:
        """Initialize the student and load the teacher, at the start of a training and not for a test.

        Raises:
            ValueError: If the teacher has no checkpoint, or not one that fits.
        """
        self._teacher.load()
        super().init_weights()

    def loss(self, inputs: Tensor, data_samples: Samples) -> Losses:
        """Losses of a batch.

        Args:
            inputs: Images (B, 3, h, w).
            data_samples: B samples of one person each.

        Returns:
            The losses of the student's head times ``1 - alpha``, and ``loss_pd``, ``stage<number>.loss_pd`` or, with
            points, ``pd.<the head's name>``, times ``alpha``.

        Raises:
            ValueError: If the teacher cannot be loaded, or knows another dataset.
        """
        self._start(data_samples)
        shares = Shares(labels_of(data_samples, self._joints.number), self.alpha, self.alpha_unlabeled)
        by_codec = self.label_weights and self.alpha < 1 and self._student.tells_weights
        weights = shares.weights(self._teacher.selection, self.label_weights and not by_codec)
        # The teacher comes first: between the student's forward and backward pass its activations would need memory
        # beside the student's.
        lesson = self._lesson(inputs, data_samples) if shares.need_teacher(weights) else None
        weights = to_device(weights, inputs.device)

        def weights_of(targets: object) -> Tensor:
            joint_weights = self._student.joint_weights(targets) if by_codec else None
            return weights if joint_weights is None else weights * joint_weights

        def targets_of(points: Tensor, scores: Tensor, targets: object) -> object:
            return self._student.targets_of_points(points, weights_of(targets) * scores)

        more_targets = partial(targets_of, *lesson) if isinstance(lesson, tuple) else None
        step = self._step(inputs, data_samples, shares, more_targets)
        losses: Losses = {
            name: _scaled(value, 1 - self.alpha) if 'loss' in name else value for name, value in step.losses.items()
        }
        if isinstance(lesson, Tensor):
            return losses | self._map_losses(step.outputs, lesson, weights_of(step.targets))
        return losses | {f'pd.{name}': value for name, value in step.more_losses.items()}

    def _step(self, inputs: Tensor, samples: Samples, shares: Shares, more_targets: MoreTargets | None) -> AnyStep:
        """The student's step on labels, and on other targets; with alpha=1 on the others alone."""
        feats = self.extract_feat(inputs)
        if self.alpha < 1:
            return self._student.step(feats, samples, self.train_cfg, shares.discount_unlabeled, more_targets)
        outputs = self._student.outputs(feats)
        more = {} if more_targets is None else self._student.losses(outputs, more_targets(None))
        return HeadStep(outputs, None, {}, more)

    def _start(self, samples: Samples) -> None:
        """Load the teacher and check the samples: at the first step, or at every one where that costs nothing.

        Raises:
            ValueError: If the teacher cannot be loaded, or knows another dataset.
        """
        if isinstance(samples, GatheredSamples):  # no sample is read, so that the step can be compiled
            self._check_dataset(samples.dataset_names)
        elif not self._checked:
            self._check_dataset(dataset_names_of(samples))
            self._checked = True
        self._teacher.load()

    def _lesson(self, inputs: Tensor, samples: Samples) -> Tensor | tuple[Tensor, Tensor]:
        """What the teacher says of the student's joints: maps (B, K, H, W), or points (B, K, 2) and scores (B, K)."""
        return self._teacher.maps(inputs) if self.learn == 'maps' else self._teacher.points(inputs, samples)

    def _map_losses(self, outputs: object, maps: Tensor, weights: Tensor) -> Losses:
        """L_pd of the student's maps, of every stage, against the teacher's last maps (B, K, H, W)."""
        losses: Losses = {}
        for prefix, output, factor in self._student.stage_maps(outputs):
            value = self.loss_pd(output, resample(maps, (output.shape[-1], output.shape[-2])), weights)
            losses[f'{prefix}loss_pd'] = factor * value
        return losses

    def _choose(self, learn: str) -> str:
        """'maps' or 'points'."""
        check_choice('learn', learn, ('auto', 'maps', 'points'))
        own, other = self._student.map_format, self._teacher.map_format
        student = f'the student has a {type(self.head).__name__} with {self.head.decoder!r}'
        both = f'{student}, the teacher a {self._teacher.kind} with {self._teacher.head.decoder!r}'
        if own is not None and other is not None and own[:2] == other[:2] and learn != 'points':
            if own.sigma is not None and other.sigma is not None and not np.isclose(own.sigma, other.sigma, rtol=0.1):
                message = 'The peaks of labels and of the teacher are not equally wide in the image, and the student '
                print_log(f"{message}learns a mixture; learn='points' takes the student's: {both}", 'current', WARNING)
            return 'maps'
        if learn == 'maps':
            raise ValueError(
                f"'learn' must be 'points' where the two have no maps of the same kind, got 'maps': {both}"
            )
        if not self._student.learns_points:
            raise ValueError(
                "'head' must be one of mmpose_ext with a codec of mmpose_ext to learn the points of the teacher, "
                f'got another: {both}'
            )
        return 'points'

    def _check_axes(self) -> None:
        axes = [head.codec.dim for head in (self._student, self._teacher.head)]
        if axes != [2, 2]:
            raise ValueError(f"'head' and 'teacher' must be of two axes, as depths are not distilled, got {axes}")

    def _check_input_size(self) -> None:
        (width, height), other = self._student.codec.input_size, self._teacher.input_size
        if width * other[1] != height * other[0]:
            raise ValueError(
                "'teacher' must take images of the student's ratio of width to height, "
                f'got {other} for the teacher and {(width, height)} for the student'
            )

    def _check_dataset(self, names: Sequence[str]) -> None:
        """Raise a ValueError if joints were matched by number alone and samples are of another dataset."""
        known = self._teacher.joints.dataset
        if self._joints.names is not None or known is None or all(name == known for name in names):
            return
        found = ', '.join(str(name) for name in names if name != known)
        raise ValueError(
            f"'metainfo' of the model must name the student's joints where its data are not the teacher's, got "
            f'samples of {found} and a teacher with {self._teacher.joints}'
        )


def _check_share(name: str, value: float) -> None:
    """Raise a ValueError unless a number is from 0 to 1."""
    if not (isinstance(value, (int, float)) and 0 <= value <= 1):
        raise ValueError(f"'{name}' must be a number from 0 to 1, got {value!r}")


def _scaled(value: Tensor | Sequence[Tensor], factor: float) -> Tensor | list[Tensor]:
    """A loss, or a list of losses as some heads of MMPose return, times a factor."""
    return value * factor if isinstance(value, Tensor) else [entry * factor for entry in value]
