"""Heat maps, ResNet-152, COCO 384x288: where the next one starts."""

_base_ = 'rle_res152_8xb32-270e_coco-384x288.py'

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
            sigma=3,
            encoding='biased',
            decoding='shift',
        ),
    )
)
val_evaluator = [dict(_base_.val_evaluator[0], score_mode='bbox_keypoint'), _base_.val_evaluator[1]]
test_evaluator = val_evaluator
