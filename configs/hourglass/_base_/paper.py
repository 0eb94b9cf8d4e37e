"""The paper's network and recipe; a data set and, in the leaves, the networks of its figures are added.

README.md tells what the paper, the authors' program and its PyTorch port say about batch and length.
"""

_base_ = [
    '../../_base_/models/hourglass.py',
    '../../_base_/schedules/rmsprop_140e.py',
    '../../_base_/default_runtime.py',
]

batch_size = 8
auto_scale_lr = dict(base_batch_size=batch_size)

model = dict(
    # colours from 0 to 1, as in both programs: their weights run here as they are
    data_preprocessor=dict(mean=[0, 0, 0], std=[255, 255, 255]),
    head=dict(
        # a joint without a label has a map of zeros, which counts like any other; with 0 it does not
        head=dict(unlabeled_weight=1),
        decoder=dict(sigma=1, encoding='biased', decoding='shift'),
    ),
)
