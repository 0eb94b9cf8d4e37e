"""Adam, 210 epochs (HRNet). The optimiser of the papers' programs has no warm-up and no weight decay."""

train_cfg = dict(by_epoch=True, max_epochs=210, val_interval=10)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [dict(type='MultiStepLR', milestones=[170, 200], gamma=0.1, by_epoch=True)]
