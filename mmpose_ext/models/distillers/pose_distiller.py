"""A student that learns from its labels and from a teacher, and is a plain student everywhere else."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from logging import WARNING
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from mmpose_ext.functional import check_choice, normalized_to_input, resample
from mmpose_ext.models.heads import BaseHead, MultiStageHead
from mmpose_ext.registry import MODELS

from .grids import map_grid, peak_width
from .joints import joints_of, match_joints, named_metainfo
from .recording import labelled_joints, recorded, scaled
from .teacher import Teacher

__all__ = ['PoseDistiller']


@MODELS.register_module()
class PoseDistiller(TopdownPoseEstimator):
    """Fast pose distillation (Zhang et al., "Fast Human Pose Estimation", CVPR 2019) of any pair of networks.

    ``L = alpha * L_pd + (1 - alpha) * L_gt`` (equation 5), with the losses of the student's head as L_gt. A student's
    config becomes that of a distilled one by::

        model = dict(
            type='mmpose_ext.PoseDistiller',
            teacher=dict(config='teacher.py', checkpoint='teacher.pth'),
            alpha=0.5)

    The student is the model itself. The teacher is held outside of the tree of modules: it follows the model to other
    devices and types, but it is in no checkpoint, optimizer, average or distributed wrapper and never in training mode,
    and it does not change the random numbers that the student starts from. Checkpoints are those of the plain student.
    Copies of the model share the teacher. Its checkpoint is read when training starts, and not for a test.

    How the student learns:

    - 'maps': cell by cell, where both put out maps with the same meaning. The teacher's maps of its last stage are
      brought to the size of the student's, of every stage that has a loss.
    - 'points': the teacher's joints are the labels of the student's own codec and loss, weighted by the teacher's
      confidence. So a heat map teaches integral regression or RLE, and the other way round; the student's head is one
      of this package.

    The teacher's pictures are made of the student's: normalised and resized as the teacher has learned them. Both must
    have the same ratio of width to height. Joints are matched by name: those of the student are given by ``metainfo``
    (MMPose's argument), those of the teacher by ``teacher.metainfo``, its model or its config's data set. Without names
    there have to be as many; if the pictures are then of another data set than the teacher's, the first step says so.

    Args:
        *args: Those of MMPose's ``TopdownPoseEstimator``.
        teacher: ``dict(config=..., checkpoint=..., metainfo=...)`` with the file of a config, or its name below
            ``configs/``, a whole config or that of a model; or the config of a model with ``checkpoint``; or a trained
            model. A local file is read as the checkpoint, and nothing in it is run. The checkpoint may be left out for
            a test.
        alpha: Share of the teacher, 0 to 1. With 1 labels are not used at all, and need not be there.
        alpha_unlabeled: Share of the teacher in pictures without any labelled joint.
        via: 'maps', 'points', or 'auto': maps where both have them.
        loss_pd: Config of the loss of maps, called with (maps, the teacher's maps, weights); default
            ``HeatmapDistillationLoss``, a mean square.
        label_weights: Weight joints by their labels in L_pd, too, as the released program does. False: joints without
            a label learn from the teacher, as the paper argues (section 3.2).
        unmatched_joints: What becomes of joints that the teacher has not: 'refuse', or 'labels', learn them from labels
            alone.
        metainfo: MMPose's, or the name of a data set's class that has it, as 'mmpose_ext.LspDataset'.
        **kwargs: As ``args``.

    Raises:
        ValueError: If an argument is out of range or the two do not fit; both sides are named.
    """

    def __init__(
        self,
        *args: Any,
        teacher: Mapping[str, Any] | nn.Module,
        alpha: float = 0.5,
        alpha_unlabeled: float = 1.0,
        via: str = 'auto',
        loss_pd: Mapping[str, Any] | None = None,
        label_weights: bool = False,
        unmatched_joints: str = 'refuse',
        metainfo: Mapping[str, Any] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, metainfo=named_metainfo(metainfo), **kwargs)
        for name, value in dict(alpha=alpha, alpha_unlabeled=alpha_unlabeled).items():
            if not (isinstance(value, (int, float)) and 0 <= value <= 1):
                raise ValueError(f"'{name}' must be a number from 0 to 1, got {value!r}")
        self.alpha = alpha
        self.alpha_unlabeled = alpha_unlabeled
        self.label_weights = label_weights
        # no module, so that it is none of this one's
        self._teacher = Teacher(teacher)
        self._teacher.adapt(self.data_preprocessor)
        self._joints = joints_of(self.head, self.metainfo)
        matches = match_joints(self._joints, self._teacher.joints, unmatched_joints)
        self._matched = np.array([match is not None for match in matches])
        self._indices = [match or 0 for match in matches]
        self._check_axes()
        self._check_input_size()
        self.via = self._choose(via)
        if self.via == 'points' and loss_pd is not None:
            raise ValueError(f"'loss_pd' must be None where points are learned: the head's loss is, got {loss_pd}")
        self.loss_pd = MODELS.build(dict(loss_pd or dict(type='mmpose_ext.HeatmapDistillationLoss')))
        self._seen = False

    @property
    def teacher(self) -> nn.Module:
        """The frozen network."""
        return self._teacher.model

    def _apply(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._teacher.apply(fn)
        return super()._apply(fn, *args, **kwargs)

    def init_weights(self) -> None:
        """Initialise the student, and load the teacher: both is done at the start of a training and not for a test.

        Raises:
            ValueError: If the teacher has no checkpoint, or not one that fits.
        """
        self._teacher.load()
        super().init_weights()

    def loss(self, inputs: Tensor, data_samples: Any) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            inputs: Pictures (B, 3, h, w).
            data_samples: B samples of one person each.

        Returns:
            The losses of the student's head times ``1 - alpha``, and ``loss_pd``, ``stage<number>.loss_pd`` or, with
            points, ``pd.<the head's name>``, times ``alpha``.

        Raises:
            ValueError: If the teacher cannot be loaded, or knows another data set.
        """
        if not self._seen:
            self._check_dataset(data_samples)
            self._teacher.load()
            self._seen = True
        labels = np.stack([labelled_joints(sample, len(self._indices)) for sample in data_samples])
        changes = dict(forward=None, interpret=None, targets=partial(self._weigh_unlabeled, labels=labels))
        with ExitStack() as stack:
            results = {name: stack.enter_context(recorded(self.head, name, changes[name])) for name in changes}
            if self.alpha < 1:
                losses = super().loss(inputs, data_samples)
            else:
                losses = {}
                outputs = self.head.forward(self.extract_feat(inputs))
                if self.via == 'points':
                    self.head.interpret(outputs)
        for name in losses:
            if 'loss' in name:
                losses[name] = scaled(losses[name], 1 - self.alpha)
        weights = self._weights(inputs, labels, results['targets'])
        if weights is None:
            return losses
        if self.via == 'maps':
            return losses | self._map_losses(results['forward'][0], self._teacher.maps(inputs), weights)
        points, scores = self._teacher.points(inputs, data_samples)
        return losses | self._point_losses(results['interpret'][0], points, scores, weights)

    def _weigh_unlabeled(self, targets: Any, labels: np.ndarray) -> Any:
        """Targets of one stage or several: of pictures without any label (B, K) a head's zeros count as labels do."""
        unlabeled = ~labels.any(1)
        if not unlabeled.any():
            return targets
        if not isinstance(targets, Mapping):
            return [self._weigh_unlabeled(stage, labels) for stage in targets]
        if 'loss_weights' not in targets:
            return targets  # and what has no label has no weight
        shares = np.where(unlabeled, (1 - self.alpha_unlabeled) / (1 - self.alpha), 1.0)
        weights = targets['loss_weights']
        return dict(targets, loss_weights=weights * weights.new_tensor(shares)[:, None])

    def _weights(self, inputs: Tensor, labels: np.ndarray, targets: Sequence[Any]) -> Tensor | None:
        """Weights (B, K) of joints in L_pd, alpha among them, from the labels (B, K); None if all are 0."""
        alphas = np.where((labels > 0).any(1), self.alpha, self.alpha_unlabeled)
        values = (alphas[:, None] * self._matched).astype(np.float32)
        if self.label_weights and not targets:
            values = values * labels
        if not values.any():
            return None
        weights = torch.from_numpy(values)
        if inputs.is_cuda:
            weights = weights.pin_memory()
        weights = weights.to(inputs.device, non_blocking=True)
        if self.label_weights and targets:
            # what the codec made of the labels: 0 for a joint that its maps cannot show
            last = targets[0] if isinstance(targets[0], Mapping) else targets[0][-1]
            weights = weights * last['keypoint_weights']
        return weights

    def _map_losses(self, outputs: Any, maps: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """L_pd of the student's maps, of every stage, against the teacher's last (B, K, H, W)."""
        maps = maps[:, self._indices]
        if not isinstance(outputs, (list, tuple)):
            return dict(loss_pd=self._map_loss(outputs, maps, weights))
        factors = getattr(self.head, 'loss_weights', None) or [1.0] * len(outputs)
        return {
            f'stage{stage}.loss_pd': factor * self._map_loss(output, maps, weights)
            for stage, (output, factor) in enumerate(zip(outputs, factors, strict=True))
            if factor > 0
        }

    def _map_loss(self, output: Tensor, maps: Tensor, weights: Tensor) -> Tensor:
        return self.loss_pd(output, resample(maps, (output.shape[-1], output.shape[-2])), weights)

    def _point_losses(self, reading: Any, points: Tensor, scores: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """L_pd as the head's own losses against the teacher's unit points (B, K, 2) and confidences (B, K)."""
        points, weights = points[:, self._indices], weights * scores[:, self._indices]
        heads = getattr(self.head, 'heads', [self.head])
        targets = []
        for head in heads:
            pixels = normalized_to_input(points, head.decoder.input_size)
            encoded = dict(head.decoder.encode_batch(pixels, (weights > 0).float()))
            encoded['keypoint_weights'] = encoded['keypoint_weights'] * weights
            targets.append(encoded)
        losses = self.head.losses(reading, targets if isinstance(self.head, MultiStageHead) else targets[0])
        return {f'pd.{name}': value for name, value in losses.items()}

    def _choose(self, via: str) -> str:
        """'maps' or 'points'."""
        check_choice('via', via, ('auto', 'maps', 'points'))
        grid, codec = map_grid(self.head), self.head.decoder
        student = f'the student has a {type(self.head).__name__} with {codec!r}'
        both = f'{student}, the teacher a {type(self._teacher.head).__name__} with {self._teacher.head.decoder!r}'
        if grid is not None and grid == self._teacher.grid and via != 'points':
            own, other = peak_width(self.head), peak_width(self._teacher.head)
            if own is not None and other is not None and not np.isclose(own, other, rtol=0.1):
                message = 'Peaks of labels and of the teacher are not equally wide in the picture, and the student '
                print_log(f"{message}learns a mixture; via='points' takes the student's: {both}", 'current', WARNING)
            return 'maps'
        if via == 'maps':
            raise ValueError(f"'via' must be 'points' where the two have no maps of the same kind, got 'maps': {both}")
        if not isinstance(self.head, BaseHead) or not hasattr(codec, 'encode_batch'):
            raise ValueError(
                "'head' must be one of mmpose_ext with a codec of mmpose_ext to learn the points of the teacher, "
                f'got another: {both}'
            )
        return 'points'

    def _check_axes(self) -> None:
        axes = [getattr(head.decoder, 'dim', 2) for head in (self.head, self._teacher.head)]
        if axes != [2, 2]:
            raise ValueError(f"'head' and 'teacher' must be of two axes, as depths are not distilled, got {axes}")

    def _check_input_size(self) -> None:
        (width, height), other = self.head.decoder.input_size, self._teacher.input_size
        if width * other[1] != height * other[0]:
            raise ValueError(
                "'teacher' must take pictures of the student's ratio of width to height, "
                f'got {other} for the teacher and {(width, height)} for the student'
            )

    def _check_dataset(self, samples: Sequence[Any]) -> None:
        """Raise a ValueError if joints were matched by number alone and the samples are of other people."""
        known = self._teacher.joints.dataset
        found = {sample.metainfo.get('dataset_name', known) for sample in samples} - {known}
        if self._joints.names is None and known is not None and found:
            raise ValueError(
                f"'metainfo' of the model must name the student's joints where its data are not the teacher's, got "
                f'samples of {", ".join(map(str, found))} and a teacher with {self._teacher.joints}'
            )
