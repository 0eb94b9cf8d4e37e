"""RLE; small ResNet-18, few synthetic people with depth (strategy 1; as in table 8)."""

_base_ = ['_base_/synthetic3d.py', '../_base_/datasets/topdown_synthetic3d-64x64.py']

train_dataloader = dict(batch_size=_base_.batch_size)

model = dict(head=dict(decoder=dict(input_size=_base_.input_size)))
