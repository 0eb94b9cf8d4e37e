"""Layers that several heads share, and those of the hourglass."""

from .deconv import conv_stack, deconv_stack, final_conv, map_layers, predict_maps
from .flow import Flow, log_prob_where
from .hourglass import Hourglass, PreactBottleneck, Prediction, residual_modules
from .real_nvp import RealNVP
from .zuko_flow import ZukoFlow

__all__ = [
    'Flow',
    'Hourglass',
    'PreactBottleneck',
    'Prediction',
    'RealNVP',
    'ZukoFlow',
    'conv_stack',
    'deconv_stack',
    'final_conv',
    'log_prob_where',
    'map_layers',
    'predict_maps',
    'residual_modules',
]
