"""The baseline: HRNet-W32 with biased targets and the quarter shift, COCO 256x192 (table 4)."""

_base_ = 'dark_hrnet-w32_4xb32-210e_coco-256x192.py'

model = dict(head=dict(decoder=dict(encoding='biased', decoding='shift')))
