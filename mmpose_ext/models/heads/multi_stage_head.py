"""Intermediate supervision: a loss on the maps of every stage of a network, predictions from the last stage."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmpose_ext.codecs import Encoded, MapFormat
from mmpose_ext.functional import check_shape
from mmpose_ext.models.utils import Targets, gather_stage_targets
from mmpose_ext.registry import MODELS

from .base_head import BaseHead
from .map_head import MapHead
from .step import AdjustTargets, Features, Samples, StageMaps

__all__ = ['MultiStageHead']

# what the head of a stage computes its loss from, whatever the head is
StageOutput = object


@MODELS.register_module()
class MultiStageHead(BaseHead[tuple[Tensor, ...], dict[int, StageOutput], list[Targets]]):
    """Heads without layers of their own on the maps that a multi-stage backbone returns.

    For ``MultiStageResNet`` (integral regression's MS-H and MS-I), ``StackedHourglass`` and every other backbone whose
    output is a tuple of maps, one set for each stage. The losses of all stages are added, as
    ``stage0.loss_kpt``, ``stage1.loss_kpt`` and so on; accuracy and predictions are those of the last stage.

    The settings of the stacked hourglass paper (Newell et al., ECCV 2016, figure 8)::

        HG-Stacked-Int (the paper's network)   one head
        HG-Stacked, a loss on the last only    loss_weights=(0, 1)
        HG-Int, maps of 16x16, 32x32, 64x64    head=[dict(..., decoder=dict(heatmap_size=(16, 16))),
                                                     dict(..., decoder=dict(heatmap_size=(32, 32))), dict(...)]

    What comes before maps with the weight 0 is trained through the stages after them, to which these backbones hand
    the maps on. With a backbone that does not hand them on, such parameters get no gradient, and distributed training
    needs ``find_unused_parameters=True``.

    Args:
        out_channels: Number of joints K.
        head: Config of a :class:`HeatmapHead`, :class:`IntegralHead` or :class:`IntegralHead3D` for all stages, or a
            sequence of configs, one for each stage. Channels need not be given. A head has no layers unless its config
            names some, which is refused.
        loss_weights: A factor >= 0 for each stage, the last one > 0; None: 1. A stage with 0 costs nothing.
        decoder: Config of the codec of all stages. A ``decoder`` in the config of a stage changes entries of it. Stages
            with equal codecs share one, which draws their targets once.
        init_cfg: MMEngine's initialization config.

    Raises:
        ValueError: If an argument is not as described.
    """

    def __init__(
        self,
        out_channels: int,
        head: ConfigType | Sequence[ConfigType],
        loss_weights: Sequence[float] | None = None,
        decoder: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(None, init_cfg)
        shared = isinstance(head, Mapping)
        configs: list[ConfigType] = [head] if shared else list(head)
        if loss_weights is None and not shared:
            loss_weights = [1.0] * len(configs)
        self.out_channels = self.num_joints = out_channels
        self.loss_weights = None if loss_weights is None else tuple(loss_weights)
        _check_stages(None if shared else len(configs), self.loss_weights)
        decoders = [dict(decoder or {}) | dict(config.get('decoder') or {}) for config in configs]
        # one for each stage, or one for all
        self.heads = nn.ModuleList(
            _build(config, out_channels, codec) for config, codec in zip(configs, decoders, strict=True)
        )
        for n, config in enumerate(decoders):
            self._head(n).decoder = self._head(decoders.index(config)).decoder
        self.decoder = self._last.decoder

    def _head(self, stage: int) -> MapHead[StageOutput]:
        """The head of a stage."""
        return cast('MapHead[StageOutput]', self.heads[stage if len(self.heads) > 1 else 0])

    @property
    def _last(self) -> MapHead[StageOutput]:
        return self._head(len(self.heads) - 1)

    def _weight(self, stage: int) -> float:
        return 1.0 if self.loss_weights is None else self.loss_weights[stage]

    def forward(self, feats: Features) -> tuple[Tensor, ...]:
        """Maps of every stage, as their heads return them.

        Args:
            feats: For each stage maps (B, K, H, W); H and W may differ. For heads with volumes of depth D
                (B, K * D, H, W), joint by joint.

        Raises:
            ValueError: If these are not maps of K joints, or not of as many stages as the head was built for.
        """
        stages = len(feats) if self.loss_weights is None else len(self.loss_weights)
        if len(feats) != stages or not feats:
            raise ValueError(f"'feats' must hold maps of {stages or 'one or more'} stages, got {len(feats)}")
        outputs = []
        for stage, maps in enumerate(feats):
            head = self._head(stage)
            check_shape(f'feats[{stage}]', maps, 'B K H W', K=head.map_channels)
            outputs.append(head((maps,)))
        return tuple(outputs)

    def postprocess(self, outputs: tuple[Tensor, ...]) -> dict[int, StageOutput]:
        """For each stage with a loss, by its number, what its head computes the loss from."""
        return {
            stage: self._head(stage).postprocess(output)
            for stage, output in enumerate(outputs)
            if self._weight(stage) > 0
        }

    def targets(
        self, batch_data_samples: Samples, device: torch.device, adjust: AdjustTargets | None = None
    ) -> list[Targets]:
        """Targets for each head; a head without a loss gets the targets of the last one."""
        heads = [self._head(stage) for stage in range(len(self.heads))]
        codecs = [head.decoder if self._weight(stage) > 0 else self.decoder for stage, head in enumerate(heads)]
        gathered = gather_stage_targets(batch_data_samples, codecs, device, self.out_channels)
        weighted = [head.with_loss_weights(targets) for head, targets in zip(heads, gathered, strict=True)]
        return weighted if adjust is None else [adjust(targets) for targets in weighted]

    def losses(self, outputs: dict[int, StageOutput], targets: list[Targets]) -> dict[str, Tensor]:
        """Losses of every stage, times its weight, under the names ``stage<number>.<the head's name>``."""
        losses = {}
        for stage, output in outputs.items():
            for name, value in self._head(stage).losses(output, targets[stage if len(targets) > 1 else 0]).items():
                losses[f'stage{stage}.{name}'] = value * self._weight(stage) if 'loss' in name else value
        return losses

    def accuracy(self, outputs: dict[int, StageOutput], targets: list[Targets]) -> dict[str, Tensor]:
        """The accuracy of the last stage."""
        return self._last.accuracy(outputs[max(outputs)], targets[-1])

    @property
    def map_format(self) -> MapFormat | None:
        """The format of the last stage's maps."""
        return self._last.map_format

    def stage_maps(self, outputs: dict[int, StageOutput]) -> list[StageMaps]:
        """The maps of every stage with a loss."""
        return [
            StageMaps(f'stage{stage}.', self._head(stage).stage_maps(output)[-1].maps, self._weight(stage))
            for stage, output in outputs.items()
        ]

    def joint_weights(self, targets: list[Targets]) -> Tensor:
        """Weights (B, K) that the last stage's codec gave to the joints."""
        return targets[-1]['keypoint_weights']

    def targets_of_points(self, points: Tensor, weights: Tensor) -> list[Targets]:
        """Targets that the codec of each head draws of given points, see :meth:`BaseHead.targets_of_points`."""
        return [self._head(stage).targets_of_points(points, weights) for stage in range(len(self.heads))]

    def codec_inputs(self, outputs: tuple[Tensor, ...]) -> Encoded:
        """What the last stage's codec decodes of the last maps."""
        return self._last.codec_inputs(outputs[-1])

    def with_covariances(self, encoded: Encoded, outputs: tuple[Tensor, ...]) -> Encoded:
        """With the covariances that the last stage's head computes, if it does."""
        return self._last.with_covariances(encoded, outputs[-1])

    def average_flip(
        self, encoded: Encoded, flipped: Encoded, flip_indices: Sequence[int], test_cfg: ConfigType
    ) -> Encoded:
        """The mean that the last stage's head computes."""
        return self._last.average_flip(encoded, flipped, flip_indices, test_cfg)

    def heatmaps(self, outputs: tuple[Tensor, ...]) -> Tensor:
        """Maps (B, K, H, W) of the last stage."""
        return self._last.heatmaps(outputs[-1])


def _check_stages(heads: int | None, loss_weights: Sequence[float] | None) -> None:
    """Raise a ValueError unless there are heads (None: one for all stages) and usable weights for as many stages."""
    if heads == 0:
        raise ValueError("'head' must be a config or a sequence of them, got an empty one")
    if loss_weights is None:
        return
    if heads not in (None, len(loss_weights)):
        raise ValueError(f"'loss_weights' must have one entry for each of the {heads} heads, got {loss_weights}")
    usable = [isinstance(weight, (int, float)) and 0 <= weight < float('inf') for weight in loss_weights]
    if not loss_weights or not all(usable) or loss_weights[-1] == 0:
        raise ValueError(
            "'loss_weights' must be finite numbers >= 0, the last one > 0 because it is the prediction, "
            f'got {loss_weights}'
        )


def _build(config: ConfigType, joints: int, decoder: ConfigType) -> MapHead[StageOutput]:
    """The head of a stage, which takes maps and adds no layers to them."""
    # without layers, the number of channels that come in means nothing
    defaults = dict(in_channels=joints, out_channels=joints, deconv_out_channels=None, final_layer=None)
    head = MODELS.build(defaults | dict(config) | dict(decoder=decoder or None))
    if not isinstance(head, MapHead):
        raise ValueError(f"'head' must be a HeatmapHead or IntegralHead of mmpose_ext, got {config.get('type')!r}")
    layers = [name for name, _ in head.named_parameters()]
    if layers:
        raise ValueError(f"'head' must have no layers of its own: the backbone makes the maps; got {layers}")
    return head
