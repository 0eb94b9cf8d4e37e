"""Models: importing this package fills the registry ``MODELS``."""

from . import backbones, heads, losses

__all__ = ['backbones', 'heads', 'losses']
