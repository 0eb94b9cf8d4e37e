"""Adam, 270 epochs (the program of residual log-likelihood estimation)."""

_base_ = 'adam_210e.py'

train_cfg = dict(max_epochs=270)
