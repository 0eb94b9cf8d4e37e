"""Models: importing this package fills the registry ``MODELS``."""

from . import heads

__all__ = ['heads']
