"""RLE with a neural spline flow; needs zuko."""

_base_ = 'rle_res18_1xb32-10e_synthetic-128x96.py'

model = dict(head=dict(loss=dict(type='mmpose_ext.RLELoss', flow=dict(type='ZukoFlow', name='NSF'))))
