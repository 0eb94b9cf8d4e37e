"""Conversion of the checkpoints that other programs wrote."""

from .convert import convert_checkpoint

__all__ = ['convert_checkpoint']
