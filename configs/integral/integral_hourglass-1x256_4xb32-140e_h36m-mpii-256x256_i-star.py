"""I*: L1 of the expectation of volumes; Human3.6M and MPII, one stack of the hourglass (table 8)."""

_base_ = 'integral_res50_4xb32-140e_h36m-mpii-256x256_i-star.py'

head = _base_.model.head
model = dict(
    # the maps of a volume, joint by joint
    backbone=dict(_delete_=True, type='mmpose_ext.StackedHourglass', num_stacks=1, num_keypoints=17 * 64),
    head=dict(
        _delete_=True,
        type='mmpose_ext.MultiStageHead',
        out_channels=head.out_channels,
        head=dict(type=head.type, depth_size=head.depth_size, loss_coord=head.loss_coord),
        decoder=head.decoder,
    ),
)
