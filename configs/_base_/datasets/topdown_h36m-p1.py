"""Human3.6M at 256x256, protocol 1: trained on six subjects, tested on the seventh, by PA-MPJPE (strategy 1)."""

_base_ = 'topdown_h36m.py'

# subject 9 is in MMPose's file for testing
train_dataloader = dict(
    dataset=dict(
        ann_file=[_base_.train_file, 'annotation_body3d/fps10/h36m_test.npz'],
        subjects=['S1', 'S5', 'S6', 'S7', 'S8', 'S9'],
    )
)
val_dataloader = dict(dataset=dict(subjects=['S11']))
test_dataloader = val_dataloader
