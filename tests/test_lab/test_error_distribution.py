"""tools/analysis_tools/error_distribution.py against a loop over people and an integral on a grid."""

import math
import runpy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import DATASETS
from small_dataset import ROOT, with_weights

from mmpose_ext import config_path
from mmpose_ext.apis.predict import build_model
from mmpose_ext.functional import base_log_density
from mmpose_ext.lab.error_distribution import ErrorDistribution, distribution_table, measure_errors

pytestmark = pytest.mark.usefixtures('mmpose_scope')

PROGRAM = str(ROOT / 'tools' / 'analysis_tools' / 'error_distribution.py')
LOSSES = {
    'RLE': dict(type='mmpose_ext.RLELoss'),
    'Gaussian': dict(type='mmpose_ext.RLELoss', q_distribution='gaussian', flow_term='once', reduction='batch'),
    'Laplace': dict(type='mmpose_ext.RLELoss', flow=None),
}


@pytest.fixture(params=LOSSES)
def model(request, tiny_config):
    """A config with sigmas and a checkpoint, on the tiny dataset."""
    text = tiny_config.read_text().replace(
        config_path('dark/dark_res18_1xb32-10e_synthetic-128x96'),
        config_path('rle/rle_res18_1xb32-10e_synthetic-128x96'),
    )
    text = text.replace('val_evaluator = dict(', 'val_evaluator = dict(_delete_=True, type="CocoMetric", ')
    text = text.replace('model = dict(head=dict(deconv_out_channels=(8, 8, 8)))', 'model = MODEL')
    loss = LOSSES[request.param]
    tiny_config.write_text(text.replace('MODEL', f'dict(backbone=dict(init_cfg=None), head=dict(loss={loss!r}))'))
    config, checkpoint = with_weights(tiny_config)
    network = build_model(config, checkpoint)
    with torch.no_grad():  # errors of a few sigmas, as a trained network makes
        length = network.extract_feat(torch.randn(1, 3, 128, 96))[-1].mean((2, 3)).norm()
        network.head.fc.weight.copy_(torch.randn_like(network.head.fc.weight) / length)
    torch.save(dict(state_dict=network.state_dict()), checkpoint)
    return config, checkpoint


def log_likelihoods(loss, errors, sigmas):
    """Of joints with standardized errors and sigmas (N, 2); the integral of the density is a sum over a grid."""
    side = torch.linspace(-14, 14, 561)
    grid = torch.cartesian_prod(side, side)

    def log_product(points):
        log_q = base_log_density(points, loss.q_distribution).sum(-1)
        return log_q if loss.flow_model is None else log_q + loss.flow_model.log_prob(points)

    with torch.no_grad():
        log_integral = log_product(grid).logsumexp(0) + 2 * math.log(side[1] - side[0])
        return [
            (log_product(e[None])[0] - log_integral - s.log().sum()).item() for e, s in zip(errors, sigmas, strict=True)
        ]


def test_figures_are_those_of_a_loop(model):
    config, checkpoint = model
    found = measure_errors(config, checkpoint)
    cfg = Config.fromfile(config)
    cfg.val_dataloader.dataset.pipeline[-1].pack_transformed = True
    network = build_model(config, checkpoint)
    errors, sigmas = [], []
    for person in DATASETS.build(cfg.val_dataloader.dataset):
        data = network.data_preprocessor(dict(inputs=[person['inputs']], data_samples=[person['data_samples']]), False)
        with torch.no_grad():
            outputs = network.head(network.extract_feat(data['inputs']))[0]
        labels = person['data_samples'].gt_instances.transformed_keypoints[0] / np.array([96, 128])
        sigma = outputs[:, 2:].sigmoid()
        errors.append((outputs[:, :2] - torch.from_numpy(labels).float()) / sigma)
        sigmas.append(sigma)
    errors, sigmas = torch.cat(errors), torch.cat(sigmas)
    assert found.joints == len(errors) == 4 * 17
    expected = np.mean(log_likelihoods(network.head.loss_module, errors, sigmas))
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(found.sigmas, np.quantile(sigmas, [0.05, 0.5, 0.95]), rtol=1e-4)
    np.testing.assert_allclose(found.mean_error, errors.abs().mean(), rtol=1e-4)
    quantiles = np.quantile(errors.abs(), [0.5, 0.9, 0.99, 0.999]) / errors.abs().mean().item()
    np.testing.assert_allclose(found.quantiles, quantiles, rtol=1e-4)


def test_other_heads_are_refused(trained):
    with pytest.raises(ValueError, match="'config' must have a head with sigmas and RLELoss, got HeatmapHead"):
        measure_errors(*trained)


def test_a_config_without_validation_data(tiny_config, trained):
    tiny_config.write_text(tiny_config.read_text() + '\nval_dataloader = val_cfg = val_evaluator = None\n')
    with pytest.raises(ValueError, match=r"'config' must have a val_dataloader, got .* without one"):
        measure_errors(tiny_config, trained[1])


def test_table():
    found = ErrorDistribution(12, 1.2345, (0.1, 0.25, 0.5), 0.75, (0.69, 2.3, 4.61, 6.91))
    lines = distribution_table({'one': found}).splitlines()
    assert lines[2] == '| one | 12 | 1.234 | 0.100 | 0.250 | 0.500 | 0.750 | 0.69 | 2.30 | 4.61 | 6.91 |'
    assert len({line.count('|') for line in lines}) == 1


@pytest.mark.parametrize('model', ['Laplace'], indirect=True)
def test_program(model, run_tool):
    config, checkpoint = model
    printed = run_tool(PROGRAM, config, checkpoint, '--names', 'mine')
    assert (
        printed.strip().splitlines()[-1]
        == distribution_table({'mine': measure_errors(config, checkpoint)}).splitlines()[-1]
    )


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['one.py'], "'models' must be pairs of a config and a checkpoint, and 'names' one for each of them"),
        (['{config}', '{weights}', '--names', 'a', 'b'], "'names' one for each of them"),
        (['no such config', 'w.pth'], "error: 'config' must be "),
        (['{config}', 'no such weights.pth'], 'error: '),
        (['{config}', '{weights}'], "error: 'config' must have a head with sigmas and RLELoss, got HeatmapHead"),
    ],
)
def test_wrong_arguments_of_the_program(trained, monkeypatch, capsys, arguments, message):
    config, weights = trained
    given = [argument.format(config=config, weights=weights) for argument in arguments]
    monkeypatch.setattr('sys.argv', ['error_distribution.py', *given])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(PROGRAM, run_name='__main__')
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err and not printed.out.startswith('|')
