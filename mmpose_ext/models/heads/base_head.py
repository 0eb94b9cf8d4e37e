"""What every top-down head does in the same way: training step, flip test, decoding, packing."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, cast

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.models.heads.base_head import BaseHead as MMPoseHead
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor

from mmpose_ext.codecs import Encoded, KeypointCodec, Keypoints, MapFormat, keypoint_codec
from mmpose_ext.functional import normalized_to_input, pck
from mmpose_ext.models.utils import Targets, average_maps, gather_targets, needed_targets
from mmpose_ext.registry import KEYPOINT_CODECS

from .instances import calibrate_instances, to_instances
from .step import AdjustTargets, Features, HeadStep, OutputT, RawT, Samples, StageMaps, TargetT

__all__ = ['BaseHead']


class BaseHead(MMPoseHead, Generic[RawT, OutputT, TargetT]):
    """Template of top-down heads; the codec lives in the head.

    A subclass implements :meth:`forward` and :meth:`losses`. It overrides :meth:`postprocess` if losses and accuracy
    share a computation, :meth:`codec_inputs` if the codec does not decode what ``forward`` returns, and
    :meth:`average_flip` if it can be flip-tested.

    Args:
        decoder: Config of the codec that decodes outputs and, where the pipeline has no ``GenerateTarget``, encodes
            targets. None: the head can then only run :meth:`forward`.
        init_cfg: MMEngine's initialization config.

    Attributes:
        num_joints: Number of joints K; None if a subclass does not set it.
    """

    num_joints: int | None = None

    def __init__(self, decoder: OptConfigType = None, init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        # MMPose's name; `codec` is the same as the protocol of this package
        self.decoder: BaseKeypointCodec | None = None if decoder is None else KEYPOINT_CODECS.build(dict(decoder))

    @property
    def codec(self) -> KeypointCodec:
        """The codec; one of MMPose behind an adapter.

        Raises:
            ValueError: If the head has none.
        """
        if self.decoder is None:
            raise ValueError(f"'decoder' must be the config of a codec to use {type(self).__name__} with it, got None")
        return keypoint_codec(self.decoder)

    def check_axes(self, name: str, dim: int) -> None:
        """Raise a ValueError unless the codec has ``dim`` axes, which the head's argument ``name`` asks for."""
        if self.decoder is not None and self.codec.dim != dim:
            raise ValueError(
                f"'decoder' must be a codec of {dim} axes with this '{name}' (the third has a depth_range), "
                f'got {self.decoder}'
            )

    # -- training ---------------------------------------------------------------------------------

    @abstractmethod
    def forward(self, feats: Features) -> RawT:
        """Network output of multi-scale features."""

    def postprocess(self, outputs: RawT) -> OutputT:
        """What losses and accuracy are computed from: the outputs themselves unless overridden."""
        return cast(OutputT, outputs)

    @abstractmethod
    def losses(self, outputs: OutputT, targets: TargetT) -> dict[str, Tensor]:
        """Losses of postprocessed outputs against the targets that the codec encoded, by name.

        Names that start with ``loss`` are summed by MMEngine; the others are only logged.
        """

    def losses_of_each(self, outputs: OutputT, targets: Sequence[TargetT]) -> list[dict[str, Tensor]]:
        """Losses of the same outputs against several sets of targets: :meth:`losses` of each unless overridden."""
        return [self.losses(outputs, one) for one in targets]

    def targets(
        self, batch_data_samples: Samples, device: torch.device, adjust: AdjustTargets | None = None
    ) -> TargetT:
        """What the outputs of a batch are trained against: packed by the pipeline, or drawn by the codec.

        Args:
            batch_data_samples: B samples of one person each.
            device: Device of the targets.
            adjust: Called with the targets, weights included; what it returns takes their place.
        """
        targets = self.with_loss_weights(gather_targets(batch_data_samples, self.decoder, device, self.num_joints or 0))
        return cast(TargetT, adjust(targets) if adjust is not None else targets)

    def with_loss_weights(self, targets: Targets) -> Targets:
        """Targets with ``loss_weights`` (B, K) where these differ from ``keypoint_weights``: none unless overridden."""
        return targets

    def accuracy(self, outputs: OutputT, targets: TargetT) -> dict[str, Tensor]:
        """Scalars for the training log, computed without gradients and without a host sync."""
        return {}

    @staticmethod
    def point_accuracy(points: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK of normalized points (B, K, D) at 5 % of the image's sides, on x and y."""
        labels, weights = needed_targets(targets, 'keypoint_labels', 'keypoint_weights')
        return dict(acc_pose=pck(points[..., :2], labels[..., :2], weights > 0, (1, 1)))

    def step(
        self,
        feats: Features,
        batch_data_samples: Samples,
        train_cfg: OptConfigType = None,
        adjust_targets: AdjustTargets | None = None,
        more_targets: Callable[[TargetT], TargetT] | None = None,
    ) -> HeadStep[OutputT, TargetT]:
        """Everything that one training step computes, once.

        Args:
            feats: Multi-scale features, each (B, C, h, w).
            batch_data_samples: B samples of one person each.
            train_cfg: ``compute_acc=False`` leaves the accuracy out.
            adjust_targets: See :meth:`targets`.
            more_targets: Called with the targets; the losses against what it returns are computed, too.
        """
        outputs = self.postprocess(self.forward(feats))
        targets = self.targets(batch_data_samples, feats[-1].device, adjust_targets)
        others = [] if more_targets is None else [more_targets(targets)]
        losses, *more = self.losses_of_each(outputs, [targets, *others]) if others else [self.losses(outputs, targets)]
        if not batch_data_samples:
            # a mean over no image is 0 / 0 in MMPose's losses
            losses = {name: value.nan_to_num(0.0) for name, value in losses.items()}
        if (train_cfg or {}).get('compute_acc', True):
            with torch.no_grad():
                losses.update(self.accuracy(outputs, targets))
        return HeadStep(outputs, targets, losses, *more)

    def loss(self, feats: Features, batch_data_samples: Samples, train_cfg: OptConfigType = None) -> dict[str, Tensor]:
        """Losses of a batch (MMPose's entry point); arguments are those of :meth:`step`."""
        return self.step(feats, batch_data_samples, train_cfg).losses

    # -- distillation -----------------------------------------------------------------------------

    @property
    def map_format(self) -> MapFormat | None:
        """Meaning of the maps that the head puts out; None if another network cannot learn them cell by cell."""
        return None

    def stage_maps(self, outputs: OutputT) -> list[StageMaps]:
        """The maps of every stage with a loss, of a head with a :attr:`map_format`."""
        raise NotImplementedError(f'{type(self).__name__} has no maps that another network could learn')

    def joint_weights(self, targets: TargetT) -> Tensor:
        """Weights (B, K) that the codec gave to the joints."""
        return cast(Targets, targets)['keypoint_weights']

    def targets_of_points(self, points: Tensor, weights: Tensor) -> TargetT:
        """Targets that the codec draws of given points.

        Args:
            points: (B, K, 2) in normalized coordinates.
            weights: (B, K) of the joints; one with the weight 0 has no label.
        """
        encoded = self.codec.encode_batch(normalized_to_input(points, self.codec.input_size), (weights > 0).float())
        return cast(TargetT, dict(encoded, keypoint_weights=encoded['keypoint_weights'] * weights))

    # -- prediction -------------------------------------------------------------------------------

    def codec_inputs(self, outputs: RawT) -> Encoded:
        """What the codec decodes: the outputs themselves unless overridden."""
        return cast(Encoded, outputs)

    def with_covariances(self, encoded: Encoded, outputs: RawT) -> Encoded:
        """What :meth:`codec_inputs` gave, with covariances in normalized coordinates where the head computes them.

        Unchanged unless overridden: the codec then computes them from maps. It is called with
        ``test_cfg.output_covariances`` alone.
        """
        return encoded

    def average_flip(
        self, encoded: Encoded, flipped: Encoded, flip_indices: Sequence[int], test_cfg: ConfigType
    ) -> Encoded:
        """Mean of what :meth:`codec_inputs` gives for an image and for its mirror image, which is mirrored back."""
        raise NotImplementedError(f'{type(self).__name__} has no flip test; set model.test_cfg.flip_test=False')

    def heatmaps(self, outputs: RawT) -> Tensor:
        """Maps (B, K, H, W) of the outputs for ``test_cfg.output_heatmaps``."""
        raise NotImplementedError(f'{type(self).__name__} has no maps; set model.test_cfg.output_heatmaps=False')

    @torch.no_grad()
    def decode_outputs(
        self,
        outputs: RawT,
        flipped: RawT | None = None,
        flip_indices: Sequence[int] = (),
        test_cfg: OptConfigType = None,
        normalized: bool = False,
    ) -> Keypoints:
        """Keypoints of network outputs as tensors on their device, without a host sync.

        Args:
            outputs: What :meth:`forward` returns.
            flipped: The same for the mirrored images, for the flip test; None: no flip test.
            flip_indices: For each joint the joint that it becomes in the mirror.
            test_cfg: ``output_covariances`` (default False), and options of the flip test: ``flip_mode``,
                ``shift_heatmap`` and ``shift_coords``.
            normalized: Whether to return normalized coordinates; False: input pixels and millimeters.

        Returns:
            Points (B, K, D), scores (B, K) and, of heads that predict them, sigmas (B, K, D); with
            ``output_covariances`` also covariances (B, K, D, D).
        """
        test_cfg = test_cfg or {}
        spread = test_cfg.get('output_covariances', False)
        encoded, *mirrored = [
            self.with_covariances(self.codec_inputs(view), view) if spread else self.codec_inputs(view)
            for view in (outputs, flipped)
            if view is not None
        ]
        if mirrored:
            encoded = self.average_flip(encoded, mirrored[0], flip_indices, test_cfg)
        found = self.codec.decode_tensors(encoded, normalized)
        return found._replace(covariances=self.codec.covariances(encoded, normalized)) if spread else found

    def predict(
        self,
        feats: Features | list[Features],
        batch_data_samples: Samples,
        test_cfg: OptConfigType = None,
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """Keypoints of a batch (MMPose's entry point).

        Args:
            feats: Multi-scale features, each (B, C, h, w); for the flip test a list of two such, the second of the
                mirrored images.
            batch_data_samples: B samples of one person each.
            test_cfg: ``flip_test`` (with ``flip_mode``, ``shift_heatmap`` and ``shift_coords``), ``output_heatmaps``,
                ``output_covariances``, ``calibration`` (file of ``tools/calibrate.py``).

        Returns:
            For each image ``keypoints`` (1, K, D) in input pixels and millimeters, ``keypoint_scores`` (1, K) and, of
            heads that predict them, ``keypoint_sigmas`` (1, K, D); with ``output_covariances``
            ``keypoint_covariances`` (1, K, D, D), with ``output_heatmaps`` the maps, too.

            MMPose's estimator moves keypoints from the crop to the image, and knows nothing of sigmas and covariances.
            These are therefore in pixels of the image already on x and y, unless a sample has no ``input_scale``.

            With ``calibration`` the scores are the expected OKS of the joints, covariances are the scale of the family
            of errors that was fitted, and ``pose_scores`` (1,) is the expected OKS of the person.
        """
        test_cfg = test_cfg or {}
        outputs, *flipped = [self.forward(view) for view in self._views(feats, test_cfg)]
        flip_indices = batch_data_samples[0].metainfo['flip_indices'] if flipped else []
        found = self.decode_outputs(outputs, flipped[0] if flipped else None, flip_indices, test_cfg)
        predictions = to_instances(found, batch_data_samples, self.codec.input_size)
        if test_cfg.get('calibration') is not None:
            calibrate_instances(predictions, test_cfg['calibration'])
        if not test_cfg.get('output_heatmaps', False):
            return predictions
        maps, *flipped_maps = [self.heatmaps(output).detach() for output in (outputs, *flipped)]
        maps = average_maps(maps, flipped_maps[0], flip_indices, test_cfg) if flipped_maps else maps
        return predictions, [PixelData(heatmaps=person) for person in maps]

    @staticmethod
    def _views(feats: Features | list[Features], test_cfg: ConfigType) -> list[Features]:
        """Features of each image and, with the flip test, of its mirror image."""
        if not test_cfg.get('flip_test', False):
            return [cast(Features, feats)]
        if not (isinstance(feats, list) and len(feats) == 2):
            raise ValueError(
                "'feats' must be a list [features, features of the mirrored images] with "
                f'flip_test=True, got {type(feats).__name__} of length {len(feats)}'
            )
        return feats
