"""Small estimators: a stem and a stage of a ResNet, and heads of every kind on it."""

from typing import Any

INPUT, JOINTS = (48, 64), 4  # maps are a quarter of the image
BACKBONE = dict(
    type='ResNet',
    depth=18,
    num_stages=1,
    strides=(1,),
    dilations=(1,),
    out_indices=(0,),
    stem_channels=8,
    base_channels=8,
)
COLOURS = dict(type='PoseDataPreprocessor', mean=[120.0, 110.0, 100.0], std=[60.0, 58.0, 56.0], bgr_to_rgb=True)


def sizes(input_size: Any = INPUT, stride: int = 4) -> dict[str, Any]:
    return dict(input_size=input_size, heatmap_size=tuple(side // stride for side in input_size))


def maps_head(joints: int = JOINTS, stride: int = 4, input_size: Any = INPUT, **change: Any) -> dict[str, Any]:
    decoder = dict(type='mmpose_ext.DarkHeatmap', **sizes(input_size, stride), sigma=1.5, blur_kernel_size=5)
    layers: dict[str, Any] = dict(deconv_out_channels=None) if stride == 4 else {}
    if stride == 2:
        layers = dict(deconv_out_channels=(8,), deconv_kernel_sizes=(4,))
    head = dict(type='mmpose_ext.HeatmapHead', in_channels=8, out_channels=joints, decoder=decoder, **layers)
    return head | change


HEADS: dict[str, dict[str, Any]] = {
    'maps': maps_head(),
    'large maps': maps_head(stride=2),
    "MMPose's maps": maps_head(type='HeatmapHead', decoder=dict(type='MSRAHeatmap', sigma=1.5, **sizes())),
    'integral': maps_head(
        type='mmpose_ext.IntegralHead',
        decoder=dict(type='mmpose_ext.IntegralLabel', heatmap_type=None, **sizes()),
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
    ),
    'H2': maps_head(
        type='mmpose_ext.IntegralHead',
        decoder=dict(type='mmpose_ext.IntegralLabel', heatmap_type='one_hot', decoding='shift', **sizes()),
        loss_heatmap=dict(type='mmpose_ext.HeatmapCrossEntropyLoss'),
    ),
    'RLE': dict(
        type='mmpose_ext.RLEHead',
        in_channels=8,
        num_joints=JOINTS,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=INPUT),
    ),
    'regression': dict(
        type='mmpose_ext.RegressionHead',
        in_channels=8,
        num_joints=JOINTS,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=INPUT),
    ),
    "MMPose's SimCC": dict(
        type='SimCCHead',
        in_channels=8,
        out_channels=JOINTS,
        input_size=INPUT,
        in_featuremap_size=(12, 16),
        deconv_out_channels=None,
        decoder=dict(type='SimCCLabel', input_size=INPUT, sigma=2.0, simcc_split_ratio=2.0),
    ),
}


def model_config(head: Any = 'maps', **change: Any) -> dict[str, Any]:
    head = HEADS[head] if isinstance(head, str) else head
    return (
        dict(type='TopdownPoseEstimator', data_preprocessor=dict(COLOURS), backbone=dict(BACKBONE), head=dict(head))
        | change
    )


def distilled_config(teacher: Any, head: Any = 'maps', **change: Any) -> dict[str, Any]:
    return model_config(head) | dict(type='mmpose_ext.PoseDistiller', teacher=teacher) | change
