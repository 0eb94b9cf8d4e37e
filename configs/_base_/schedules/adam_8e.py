"""Adam, 8 epochs with a cosine decay, for some thousands of photographs and a backbone with ImageNet weights."""

_base_ = '../default_runtime.py'

max_epochs = 8
train_cfg = dict(max_epochs=max_epochs, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_epochs, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(logger=dict(interval=20))
