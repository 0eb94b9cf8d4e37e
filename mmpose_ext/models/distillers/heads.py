"""Heads of this package and heads of MMPose behind one interface, as students and as teachers."""

import copy
from collections.abc import Callable, Sequence
from typing import cast

import torch
from mmengine.structures import InstanceData
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.models.heads import CPMHead
from mmpose.models.heads import HeatmapHead as MMPoseHeatmapHead
from mmpose.models.heads.base_head import BaseHead as MMPoseBaseHead
from mmpose.utils.typing import OptConfigType
from torch import Tensor

from mmpose_ext.codecs import KeypointCodec, Keypoints, MapFormat, keypoint_codec
from mmpose_ext.functional import input_to_normalized
from mmpose_ext.models.heads import AdjustTargets, BaseHead, Features, HeadStep, Samples, StageMaps

__all__ = ['AnyStep', 'DistilledHead', 'MMPoseDistilledHead', 'MoreTargets', 'distilled_head']

AnyHead = BaseHead[object, object, object]
AnyStep = HeadStep[object, object]
# further targets of a step, of those that labels give
MoreTargets = Callable[[object], object]


class DistilledHead:
    """What distillation asks of a head, by the protocol of this package.

    Args:
        head: A head of this package, or of a user who derives it from :class:`BaseHead`.
    """

    def __init__(self, head: AnyHead) -> None:
        self._head = head

    @property
    def decoder(self) -> BaseKeypointCodec | None:
        """The head's codec as its config names it."""
        return self._head.decoder

    @property
    def codec(self) -> KeypointCodec:
        """The head's codec behind the protocol of this package.

        Raises:
            ValueError: If the head has none.
        """
        if self.decoder is None:
            raise ValueError("'decoder' must be the config of a codec, got None")
        return keypoint_codec(self.decoder)

    @property
    def num_joints(self) -> int | None:
        """Number of joints; None if the head does not tell."""
        return self._head.num_joints

    @property
    def map_format(self) -> MapFormat | None:
        """Meaning of the head's maps; None if maps of another network mean nothing to it."""
        return self._head.map_format

    @property
    def learns_points(self) -> bool:
        """Whether the head's own codec and loss can be given points as labels."""
        return isinstance(self._head.decoder, KeypointCodec)

    # -- of a student

    @property
    def tells_weights(self) -> bool:
        """Whether :meth:`joint_weights` is known."""
        return True

    def outputs(self, feats: Features) -> object:
        """What losses are computed from, without any label."""
        return self._head.postprocess(self._head.forward(feats))

    def step(
        self,
        feats: Features,
        samples: Samples,
        train_cfg: OptConfigType,
        adjust: AdjustTargets,
        more_targets: MoreTargets | None = None,
    ) -> AnyStep:
        """A training step on labels, see :meth:`BaseHead.step`."""
        return self._head.step(feats, samples, train_cfg, adjust, more_targets)

    def stage_maps(self, outputs: object) -> list[StageMaps]:
        """Maps of every stage that has a loss."""
        return self._head.stage_maps(outputs)

    def joint_weights(self, targets: object) -> Tensor | None:
        """Weights (B, K) that the codec gave to the joints; None if the head does not tell."""
        return self._head.joint_weights(targets)

    def losses(self, outputs: object, targets: object) -> dict[str, Tensor]:
        """The head's own losses."""
        return self._head.losses(outputs, targets)

    def targets_of_points(self, points: Tensor, weights: Tensor) -> object:
        """Targets that the head's codec draws of normalized points (B, K, 2) with weights (B, K)."""
        return self._head.targets_of_points(points, weights)

    # -- of a teacher

    def maps(self, feats: Features) -> Tensor:
        """Maps (B, K, H, W) of the last stage."""
        return self.stage_maps(self.outputs(feats))[-1].maps

    def keypoints(self, feats: Features, samples: Samples) -> Keypoints:
        """Keypoints in normalized coordinates."""
        return self._head.decode_outputs(self._head.forward(feats), normalized=True)


class MMPoseDistilledHead(DistilledHead):
    """The same for a head of MMPose, which returns losses alone from its training step and predicts on the host.

    Args:
        head: A head of MMPose.
    """

    def __init__(self, head: MMPoseBaseHead) -> None:
        self._mmpose_head = head

    @property
    def decoder(self) -> BaseKeypointCodec | None:
        """The head's codec as its config names it."""
        # MMPose's base class does not promise a decoder
        return getattr(self._mmpose_head, 'decoder', None)

    @property
    def num_joints(self) -> int | None:
        """Number of joints; None if the head does not tell."""
        # MMPose's heads of coordinates have the one, its heads of maps the other
        return getattr(self._mmpose_head, 'num_joints', None) or getattr(self._mmpose_head, 'out_channels', None)

    @property
    def map_format(self) -> MapFormat | None:
        """Meaning of the maps of MMPose's heads whose outputs are maps as the codec draws them."""
        return self.codec.map_format if isinstance(self._mmpose_head, (MMPoseHeatmapHead, CPMHead)) else None

    @property
    def learns_points(self) -> bool:
        """No: MMPose's heads take labels from the pipeline alone."""
        return False

    @property
    def tells_weights(self) -> bool:
        """No: MMPose's heads return losses alone."""
        return False

    def outputs(self, feats: Features) -> object:
        """Maps, or a list of the maps of each stage."""
        return self._mmpose_head.forward(feats)

    def step(
        self,
        feats: Features,
        samples: Samples,
        train_cfg: OptConfigType,
        adjust: AdjustTargets,
        more_targets: MoreTargets | None = None,
    ) -> AnyStep:
        """A training step in which the network is run once; MMPose's heads have no weights that could be adjusted."""
        outputs = self.outputs(feats)
        # loss() calls forward() and returns the losses alone: a copy that shares all layers returns the known outputs
        head = copy.copy(self._mmpose_head)
        head.forward = lambda feats: outputs
        return HeadStep(outputs, None, head.loss(feats, samples, train_cfg=train_cfg))

    def stage_maps(self, outputs: object) -> list[StageMaps]:
        """Maps of every stage."""
        if isinstance(outputs, Tensor):
            return [StageMaps('', outputs, 1.0)]
        return [StageMaps(f'stage{n}.', maps, 1.0) for n, maps in enumerate(cast(Sequence[Tensor], outputs))]

    def joint_weights(self, targets: object) -> None:
        """None: MMPose's heads do not tell."""
        return

    def keypoints(self, feats: Features, samples: Samples) -> Keypoints:
        """Keypoints in normalized coordinates, by way of MMPose's predictions on the host."""
        predictions = self._mmpose_head.predict(feats, samples, test_cfg={})
        people: list[InstanceData] = predictions[0] if isinstance(predictions, tuple) else predictions
        points, scores = (
            torch.stack([torch.as_tensor(one[name][0]) for one in people]).to(feats[-1].device)
            for name in ('keypoints', 'keypoint_scores')
        )
        return Keypoints(input_to_normalized(points[..., :2].float(), self.codec.input_size), scores)


def distilled_head(head: AnyHead | MMPoseBaseHead) -> DistilledHead:
    """A head behind the interface of this module."""
    return DistilledHead(head) if isinstance(head, BaseHead) else MMPoseDistilledHead(head)
