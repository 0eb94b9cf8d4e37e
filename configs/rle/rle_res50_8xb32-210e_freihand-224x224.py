"""RLE for hands: ResNet-50, FreiHAND 224x224 (not in the paper)."""

_base_ = ['_base_/others.py', '../_base_/datasets/topdown_freihand-224x224.py']

train_dataloader = dict(batch_size=_base_.batch_size)
model = dict(head=dict(num_joints=21, decoder=dict(input_size=_base_.input_size)))
default_hooks = dict(checkpoint=dict(save_best='EPE', rule='less'))
