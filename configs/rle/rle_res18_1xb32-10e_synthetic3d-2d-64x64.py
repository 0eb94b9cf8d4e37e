"""RLE; small ResNet-18, few synthetic people with depth and many without (strategy 2; as in table 8)."""

_base_ = ['_base_/synthetic3d.py', '../_base_/datasets/topdown_synthetic3d-2d-64x64.py']

model = dict(head=dict(decoder=dict(input_size=_base_.input_size)))
