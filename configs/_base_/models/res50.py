"""Simple Baseline: ResNet-50 of stride 32 and three deconvolutions of 256 channels; starts from ImageNet weights."""

data_mode = 'topdown'  # MMPoseInferencer asks for it
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='mmpose_ext.PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='ResNet', depth=50, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    head=dict(
        type='mmpose_ext.HeatmapHead',
        in_channels=2048,
        out_channels=17,
        deconv_out_channels=(256, 256, 256),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(type='mmpose_ext.DarkHeatmap'),
    ),
    # In the flip test the mirrored map is shifted by one cell before the mean, as in HRNet's official implementation:
    # mirrored at the input's edge, it lies 3/4 of a cell beside the other one, and 1/4 after the shift. DARK's official
    # implementation leaves the shift out.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
