"""Every decoding under torch.export, tracing, full-graph compilation and both ONNX exporters, with a dynamic batch."""

import warnings

import numpy as np
import pytest
import torch

from mmpose_ext.functional import (
    SCORES,
    dark_refine,
    find_peaks,
    find_volume_peaks,
    quarter_shift,
    render_gaussians,
    soft_argmax,
    soft_argmax_scores,
    volume_quarter_shift,
)
from mmpose_ext.models.layers import RealNVP

MAPS, VOLUMES = (5, 16, 12), (3, 6, 8, 7)
BATCHES = (0, 1, 3, 32)


def dark(kernel, max_offset=2.0):
    def decode(maps):
        cells, scores = find_peaks(maps)
        return dark_refine(maps, cells, kernel, max_offset), scores

    return decode


def shift(maps):
    cells, scores = find_peaks(maps)
    return cells + quarter_shift(maps, cells), scores


def volume_shift(volumes):
    cells, scores = find_volume_peaks(volumes)
    return cells + volume_quarter_shift(volumes, cells), scores


class Decoding(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, maps):
        return self.function(maps)


class BasicDesign(torch.nn.Module):
    """The coordinates of RLE's basic design."""

    def __init__(self, dim):
        super().__init__()
        torch.manual_seed(0)
        self.flow = RealNVP(dim)
        with torch.no_grad():
            for parameter in self.flow.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))

    def forward(self, latent):
        return self.flow.inverse(latent)[0], latent


DECODINGS = {
    **{f'dark {kernel}': (Decoding(dark(kernel)), MAPS) for kernel in (None, 3, 7, 11)},
    'dark unbounded': (Decoding(dark(11, None)), MAPS),
    'shift': (Decoding(shift), MAPS),
    'argmax': (Decoding(find_peaks), MAPS),
    'volume argmax': (Decoding(find_volume_peaks), VOLUMES),
    'volume shift': (Decoding(volume_shift), VOLUMES),
    'soft-argmax': (Decoding(lambda maps: (soft_argmax(maps, 2.0, debias=True), maps)), MAPS),
    'volume soft-argmax': (Decoding(lambda maps: (soft_argmax(maps, 2.0), maps)), VOLUMES),
    **{
        f'score {kind}': (Decoding(lambda maps, kind=kind: soft_argmax_scores(maps, 2.0, kind)), MAPS)
        for kind in SCORES
    },
    'volume score mass': (Decoding(lambda maps: soft_argmax_scores(maps, 2.0, 'mass')), VOLUMES),
    'basic design': (BasicDesign(2), (5, 2)),
    'basic design, 3D': (BasicDesign(3), (5, 3)),
}


# what takes seconds is done with these
ONE_OF_A_KIND = ('dark 11', 'volume shift', 'soft-argmax', 'basic design')


def inputs(shape, batch):
    """Peaks everywhere, at the border too, with a little noise."""
    generator = torch.Generator().manual_seed(batch)
    noise = torch.rand(batch, *shape, generator=generator)
    if len(shape) == 2:
        return noise
    width, height = shape[-1], shape[-2]
    centers = torch.rand(batch, *shape[:-2], 2, generator=generator) * torch.tensor([width, height])
    return render_gaussians(centers, (width, height), 1.5) + 1e-3 * noise


def exported(module, example):
    batch = torch.export.Dim('batch', min=0)
    return torch.export.export(module, (example,), dynamic_shapes=({0: batch},)).module()


def traced(module, example):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        return torch.jit.trace(module, example, check_trace=False)


def compiled(module, example):
    torch._dynamo.reset()
    return torch.compile(module, fullgraph=True, backend='eager', dynamic=True)


def onnx_session(path):
    runtime = pytest.importorskip('onnxruntime')
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name
    return lambda maps: [torch.from_numpy(output) for output in session.run(None, {name: maps.numpy()})]


def onnx_traced(module, example, path):
    pytest.importorskip('onnx')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        new = {} if digits() < (2, 5) else dict(dynamo=False)
        torch.onnx.export(module, (example,), path, input_names=['maps'], dynamic_axes={'maps': {0: 'batch'}}, **new)
    return onnx_session(path)


def onnx_dynamo(module, example, path):
    pytest.importorskip('onnxscript')
    if digits() < (2, 9):
        pytest.skip('the exporter of this torch is an experiment')
    shapes = ({0: torch.export.Dim('batch')},)
    torch.onnx.export(module, (example,), path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    return onnx_session(path)


def digits():
    return tuple(int(part) for part in torch.__version__.split('.')[:2])


def check(module, shape, program, batches=BATCHES):
    for batch in batches:
        maps = inputs(shape, batch)
        for expected, found in zip(module(maps), program(maps), strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4, err_msg=f'batch of {batch}')


@pytest.mark.parametrize('program', [exported, traced, compiled])
@pytest.mark.parametrize('name', DECODINGS)
@torch.no_grad()
def test_a_program_of_any_batch_decodes_as_eager_code_does(name, program):
    module, shape = DECODINGS[name]
    # for 0 and for 1 the code is compiled anew, which takes seconds; a program of torch.export takes every batch
    batches = BATCHES if program is not compiled or name in ONE_OF_A_KIND else (3, 32)
    check(module.eval(), shape, program(module, inputs(shape, 3)), batches)


# the newer exporter starts with torch.export, under which the test above has every decoding
@pytest.mark.parametrize(
    ('name', 'program'),
    [*((name, onnx_traced) for name in DECODINGS), *((name, onnx_dynamo) for name in ONE_OF_A_KIND)],
)
@torch.no_grad()
def test_onnx_of_any_batch_decodes_as_eager_code_does(name, program, tmp_path):
    module, shape = DECODINGS[name]
    check(module.eval(), shape, program(module, inputs(shape, 3), str(tmp_path / 'decoding.onnx')))


@torch.no_grad()
def test_exporting_leaves_nothing_behind():
    """What a function keeps between calls must not come from an exporter, whose tensors have no values."""
    module, shape = DECODINGS['dark 7']
    exported(module, inputs(shape, 2))
    points, _ = module(inputs(shape, 4))
    assert type(points) is torch.Tensor
    assert points.isfinite().all()
