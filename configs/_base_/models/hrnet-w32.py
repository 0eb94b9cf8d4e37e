"""HRNet-W32: stride 4 and no deconvolution; starts from ImageNet weights."""

width = 32
data_mode = 'topdown'  # MMPoseInferencer asks for it
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='mmpose_ext.PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='HRNet',
        in_channels=3,
        extra=dict(
            stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(4,), num_channels=(64,)),
            stage2=dict(
                num_modules=1, num_branches=2, block='BASIC', num_blocks=(4, 4), num_channels=(width, 2 * width)
            ),
            stage3=dict(
                num_modules=4,
                num_branches=3,
                block='BASIC',
                num_blocks=(4, 4, 4),
                num_channels=(width, 2 * width, 4 * width),
            ),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block='BASIC',
                num_blocks=(4, 4, 4, 4),
                num_channels=(width, 2 * width, 4 * width, 8 * width),
            ),
        ),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w32-36af842e.pth',
        ),
    ),
    head=dict(
        type='mmpose_ext.HeatmapHead',
        in_channels=width,
        out_channels=17,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(type='mmpose_ext.DarkHeatmap'),
    ),
    # In the flip test the mirrored map is shifted by one cell before the mean, as in HRNet's official implementation:
    # mirrored at the input's edge, it lies 3/4 of a cell beside the other one, and 1/4 after the shift. DARK's official
    # implementation leaves the shift out.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
