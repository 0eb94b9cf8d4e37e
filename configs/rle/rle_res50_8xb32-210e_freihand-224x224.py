"""RLE for hands: ResNet-50, FreiHAND 224x224 (not in the paper)."""

_base_ = [
    '../_base_/datasets/topdown_freihand.py',
    '../_base_/models/res50.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=8 * 32)
default_hooks = dict(checkpoint=dict(save_best='EPE', rule='less'))

codec = dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size)
head = dict(_delete_=True, type='mmpose_ext.RLEHead', in_channels=2048, num_joints=21, decoder=codec)
model = dict(head=head)
