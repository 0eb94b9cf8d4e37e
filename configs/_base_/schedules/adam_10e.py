"""Adam, 10 epochs, for the synthetic data set."""

_base_ = 'adam_210e.py'

train_cfg = dict(max_epochs=10, val_interval=2)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[7, 9])]
