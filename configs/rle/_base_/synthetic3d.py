"""RLE in three axes for synthetic people with depth, from the backbone of integral regression's H2; a size is added."""

_base_ = 'synthetic.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='work_dirs/integral_res18_1xb32-10e_synthetic3d-64x64_h2/epoch_10.pth',
        )
    ),
    head=dict(dim=3, decoder=dict(depth_range=2000.0)),
)
default_hooks = dict(checkpoint=dict(save_best='3d/MPJPE', rule='less'))
