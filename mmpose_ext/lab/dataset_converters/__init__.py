"""Annotations of published datasets as COCO-style json files: what tools/dataset_converters/ calls."""

from .flic import convert_flic
from .lsp import convert_lsp

__all__ = ['convert_flic', 'convert_lsp']
