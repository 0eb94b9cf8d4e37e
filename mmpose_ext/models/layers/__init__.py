"""Layers that several heads share."""

from .deconv import conv_stack, deconv_stack, final_conv

__all__ = ['conv_stack', 'deconv_stack', 'final_conv']
