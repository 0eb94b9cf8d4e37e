"""RLE around the expectation of maps, HRNet-W48, COCO 384x288 (table 3)."""

_base_ = ['../_base_/models/hrnet-w48.py', '_base_/coco-384x288.py']

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.IntegralRLEHead',
        in_channels=_base_.model.head.in_channels,
        num_joints=17,
        deconv_out_channels=None,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=_base_.input_size),
    )
)
