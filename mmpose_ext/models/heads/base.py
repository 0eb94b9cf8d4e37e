"""What every top-down head does in the same way: training step, flip test, decoding, packing."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads.base_head import BaseHead as MMPoseHead
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_ext.models.utils import gather_targets
from mmpose_ext.registry import KEYPOINT_CODECS

__all__ = ['BaseHead']

Features = Sequence[Tensor]
Samples = Sequence[PoseDataSample]


class BaseHead(MMPoseHead):
    """Template of top-down heads; the codec lives in the head.

    A subclass implements :meth:`forward` and :meth:`losses`, and :meth:`average_flip` if it can be flip-tested. What
    ``forward`` returns is passed on as it is, as one tensor or a tuple of tensors.

    Args:
        decoder: Config of the codec that decodes outputs and, where the pipeline has no ``GenerateTarget``, encodes
            targets. None: the head can then only run :meth:`forward`.
        init_cfg: MMEngine's initialisation config.
    """

    def __init__(self, decoder: Mapping[str, Any] | None = None, init_cfg: Any = None) -> None:
        super().__init__(init_cfg)
        self.decoder = None if decoder is None else KEYPOINT_CODECS.build(dict(decoder))

    @abstractmethod
    def forward(self, feats: Features) -> Any:
        """Network output of multi-scale features."""

    @abstractmethod
    def losses(self, outputs: Any, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses of outputs against the targets that the codec encoded, by name.

        Names that start with ``loss`` are summed by MMEngine; the others are only logged.
        """

    def accuracy(self, outputs: Any, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scalars for the training log, computed without gradients and without a host sync."""
        return {}

    def average_flip(self, outputs: Any, flipped: Any, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]) -> Any:
        """Mean of the outputs of a picture and of its mirror image, the latter mirrored back."""
        raise NotImplementedError(f'{type(self).__name__} has no flip test; set model.test_cfg.flip_test=False')

    def output_fields(self, outputs: Any) -> list[PixelData]:
        """Maps of each picture for ``test_cfg.output_heatmaps``."""
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
        outputs = self.forward(feats)
        targets = gather_targets(batch_data_samples, self.decoder, feats[-1].device)
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
        if test_cfg.get('flip_test', False):
            if not (isinstance(feats, list) and len(feats) == 2):
                raise ValueError(
                    "'feats' must be a list [features, features of the mirrored pictures] with "
                    f'flip_test=True, got {type(feats).__name__} of length {len(feats)}'
                )
            outputs = self.average_flip(
                self.forward(feats[0]), self.forward(feats[1]), batch_data_samples[0].metainfo['flip_indices'], test_cfg
            )
        else:
            outputs = self.forward(feats)
        predictions = self.decode(outputs)
        if test_cfg.get('output_heatmaps', False):
            return predictions, self.output_fields(outputs)
        return predictions
