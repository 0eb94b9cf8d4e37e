"""RLE for faces: ResNet-50, WFLW 256x256 (not in the paper)."""

_base_ = ['_base_/others.py', '../_base_/datasets/topdown_wflw-256x256.py']

train_dataloader = dict(batch_size=_base_.batch_size)
model = dict(head=dict(num_joints=98, decoder=dict(input_size=_base_.input_size)))
default_hooks = dict(checkpoint=dict(save_best='NME', rule='less'))
