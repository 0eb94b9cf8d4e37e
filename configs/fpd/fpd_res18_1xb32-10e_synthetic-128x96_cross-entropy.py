"""FPD with a cross-entropy of the maps as distillation loss (as in table 7)."""

_base_ = 'fpd_res18_1xb32-10e_synthetic-128x96.py'

# The paper gives no weight. With this one the two losses have the same curvature at the peak of a map that fits:
# 2 / (24 * 32 cells) of the mean square, 1 / (2 * pi * 1.5**2 cells) of the cross-entropy.
model = dict(loss_pd=dict(type='mmpose_ext.HeatmapDistillationLoss', kind='cross_entropy', loss_weight=0.037))
