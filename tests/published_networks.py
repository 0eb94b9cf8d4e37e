"""The released networks in plain torch, told in our own words: what a converted checkpoint has to compute.

Their state dicts have the parameter names of the published checkpoints and nothing else; a test holds them against
``official_checkpoint_keys.json``. They are slow and simple on purpose, and share no code with the package.
"""

import torch
import torchvision
from torch import nn
from torch.nn.functional import interpolate, max_pool2d, relu

KEYS = 'official_checkpoint_keys.json'


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights and statistics, of a size that keeps activations near one through all layers."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith('running_var'):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
            elif value.is_floating_point() and not name.endswith('mask'):
                fan_in = value[0].numel() if value.ndim > 1 else 4
                value.copy_(torch.randn(value.shape, generator=generator) / (2 * fan_in**0.5))
                if value.ndim == 1 and name.endswith('weight'):
                    value += 1  # the factors of batch norms
            elif name.endswith('num_batches_tracked'):
                value.fill_(7)
    return model.eval()


# ---------------------------------------------------------------------------------------------
# FPD (and DARK's hourglass)


class FpdModule(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        half = outside // 2
        self.bn1, self.conv1 = nn.BatchNorm2d(inside), nn.Conv2d(inside, half, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), nn.Conv2d(half, half, 3, padding=1)
        self.bn3, self.conv3 = nn.BatchNorm2d(half), nn.Conv2d(half, outside, 1)
        if inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1))

    def forward(self, x):
        around = self.downsample(x) if hasattr(self, 'downsample') else x
        for norm, conv in ((self.bn1, self.conv1), (self.bn2, self.conv2), (self.bn3, self.conv3)):
            x = conv(relu(norm(x)))
        return x + around


def fpd_modules(width, count):
    return nn.Sequential(*[FpdModule(width, width) for _ in range(count)])


class FpdHourglass(nn.Module):
    """``hg[n]`` is the level above which n poolings remain: skip, way down, way up, and at n = 0 the bottom."""

    def __init__(self, width, blocks, depth, stretch=False):
        super().__init__()
        self.hg = nn.ModuleList(
            nn.ModuleList(fpd_modules(width, blocks) for _ in range(3 if level else 4)) for level in range(depth)
        )
        self.stretch = stretch

    def level(self, number, x):
        parts = self.hg[number]
        low = parts[1](max_pool2d(x, 2))
        low = self.level(number - 1, low) if number else parts[3](low)
        low = parts[2](low)
        # DARK's code enlarges the smallest map to the size that 128x96 images have there, all others by 2
        if self.stretch and number == 0:
            return parts[0](x) + interpolate(low, size=(4, 3))
        return parts[0](x) + low.repeat_interleave(2, 2).repeat_interleave(2, 3)

    def forward(self, x):
        return self.level(len(self.hg) - 1, x)


class FpdNet(nn.Module):
    def __init__(self, stacks, width, joints, blocks=1, depth=4, stretch=False, stem=None):
        super().__init__()
        first, second, third = stem or (width // 4, width // 2, width)
        self.conv1 = nn.Conv2d(3, first, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(first)
        self.layer1 = nn.Sequential(FpdModule(first, second))
        self.layer2 = nn.Sequential(FpdModule(second, third))
        self.layer3 = nn.Sequential(FpdModule(third, width))
        self.hg = nn.ModuleList(FpdHourglass(width, blocks, depth, stretch) for _ in range(stacks))
        self.res = nn.ModuleList(fpd_modules(width, blocks) for _ in range(stacks))
        self.fc = nn.ModuleList(nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width)) for _ in range(stacks))
        self.score = nn.ModuleList(nn.Conv2d(width, joints, 1) for _ in range(stacks))
        self.fc_ = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(stacks - 1))
        self.score_ = nn.ModuleList(nn.Conv2d(joints, width, 1) for _ in range(stacks - 1))

    def forward(self, image):
        x = self.layer1(relu(self.bn1(self.conv1(image))))
        x = self.layer3(self.layer2(max_pool2d(x, 2)))
        found = []
        for number, hourglass in enumerate(self.hg):
            features = relu(self.fc[number](self.res[number](hourglass(x))))
            found.append(self.score[number](features))
            if number < len(self.fc_):
                x = x + self.fc_[number](features) + self.score_[number](found[-1])
        return found


# ---------------------------------------------------------------------------------------------
# the PyTorch port of Newell's code


class PortConv(nn.Module):
    """A convolution, with a batch norm and ReLU on demand."""

    def __init__(self, inside, outside, kernel=1, stride=1, norm=False):
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2)
        if norm:
            self.bn = nn.BatchNorm2d(outside)

    def forward(self, x):
        return relu(self.bn(self.conv(x))) if hasattr(self, 'bn') else self.conv(x)


class PortModule(nn.Module):
    """The released class makes a convolution for the way around even where the way around is the identity."""

    def __init__(self, inside, outside):
        super().__init__()
        half = outside // 2
        self.bn1, self.conv1 = nn.BatchNorm2d(inside), PortConv(inside, half)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), PortConv(half, half, 3)
        self.bn3, self.conv3 = nn.BatchNorm2d(half), PortConv(half, outside)
        self.skip_layer = PortConv(inside, outside)
        self.same = inside == outside

    def forward(self, x):
        y = self.conv1(self.bn1(x).clamp(min=0))
        y = self.conv2(self.bn2(y).clamp(min=0))
        y = self.conv3(self.bn3(y).clamp(min=0))
        return y + (x if self.same else self.skip_layer(x))


class PortHourglass(nn.Module):
    def __init__(self, poolings, width):
        super().__init__()
        self.up1 = PortModule(width, width)
        self.low1 = PortModule(width, width)
        self.low2 = PortHourglass(poolings - 1, width) if poolings > 1 else PortModule(width, width)
        self.low3 = PortModule(width, width)

    def forward(self, x):
        low = self.low3(self.low2(self.low1(max_pool2d(x, 2))))
        return self.up1(x) + interpolate(low, scale_factor=2, mode='nearest')


class PortMerge(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        self.conv = PortConv(inside, outside)

    def forward(self, x):
        return self.conv(x)


class PrincetonNet(nn.Module):
    def __init__(self, stacks, width, joints, depth=4):
        super().__init__()
        self.pre = nn.Sequential(
            PortConv(3, 64, 7, 2, norm=True),
            PortModule(64, 128),
            nn.MaxPool2d(2),
            PortModule(128, 128),
            PortModule(128, width),
        )
        self.hgs = nn.ModuleList(nn.Sequential(PortHourglass(depth, width)) for _ in range(stacks))
        self.features = nn.ModuleList(
            nn.Sequential(PortModule(width, width), PortConv(width, width, norm=True)) for _ in range(stacks)
        )
        self.outs = nn.ModuleList(PortConv(width, joints) for _ in range(stacks))
        self.merge_features = nn.ModuleList(PortMerge(width, width) for _ in range(stacks - 1))
        self.merge_preds = nn.ModuleList(PortMerge(joints, width) for _ in range(stacks - 1))

    def forward(self, image):
        x = self.pre(image)
        found = []
        for number, hourglass in enumerate(self.hgs):
            features = self.features[number](hourglass(x))
            found.append(self.outs[number](features))
            if number < len(self.merge_preds):
                x = x + self.merge_preds[number](found[-1]) + self.merge_features[number](features)
        return found


# ---------------------------------------------------------------------------------------------
# ResNets: torchvision's, of the same parameter names


def resnet(depth):
    net = getattr(torchvision.models, f'resnet{depth}')()
    del net.fc
    return net


def resnet_features(net, image):
    """(B, C, h/32, w/32) of (B, 3, h, w)."""
    x = net.maxpool(relu(net.bn1(net.conv1(image))))
    return net.layer4(net.layer3(net.layer2(net.layer1(x))))


class Within(nn.Module):
    """A linear layer that the official code calls ``<name>.linear``."""

    def __init__(self, inside, outside):
        super().__init__()
        self.linear = nn.Linear(inside, outside)


class RleFlow(nn.Module):
    """Only its parameters: two networks for each of six couplings, and their masks."""

    def __init__(self):
        super().__init__()
        self.register_buffer('mask', torch.tensor([[0.0, 1.0], [1.0, 0.0]] * 3))
        self.t, self.s = (
            nn.ModuleList(
                nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
                for _ in range(6)
            )
            for _ in range(2)
        )


class RleNet(nn.Module):
    """Returns points (B, K, 2), of the range -0.5 to 0.5, and sigmas before the sigmoid."""

    def __init__(self, depth, joints):
        super().__init__()
        self.preact = resnet(depth)
        channels = self.preact.layer4[-1].bn2.num_features * (4 if depth >= 50 else 1)
        self.fc_coord = Within(channels, 2 * joints)
        self.fc_sigma = Within(channels, 2 * joints)
        self.flow = RleFlow()

    def forward(self, image):
        features = resnet_features(self.preact, image).mean((2, 3))
        length = features.square().sum(1, keepdim=True).sqrt()
        coords = features @ self.fc_coord.linear.weight.T / length + self.fc_coord.linear.bias
        sigmas = self.fc_sigma.linear(features)
        return coords.unflatten(1, (-1, 2)), sigmas.unflatten(1, (-1, 2))


def dark_net(depth, joints, filters=(256, 256, 256)):
    """Simple Baselines, the network of DARK's tables."""
    net = resnet(depth)
    inside = net.layer4[-1].bn2.num_features * (4 if depth >= 50 else 1)
    layers = []
    for outside in filters:
        layers += [
            nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
        ]
        inside = outside
    net.deconv_layers = nn.Sequential(*layers)
    net.final_layer = nn.Conv2d(inside, joints, 1)
    net.forward = lambda image: net.final_layer(net.deconv_layers(resnet_features(net, image)))
    return net
