"""The baseline: biased targets, quarter shift, synthetic people at 64x64, which stands for 128x96 in table 4."""

_base_ = 'dark_res18_1xb32-10e_synthetic-64x64.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
