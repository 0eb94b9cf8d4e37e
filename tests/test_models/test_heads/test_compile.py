"""torch.compile makes one graph of a training step of every head, and keeps it for the batches that follow."""

import numpy as np
import pytest
import torch
from helpers import make_samples, random_keypoints
from mmengine.optim import OptimWrapper
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from mmpose_ext.models.utils import GatheredSamples
from mmpose_ext.registry import MODELS

SIZE, MAPS, JOINTS, DEPTH = (48, 64), (12, 16), 4, 8
CPU = torch.device('cpu')
pytestmark = pytest.mark.usefixtures('mmpose_scope')
MAP_LAYERS = dict(in_channels=6, out_channels=JOINTS, deconv_out_channels=None)
LABEL = dict(type='mmpose_ext.IntegralLabel', input_size=SIZE, heatmap_size=MAPS)
SOLID = dict(depth_size=DEPTH, depth_range=2000.0)
HEADS = dict(
    heatmaps=dict(
        type='mmpose_ext.HeatmapHead',
        **MAP_LAYERS,
        unlabeled_weight=0.5,
        decoder=dict(type='mmpose_ext.DarkHeatmap', input_size=SIZE, heatmap_size=MAPS),
    ),
    integral=dict(
        type='mmpose_ext.IntegralHead',
        **MAP_LAYERS,
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=dict(type='mmpose_ext.HeatmapCrossEntropyLoss'),
        decoder=dict(LABEL, heatmap_type='one_hot'),
    ),
    volumes=dict(
        type='mmpose_ext.IntegralHead3D',
        **MAP_LAYERS,
        depth_size=DEPTH,
        loss_coord=dict(type='mmpose_ext.CoordinateLoss'),
        loss_heatmap=dict(type='mmpose_ext.VolumeMSELoss'),
        decoder=dict(LABEL, **SOLID, heatmap_type='gaussian'),
    ),
    regression=dict(
        type='mmpose_ext.RegressionHead',
        in_channels=6,
        num_joints=JOINTS,
        dim=3,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=SIZE, depth_range=2000.0),
    ),
    rle=dict(
        type='mmpose_ext.RLEHead',
        in_channels=6,
        num_joints=JOINTS,
        dim=3,
        decoder=dict(type='mmpose_ext.RegressionLabel', input_size=SIZE, depth_range=2000.0),
    ),
    stages=dict(
        type='mmpose_ext.MultiStageHead',
        out_channels=JOINTS,
        head=dict(type='mmpose_ext.HeatmapHead'),
        loss_weights=(0.5, 1.0),
        decoder=dict(type='mmpose_ext.DarkHeatmap', input_size=SIZE, heatmap_size=MAPS),
    ),
)


class Network(nn.Module):
    """A convolution and a head; with several stages the head gets the maps as often."""

    def __init__(self, name):
        super().__init__()
        self.stages = 2 if name == 'stages' else 1
        self.layer = nn.Conv2d(3, JOINTS if name == 'stages' else 6, 3, 4, 1)
        self.head = MODELS.build(HEADS[name])

    def forward(self, images, samples):
        return self.head.loss((self.layer(images),) * self.stages, samples)


def batch(seed, depth=False, labeled=1.0):
    points = random_keypoints(2, JOINTS, SIZE, seed=seed)
    rng = np.random.default_rng(seed)
    if depth:
        points = np.concatenate((points, rng.uniform(-500, 500, (2, JOINTS, 1)).astype(np.float32)), -1)
    visible = (rng.random((2, JOINTS)) < labeled).astype(np.float32)
    return torch.from_numpy(rng.random((2, 3, 64, 48), np.float32)), make_samples(points, visible, SIZE)


def losses_and_gradients(function, network, images, samples):
    network.zero_grad()
    losses = function(images, samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    gradients = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    return {name: value.detach() for name, value in losses.items()}, gradients


@pytest.mark.parametrize('name', HEADS)
def test_one_graph_for_all_batches(name):
    torch.manual_seed(0)
    network = Network(name)
    torch._dynamo.reset()
    counter = CompileCounterWithBackend('aot_eager')
    compiled = torch.compile(network, fullgraph=True, backend=counter)
    with_depth = name in ('volumes', 'regression', 'rle')
    for images, samples in (batch(0), batch(1, depth=with_depth), batch(2, labeled=0.5), batch(3, labeled=0.0)):
        expected, expected_gradients = losses_and_gradients(network, network, images, samples)
        found, gradients = losses_and_gradients(compiled, network, images, GatheredSamples(samples, CPU))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-6)
    assert counter.frame_count == 1


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 6, 3, 4, 1)

    def forward(self, images):
        return (self.layer(images),)


def test_mmengine_compiles_network_and_loss_to_one_graph():
    torch._dynamo.reset()
    preprocessor = dict(type='mmpose_ext.PoseDataPreprocessor', mean=[0], std=[255], gather_samples=True)
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            data_preprocessor=preprocessor,
            backbone=dict(type='ResNet', depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)),
            head=HEADS['heatmaps'],
        )
    )
    model.backbone = Backbone()
    graphs = []

    def backend(module, _):
        graphs.append([str(node.target) for node in module.graph.nodes])
        return module.forward

    # what MMEngine's runner does with compile=True
    step = torch.compile(model.train_step, backend=backend)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 0.01))
    counts = []
    for seed in range(3):
        images, samples = batch(seed, labeled=0.5)
        step(dict(inputs=list((images * 255).byte()), data_samples=samples), optimizer)
        counts.append(len(graphs))
    assert len(set(counts)) == 1
    (graph,) = [names for names in graphs if any('conv2d' in name for name in names)]
    assert any('mse_loss' in name for name in graph)


def test_a_compiled_loss_stops_the_nan_of_a_joint_without_label():
    torch._dynamo.reset()
    loss = MODELS.build(dict(type='mmpose_ext.HeatmapCrossEntropyLoss'))
    maps, targets, weights = torch.randn(1, 2, 4, 4), torch.rand(1, 2, 4, 4), torch.tensor([[1.0, 0.0]])
    targets[0, 1] = float('nan')
    gradients = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend='aot_eager')):
        leaf = maps.clone().requires_grad_()
        function(leaf, targets, weights).backward()
        gradients.append(leaf.grad)
    assert not gradients[1][0, 1].any()
    torch.testing.assert_close(gradients[1], gradients[0])
