"""Volumes for synthetic people with depth; a size and, in the leaves, losses are added."""

_base_ = 'synthetic.py'

model = dict(
    # The paper's networks come from ImageNet; this one has the backbone of H2, as the 3D samples alone have made it.
    # From scratch so short a training tells little about what comes after.
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='work_dirs/integral_res18_1xb32-10e_synthetic3d-64x64_h2/epoch_10.pth',
        )
    ),
    head=dict(
        type='mmpose_ext.IntegralHead3D',
        depth_size=16,
        # the paper's box is 2 m wide; everyone here stands in it
        decoder=dict(depth_size=16, depth_range=2000.0),
    ),
)
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))
