"""Every flow: RealNVP, and those of zuko where it is installed."""

import copy
import math
import pickle
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from mmpose.models.utils.realnvp import RealNVP as MMPoseRealNVP
from torch.distributions import Distribution, MultivariateNormal
from torch.utils._python_dispatch import TorchDispatchMode

from mmpose_ext.compat import torch_at_least
from mmpose_ext.models.layers import RealNVP, ZukoFlow, zuko_flow
from mmpose_ext.registry import MODELS

needs_zuko = pytest.mark.skipif(not find_spec('zuko'), reason='zuko is not installed')
# the compiler of torch 2.1 cuts the graph at the checks of the arguments
ONE_GRAPH = torch_at_least('2.6.0')
REAL_NVP = {
    'RealNVP-2d': dict(type='mmpose_ext.RealNVP'),
    'RealNVP-3d': dict(type='mmpose_ext.RealNVP', dim=3),
    'RealNVP-5x32': dict(type='mmpose_ext.RealNVP', dim=4, num_couplings=3, num_layers=5, hidden_channels=32),
}
ZUKO = {
    f'{name}-{dim}d': dict(type='mmpose_ext.ZukoFlow', name=name, dim=dim, transforms=2, hidden_features=(32,))
    for name in ('MAF', 'NSF')
    for dim in (2, 3)
}
every_flow = pytest.mark.parametrize(
    'config',
    [pytest.param(config, id=name) for name, config in REAL_NVP.items()]
    + [pytest.param(config, id=name, marks=needs_zuko) for name, config in ZUKO.items()],
)
every_plane_flow = pytest.mark.parametrize(
    'config',
    [
        pytest.param(REAL_NVP['RealNVP-2d'], id='RealNVP'),
        pytest.param(ZUKO['MAF-2d'], id='MAF', marks=needs_zuko),
        pytest.param(ZUKO['NSF-2d'], id='NSF', marks=needs_zuko),
    ],
)
low_precision = pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])


def build(config, strength=0.3):
    """A flow that is far from the identity; as it is built it changes next to nothing."""
    flow = MODELS.build(dict(config))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in flow.parameters():
            scale = strength / max(parameter.shape[-1], 1) ** 0.5 if parameter.dim() > 1 else strength / 3
            parameter.copy_(2 * scale * torch.randn(parameter.shape, generator=generator))
    return flow


def real_nvp_loop(flow, x):
    """Latent point and log-determinant of one point (D,), with masks as the paper writes them, latent layers last."""
    z, log_det = x, 0.0
    for mask, s, t in list(zip(flow.mask, flow.s, flow.t, strict=True))[::-1]:
        kept = mask * z
        scale, shift = s(kept), t(kept)
        for d in range(flow.dim):
            if mask[d] == 0:
                kept[d] = (z[d] - shift[d]) * torch.exp(-scale[d])
                log_det = log_det - scale[d]
        z = kept
    return z, log_det


class Operators(TorchDispatchMode):
    """The names of the operators that are called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(str(function))
        return function(*args, **kwargs or {})


# ---------------------------------------------------------------------------------------------
# what every flow has to do


@every_flow
@pytest.mark.parametrize('shape', [(7,), (3, 5), ()])
def test_inverse(config, shape):
    flow = build(config).double()
    x = 2 * torch.randn(*shape, flow.dim, dtype=torch.float64)
    z, log_det = flow(x)
    back, inverse_log_det = flow.inverse(z)
    assert (z.shape, log_det.shape, inverse_log_det.shape) == (x.shape, shape, shape)
    np.testing.assert_allclose(back.detach(), x, atol=1e-9)
    np.testing.assert_allclose(inverse_log_det.detach(), -log_det.detach(), atol=1e-9)
    assert (z - x).abs().max() > 0.01, 'a flow that changes nothing tests nothing'
    forth = flow(flow.inverse(x)[0])[0]
    np.testing.assert_allclose(forth.detach(), x, atol=1e-9)


@every_flow
@pytest.mark.parametrize('direction', ['forward', 'inverse'])
def test_log_determinant_is_autograds(config, direction):
    flow = build(config).double()
    points = 1.5 * torch.randn(6, flow.dim, dtype=torch.float64)
    transform = getattr(flow, direction)
    log_dets = transform(points)[1]
    assert log_dets.abs().max() > 0.1, 'a flow that changes nothing tests nothing'
    for point, log_det in zip(points, log_dets, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda p: transform(p)[0], point)
        sign, expected = torch.linalg.slogdet(jacobian)
        np.testing.assert_allclose(log_det.item(), expected, atol=1e-9)
        assert sign == 1


@every_flow
def test_density_is_the_change_of_variables(config):
    flow = build(config)
    x = torch.randn(4, 5, flow.dim)
    z, log_det = flow(x)
    expected = MultivariateNormal(torch.zeros(flow.dim), torch.eye(flow.dim)).log_prob(z) + log_det
    assert flow.log_prob(x).shape == (4, 5)
    np.testing.assert_allclose(flow.log_prob(x).detach(), expected.detach(), rtol=1e-5, atol=1e-5)


@every_plane_flow
def test_density_is_that_of_the_samples(config):
    """On a grid: it integrates to 1, and a cell has as much of it as of the samples."""
    flow = build(config)
    edges = torch.linspace(-16, 16, 257)
    centers, side = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    with torch.no_grad():
        grid = torch.stack(torch.meshgrid(centers, centers, indexing='ij'), -1)
        mass = flow.log_prob(grid).exp() * side**2
        samples = flow.sample(20000, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(mass.sum(), 1, atol=2e-3)
    counts = np.histogram2d(*samples.numpy().T, bins=[edges[::16].numpy()] * 2)[0] / len(samples)
    coarse = mass.view(16, 16, 16, 16).sum((1, 3))
    assert np.abs(counts - coarse.numpy()).max() < 5 * math.sqrt(0.25 / len(samples))
    normal = MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(grid).exp() * side**2
    assert np.abs(counts - normal.view(16, 16, 16, 16).sum((1, 3)).numpy()).max() > 0.05, 'not the latent one'


@every_flow
def test_samples(config):
    flow = build(config)
    samples = [flow.sample(9, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert samples[0].shape == (9, flow.dim)
    assert samples[0].dtype == flow.half().sample(2).dtype == torch.float32
    assert not samples[0].requires_grad
    assert (samples[0] == samples[1]).all()
    assert (samples[0] != samples[2]).all()


@every_flow
def test_every_parameter_learns(config):
    flow = build(config)
    x = torch.randn(50, flow.dim, requires_grad=True)
    flow.log_prob(x).sum().backward()
    for name, parameter in flow.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # an autoregressive net of zuko has columns for what it may not see
        assert parameter.grad.any() or 'hyper.0.weight' in name, name
    assert x.grad.isfinite().all() and x.grad.any()


@every_flow
def test_as_built_a_flow_is_nearly_the_identity(config):
    flow = MODELS.build(dict(config))
    x = torch.randn(200, flow.dim)
    assert (flow(x)[0] - x).abs().mean() < 0.5
    weights = [parameter for parameter in flow.parameters() if parameter.dim() > 1]
    assert max(weight.abs().max() for weight in weights) < 0.02


@every_flow
def test_survives_state_dict_pickle_and_copy(config):
    flow, other = build(config), MODELS.build(dict(config))
    x = torch.randn(8, flow.dim)
    expected = flow.log_prob(x)
    assert (other.log_prob(x) != expected).any()
    other.load_state_dict(flow.state_dict(), strict=True)
    for same in (other, pickle.loads(pickle.dumps(flow)), copy.deepcopy(flow)):
        assert (same.log_prob(x) == expected).all()
        assert repr(same) == repr(flow)


@every_flow
def test_shows_its_settings_and_draws_no_random_number(config):
    flow = MODELS.build(dict(config))
    state = torch.get_rng_state()
    text = repr(flow)
    assert (torch.get_rng_state() == state).all()
    assert text.startswith(config['type'].partition('.')[2])
    assert all(f'{name}={value!r}' in text for name, value in config.items() if name != 'type'), text


@every_flow
@low_precision
def test_computes_in_float32(config, dtype):
    flow = build(config)
    flow.load_state_dict(copy.deepcopy(flow).to(dtype).state_dict())  # weights that the type can hold
    x = torch.randn(20, flow.dim).to(dtype)
    expected = flow.log_prob(x.float())
    with torch.autocast('cpu', torch.bfloat16):
        under_autocast = flow.log_prob(x)
    lowered = flow.to(dtype)
    found = lowered.log_prob(x)
    found.sum().backward()
    assert under_autocast.dtype == found.dtype == torch.float32
    assert (under_autocast == expected).all()
    assert (found == expected).all()
    assert all(parameter.grad.dtype == dtype for parameter in lowered.parameters())
    assert all(parameter.grad.isfinite().all() for parameter in lowered.parameters())


@every_flow
def test_gradients_are_numerical_ones(config):
    flow = build(config).double()
    x = torch.randn(3, flow.dim, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(flow.log_prob, x)


@every_flow
@pytest.mark.parametrize('size', [1e3, 1e6, 1e9])
def test_points_far_away_are_finite(config, size):
    flow = MODELS.build(dict(config))
    x = (size * torch.tensor([[1.0] * flow.dim, [-1.0] * flow.dim])).requires_grad_()
    flow.log_prob(x).sum().backward()
    for tensor in (flow.log_prob(x), x.grad, *(parameter.grad for parameter in flow.parameters())):
        assert tensor.isfinite().all()


@every_flow
def test_does_not_wait_for_the_device(config):
    flow = build(config)
    with Operators() as operators:
        flow.log_prob(torch.randn(4, flow.dim)).sum().backward()
    waits = ('_local_scalar_dense', 'nonzero', 'masked_select', 'is_nonzero', 'equal.default')
    assert not [name for name in operators.names if any(wait in name for wait in waits)]
    assert any('addmm' in name for name in operators.names)


@every_flow
@pytest.mark.parametrize('shape', [(5, 1), (5, 7), ()])
def test_points_of_another_dimension(config, shape):
    flow = MODELS.build(dict(config))
    for name, transform in dict(x=flow, z=flow.inverse).items():
        with pytest.raises(ValueError, match=rf"'{name}' must have shape \(..., D\) with D={flow.dim}, got shape"):
            transform(torch.zeros(shape))


# ---------------------------------------------------------------------------------------------
# RealNVP


@pytest.mark.parametrize('dim', [2, 3])
def test_densities_of_the_released_program(reference, dim):
    arrays = {name: torch.from_numpy(values) for name, values in reference(f'rle_{dim}d').items()}
    flow = RealNVP(dim)
    flow.load_state_dict({name[5:]: values for name, values in arrays.items() if name.startswith('flow.')}, strict=True)
    np.testing.assert_allclose(flow.log_prob(arrays['x']).detach(), arrays['log_prob'], rtol=1e-5)


def test_a_single_coupling_keeps_the_last_axis():
    flow = build(dict(type='mmpose_ext.RealNVP', dim=3, num_couplings=1))
    x = torch.randn(9, 3)
    z, log_det = flow(x)
    assert (z[:, 2] == x[:, 2]).all() and (z[:, :2] != x[:, :2]).all()
    assert log_det.unique().numel() == 9
    np.testing.assert_allclose(flow.inverse(z)[0].detach(), x, atol=1e-5)


def test_no_points():
    flow = RealNVP()
    assert flow.log_prob(torch.zeros(0, 2)).shape == (0,)
    assert flow.inverse(torch.zeros(3, 0, 2))[0].shape == (3, 0, 2)


@pytest.mark.parametrize('name', REAL_NVP)
def test_densities_of_the_loop(name):
    flow = build(REAL_NVP[name]).double()
    x = torch.randn(4, flow.dim, dtype=torch.float64)
    for point, z, log_det in zip(x, *flow(x), strict=True):
        expected, expected_log_det = real_nvp_loop(flow, point)
        np.testing.assert_allclose(z.detach(), expected.detach(), atol=1e-12)
        np.testing.assert_allclose(log_det.item(), expected_log_det.item(), atol=1e-12)


def test_mmposes_weights_load_and_ours_load_there():
    ours, theirs = RealNVP(), MMPoseRealNVP()
    for source, target in ((theirs, ours), (build(REAL_NVP['RealNVP-2d']), theirs)):
        assert not any(target.load_state_dict(source.state_dict(), strict=True))
        x = torch.randn(100, 2)
        np.testing.assert_allclose(target.log_prob(x).detach(), source.log_prob(x).detach(), rtol=1e-5, atol=1e-6)
    assert [*ours.state_dict()] == [*theirs.state_dict()]


@pytest.mark.parametrize(
    ('layers', 'neurons', 'linear'),
    [(3, 64, (0, 2, 4)), (3, 128, (0, 2, 4)), (3, 256, (0, 2, 4)), (5, 32, (0, 2, 4, 6, 8)), (5, 64, (0, 2, 4, 6, 8))],
)
def test_sizes_of_the_papers_table_6(layers, neurons, linear):
    flow = RealNVP(num_layers=layers, hidden_channels=neurons)
    expected = {'loc', 'cov', 'mask'} | {
        f'{net}.{n}.{layer}.{kind}' for net in 'st' for n in range(6) for layer in linear for kind in ('weight', 'bias')
    }
    assert {*flow.state_dict()} == expected
    assert flow.s[0][2].weight.shape == (neurons, neurons)
    assert (flow.s[0][0].weight.shape, flow.t[5][linear[-1]].weight.shape) == ((neurons, 2), (2, neurons))


def test_scale_is_bounded_and_shift_is_not():
    flow = build(REAL_NVP['RealNVP-2d'], strength=5.0)
    _, log_det = flow(torch.randn(50, 2))
    assert log_det.abs().max() <= 6
    assert flow(torch.zeros(1, 2))[0].abs().max() > 6


@pytest.mark.parametrize('prefix', ['', 'loss_module.flow_model.'])
def test_checkpoint_with_other_masks_is_refused(prefix):
    flow = RealNVP(3)
    parent = torch.nn.ModuleDict(dict(loss_module=torch.nn.ModuleDict(dict(flow_model=flow)))) if prefix else flow
    state = parent.state_dict()
    state[f'{prefix}mask'] = 1 - state[f'{prefix}mask']
    with pytest.raises(RuntimeError, match=rf"'{prefix}mask' must be \[\[0.0, 0.0, 1.0\], .*, got \[\[1.0, 1.0, 0.0\]"):
        parent.load_state_dict(state)


def test_checkpoint_without_weights_is_refused():
    state = RealNVP().state_dict()
    del state['s.0.0.weight']
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "s\.0\.0\.weight"\.'):
        RealNVP().load_state_dict(state)


@pytest.mark.parametrize('dim', [2, 3])
@pytest.mark.skipif(not hasattr(torch, 'compile'), reason='torch.compile came with torch 2.0')
def test_compiles(dim):
    flow = build(dict(type='mmpose_ext.RealNVP', dim=dim, num_couplings=2))
    x = torch.randn(6, dim)
    compiled = torch.compile(flow.log_prob, backend='eager', fullgraph=ONE_GRAPH)
    np.testing.assert_allclose(compiled(x).detach(), flow.log_prob(x).detach(), rtol=1e-6)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(dim=1), "'dim' must be a whole number >= 2, got 1"),
        (dict(dim=2.0), r"'dim' must be a whole number >= 2, got 2\.0"),
        (dict(num_couplings=0), "'num_couplings' must be a whole number >= 1, got 0"),
        (dict(num_layers=1), "'num_layers' must be a whole number >= 2, got 1"),
        (dict(hidden_channels=1.5), r"'hidden_channels' must be a whole number >= 1, got 1\.5"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        RealNVP(**change)


# ---------------------------------------------------------------------------------------------
# zuko


@needs_zuko
def test_zuko_changes_no_setting_of_torch(monkeypatch):
    def first_import(name):
        Distribution._validate_args = False  # as zuko does where it is imported for the first time
        return import_module(name)

    monkeypatch.setattr(Distribution, '_validate_args', True)
    monkeypatch.setattr(zuko_flow, 'import_module', first_import)
    ZukoFlow('MAF')
    assert Distribution._validate_args is True


@needs_zuko
def test_zukos_options():
    shapes = [
        {name: value.shape for name, value in ZukoFlow(**change).state_dict().items()}
        for change in (
            dict(),
            dict(name='MAF'),
            dict(bins=4),
            dict(transforms=2),
            dict(hidden_features=(16,)),
            dict(dim=3),
        )
    ]
    assert all(other != shapes[0] for other in shapes[1:])


def test_zuko_is_missing(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f'No module named {name!r}')

    monkeypatch.setattr(zuko_flow, 'import_module', missing)
    with pytest.raises(ImportError, match=r"ZukoFlow needs zuko, found none; .*pip install 'mmpose_ext\[flows\]'"):
        ZukoFlow()


def test_unknown_flow_of_zuko():
    with pytest.raises(ValueError, match="'name' must be one of 'MAF', 'NSF', got 'CNF'"):
        ZukoFlow('CNF')
