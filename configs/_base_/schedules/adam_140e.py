"""Adam, 140 epochs (Simple Baselines)."""

_base_ = 'adam_210e.py'

train_cfg = dict(max_epochs=140)
param_scheduler = [dict(_base_.param_scheduler[0], milestones=[90, 120])]
