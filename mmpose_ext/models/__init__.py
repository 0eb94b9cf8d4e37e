"""Models: importing this package fills the registry ``MODELS``."""

from . import backbones, distillers, heads, losses

__all__ = ['backbones', 'distillers', 'heads', 'losses']
