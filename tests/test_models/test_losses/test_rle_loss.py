import copy
import itertools
import math
import pickle
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose import registry as mmpose_registry
from mmpose.models.heads import RLEHead as MMPoseHead
from mmpose.models.losses.regression_loss import RLELoss as MMPoseLoss
from mmpose.structures import PoseDataSample
from torch import nn
from torch.distributions import Laplace, Normal
from torch.utils._python_dispatch import TorchDispatchMode

from mmpose_ext.compat import torch_at_least
from mmpose_ext.models.losses import RLELoss
from mmpose_ext.registry import MODELS

needs_zuko = pytest.mark.skipif(not find_spec('zuko'), reason='zuko is not installed')
# the compiler of torch 2.1 cuts the graph at the checks of the arguments
ONE_GRAPH = torch_at_least('2.6.0')
SPLINES = dict(type='ZukoFlow', transforms=1, hidden_features=(8,))
# every kind of loss, each a case of the tests of what may not happen
KINDS = {
    'RLE': dict(),
    'RLE-gaussian': dict(q_distribution='gaussian'),
    'RLE-official': dict(laplace_density='official'),
    'RLE-once': dict(flow_term='once'),
    'RLE-normalized': dict(flow_term='normalized'),
    'DLE': dict(residual=False),
    'DLE-once': dict(residual=False, flow_term='once'),
    'basic': dict(residual=False, reparameterized=False, q_distribution='gaussian'),
    'basic-laplace': dict(residual=False, reparameterized=False),
    'laplace': dict(flow=None),
    'gaussian': dict(flow=None, q_distribution='gaussian'),
}
# cases of the tests of its value alone
NORMALIZED = {
    'RLE-normalized-gaussian': dict(flow_term='normalized', q_distribution='gaussian'),
    'RLE-normalized-official': dict(flow_term='normalized', laplace_density='official'),
}
# those whose exponential is a density of the labels
LIKELIHOODS = NORMALIZED | {
    name: KINDS[name] for name in ('RLE-normalized', 'DLE-once', 'basic', 'laplace', 'gaussian')
}
every_kind = pytest.mark.parametrize(
    'config',
    [pytest.param(config, id=name) for name, config in KINDS.items()]
    + [pytest.param(dict(flow=SPLINES), id='RLE-splines', marks=needs_zuko)],
)
low_precision = pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=['fp16', 'bf16'])
NAN, INF = float('nan'), float('inf')


def build(config, dim=2, strength=0.3):
    """A loss whose flow has learned something."""
    flow = config.get('flow', dict(type='RealNVP', num_couplings=3, hidden_channels=16))
    loss = RLELoss(**config | dict(flow=flow and dict(flow, dim=dim)))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in loss.parameters():
            parameter.copy_(strength * torch.randn(parameter.shape, generator=generator))
    return loss


def batch(dim=2, people=3, joints=5, seed=0):
    """Means, raw sigmas and labels (B, K, D) as in training, and weights (B, K) with zeros among them."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(people, joints, dim, generator=generator)
    pred = target + 0.1 * torch.randn(target.shape, generator=generator)
    raw_sigma = torch.randn(target.shape, generator=generator) - 2
    weight = (torch.arange(people * joints).view(people, joints) % 3 > 0).float()
    return pred.requires_grad_(), raw_sigma.requires_grad_(), target, weight


def gradients(loss, *inputs, autocast=None):
    """The value and the gradients of means, raw sigmas and parameters."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs[:2]]
    loss.zero_grad()
    with torch.autocast('cpu', autocast or torch.bfloat16, enabled=autocast is not None):
        value = loss(*leaves, *inputs[2:])
    value.backward()
    return value.detach(), [tensor.grad.clone() for tensor in (*leaves, *loss.parameters())]


def assert_same(found, expected, **tolerance):
    for one, other in zip([found[0], *found[1]], [expected[0], *expected[1]], strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


def log_integral(loss, base, dim):
    """Logarithm of the integral of Q times G: Q's mass times the mean of G over equal shares of Q."""
    official = loss.laplace_density == 'official' and loss.q_distribution == 'laplace'
    count, scale, mass = 32 if dim == 2 else 16, *((math.sqrt(2), 2 / math.sqrt(math.pi)) if official else (1.0, 1.0))
    axis = [scale * base.icdf(torch.tensor((i + 0.5) / count, dtype=torch.float64)) for i in range(count)]
    points = torch.stack([torch.stack(point) for point in itertools.product(axis, repeat=dim)])
    return (mass**dim * loss.flow_model.log_prob(points).exp().mean()).log()


def loss_loop(loss, pred, raw_sigma, target, weight):
    """The loss in float64, joint by joint."""
    loss = copy.deepcopy(loss).double()
    pred, raw_sigma, target = (tensor.detach().double() for tensor in (pred, raw_sigma, target))
    base = (Laplace if loss.q_distribution == 'laplace' else Normal)(0.0, 1.0)
    total = 0.0
    for n, k in np.ndindex(*weight.shape):
        if weight[n, k] == 0:
            continue
        sigma, point = raw_sigma[n, k].sigmoid(), target[n, k]
        if not loss.reparameterized:
            latent, log_det = loss.flow_model(point)
            likelihood = (base.log_prob((pred[n, k] - latent) / sigma) - sigma.log()).sum() + log_det
            total -= weight[n, k] * likelihood
            continue
        error = (pred[n, k] - point) / sigma
        log_q = base.log_prob(error)
        if loss.laplace_density == 'official' and loss.q_distribution == 'laplace':
            log_q = -error.abs() / math.sqrt(2) - 0.5 * math.log(2 * math.pi)
        likelihood = (log_q - sigma.log()).sum() if loss.residual else 0.0
        if loss.flow_model is not None:
            log_g = loss.flow_model.log_prob(error)
            if loss.flow_term == 'normalized' and loss.residual:
                log_g -= log_integral(loss, base, len(point))
            if loss.flow_term == 'official':
                likelihood += len(point) * log_g - sigma.log().sum()
            else:
                likelihood += log_g - (0 if loss.residual else sigma.log().sum())
        total -= weight[n, k] * likelihood
    return total / len(pred)


# ---------------------------------------------------------------------------------------------
# equal to the official implementation, MMPose, and the equations


@pytest.mark.parametrize('dim', [2, 3])
@pytest.mark.parametrize(
    ('name', 'config'),
    [
        ('loss_official', dict(laplace_density='official')),
        ('loss_laplace', dict()),
        ('loss_gaussian', dict(q_distribution='gaussian')),
        ('loss_dle', dict(residual=False)),
    ],
)
def test_losses_of_the_released_program(reference, dim, name, config):
    arrays = {key: torch.from_numpy(values) for key, values in reference(f'rle_{dim}d').items()}
    loss = RLELoss(flow=dict(type='RealNVP', dim=dim), **config)
    loss.flow_model.load_state_dict({key[5:]: value for key, value in arrays.items() if key.startswith('flow.')})
    found = loss(arrays['pred'], arrays['raw_sigma'], arrays['target'], arrays['weight'])
    np.testing.assert_allclose(found.item(), arrays[name], rtol=1e-5)


@pytest.mark.parametrize('config', [dict(), dict(q_distribution='gaussian'), dict(residual=False)])
@pytest.mark.parametrize('weighted', [True, False])
def test_value_and_gradients_are_mmposes(config, weighted):
    theirs, ours = MMPoseLoss(use_target_weight=weighted, **config), RLELoss(use_target_weight=weighted, **config)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    pred, _, target, weight = batch(people=16, joints=17)
    raw_sigma = 2 * torch.randn(pred.shape) - 2
    inputs = pred, raw_sigma, target, weight[..., None]
    expected = gradients(theirs, *inputs)
    found = gradients(ours, *inputs)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    for one, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * other.abs().max())


@pytest.mark.parametrize('config', NORMALIZED.values(), ids=NORMALIZED)
def test_normalized_loss_of_the_loop(config):
    loss, inputs = build(config), batch()
    np.testing.assert_allclose(loss(*inputs).item(), loss_loop(loss, *inputs).item(), rtol=1e-5)


@every_kind
@pytest.mark.parametrize('dim', [2, 3])
def test_loss_of_the_loop(config, dim):
    loss = build(config, dim)
    inputs = batch(dim)
    np.testing.assert_allclose(loss(*inputs).item(), loss_loop(loss, *inputs).item(), rtol=1e-5)


@pytest.mark.parametrize('config', LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_a_likelihood_integrates_to_one(config):
    """Over the labels, whatever the network says."""
    loss = build(config, strength=0.2)
    axis = torch.linspace(-8, 8, 401)
    labels = torch.stack(torch.meshgrid(axis, axis, indexing='ij'), -1).view(-1, 1, 2)
    pred = torch.tensor([0.3, -0.6]).expand_as(labels)
    raw_sigma = torch.tensor([-0.5, 0.2]).expand_as(labels)
    with torch.no_grad():
        values = loss._axis_losses(pred, raw_sigma, labels, torch.ones_like(labels) > 0).sum(-1)
    np.testing.assert_allclose((-values).exp().sum() * (axis[1] - axis[0]) ** 2, 1, atol=5e-3)


def test_mmposes_head_takes_it(mmpose_scope):
    """Its checkpoints load, and it computes the same loss."""

    def make(prefix):
        config = dict(
            type='RLEHead', in_channels=8, num_joints=4, loss=dict(type=f'{prefix}RLELoss', use_target_weight=True)
        )
        return mmpose_registry.MODELS.build(dict(config, decoder=dict(type='RegressionLabel', input_size=(96, 128))))

    theirs, ours = make(''), make('mmpose_ext.')
    assert type(ours) is MMPoseHead and type(ours.loss_module) is RLELoss
    theirs.init_weights()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    make('').load_state_dict(ours.state_dict(), strict=True)
    _, _, target, weight = batch(joints=4)
    samples = [PoseDataSample() for _ in target]
    for sample, labels, weights in zip(samples, target, weight, strict=True):
        sample.gt_instance_labels = InstanceData(keypoint_labels=labels[None], keypoint_weights=weights[None])
    features = (torch.randn(3, 8),)
    expected, found = theirs.loss(features, samples), ours.loss(features, samples)
    np.testing.assert_allclose(found['loss_kpt'].item(), expected['loss_kpt'].item(), rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# what may not happen: NaN


@every_kind
@pytest.mark.parametrize('bad', [NAN, INF, -INF, 1e30])
@pytest.mark.parametrize('where', ['target', 'pred', 'sigma', 'all'])
def test_what_has_no_weight_changes_nothing(config, bad, where):
    loss = build(config)
    pred, raw_sigma, target, weight = (tensor.detach() for tensor in batch())
    expected = gradients(loss, pred, raw_sigma, target, weight)
    assert expected[0] != 0
    for name, tensor in dict(pred=pred, sigma=raw_sigma, target=target).items():
        if where in (name, 'all'):
            tensor[weight == 0] = bad
    found = gradients(loss, pred, raw_sigma, target, weight)
    assert_same(found, expected, rtol=0)
    assert not found[1][0][weight == 0].any()


@every_kind
def test_a_label_that_is_no_number_is_none(config):
    loss = build(config)
    pred, raw_sigma, target, weight = batch()
    unlabelled, without = target.clone(), weight.clone()
    unlabelled[0, 1, 0], unlabelled[1, 2, 1], unlabelled[2, 0] = NAN, INF, -INF
    without[0, 1] = without[1, 2] = without[2, 0] = 0
    assert weight[0, 1] and weight[1, 2]
    assert_same(
        gradients(loss, pred, raw_sigma, unlabelled, weight), gradients(loss, pred, raw_sigma, target, without), rtol=0
    )
    weight[0, 1] = NAN  # and so is such a weight
    assert loss(pred, raw_sigma, unlabelled, weight) == loss(pred, raw_sigma, target, without)


def test_a_prediction_that_is_no_number_is_not_hidden():
    pred, raw_sigma, target, weight = batch()
    pred.data[weight > 0] = NAN
    assert build({})(pred, raw_sigma, target, weight).isnan()


@every_kind
@pytest.mark.parametrize('dim', [2, 3])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16], ids=['fp32', 'fp16', 'bf16'])
def test_raw_sigmas_of_any_size(config, dim, dtype):
    loss = build(config, dim).to(dtype)
    raw_sigma = torch.linspace(-110, 110, 221)[:, None, None].repeat(1, 2, dim)
    target = torch.rand(221, 2, dim)
    pred = target + torch.tensor([0.5, 0.0])[:, None]
    inputs = [tensor.to(dtype) for tensor in (pred, raw_sigma, target)]
    value, found = gradients(loss, *inputs)
    assert value.isfinite()
    assert all(gradient.isfinite().all() for gradient in found)
    assert all(gradient.dtype == dtype for gradient in found)
    each = torch.stack([loss(*(tensor[n : n + 1] for tensor in inputs)) for n in range(0, 221, 10)])
    assert each.isfinite().all()


def test_a_sigma_below_the_floor_comes_back():
    """The label is far outside: the loss falls where sigma grows, and the gradient says so."""
    loss = build({})
    raw_sigma = torch.full((1, 1, 2), -60.0, requires_grad=True)
    loss(torch.zeros(1, 1, 2), raw_sigma, torch.ones(1, 1, 2)).backward()
    assert (raw_sigma.grad < 0).all()


def test_floor_of_sigma():
    pred, _, target, weight = batch()
    loss = build(dict(min_sigma=0.01))
    low, lower, above = (loss(pred, torch.full_like(pred, raw), target, weight) for raw in (-20.0, -50.0, -4.5))
    assert low == lower != above


@every_kind
def test_no_visible_joint(config):
    loss = build(config)
    pred, raw_sigma, target, weight = batch()
    value, found = gradients(loss, pred, raw_sigma, torch.full_like(target, NAN), torch.zeros_like(weight))
    assert value == 0
    assert len(found) == 2 + len([*loss.parameters()])
    assert not any(gradient.any() for gradient in found)


@every_kind
def test_every_parameter_learns(config):
    loss = build(config)
    _, found = gradients(loss, *batch(people=20))
    assert all(gradient.isfinite().all() for gradient in found)
    assert all(gradient.any() for gradient in found[: 2 + 6])


@pytest.mark.parametrize('config', [KINDS['RLE'], KINDS['laplace']])
def test_negative_losses_keep_their_gradient(config):
    loss = build(config, strength=0.01).double()
    target = torch.rand(2, 4, 2, dtype=torch.float64)
    pred = (target + 1e-3).requires_grad_()
    raw_sigma = torch.full_like(target, -6.0).requires_grad_()
    value = loss(pred, raw_sigma, target)
    assert value < -10
    value.backward()
    assert pred.grad.all() and raw_sigma.grad.all()
    assert torch.autograd.gradcheck(lambda *inputs: loss(*inputs, target), (pred, raw_sigma))


def test_corrupted_labels_stay_finite():
    """5 % of the labels are random points; the rest can be learned exactly, so that sigmas shrink."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(256, 4, generator=generator)
    labels = 0.5 + 0.3 * torch.tanh(inputs).view(-1, 2, 2)
    corrupted = torch.rand(256, 2, generator=generator) < 0.05
    given = torch.where(corrupted[..., None], torch.rand(labels.shape, generator=generator), labels)
    loss = RLELoss(flow=dict(type='RealNVP', num_couplings=2, num_layers=2, hidden_channels=16))
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 8))
    parameters = [*net.parameters(), *loss.parameters()]
    optimizer = torch.optim.Adam(parameters, 5e-3)
    finite, first = torch.tensor(True), None
    for step in range(2000):
        rows = slice(step * 16 % 256, step * 16 % 256 + 16)
        pred, raw_sigma = net(inputs[rows]).view(-1, 2, 4).split(2, -1)
        value = loss(pred, raw_sigma, given[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        finite &= value.detach().isfinite()
        first = value.item() if first is None else first
    assert finite
    assert all(parameter.isfinite().all() for parameter in parameters)
    distance = (net(inputs).view(-1, 2, 4)[..., :2] - labels).norm(dim=-1)[~corrupted]
    assert value < 0 < first
    assert distance.median() < 0.05


# ---------------------------------------------------------------------------------------------
# precision


@every_kind
@low_precision
def test_in_low_precision(config, dtype):
    loss = build(config)
    inputs = [tensor.detach().to(dtype) for tensor in batch()]
    loss.load_state_dict(copy.deepcopy(loss).to(dtype).state_dict())  # weights that the type can hold
    expected = gradients(loss, *(tensor.float() for tensor in inputs))
    found = gradients(loss.to(dtype), *inputs)
    assert found[0].dtype == torch.float32
    assert found[0] == expected[0]
    for one, other in zip(found[1], expected[1], strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one.float(), other, rtol=0.02, atol=1e-3 * other.abs().max())


@every_kind
@low_precision
def test_under_autocast(config, dtype):
    loss, inputs = build(config), batch()
    expected = gradients(loss, *inputs)
    try:
        found = gradients(loss, *inputs, autocast=dtype)
    except RuntimeError as error:  # torch 2.1 has no fp16 on the CPU
        pytest.skip(f'no autocast to {dtype} on the CPU: {error}')
    assert_same(found, expected, rtol=0)


def test_a_flow_of_the_users_under_autocast():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.dim = 2
            self.linear = nn.Linear(2, 2)

        def log_prob(self, x):
            return -self.linear(x).square().sum(-1)

    loss, inputs = build({}), batch()
    loss.flow_model = Shifted()
    assert_same(gradients(loss, *inputs, autocast=torch.bfloat16), gradients(loss, *inputs), rtol=0)


def test_in_double_precision():
    loss, inputs = build({}).double(), batch()
    value = loss(*(tensor.double() for tensor in inputs))
    assert value.dtype == torch.float64
    np.testing.assert_allclose(value.item(), loss_loop(loss, *inputs).item(), rtol=1e-6)
    assert torch.autograd.gradcheck(lambda *a: loss(*a, *inputs[2:]), [tensor.double() for tensor in inputs[:2]])


# ---------------------------------------------------------------------------------------------
# weights and arguments


@every_kind
def test_weights_stand_outside(config):
    """Half a weight is half of the joint's loss, and the loss is the sum of its joints'."""
    loss = build(config)
    pred, raw_sigma, target, _ = batch(people=1, joints=3)
    alone = torch.stack([loss(pred, raw_sigma, target, row[None]).detach() for row in torch.eye(3)])
    weight = torch.tensor([[0.5, 2.0, 0.0]])
    np.testing.assert_allclose(loss(pred, raw_sigma, target, weight).item(), 0.5 * alone[0] + 2 * alone[1], rtol=1e-5)


def test_shapes_of_the_weights():
    loss = build({})
    pred, raw_sigma, target, weight = batch()
    expected = loss(pred, raw_sigma, target, weight)
    assert loss(pred, raw_sigma, target, weight[..., None]) == expected
    assert loss(pred, raw_sigma, target, weight[..., None].repeat(1, 1, 2)) == expected
    assert loss(pred, raw_sigma, target) == loss(pred, raw_sigma, target, torch.ones_like(weight))


def test_an_axis_without_weight():
    """A depth that nobody labeled: the other axes learn, and what stands there does not matter."""
    loss = build({}, 3)
    pred, raw_sigma, target, weight = batch(3)
    weights = weight[..., None].repeat(1, 1, 3)
    weights[..., 2] = 0
    expected = gradients(loss, pred, raw_sigma, target, weights)
    assert expected[1][0][..., :2].any() and not expected[1][0][..., 2].any()
    target[..., 2] = 7.0
    assert_same(gradients(loss, pred, raw_sigma, target, weights), expected, rtol=0)


@pytest.mark.parametrize(('reduction', 'divisor'), [('batch', 3), ('valid', 10), ('all', 15)])
def test_reductions(reduction, divisor):
    inputs = batch()
    assert inputs[3].sum() == 10
    total = 3 * build({})(*inputs)
    np.testing.assert_allclose(build(dict(reduction=reduction))(*inputs).item(), total.item() / divisor, rtol=1e-6)


@pytest.mark.parametrize(
    'change',
    [
        dict(flow=None),
        dict(flow=dict(type='RealNVP', num_couplings=2)),
        dict(residual=False),
        dict(q_distribution='gaussian'),
        dict(residual=False, reparameterized=False),
        dict(laplace_density='official'),
        dict(flow_term='once'),
        dict(flow_term='normalized'),
        dict(min_sigma=0.5),
        dict(use_target_weight=False),
        dict(reduction='valid'),
        dict(loss_weight=3.0),
    ],
)
def test_every_argument_changes_something(change):
    loss, inputs = build(change), batch()
    assert abs(loss(*inputs) - build({})(*inputs)) > 1e-3
    shown = [f'{name}={value!r}' for name, value in change.items() if name != 'flow']
    assert all(text in repr(loss) for text in shown), repr(loss)


def test_unweighted_labels_that_are_no_numbers():
    loss, (pred, raw_sigma, target, weight) = build(dict(use_target_weight=False)), batch()
    target[weight == 0] = NAN
    np.testing.assert_allclose(
        loss(pred, raw_sigma, target, None).item(), build({})(pred, raw_sigma, target, weight).item(), rtol=1e-6
    )


def test_coordinates():
    points = torch.rand(4, 3, 2)
    assert build({}).coordinates(points) is points
    assert build(KINDS['laplace']).coordinates(points) is points
    loss = build(KINDS['basic'])
    found = loss.coordinates(points)
    assert (found - points).abs().max() > 0.1
    np.testing.assert_allclose(loss.flow_model(found)[0].detach(), points, atol=1e-5)


# ---------------------------------------------------------------------------------------------
# as a module


@pytest.mark.parametrize('prefix', ['', 'mmpose_ext.'])
@pytest.mark.parametrize('scope', ['mmpose', None])
def test_flows_by_config(request, prefix, scope):
    """Names without a prefix are ours, whatever the scope of the config."""
    if scope:
        request.getfixturevalue('mmpose_scope')
    config = dict(type='mmpose_ext.RLELoss', flow=dict(type=f'{prefix}RealNVP', dim=3, hidden_channels=8))
    loss = MODELS.build(Config.fromstring(Config(dict(it=config)).pretty_text, '.py').it)
    assert 'RealNVP(dim=3' in repr(loss) and 'hidden_channels=8' in repr(loss)
    assert config['flow'] == dict(type=f'{prefix}RealNVP', dim=3, hidden_channels=8)
    assert 'RealNVP(dim=2' in repr(MODELS.build(dict(type='mmpose_ext.RLELoss')))


@every_kind
def test_survives_pickle_and_copy(config):
    loss, inputs = build(config), batch()
    for other in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert other(*inputs) == loss(*inputs)
        assert repr(other) == repr(loss)


@every_kind
def test_leaves_its_inputs_alone(config):
    loss, inputs = build(config), batch()
    kept = [tensor.clone() for tensor in inputs]
    assert loss(*inputs) == loss(*inputs)
    assert all((one == other).all() for one, other in zip(inputs, kept, strict=True))


class _Operators(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(str(function))
        return function(*args, **kwargs or {})


@pytest.mark.parametrize('dim', [2, 3])
@every_kind
def test_joints_that_the_flow_does_not_see_change_nothing(monkeypatch, config, dim):
    """On a CPU they are left out; on other devices and in a compiled graph zeros are put in their place."""
    if dim == 3 and config.get('reparameterized', True) and config.get('flow', True) is not None:
        config = config | dict(flow_2d=dict(type='RealNVP', num_couplings=3, hidden_channels=16))
    loss, inputs = build(config, dim), batch(dim)
    inputs[2][1, 1:, 2:] = NAN  # these lack depth
    entered = []
    if loss.flow_model is not None:
        loss.flow_model.register_forward_hook(lambda flow, args, outputs: entered.append(args[0].shape[:-1].numel()))
    found = gradients(loss, *inputs)
    monkeypatch.setattr(torch.compiler, 'is_compiling', lambda: True)
    assert_same(found, gradients(loss, *inputs), rtol=1e-4, atol=1e-5)
    if entered and config.get('reparameterized', True):
        joints = [count for count in entered if count < 256]  # the others are base quantiles
        assert joints[0] < joints[1] == 15


@every_kind
def test_does_not_wait_for_the_device(monkeypatch, config):
    """No number comes back to the host, no shape depends on data, except on a CPU, where nobody waits."""
    monkeypatch.setattr(torch.compiler, 'is_compiling', lambda: True)  # a compiled graph computes as a GPU does
    loss, inputs = build(config), batch()
    with _Operators() as operators:
        loss(*inputs).backward()
    waits = ('_local_scalar_dense', 'nonzero', 'masked_select', 'aten.index.', 'equal.default', 'aten.cholesky')
    assert not [name for name in operators.names if any(wait in name for wait in waits)]
    with _Operators() as operators:
        bool(torch.zeros(1))
    assert any(wait in name for name in operators.names for wait in waits), 'this test sees a wait'


@every_kind
def test_batches_pass_through_the_flow_together(config):
    """Their losses and gradients are those of each alone, whatever counts in them."""
    loss, batches = build(config), [batch(seed=0), batch(seed=1), batch(seed=2)]
    batches[1][3].zero_()
    batches[2][2][0, 0] = NAN
    factors = torch.tensor([1.0, 2.0, 3.0])
    calls, results = [], []
    if loss.flow_model is not None:
        loss.flow_model.register_forward_hook(lambda *_: calls.append(1))
    for compute in (loss.of_each, lambda batches: [loss(*one) for one in batches]):
        values = compute(batches)
        leaves = [leaf for one in batches for leaf in one[:2]] + list(loss.parameters())
        total = (torch.stack(values) * factors).sum()
        results.append((torch.stack(values).detach(), torch.autograd.grad(total, leaves, allow_unused=True)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)
    passes = 2 if config.get('flow_term') == 'normalized' else 1  # the integral of Q times G takes one of its own
    assert len(calls) == (0 if loss.flow_model is None else passes * (1 + 3))


@pytest.mark.cuda
def test_a_step_does_not_wait_for_the_gpu():
    loss, inputs = RLELoss().cuda(), [tensor.detach().cuda().requires_grad_() for tensor in batch()]
    loss(*inputs).backward()  # the first step may load kernels
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode('error')
    try:
        loss(*inputs).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')


@pytest.mark.parametrize('name', ['RLE', 'basic', 'laplace'])
@pytest.mark.skipif(not hasattr(torch, 'compile'), reason='torch.compile came with torch 2.0')
def test_compiles(name):
    loss, inputs = build(KINDS[name]), batch()
    expected = gradients(loss, *inputs)
    # the first of these backends traces the gradient, too
    backend = 'aot_eager' if ONE_GRAPH else 'eager'
    compiled = torch.compile(loss, backend=backend, fullgraph=ONE_GRAPH)
    # sums over other joints: the compiled flow sees zeros in place of those without weight
    assert_same(gradients(compiled, *inputs), expected, rtol=1e-5, atol=2e-6)


# ---------------------------------------------------------------------------------------------
# errors


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(q_distribution='cauchy'), "'q_distribution' must be one of 'laplace', 'gaussian', got 'cauchy'"),
        (dict(laplace_density='pi'), "'laplace_density' must be one of 'exact', 'official', got 'pi'"),
        (dict(flow_term='all'), "'flow_term' must be one of 'official', 'once', 'normalized', got 'all'"),
        (dict(reduction='sum'), "'reduction' must be one of 'valid', 'batch', 'all', got 'sum'"),
        (dict(min_sigma=0), "'min_sigma' must be a finite number > 0, got 0"),
        (dict(flow=None, residual=False), "'flow' must be a config with residual=False .*, got None"),
        (dict(flow=None, residual=False, reparameterized=False), "'flow' must be a config .*, got None"),
        (dict(reparameterized=False), "'residual' must be False with reparameterized=False, got True"),
    ],
)
def test_bad_constructor_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        RLELoss(**change)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(pred=torch.zeros(3, 5, 3)), r"'pred' must have shape \(B, K, D\) with D=2, got shape \(3, 5, 3\)"),
        (dict(sigma=torch.zeros(3, 5, 1)), r"'sigma' must have shape .*, got shape \(3, 5, 1\)"),
        (dict(target=torch.zeros(3, 4, 2)), r"'target' must have shape .*K=5, got shape \(3, 4, 2\)"),
        (dict(target_weight=torch.ones(5, 3)), r"'target_weight' must have shape \(B, K\), .*got shape \(5, 3\)"),
        (dict(target_weight=torch.ones(3, 5, 3)), r"'target_weight' must have .*\(3, 5, 2\), got shape \(3, 5, 3\)"),
        (dict(target_weight=torch.ones(3)), r"'target_weight' must have .*got shape \(3,\)"),
    ],
)
def test_bad_shapes(change, message):
    names = 'pred', 'sigma', 'target', 'target_weight'
    with pytest.raises(ValueError, match=message):
        build({})(**dict(zip(names, batch(), strict=True)) | change)
