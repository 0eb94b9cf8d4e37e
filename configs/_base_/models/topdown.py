"""Top-down pose estimator: all but the backbone, which hrnet-*.py and res*.py add, and the codec's sizes."""

data_mode = 'topdown'  # MMPoseInferencer asks for it
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    head=dict(
        type='mmpose_ext.HeatmapHead',
        out_channels=17,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(type='mmpose_ext.DarkHeatmap'),
    ),
    # The mirrored map is shifted by one cell before the mean, as in HRNet's program: mirrored at the input's edge, it
    # lies 3/4 of a cell beside the other one, and 1/4 after the shift. DARK's program leaves the shift out.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
