"""Simple Baseline: heat maps, ResNet-50, COCO 256x192 (tables 2 and 4)."""

_base_ = 'rle_res50_8xb32-270e_coco-256x192.py'

model = dict(
    head=dict(
        _delete_=True,
        type='mmpose_ext.HeatmapHead',
        in_channels=_base_.model.head.in_channels,
        out_channels=17,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(
            type='mmpose_ext.DarkHeatmap',
            input_size=_base_.input_size,
            heatmap_size=tuple(side // 4 for side in _base_.input_size),
            sigma=2,
            encoding='biased',
            decoding='shift',
        ),
    )
)
val_evaluator = [dict(_base_.val_evaluator[0], score_mode='bbox_keypoint'), _base_.val_evaluator[1]]
test_evaluator = val_evaluator
