"""configs/hourglass: the networks of the paper's figures, its recipe, and what the losses of its rows see."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from test_configs import CONFIGS, parse, steps

from mmpose_ext import config_path
from mmpose_ext.lab.ablation.table import find_table

LEAVES = sorted((CONFIGS / 'hourglass').glob('*.py'))
each_leaf = pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def model_of(name: str, **change: Any) -> Any:
    """A config's model on no device, for its shapes."""
    cfg = Config.fromfile(config_path(f'hourglass/hourglass_{name}'))
    cfg.model.backbone.update(change)
    with torch.device('meta'):
        return MODELS.build(cfg.model)


def size_of(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@each_leaf
def test_rows_have_the_papers_networks(leaf: Path) -> None:
    name, cfg = parse(leaf), Config.fromfile(leaf)
    backbone, head = cfg.model.backbone, MODELS.build(cfg.model.head)
    assert backbone.get('num_blocks', 1) == (name['blocks'] or 1)
    assert backbone.num_keypoints == head.out_channels
    assert backbone.get('inner_predictions', 0) == (2 if name['losses'] == 'int' else 0)
    width, height = cfg.input_size
    if name['losses'] == 'int':
        sizes = [(width // stride, height // stride) for stride in (16, 8, 4)]
        assert [inner.decoder.heatmap_size for inner in head.heads] == sizes
        assert head.loss_weights == (1, 1, 1)
    else:
        assert head.loss_weights == ((0, 1) if name['losses'] == 'final' else None)
    for inner in head.heads:
        assert inner.unlabeled_weight == (0 if name['labels'] else 1)
        assert (inner.decoder.encoding, inner.decoder.decoding) == ('biased', 'shift')
    # down to 4x4 cells of 256x256, and to 4x3 of 128x96; the stem is Newell's, whatever the width
    synthetic = name['data'] == 'synthetic'
    assert (backbone.get('depth', 4), height // 4 // 2 ** backbone.get('depth', 4)) == (3 if synthetic else 4, 4)
    assert backbone.get('stem_channels', (64, 128, 128)) == ((16, 32, 32) if synthetic else (64, 128, 128))


@pytest.mark.parametrize('leaf', [leaf for leaf in LEAVES if 'synthetic' not in leaf.stem], ids=lambda leaf: leaf.stem)
def test_recipe_is_the_papers(leaf: Path) -> None:
    cfg = Config.fromfile(leaf)
    assert cfg.optim_wrapper.optimizer == dict(type='RMSprop', lr=2.5e-4, alpha=0.99, eps=1e-8)
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, schedule.rule, schedule.factor) == ('ReduceOnPlateauLR', 'greater', 1 / 5)
    assert schedule.min_value == pytest.approx(schedule.factor * cfg.optim_wrapper.optimizer.lr)
    assert schedule.monitor.partition('/')[0] == {'MpiiDataset': 'PCKh'}.get(cfg.dataset_type, 'PCK')
    assert (cfg.train_dataloader.batch_size, cfg.model.head.decoder.sigma) == (8, 1)
    (box,) = steps(cfg.train_dataloader.dataset.pipeline, 'RandomBBoxTransform')
    assert (box.scale_factor, box.rotate_factor, box.shift_prob) == ((0.75, 1.25), 60, 0)
    colours = cfg.model.data_preprocessor
    assert (colours.mean, colours.std, colours.bgr_to_rgb) == ([0, 0, 0], [255, 255, 255], True)


@pytest.mark.parametrize(
    'names',
    [
        [
            '1x256_1xb8-140e_mpii-256x256_blocks8',
            '2x256_1xb8-140e_mpii-256x256_blocks4',
            '4x256_1xb8-140e_mpii-256x256_blocks2',
            '8x256_1xb8-140e_mpii-256x256',
        ],
        [
            '1x32_1xb32-10e_synthetic-128x96_blocks4',
            '2x32_1xb32-10e_synthetic-128x96_blocks2',
            '4x32_1xb32-10e_synthetic-128x96',
        ],
    ],
    ids=['mpii', 'synthetic'],
)
def test_networks_of_figure_9_are_of_one_size(names: list[str]) -> None:
    sizes = [size_of(model_of(name)) for name in names]
    assert sizes == sorted(sizes)
    assert sizes[-1] < 1.06 * sizes[0]


def test_every_leaf_is_in_a_table_or_not_in_the_paper() -> None:
    tables = ' '.join(path.read_text() for path in (CONFIGS / 'hourglass' / 'tables').glob('*.yaml'))
    for leaf in LEAVES:
        assert f'hourglass/{leaf.name}' in tables, leaf.stem


def test_half_way_rows_test_the_first_half_of_the_same_weights() -> None:
    """A network with fewer stacks has the same parameters, under the same names, and the maps of its last stack."""
    table = find_table('hourglass/stacks')
    rows = [row for row in table.rows if row.options]
    assert [row.options for row in rows] == [{'model.backbone.num_stacks': stacks} for stacks in (1, 2, 4)]
    for row in rows:
        for config in table.stages[row.stage].config.values():
            name = config.removeprefix('hourglass/hourglass_').removesuffix('.py')
            whole = model_of(name)
            half = whole.backbone.stacks[: len(whole.backbone.stacks) // 2]
            options = row.options['model.backbone.num_stacks']
            weights, needed = whole.state_dict(), model_of(name, num_stacks=options).state_dict()
            assert len(half) == options or 'synthetic' in name
            assert {key: weights[key].shape for key in needed} == {key: one.shape for key, one in needed.items()}
