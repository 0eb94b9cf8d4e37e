"""torch.compile makes one graph of a distilled training step, whatever joints are labeled."""

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from small_models import COLOURS, JOINTS, distilled_config, maps_head
from torch._dynamo.testing import CompileCounterWithBackend

from mmpose_ext.models.utils import GatheredSamples
from mmpose_ext.registry import MODELS

CPU = torch.device('cpu')
pytestmark = pytest.mark.usefixtures('mmpose_scope')

# labels of two images: all, some, those of one image, none
VISIBLE = [
    np.ones((2, JOINTS), np.float32),
    np.array([[0, 1, 1, 1], [1, 1, 0, np.nan]], np.float32),
    np.array([[0, 0, 0, 0], [1, 1, 0, 1]], np.float32),
    np.zeros((2, JOINTS), np.float32),
]
GRAY = dict(COLOURS, mean=[100.0] * 3, bgr_to_rgb=False)


def named(*names, dataset='animals'):
    joints = {n: dict(name=name, id=n, color=[0, 0, 0], type='upper', swap='') for n, name in enumerate(names)}
    ones = [1.0] * len(names)
    return dict(dataset_name=dataset, keypoint_info=joints, skeleton_info={}, joint_weights=ones, sigmas=ones)


# teacher with its settings, head of the student, settings of the distiller
CASES = {
    'maps': ('large maps', dict(data_preprocessor=GRAY), 'maps', dict(alpha=0.25, alpha_unlabeled=0.75)),
    "weights of labels, MMPose's teacher": (
        "MMPose's maps",
        {},
        maps_head(unlabeled_weight=1.0),
        dict(label_weights=True, alpha=0.25, alpha_unlabeled=0.5),
    ),
    'teacher alone': (
        'maps',
        dict(metainfo=named(*'bxda')),
        'maps',
        dict(alpha=1.0, metainfo=named(*'abcd'), unmatched_joints='labels'),
    ),
    'points of an expectation': ('maps', {}, 'integral', {}),
    'points of a likelihood': ('maps', {}, 'RLE', dict(label_weights=True)),
}


def losses_and_gradients(model, function, inputs, samples):
    model.zero_grad()
    losses = function(inputs, samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    return {name: value.detach() for name, value in losses.items()}, gradients


@pytest.mark.parametrize('case', CASES)
def test_one_graph_for_all_labels(trained, batch, case):
    teacher, settings, head, change = CASES[case]
    torch.manual_seed(0)
    model = MODELS.build(distilled_config(trained(teacher, **settings), head, **change)).eval()
    torch._dynamo.reset()
    counter = CompileCounterWithBackend('aot_eager' if case == 'maps' else 'eager')
    compiled = torch.compile(model.loss, fullgraph=True, backend=counter)
    for visible in VISIBLE:
        inputs, samples = batch(visible=visible)
        expected, expected_gradients = losses_and_gradients(model, model.loss, inputs, samples)
        found, gradients = losses_and_gradients(model, compiled, inputs, GatheredSamples(samples, CPU))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-5)
    assert counter.frame_count == 1


def test_a_graph_does_not_depend_on_labels(trained, batch):
    """Where no joint learns from the teacher, its loss is 0 in a graph; without a graph there is none."""
    torch.manual_seed(0)
    model = MODELS.build(distilled_config(trained(), alpha=0.0)).eval()
    inputs, samples = batch(visible=VISIBLE[0])
    torch._dynamo.reset()
    expected, expected_gradients = losses_and_gradients(model, model.loss, inputs, samples)
    compiled = torch.compile(model.loss, fullgraph=True, backend='eager')
    found, gradients = losses_and_gradients(model, compiled, inputs, GatheredSamples(samples, CPU))
    assert found.pop('loss_pd') == 0
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients, expected_gradients)


def test_mmengine_compiles_networks_and_loss_to_one_graph(trained, batch):
    """Student and teacher, with ``compile=True`` of a runner; steps after the first add no graph."""
    preprocessor = dict(COLOURS, type='mmpose_ext.PoseDataPreprocessor', gather_samples=True)
    model = MODELS.build(distilled_config(trained(), data_preprocessor=preprocessor)).train()
    torch._dynamo.reset()
    graphs = []

    def backend(module, _):
        graphs.append([str(node.target) for node in module.graph.nodes])
        return module.forward

    step = torch.compile(model.train_step, backend=backend)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 0.01))
    counts = []
    for visible in (VISIBLE[0], VISIBLE[3]):
        images, samples = batch(visible=visible)
        step(dict(inputs=list((images * 50 + 100).byte()), data_samples=samples), optimizer)
        counts.append(len(graphs))
    assert len(set(counts)) == 1
    (graph,) = [names for names in graphs if any('conv2d' in name for name in names)]
    assert sum('conv2d' in name for name in graph) == 2 * sum(
        isinstance(module, torch.nn.Conv2d) for module in model.modules()
    )


def test_samples_of_another_dataset_are_refused_by_a_graph(trained, batch):
    """Their names are known without a look at the samples, in every step."""
    model = MODELS.build(distilled_config(trained(metainfo=named(*'abcd'))))
    inputs, samples = batch()
    model.loss(inputs, GatheredSamples(samples, CPU))
    samples[1].set_metainfo(dict(dataset_name='people'))
    torch._dynamo.reset()
    for function in (model.loss, torch.compile(model.loss, backend='eager')):
        with pytest.raises(ValueError, match=r'samples of people and a teacher with .*animals'):
            function(inputs, GatheredSamples(samples, CPU))
