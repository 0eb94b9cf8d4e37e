"""MS-H1: multi-stage ResNet-50, in every stage mean squared error to a Gaussian (table 4).

Every stage has conv4, conv5 and a heatmap head of its own, on the features of conv3 and the maps of the stage before.
The paper does not say how many stages there are: here two.
"""

_base_ = 'integral_res50_4xb32-140e_mpii-256x256_h1.py'

head = _base_.model.head
model = dict(
    backbone=dict(
        type='mmpose_ext.MultiStageResNet',
        num_stages=2,
        num_keypoints=head.out_channels,
        deconv_out_channels=head.deconv_out_channels,
    ),
    head=dict(
        _delete_=True,
        type='mmpose_ext.MultiStageHead',
        out_channels=head.out_channels,
        head=dict(type=head.type, loss_heatmap=head.loss_heatmap),
        decoder=head.decoder,
    ),
)
