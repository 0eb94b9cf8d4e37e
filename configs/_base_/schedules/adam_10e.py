"""Adam, 10 epochs with a cosine decay, for synthetic people: every step of so short a training has to count."""

_base_ = '../default_runtime.py'

max_epochs = 10
train_cfg = dict(max_epochs=max_epochs, val_interval=2)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_epochs, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(logger=dict(interval=20))
