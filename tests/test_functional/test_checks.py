import numpy as np
import pytest
import torch

from mmpose_ext.functional import check_choice, check_positive, check_shape, check_size


def test_shape_binds_letters():
    assert check_shape('maps', torch.zeros(2, 3, 4, 5), 'B K H W') == dict(B=2, K=3, H=4, W=5)
    assert check_shape('points', np.zeros((2, 3, 2)), 'B K 2', B=2, K=3) == dict(B=2, K=3)
    assert check_shape('points', np.zeros((9, 8, 3, 2)), '... K 2') == dict(K=3)
    assert check_shape('points', np.zeros(2), '... 2') == {}
    assert check_shape('square', np.zeros((4, 4)), 'N N') == dict(N=4)


@pytest.mark.parametrize(
    ('array', 'dims', 'sizes', 'message'),
    [
        (np.zeros((2, 3)), 'B K 2', {}, r"'it' must have shape \(B, K, 2\), got shape \(2, 3\)"),
        (np.zeros((2, 3, 3)), 'B K 2', {}, r"'it' must have shape \(B, K, 2\), got shape \(2, 3, 3\)"),
        (torch.zeros(2, 4), 'B K', dict(B=2, K=3), r'\(B, K\) with B=2, K=3, got shape \(2, 4\)'),
        (np.zeros(()), '... 2', {}, r"'it' must have shape \(\.\.\., 2\), got shape \(\)"),
        (np.zeros((4, 5)), 'N N', {}, r'\(N, N\), got shape \(4, 5\)'),
        ([[1, 2]], 'B 2', {}, r"'it' must have shape \(B, 2\), got list"),
        (None, 'B 2', {}, r'got NoneType'),
    ],
)
def test_shape_says_what_is_allowed_and_what_came(array, dims, sizes, message):
    with pytest.raises(ValueError, match=message):
        check_shape('it', array, dims, **sizes)


def test_choice():
    check_choice('mode', 'a', ('a', 'b'))
    with pytest.raises(ValueError, match="'mode' must be one of 'a', 'b', got 'c'"):
        check_choice('mode', 'c', ('a', 'b'))


@pytest.mark.parametrize('value', [0, -1, 0.0, float('nan'), float('inf'), '2', None, [1], 10**400, 2j])
def test_positive_refuses(value):
    with pytest.raises(ValueError, match=r"'sigma' must be a finite number > 0, got "):
        check_positive('sigma', value)


@pytest.mark.parametrize('value', [1, 1e-9, 3.5])
def test_positive_takes(value):
    check_positive('sigma', value)


@pytest.mark.parametrize('value', [(192, 256), [192, 256], np.array([192, 256]), (192.0, 256)])
def test_size_takes(value):
    assert check_size('input_size', value) == (192, 256)


@pytest.mark.parametrize(
    'value',
    [192, (192,), (1, 2, 3), (0, 5), (-1, 5), (1.5, 5), 'ab', None, (None, 3), (np.nan, 4), {3, 4}, {3: 1, 4: 2}],
)
def test_size_refuses(value):
    with pytest.raises(ValueError, match=r"'input_size' must be \(width, height\), two whole numbers > 0, got "):
        check_size('input_size', value)
