"""Human3.6M and MPII at 256x256, protocol 1, half of each batch from either (strategy 2)."""

_base_ = 'topdown_h36m-mpii.py'

# subject 9 is in MMPose's file for testing
h36m = dict(
    _base_.h36m,
    ann_file=[_base_.train_file, 'annotation_body3d/fps10/h36m_test.npz'],
    subjects=['S1', 'S5', 'S6', 'S7', 'S8', 'S9'],
)
train_dataloader = dict(dataset=dict(datasets=[h36m, _base_.mpii]))
val_dataloader = dict(dataset=dict(subjects=['S11']))
test_dataloader = val_dataloader
