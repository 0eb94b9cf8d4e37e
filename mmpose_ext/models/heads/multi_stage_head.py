"""Intermediate supervision: a loss on the maps of every stage of a network, predictions from the last ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmpose_ext.functional import check_shape
from mmpose_ext.models.utils import gather_stage_targets
from mmpose_ext.registry import MODELS

from .base import BaseHead, Features, Samples
from .map_head import MapHead

__all__ = ['MultiStageHead']


@MODELS.register_module()
class MultiStageHead(BaseHead):
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
    the maps on. With a backbone that does not, such parameters get no gradient, and distributed training needs
    ``find_unused_parameters=True``.

    Args:
        out_channels: Number of joints K.
        head: Config of a :class:`HeatmapHead` or :class:`IntegralHead` for all stages, or a sequence of them, one for
            each. Channels need not be given, and there are no layers unless the config names some, which is refused.
        loss_weights: A factor >= 0 for each stage, the last one > 0; None: 1. A stage with 0 costs nothing.
        decoder: Config of the codec of all stages. A ``decoder`` in the config of a stage changes entries of it. Stages
            with equal codecs share one, which draws their targets once.
        init_cfg: MMEngine's initialisation config.

    Raises:
        ValueError: If an argument is not as above.
    """

    def __init__(
        self,
        out_channels: int,
        head: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        loss_weights: Sequence[float] | None = None,
        decoder: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(None, init_cfg)
        shared = isinstance(head, Mapping)
        configs: list[Mapping[str, Any]] = [head] if isinstance(head, Mapping) else list(head)
        if loss_weights is None and not shared:
            loss_weights = [1.0] * len(configs)
        self.out_channels = out_channels
        self.loss_weights = None if loss_weights is None else tuple(loss_weights)
        _check_stages(None if shared else len(configs), self.loss_weights)
        decoders = [dict(decoder or {}) | dict(config.get('decoder') or {}) for config in configs]
        # one for each stage, or one for all
        self.heads = nn.ModuleList(
            _build(config, out_channels, codec) for config, codec in zip(configs, decoders, strict=True)
        )
        for inner, config in zip(self.heads, decoders, strict=True):
            inner.decoder = self.heads[decoders.index(config)].decoder
        self.decoder = self._last.decoder

    @property
    def _last(self) -> Any:
        return self.heads[-1]

    def _head(self, stage: int) -> Any:
        return self.heads[stage] if len(self.heads) > 1 else self.heads[0]

    def _weight(self, stage: int) -> float:
        return 1.0 if self.loss_weights is None else self.loss_weights[stage]

    def forward(self, feats: Features) -> tuple[Tensor, ...]:
        """Maps of every stage, as their heads return them.

        Args:
            feats: For each stage maps (B, K, H, W); H and W may differ. With the heads' ``depth_size`` D
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
            check_shape(f'feats[{stage}]', maps, 'B K H W', K=head.in_channels)
            outputs.append(head((maps,)))
        return tuple(outputs)

    def interpret(self, outputs: Sequence[Tensor]) -> dict[int, Any]:
        """For each stage with a loss, by its number, what its head computes the loss from."""
        return {
            stage: self._head(stage).interpret(output)
            for stage, output in enumerate(outputs)
            if self._weight(stage) > 0
        }

    def targets(self, batch_data_samples: Samples, device: torch.device) -> list[dict[str, Tensor]]:
        """Targets for each head; where there is no loss, those of the last one stand in for them."""
        codecs = [head.decoder if self._weight(stage) > 0 else self.decoder for stage, head in enumerate(self.heads)]
        gathered = gather_stage_targets(batch_data_samples, codecs, device)
        return [self._head(stage).weigh(targets) for stage, targets in enumerate(gathered)]

    def losses(self, outputs: Mapping[int, Any], targets: Any) -> dict[str, Tensor]:
        """Losses of every stage, times its weight, under the names ``stage<number>.<the head's name>``."""
        losses = {}
        for stage, output in outputs.items():
            for name, value in self._head(stage).losses(output, targets[stage if len(targets) > 1 else 0]).items():
                losses[f'stage{stage}.{name}'] = value * self._weight(stage) if 'loss' in name else value
        return losses

    def accuracy(self, outputs: Mapping[int, Any], targets: Any) -> dict[str, Tensor]:
        """That of the last stage."""
        return self._last.accuracy(outputs[max(outputs)], targets[-1])

    def locate(self, outputs: Sequence[Tensor]) -> Any:
        """What the last stage's head makes of the last maps."""
        return self._last.locate(outputs[-1])

    def average_flip(self, located: Any, flipped: Any, flip_indices: Sequence[int], test_cfg: Mapping[str, Any]) -> Any:
        """That of the last stage's head."""
        return self._last.average_flip(located, flipped, flip_indices, test_cfg)

    def decode(self, batch_outputs: Any) -> list[InstanceData]:
        """That of the last stage's head."""
        return self._last.decode(batch_outputs)

    def heatmaps(self, outputs: Sequence[Tensor]) -> Tensor:
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


def _build(config: Mapping[str, Any], channels: int, decoder: Mapping[str, Any]) -> MapHead:
    """The head of a stage; maps come in, and nothing but their loss and prediction is added."""
    # the maps of a volume, if it is one
    maps = channels * (config.get('depth_size') or 1)
    defaults = dict(in_channels=maps, out_channels=channels, deconv_out_channels=None, final_layer=None)
    head = MODELS.build(defaults | dict(config) | dict(decoder=decoder or None))
    if not isinstance(head, MapHead):
        raise ValueError(f"'head' must be a HeatmapHead or IntegralHead of mmpose_ext, got {config.get('type')!r}")
    layers = [name for name, _ in head.named_parameters()]
    if layers:
        raise ValueError(f"'head' must have no layers of its own: the backbone makes the maps; got {layers}")
    return head
