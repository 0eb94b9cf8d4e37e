"""Adam, two rounds of 16 epochs with a cosine decay each, the second from half the learning rate."""

_base_ = '../default_runtime.py'

epochs_of_round = 16
train_cfg = dict(max_epochs=2 * epochs_of_round, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(
        type='CosineRestartLR',
        periods=[epochs_of_round, epochs_of_round],
        restart_weights=[1, 0.5],
        eta_min=1e-5,
        begin=0,
        end=2 * epochs_of_round,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
default_hooks = dict(logger=dict(interval=20))
