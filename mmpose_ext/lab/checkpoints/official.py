"""Parameter names of official checkpoints, and the models of ours or MMPose's that they fit.

Normalization that the networks were trained with. The checkpoints do not hold it; a config has to:

==================== ==================================================================================
source               images that the network was trained on
==================== ==================================================================================
fpd_hourglass        ``mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=False``: the
                     means of red, green, blue on images in the order blue, green, red
princeton_hourglass  ``mean=[0, 0, 0], std=[255, 255, 255], bgr_to_rgb=True``
rle                  ``mean=[103.53, 116.535, 122.4], std=[255, 255, 255], bgr_to_rgb=True``
dark_simple_baseline as fpd_hourglass
==================== ==================================================================================
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

__all__ = ['OFFICIAL', 'Fit', 'Origin']

Weights = Mapping[str, Tensor]

# (blocks of layer1 to layer4, whether they are bottlenecks) -> depth
_RESNETS = {
    (2, 2, 2, 2, False): 18,
    (3, 4, 6, 3, False): 34,
    (3, 4, 6, 3, True): 50,
    (3, 4, 23, 3, True): 101,
    (3, 8, 36, 3, True): 152,
}


@dataclass(frozen=True)
class Origin:
    """What a parameter is made of, where it is not one parameter of the checkpoint under another name.

    Attributes:
        keys: Released names and the shapes they have to have.
        make: The parameter, of the released ones in this order.
    """

    keys: Mapping[str, tuple[int, ...]]
    make: Callable[..., Tensor]


@dataclass(frozen=True)
class Fit:
    """The model that a checkpoint fits, and where its parameters are.

    Attributes:
        model: Configs of the parts by name (backbone, neck, head); parameters are called ``<name>.<parameter>``.
        source_key: The released name of a parameter, from its name in the model.
        network: Pattern of the released names that belong to the computed network: where such a one is left over, the
            checkpoint is of another network.
        idle: Pattern of those among them that the official code makes but never computes with.
        made: Parameters that are made of several released ones, or of none, by their names in the model.
    """

    model: dict[str, Any]
    source_key: Callable[[str], str]
    network: str
    idle: str = r'(?!)'
    made: Mapping[str, Origin] = field(default_factory=dict)


def _count(weights: Weights, pattern: str) -> int:
    """How many different numbers a pattern's group takes: the largest and 1; at least 1."""
    return max((int(match[1]) + 1 for match in map(re.compile(pattern).match, weights) if match), default=1)


def _width(weights: Weights, pattern: str, axis: int = 0) -> int:
    """The size most parameters of these names have along an axis, so that a damaged one does not decide.

    Raises:
        ValueError: If there is no such parameter.
    """
    matches = [weights[name] for name in weights if re.fullmatch(pattern, name)]
    sizes = Counter(weight.shape[axis] for weight in matches if weight.ndim > axis)
    if not sizes:
        raise ValueError(f"'state_dict' must have parameters {_readable(pattern)}, got none of them")
    return sizes.most_common(1)[0][0]


def _readable(pattern: str) -> str:
    return pattern.replace('\\.', '.').replace('\\d+', '<n>').replace('(?:', '(')


# ---------------------------------------------------------------------------------------------
# stacked hourglasses

_PLACES = ('skip', 'down', 'up', 'inner')
_HOURGLASS = re.compile(rf'backbone\.stacks\.(\d+)\.hourglass\.((?:inner\.)*)({"|".join(_PLACES)})\.(\d+)\.(.*)')


def _rename(name: str, rules: Mapping[str, str]) -> str:
    for pattern, replacement in rules.items():
        name = re.sub(pattern, replacement, name)
    return name


_FPD_RULES = {
    r'^backbone\.': '',
    r'^stem\.conv\b': 'conv1',
    r'^stem\.bn\b': 'bn1',
    r'^stem\.block(\d)': r'layer\1.0',
    r'^stacks\.(\d+)\.blocks\b': r'res.\1',
    r'^stacks\.(\d+)\.prediction\.conv\b': r'fc.\1.0',
    r'^stacks\.(\d+)\.prediction\.bn\b': r'fc.\1.1',
    r'^stacks\.(\d+)\.prediction\.predict\b': r'score.\1',
    r'^stacks\.(\d+)\.prediction\.merge_features\b': r'fc_.\1',
    r'^stacks\.(\d+)\.prediction\.merge_maps\b': r'score_.\1',
    r'\.shortcut\.': '.downsample.0.',
}


def _fpd_hourglass(weights: Weights) -> Fit:
    depth = _count(weights, r'hg\.\d+\.hg\.(\d+)\.')

    def source_key(name: str) -> str:
        if match := _HOURGLASS.fullmatch(name):
            stack, above, place, block, rest = match.groups()
            # levels are counted from the bottom
            level = depth - 1 - above.count('inner')
            name = f'hg.{stack}.hg.{level}.{_PLACES.index(place)}.{block}.{rest}'
        return _rename(name, _FPD_RULES)

    backbone = dict(
        type='mmpose_ext.StackedHourglass',
        num_stacks=_count(weights, r'(?:hg|res|fc|score)\.(\d+)\.'),
        feat_channels=_width(weights, r'fc\.\d+\.[01]\.(?:weight|bias)|fc_\.\d+\.(?:weight|bias)'),
        num_blocks=_count(weights, r'hg\.\d+\.hg\.\d+\.\d+\.(\d+)\.'),
        num_keypoints=_width(weights, r'score\.\d+\.(?:weight|bias)'),
        stem_channels=(
            _width(weights, r'(?:conv1|bn1)\.(?:weight|bias)'),
            _width(weights, r'layer1\.0\.(?:conv3|downsample\.0)\.(?:weight|bias)'),
            _width(weights, r'layer2\.0\.(?:conv3|downsample\.0)\.(?:weight|bias)'),
        ),
        depth=depth,
    )
    network = r'(conv1|bn1|layer\d|hg|res|fc|score|fc_|score_)\.'
    return Fit(dict(backbone=backbone), source_key, network)


_PRINCETON_PLACES = dict(skip='up1', down='low1', up='low3', inner='low2')
_PRINCETON_RULES = {
    r'^backbone\.': '',
    r'\b(conv\d|shortcut)\.': r'\1.conv.',
    r'\.shortcut\.': '.skip_layer.',
    r'^stem\.conv\b': 'pre.0.conv',
    r'^stem\.bn\b': 'pre.0.bn',
    r'^stem\.block1': 'pre.1',
    r'^stem\.block2': 'pre.3',
    r'^stem\.block3': 'pre.4',
    r'^stacks\.(\d+)\.blocks\.0\b': r'features.\1.0',
    r'^stacks\.(\d+)\.prediction\.conv\b': r'features.\1.1.conv',
    r'^stacks\.(\d+)\.prediction\.bn\b': r'features.\1.1.bn',
    r'^stacks\.(\d+)\.prediction\.predict\b': r'outs.\1.conv',
    r'^stacks\.(\d+)\.prediction\.merge_features\b': r'merge_features.\1.conv.conv',
    r'^stacks\.(\d+)\.prediction\.merge_maps\b': r'merge_preds.\1.conv.conv',
}


def _princeton_hourglass(weights: Weights) -> Fit:
    def source_key(name: str) -> str:
        if match := _HOURGLASS.fullmatch(name):
            stack, above, place, _, rest = match.groups()
            name = f'hgs.{stack}.0.{above.replace("inner", "low2")}{_PRINCETON_PLACES[place]}.{rest}'
        return _rename(name, _PRINCETON_RULES)

    backbone = dict(
        type='mmpose_ext.StackedHourglass',
        num_stacks=_count(weights, r'(?:hgs|features|outs)\.(\d+)\.'),
        feat_channels=_width(weights, r'features\.\d+\.1\.(?:conv|bn)\.(?:weight|bias)'),
        num_blocks=1,
        num_keypoints=_width(weights, r'outs\.\d+\.conv\.(?:weight|bias)'),
        stem_channels=(
            _width(weights, r'pre\.0\.(?:conv|bn)\.(?:weight|bias)'),
            _width(weights, r'pre\.1\.(?:conv3|skip_layer)\.conv\.(?:weight|bias)'),
            _width(weights, r'pre\.3\.(?:conv3|skip_layer)\.conv\.(?:weight|bias)'),
        ),
        # the lowest residual module is called low2 as well
        depth=max((name.count('low2.') for name in weights), default=1) or 1,
    )
    network = r'(pre|hgs|features|outs|merge_features|merge_preds)\.'
    # every residual module has a skip layer, only those that change the number of channels use it
    return Fit(dict(backbone=backbone), source_key, network, idle=r'.*\.skip_layer\.conv\.(weight|bias)')


# ---------------------------------------------------------------------------------------------
# ResNets


def _resnet(weights: Weights, prefix: str) -> tuple[dict[str, Any], int]:
    """Config of MMPose's ResNet, the smallest with as many blocks as there are, and the channels it returns."""
    counts = [_count(weights, rf'{re.escape(prefix)}layer{layer}\.(\d+)\.') for layer in range(1, 5)]
    bottleneck = any('.conv3.' in name for name in weights)
    depths = [
        depth
        for (*blocks, kind), depth in _RESNETS.items()
        if kind == bottleneck and all(has >= count for has, count in zip(blocks, counts, strict=True))
    ]
    largest = 152 if bottleneck else 34
    return dict(type='mmpose.ResNet', depth=min(depths, default=largest)), 2048 if bottleneck else 512


def _interleave(coord: Tensor, sigma: Tensor) -> Tensor:
    """Rows x, y, sigma x, sigma y of each joint, from those of all points (2K, ...) and of all sigmas (2K, ...)."""
    pairs = [rows.unflatten(0, (-1, 2)) for rows in (coord, sigma)]
    return torch.cat(pairs, dim=1).flatten(0, 1)


def _rle(weights: Weights) -> Fit:
    """One layer of the head where the official network has two.

    The released layer of the points divides the products of weights and features by the features' L2 norm before it
    adds its bias. No weights of a plain linear layer do that: the head has to (``feature_norm``). And its points are of
    the range -0.5 to 0.5, ours are fractions of the input's size: the bias takes the half.
    """
    backbone, channels = _resnet(weights, 'preact.')
    joints = _width(weights, r'fc_(?:coord|sigma)\.linear\.(?:weight|bias)') // 2
    flow = 'head.loss_module.flow_model'
    made = {
        'head.fc.weight': Origin(
            {f'fc_{name}.linear.weight': (2 * joints, channels) for name in ('coord', 'sigma')}, _interleave
        ),
        'head.fc.bias': Origin(
            {f'fc_{name}.linear.bias': (2 * joints,) for name in ('coord', 'sigma')},
            lambda coord, sigma: _interleave(coord + 0.5, sigma),
        ),
        # mean and covariance of the standard normal, which the official code does not store
        f'{flow}.loc': Origin({}, lambda: torch.zeros(2)),
        f'{flow}.cov': Origin({}, lambda: torch.eye(2)),
    }
    head = dict(type='mmpose_ext.RLEHead', in_channels=channels, num_joints=joints, feature_norm=True)
    rules = {r'^backbone\.': 'preact.', rf'^{re.escape(flow)}\.': 'flow.'}
    return Fit(
        dict(backbone=backbone, head=head),
        lambda name: _rename(name, rules),
        network=r'(preact|fcs|fc_coord|fc_sigma|flow)\.',
        made=made,
    )


def _dark_simple_baseline(weights: Weights) -> Fit:
    backbone, channels = _resnet(weights, '')
    # each layer is a transposed convolution, a batch norm and a ReLU
    numbers = range(0, _count(weights, r'deconv_layers\.(\d+)\.'), 3)
    kernel_size = _width(weights, r'final_layer\.weight', axis=2)
    head = dict(
        type='mmpose_ext.HeatmapHead',
        in_channels=channels,
        out_channels=_width(weights, r'final_layer\.(?:weight|bias)'),
        deconv_out_channels=tuple(
            _width(weights, rf'deconv_layers\.{number + 1}\.(?:weight|bias|running_mean)') for number in numbers
        ),
        deconv_kernel_sizes=tuple(_width(weights, rf'deconv_layers\.{number}\.weight', axis=2) for number in numbers),
        final_layer=dict(kernel_size=kernel_size, padding=kernel_size // 2),
    )
    return Fit(
        dict(backbone=backbone, head=head),
        lambda name: name.partition('.')[2],
        network=r'(conv1|bn1|layer\d|deconv_layers|final_layer)\.',
    )


#: what ``convert_checkpoint`` knows, by the name of the source
OFFICIAL: dict[str, Callable[[Weights], Fit]] = {
    'fpd_hourglass': _fpd_hourglass,
    'princeton_hourglass': _princeton_hourglass,
    'rle': _rle,
    'dark_simple_baseline': _dark_simple_baseline,
}
