"""The library timm as TimmBackbone uses it: its networks, where their features are, and in which order layers run."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Protocol, TypedDict, cast

from mmengine.utils import digit_version
from torch import Tensor, nn

__all__ = ['as_network', 'chosen_features', 'create_network', 'modules_up_to']

_OLDEST = '1.0.31'  # before, timm cut off the wrong layers of ConvNeXt and could not cut those of HRNet


class _FeatureInfo(TypedDict):
    """What timm says of a place in a network where features can be taken."""

    num_chs: int
    reduction: int
    module: str


class _Timm(Protocol):
    """What is used of the library."""

    __version__: str
    create_model: Callable[..., nn.Module]
    is_model: Callable[[str], bool]
    list_models: Callable[[], list[str]]


class _Network(Protocol):
    """What is used of timm's networks."""

    feature_info: Sequence[_FeatureInfo]
    pretrained_cfg: Mapping[str, object]
    prune_intermediate_layers: Callable[..., object]
    forward_intermediates: Callable[..., list[Tensor]]


def _import_timm() -> _Timm:
    needs, advice = f'TimmBackbone needs timm>={_OLDEST}', "install it: pip install 'mmpose_ext[timm]'"
    try:
        timm = cast('_Timm', import_module('timm'))
    except ImportError as error:
        raise ImportError(f'{needs}, found none; {advice}') from error
    if digit_version(timm.__version__) < digit_version(_OLDEST):
        raise ImportError(f'{needs}, found {timm.__version__}; {advice}')
    return timm


def create_network(model_name: str, pretrained: bool, model_args: Mapping[str, object]) -> nn.Module:
    """The whole network of a name, as timm makes it.

    Args:
        model_name: timm's name, with or without a tag of its weights.
        pretrained: Whether to load the weights that timm downloads.
        model_args: More arguments of ``timm.create_model``.

    Raises:
        ImportError: If timm is not installed, or too old.
        ValueError: If timm has no model of that name.
    """
    timm = _import_timm()
    if not timm.is_model(model_name):
        close = difflib.get_close_matches(model_name, timm.list_models())
        hint = f'; closest: {", ".join(close)}' if close else ''
        raise ValueError(f"'model_name' must be a model of timm, got {model_name!r}{hint}")
    return timm.create_model(model_name, pretrained=pretrained, **model_args)


def as_network(module: nn.Module) -> _Network:
    """A module that timm made, with its type."""
    return cast('_Network', module)


def chosen_features(info: Sequence[_FeatureInfo], out_strides: Sequence[int] | None) -> tuple[int, ...]:
    """Numbers of the features with these strides, the last one of each."""
    last = {feature['reduction']: index for index, feature in enumerate(info)}
    if out_strides is None:
        return (len(info) - 1,)
    wanted = tuple(out_strides)
    if not wanted or not set(wanted) <= set(last) or list(wanted) != sorted(set(wanted)):
        allowed = ', '.join(map(str, last))
        raise ValueError(f"'out_strides' must be ascending and some of {allowed}, got {out_strides!r}")
    return tuple(last[stride] for stride in wanted)


def modules_up_to(network: nn.Module, info: Sequence[_FeatureInfo], stage: int) -> frozenset[str]:
    """Names of the modules that are done when a stage ends; timm registers modules in the order of their use."""
    if isinstance(stage, bool) or not isinstance(stage, int) or not -1 <= stage < len(info):
        raise ValueError(f"'frozen_stages' must be a whole number from -1 to {len(info) - 1}, got {stage!r}")
    if stage == -1:
        return frozenset()
    names, last = [name for name, _ in network.named_modules()], info[stage]['module']
    ends = [number for number, name in enumerate(names) if name == last or name.startswith(f'{last}.')]
    if not ends:
        raise ValueError(
            f"'frozen_stages' must be -1 with this network, whose modules do not tell where stage {stage} ({last}) "
            f'ends, got {stage}'
        )
    return frozenset(names[: ends[-1] + 1])
