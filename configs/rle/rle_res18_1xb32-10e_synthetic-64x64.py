"""RLE; small ResNet-18, synthetic people at 64x64 (as in tables 1 and 7)."""

_base_ = '_base_/synthetic-64x64.py'
