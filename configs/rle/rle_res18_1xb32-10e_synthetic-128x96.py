"""RLE; small ResNet-18, synthetic people at 128x96 (as in tables 1, 6 and 7)."""

_base_ = '_base_/synthetic-128x96.py'
