"""The baseline HRNet-W32, MPII 256x256 (table 7)."""

_base_ = 'dark_hrnet-w32_4xb32-210e_mpii-256x256.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
