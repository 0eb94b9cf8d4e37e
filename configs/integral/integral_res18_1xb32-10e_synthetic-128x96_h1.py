"""H1: mean squared error to a Gaussian; small ResNet-18, synthetic people at 128x96 (as in tables 1 and 2)."""

_base_ = [
    '../_base_/datasets/topdown_synthetic.py',
    '../_base_/models/res18-small.py',
    '../_base_/schedules/adam_10e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)
# how far a confidence tells whether its joint is right
val_evaluator = [_base_.val_evaluator, dict(type='mmpose_ext.ConfidenceCorrelation')]
test_evaluator = val_evaluator

# A network this small learns peaks wider than the paper's 1 in fewer steps; half the input has half the paper's radius.
widths = dict(sigma=1.5, radius=7.5)
maps = dict(input_size=(96, 128), heatmap_size=(24, 32), heatmap_type='gaussian', decoding='shift')
codec = dict(type='mmpose_ext.IntegralLabel', **maps, **widths)
loss = dict(type='KeypointMSELoss', use_target_weight=True)
layers = dict(in_channels=256, out_channels=17, deconv_out_channels=(64, 64, 64))
head = dict(_delete_=True, type='mmpose_ext.IntegralHead', loss_heatmap=loss, decoder=codec, **layers)
model = dict(head=head)
