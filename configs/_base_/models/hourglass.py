"""Stacked hourglass (Newell et al., ECCV 2016), 8 stacks of 256 channels, a loss on the maps of each; from scratch.

Other networks are ``model.backbone`` alone: num_stacks, feat_channels, num_blocks. The number of joints is in two
places, the backbone, which makes the maps, and the head.
"""

data_mode = 'topdown'  # MMPoseInferencer asks for it
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='mmpose_ext.PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='mmpose_ext.StackedHourglass', num_stacks=8, feat_channels=256, num_keypoints=17),
    head=dict(
        type='mmpose_ext.MultiStageHead',
        out_channels=17,
        head=dict(type='mmpose_ext.HeatmapHead', loss=dict(type='KeypointMSELoss', use_target_weight=True)),
        decoder=dict(type='mmpose_ext.DarkHeatmap'),
    ),
    # In the flip test the mirrored map is shifted by one cell before the mean, as in HRNet's official implementation:
    # mirrored at the input's edge, it lies 3/4 of a cell beside the other one, and 1/4 after the shift. DARK's official
    # implementation leaves the shift out.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
