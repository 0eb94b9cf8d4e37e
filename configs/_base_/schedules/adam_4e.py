"""Adam, 4 epochs with a cosine decay: the recipe of all tables on LSPET, see docs/real_people.md."""

_base_ = '../default_runtime.py'

max_epochs = 4
train_cfg = dict(max_epochs=max_epochs, val_interval=2)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_epochs, eta_min=1e-5, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(logger=dict(interval=20))
