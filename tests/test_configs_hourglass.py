"""configs/hourglass: the networks of the paper's figures, its recipe, and what the losses of its rows see."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from test_configs import CONFIGS, OURS, config_of, parse, steps

from mmpose_ext.lab.ablation import find_table, make_plan

LEAVES = sorted((CONFIGS / 'hourglass').glob('*.py'))
each_leaf = pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def model_of(cfg: Config) -> Any:
    """A config's model on no device, for its shapes."""
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
        assert head.loss_weights is None
    for inner in head.heads:
        assert inner.unlabeled_weight == 1
        assert (inner.decoder.encoding, inner.decoder.decoding) == ('biased', 'shift')
    # down to 4x4 cells of 256x256, to 4x3 of 128x96 and to 3x3 of 96x96; the stem is Newell's, whatever the width
    small = name['data'] in OURS
    depth = backbone.get('depth', 4)
    assert (depth, height // 4 // 2**depth) == (3 if small else 4, 3 if height == 96 else 4)
    assert backbone.get('stem_channels', (64, 128, 128)) == ((16, 32, 32) if small else (64, 128, 128))


@pytest.mark.parametrize(
    'leaf', [leaf for leaf in LEAVES if parse(leaf)['data'] not in OURS], ids=lambda leaf: leaf.stem
)
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
    ('data', 'rows'),
    [
        ('mpii', ['1x8', '2x4', '4x2', '8x1']),
        ('synthetic', ['1x4', '2x2', '4x1']),
        ('lspet', ['1x4', '2x2', '4x1']),
    ],
)
def test_networks_of_figure_9_are_of_one_size(data: str, rows: list[str]) -> None:
    plan = make_plan(find_table('hourglass/stacks'), data, 1, Path('/results'))
    sizes = [size_of(model_of(config_of(plan.tests[row, 0]))) for row in rows]
    assert sizes == sorted(sizes)
    assert sizes[-1] < 1.06 * sizes[0]


@pytest.mark.parametrize(('data', 'blocks'), [('mpii', 8), ('synthetic', 4), ('lspet', 4)])
def test_rows_of_figure_8(data: str, blocks: int) -> None:
    """One hourglass with losses inside or not, two with a loss on each or on the last: as many residual modules."""
    plan = make_plan(find_table('hourglass/supervision'), data, 1, Path('/results'))
    found = {}
    for row in plan.table.rows:
        model = config_of(plan.tests[row.name, 0]).model
        inner = model.backbone.get('inner_predictions', 0)
        weights = model.head.get('loss_weights')
        found[row.name] = (model.backbone.num_stacks, model.backbone.num_blocks, inner, weights and list(weights))
    assert found == {
        'HG': (1, blocks, 0, None),
        'HG-Int': (1, blocks, 2, None),
        'HG-Stacked': (2, blocks // 2, 0, [0, 1]),
        'HG-Stacked-Int': (2, blocks // 2, 0, None),
    }


def test_joints_without_a_label_count_or_not() -> None:
    plan = make_plan(find_table('hourglass/unlabeled'), 'mpii', 1, Path('/results'))
    weights = [config_of(plan.trainings[stage, 0]).model.head.head.unlabeled_weight for stage in ('zeros', 'left out')]
    assert weights == [1, 0]


def test_half_way_rows_test_the_first_half_of_the_same_weights() -> None:
    """A network with fewer stacks has the same parameters, under the same names, and the maps of its last stack."""
    table = find_table('hourglass/stacks')
    for data, half_way in (('mpii', (1, 2, 4)), ('synthetic', (1, 2)), ('lspet', (1, 2))):
        plan = make_plan(table, data, 1, Path('/results'))
        rows = [row for row in plan.table.rows if row.options]
        assert [row.options for row in rows] == [{'model.backbone.num_stacks': stacks} for stacks in half_way]
        for row in rows:
            whole = model_of(config_of(plan.trainings[row.stage, 0]))
            half = model_of(config_of(plan.tests[row.name, 0]))
            assert 2 * len(half.backbone.stacks) == len(whole.backbone.stacks)
            weights, needed = whole.state_dict(), half.state_dict()
            assert {key: weights[key].shape for key in needed} == {key: one.shape for key, one in needed.items()}
