"""A teacher that was trained with 10 % of the joints' labels replaced by wrong ones (not in the paper)."""

_base_ = '../dark/dark_efficientnet-lite0_1xb32-4e_lspet-96x96.py'

# the labels that are wrong for its student as well
wrong = dict(type='mmpose_ext.CorruptLabels', ratio=0.1)
image, box = _base_.loading
train_dataloader = dict(dataset=dict(pipeline=[image, wrong, box, *_base_.augmentation, _base_.crop, _base_.packing]))
