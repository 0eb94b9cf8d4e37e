"""What every top-down head does in the same way: training step, flip test, decoding, packing."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads.base_head import BaseHead as MMPoseHead
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_ext.functional import pck
from mmpose_ext.models.utils import average_maps, gather_targets, needed_targets
from mmpose_ext.registry import KEYPOINT_CODECS

__all__ = ['BaseHead']

Features = Sequence[Tensor]
Samples = Sequence[PoseDataSample]


class BaseHead(MMPoseHead):
    """Template of top-down heads; the codec lives in the head.

    A subclass implements :meth:`forward` and :meth:`losses`, :meth:`locate` if the codec does not decode what
    ``forward`` returns, and :meth:`average_flip` if it can be flip-tested.

    Args:
        decoder: Config of the codec that decodes outputs and, where the pipeline has no ``GenerateTarget``, encodes
            targets. None: the head can then only run :meth:`forward`.
        init_cfg: MMEngine's initialisation config.
    """

    def __init__(self, decoder: Mapping[str, Any] | None = None, init_cfg: Any = None) -> None:
        super().__init__(init_cfg)
        self.decoder: Any = None if decoder is None else KEYPOINT_CODECS.build(dict(decoder))

    def check_axes(self, name: str, dim: int) -> None:
        """Raise a ValueError unless the codec has as many axes as ``dim``, of which the argument ``name`` decides."""
        axes = getattr(self.decoder, 'dim', 2)
        if self.decoder is not None and axes != dim:
            raise ValueError(
                f"'decoder' must be a codec of {dim} axes with this '{name}' (the third has a depth_range), "
                f'got {self.decoder}'
            )

    @abstractmethod
    def forward(self, feats: Features) -> Any:
        """Network output of multi-scale features."""

    def interpret(self, outputs: Any) -> Any:
        """What losses and accuracy are computed from, once for both: the outputs themselves unless overridden."""
        return outputs

    @abstractmethod
    def losses(self, outputs: Any, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses of interpreted outputs against the targets that the codec encoded, by name.

        Names that start with ``loss`` are summed by MMEngine; the others are only logged.
        """

    def targets(self, batch_data_samples: Samples, device: torch.device) -> Any:
        """What the outputs of a batch are trained against: packed by the pipeline, or drawn by the codec."""
        return gather_targets(batch_data_samples, self.decoder, device)

    def accuracy(self, outputs: Any, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scalars for the training log, computed without gradients and without a host sync."""
        return {}

    @staticmethod
    def point_accuracy(points: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``acc_pose``: PCK of points (B, K, D) in unit coordinates at 5 % of the picture's sides, on x and y."""
        labels, weights = needed_targets(targets, 'keypoint_labels', 'keypoint_weights')
        return dict(acc_pose=pck(points[..., :2], labels[..., :2], weights > 0, (1, 1)))

    def locate(self, outputs: Any) -> Any:
        """What the codec decodes, as one tensor or a tuple of tensors: the outputs themselves unless overridden."""
        return outputs

    def average_flip(self, located: Any, flipped: Any, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]) -> Any:
        """Mean of what :meth:`locate` gives for a picture and for its mirror image, the latter mirrored back."""
        raise NotImplementedError(f'{type(self).__name__} has no flip test; set model.test_cfg.flip_test=False')

    def heatmaps(self, outputs: Any) -> Tensor:
        """Maps (B, K, H, W) of the outputs for ``test_cfg.output_heatmaps``."""
        raise NotImplementedError(f'{type(self).__name__} has no maps; set model.test_cfg.output_heatmaps=False')

    def loss(
        self, feats: Features, batch_data_samples: Samples, train_cfg: Mapping[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Losses of a batch (MMPose's entry point).

        Args:
            feats: Multi-scale features, each (B, C, h, w).
            batch_data_samples: B samples of one person each.
            train_cfg: ``compute_acc=False`` leaves the accuracy out.
        """
        outputs = self.interpret(self.forward(feats))
        targets = self.targets(batch_data_samples, feats[-1].device)
        losses = self.losses(outputs, targets)
        if (train_cfg or {}).get('compute_acc', True):
            with torch.no_grad():
                losses.update(self.accuracy(outputs, targets))
        return losses

    def predict(
        self,
        feats: Any,
        batch_data_samples: Samples,
        test_cfg: Mapping[str, Any] | None = None,
    ) -> list[InstanceData] | tuple[list[InstanceData], list[PixelData]]:
        """Keypoints of a batch (MMPose's entry point).

        Args:
            feats: Multi-scale features, each (B, C, h, w); for the flip test a list of two such, the second of the
                mirrored pictures.
            batch_data_samples: B samples of one person each.
            test_cfg: ``flip_test`` (with ``flip_mode`` and ``shift_heatmap``), ``output_heatmaps``.

        Returns:
            For each picture ``keypoints`` (1, K, D) in input pixels and ``keypoint_scores`` (1, K); with
            ``output_heatmaps`` the maps, too.
        """
        test_cfg = test_cfg or {}
        outputs = [self.forward(view) for view in self._views(feats, test_cfg)]
        located, *flipped = [self.locate(output) for output in outputs]
        flip_indices = batch_data_samples[0].metainfo['flip_indices'] if flipped else []
        if flipped:
            located = self.average_flip(located, flipped[0], flip_indices, test_cfg)
        predictions = self.decode(located)
        if not test_cfg.get('output_heatmaps', False):
            return predictions
        maps, *flipped = [self.heatmaps(output).detach() for output in outputs]
        maps = average_maps(maps, flipped[0], flip_indices, test_cfg) if flipped else maps
        return predictions, [PixelData(heatmaps=person) for person in maps]

    @staticmethod
    def _views(feats: Any, test_cfg: Mapping[str, Any]) -> list[Features]:
        """Features of each picture and, with the flip test, of its mirror image."""
        if not test_cfg.get('flip_test', False):
            return [feats]
        if not (isinstance(feats, list) and len(feats) == 2):
            raise ValueError(
                "'feats' must be a list [features, features of the mirrored pictures] with "
                f'flip_test=True, got {type(feats).__name__} of length {len(feats)}'
            )
        return feats
