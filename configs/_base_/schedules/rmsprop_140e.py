"""RMSProp, 140 epochs, one fifth of the rate once the validation stands still (stacked hourglass).

With the validation every 5 epochs, the rate falls when 3 of them in a row bring no gain. ``min_value`` lets it fall
once, as in the authors' PyTorch port. alpha and eps are those of the official Torch implementation.
"""

_base_ = '../default_runtime.py'

train_cfg = dict(max_epochs=140, val_interval=5)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='RMSprop', lr=2.5e-4, alpha=0.99, eps=1e-8))
param_scheduler = [
    dict(type='ReduceOnPlateauLR', monitor='PCKh/Mean', rule='greater', factor=0.2, patience=2, min_value=5e-5)
]
