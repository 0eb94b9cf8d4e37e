"""Human3.6M and MPII at 256x256, protocol 2, half of each batch from either (strategy 2).

An epoch has as many samples as both sets together, and half of them come from either: it shows about half of
Human3.6M's images once, and MPII's people several times.
"""

_base_ = 'topdown_h36m.py'

# MPII's folder, as in topdown_mpii.py
mpii_root = __import__('os').getenv('MPII_ROOT', 'data/mpii') + '/'

# (MPII, Human3.6M), as in the official implementations of integral regression and RLE. The pelvis and the limbs are the
# same points. MPII's upper neck takes the place of the thorax, which Human3.6M has above the shoulders, and the top of
# the head that of the head. MPII has neither a spine nor a neck base (7, 9): weight 0. Its own thorax, between the
# shoulders, is not among these 17 joints.
mpii_to_h36m = [
    *((6, 0), (2, 1), (1, 2), (0, 3), (3, 4), (4, 5), (5, 6), (8, 8), (9, 10)),
    *((13, 11), (14, 12), (15, 13), (12, 14), (11, 15), (10, 16)),
]
h36m = dict(_base_.train_dataloader.dataset, pipeline=_base_.loading[1:])
mpii = dict(
    type='MpiiDataset',
    data_root=mpii_root,
    ann_file='annotations/mpii_train.json',
    data_prefix=dict(img='images/'),
    pipeline=[
        dict(type='GetBBoxCenterScale'),
        dict(type='KeypointConverter', num_keypoints=17, mapping=mpii_to_h36m),
        dict(type='mmpose_ext.UnknownDepth'),
    ],
)
train_dataloader = dict(
    # another size has to be set in both places
    batch_size=32,
    sampler=dict(_delete_=True, type='MultiSourceSampler', batch_size=32, source_ratio=[1, 1]),
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',
        metainfo=dict(from_file='configs/_base_/datasets/h36m.py'),
        datasets=[h36m, mpii],
        # the boxes are made above: their margins differ
        pipeline=[_base_.loading[0], *_base_.train_dataloader.dataset.pipeline[2:]],
    ),
)
