"""H1: mean squared error to a Gaussian; EfficientNet-Lite0, LSPET 64x64 (as in tables 1 and 2)."""

_base_ = [
    '../_base_/datasets/topdown_lspet-64x64.py',
    '../_base_/models/efficientnet-lite0.py',
    '../_base_/schedules/adam_4e.py',
]

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=32)

# The paper's radius of 15 pixels is of 256; a quarter of it, .94 cells, would leave some joints a single cell.
widths = dict(sigma=1, radius=5)
maps = dict(input_size=(64, 64), heatmap_size=(16, 16), heatmap_type='gaussian', decoding='shift')
codec = dict(type='mmpose_ext.IntegralLabel', **maps, **widths)
loss = dict(type='KeypointMSELoss', use_target_weight=True)
layers = dict(in_channels=112, out_channels=14, deconv_out_channels=(64, 64), deconv_kernel_sizes=(4, 4))
head = dict(_delete_=True, type='mmpose_ext.IntegralHead', loss_heatmap=loss, decoder=codec, **layers)
model = dict(head=head)
