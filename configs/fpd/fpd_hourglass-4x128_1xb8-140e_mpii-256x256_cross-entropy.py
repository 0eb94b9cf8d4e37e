"""FPD with a cross-entropy of the maps as distillation loss (table 7)."""

_base_ = 'fpd_hourglass-4x128_1xb8-140e_mpii-256x256.py'

# The paper gives no weight. With this one the two losses have the same curvature at the peak of a map that fits:
# 2 / (64 * 64 cells) of the mean square, 1 / (2 * pi * 1**2 cells) of the cross-entropy.
model = dict(loss_pd=dict(type='mmpose_ext.HeatmapDistillationLoss', kind='cross_entropy', loss_weight=0.0031))
