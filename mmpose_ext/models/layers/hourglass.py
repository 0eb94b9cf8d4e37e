"""Layers of the stacked hourglass (Newell et al., ECCV 2016): residual module, hourglass, predictions in between."""

import torch.nn.functional as F
from torch import Tensor, nn

from .deconv import predict_maps

__all__ = ['Hourglass', 'PreactBottleneck', 'Prediction', 'residual_modules']


class PreactBottleneck(nn.Module):
    """Residual module whose batch norms and ReLUs come before its convolutions (the paper's figure 4, left).

    1x1 to half of the outgoing channels, 3x3, 1x1 to all of them, each with a bias; nothing follows the addition. Where
    the number of channels changes, the way around is a 1x1 convolution of the raw input, without norm.

    Args:
        in_channels: Channels of (B, in_channels, H, W).
        out_channels: Channels of the result, of the same size; an even number.

    Raises:
        ValueError: If ``out_channels`` is odd.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        if out_channels % 2:
            raise ValueError(f"'out_channels' must be an even number, got {out_channels!r}")
        middle = out_channels // 2
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, middle, 1)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, out_channels, 1)
        self.shortcut = None if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Residual of (B, in_channels, H, W): (B, out_channels, H, W), a tensor of its own."""
        y = self.conv1(F.relu(self.bn1(x), inplace=True))
        y = self.conv2(F.relu(self.bn2(y), inplace=True))
        y = self.conv3(F.relu(self.bn3(y), inplace=True))
        # in place: no backward pass needs what conv3 returned
        y += x if self.shortcut is None else self.shortcut(x)
        return y


def residual_modules(channels: int, count: int) -> nn.Sequential:
    """``count`` residual modules in a row, all of ``channels``."""
    return nn.Sequential(*(PreactBottleneck(channels, channels) for _ in range(count)))


class Prediction(nn.Module):
    """Heatmaps of features, and both mapped back into what the features were computed from (the figure's right).

    A 1x1 convolution with batch norm and ReLU gives y, a plain 1x1 convolution the maps; y and the maps each pass
    another 1x1 convolution and are added to ``base``.

    Args:
        channels: Channels C of the features.
        num_keypoints: Number of joints K.
        merge: Whether anything follows that needs the sum; without, its two convolutions do not exist.
    """

    def __init__(self, channels: int, num_keypoints: int, merge: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.bn = nn.BatchNorm2d(channels)
        self.predict = nn.Conv2d(channels, num_keypoints, 1)
        self.merge_features = nn.Conv2d(channels, channels, 1) if merge else None
        self.merge_maps = nn.Conv2d(num_keypoints, channels, 1) if merge else None

    def forward(self, features: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from features.

        Args:
            features: (B, C, H, W).
            base: (B, C, H, W), what the features and maps are added to; it is left as it is.

        Returns:
            The sum (B, C, H, W), ``base`` itself without ``merge``; and the maps (B, K, H, W).
        """
        y = F.relu(self.bn(self.conv(features)), inplace=True)
        maps = predict_maps(self.predict, y)
        if self.merge_features is None or self.merge_maps is None:
            return base, maps
        merged = base + self.merge_features(y)
        merged += self.merge_maps(maps)
        return merged, maps


class Hourglass(nn.Module):
    """Pools ``depth`` times and climbs back, with residual modules at every resolution (the paper's figure 3).

    At each level the features split: one way keeps the size; the other is max-pooled, passes the next level (at the
    deepest: residual modules), and is enlarged by nearest upsampling. The two are added.

    Args:
        depth: Number of poolings.
        channels: Channels C, the same everywhere.
        num_blocks: Residual modules in each of the places.
        num_keypoints: Number of joints K, of the predictions inside.
        inner_predictions: At so many of the next lower resolutions, from the top, predict maps of what comes back from
            the level below, and map them back. At most ``depth - 1``.
    """

    def __init__(
        self, depth: int, channels: int, num_blocks: int, num_keypoints: int = 0, inner_predictions: int = 0
    ) -> None:
        super().__init__()
        self.skip = residual_modules(channels, num_blocks)
        self.down = residual_modules(channels, num_blocks)
        self.inner: nn.Module
        if depth > 1:
            self.inner = Hourglass(depth - 1, channels, num_blocks, num_keypoints, max(inner_predictions - 1, 0))
        else:
            self.inner = residual_modules(channels, num_blocks)
        self.prediction = Prediction(channels, num_keypoints) if inner_predictions else None
        self.up = residual_modules(channels, num_blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Pass features through all levels.

        Args:
            x: (B, C, H, W). A side that is odd at some level loses its last row or column in the pooling there and is
                stretched back to its size.

        Returns:
            (B, C, H, W) and the maps predicted inside, (B, K, h, w) each, from the lowest resolution to the highest.
        """
        skip = self.skip(x)
        y = self.down(F.max_pool2d(x, 2))
        maps: tuple[Tensor, ...] = ()
        if isinstance(self.inner, Hourglass):
            y, maps = self.inner(y)
        else:
            y = self.inner(y)
        if self.prediction is not None:
            y, predicted = self.prediction(y, y)
            maps = (*maps, predicted)
        return skip + F.interpolate(self.up(y), size=skip.shape[-2:], mode='nearest'), maps
