import pytest
import torch
from torch import nn

from mmpose_ext.models.layers import conv_stack, deconv_stack, final_conv


@pytest.mark.parametrize('kernel_sizes', [(4,), (3,), (2,), (4, 3, 2)])
@pytest.mark.parametrize('size', [(6, 8), (5, 7), (1, 1)])
def test_every_deconvolution_doubles_the_map(kernel_sizes, size):
    stack = deconv_stack(3, (4, 5, 6)[: len(kernel_sizes)], kernel_sizes)
    factor = 2 ** len(kernel_sizes)
    output = stack.eval()(torch.rand(2, 3, *size))
    assert output.shape == (2, 3 + len(kernel_sizes), factor * size[0], factor * size[1])
    assert output.min() >= 0, 'the last layer is a ReLU'


@pytest.mark.parametrize('kernel_size', [1, 3, 5])
def test_convolutions_keep_the_map(kernel_size):
    assert conv_stack(3, (4, 2), (kernel_size, 3)).eval()(torch.rand(2, 3, 6, 8)).shape == (2, 2, 6, 8)


@pytest.mark.parametrize('stack', [deconv_stack, conv_stack])
@pytest.mark.parametrize('channels', [None, (), []])
def test_no_layer_is_the_identity(stack, channels):
    assert isinstance(stack(3, channels, None), nn.Identity)
    assert isinstance(stack(3, channels, (4, 4)), nn.Identity), (
        "MMPose's configs leave the kernel sizes at their default"
    )


def test_final_layer():
    assert isinstance(final_conv(3, 5, None), nn.Identity)
    assert final_conv(3, 5, {}).kernel_size == (1, 1)
    arguments = dict(kernel_size=3, padding=1)
    layer = final_conv(3, 5, arguments)
    assert layer(torch.rand(1, 3, 6, 8)).shape == (1, 5, 6, 8)
    assert arguments == dict(kernel_size=3, padding=1)
