"""Synthetic people at 64x64, half of each batch with depth, half without (strategy 2).

The few people with depth are those of topdown_synthetic3d.py. An epoch has as many samples as there:
``MultiSourceSampler`` counts the people of both sources, num_3d + num_2d, and fills each batch by halves.
"""

_base_ = 'topdown_synthetic3d.py'

many = dict(
    type=_base_.dataset_type,
    data_root=_base_.data_root,
    ann_file=_base_.few.ann_file,
    data_prefix=_base_.few.data_prefix,
    indices=range(_base_.num_3d, _base_.num_3d + _base_.num_2d),
    pipeline=[dict(type='mmpose_ext.UnknownDepth')],
)
train_dataloader = dict(
    # another size has to be set in both places
    batch_size=32,
    sampler=dict(_delete_=True, type='MultiSourceSampler', batch_size=32, source_ratio=[1, 1]),
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',
        metainfo=_base_.train_dataloader.dataset.metainfo,
        datasets=[_base_.few, many],
        pipeline=_base_.train_dataloader.dataset.pipeline,
    ),
)
