"""Models: importing this package fills the registry ``MODELS``."""

from . import backbones, data_preprocessors, distillers, heads, losses

__all__ = ['backbones', 'data_preprocessors', 'distillers', 'heads', 'losses']
