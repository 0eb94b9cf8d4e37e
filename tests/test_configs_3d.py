"""configs of three axes: the rows of integral regression's tables 7 to 9 and of RLE's table 8, strategies 1 and 2."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from test_configs import CONFIGS, DEPTH, load, parse, steps

from mmpose_ext.lab.ablation.table import find_table

# Norm of the loss on points, loss on volumes, what the codec draws.
ROWS = {
    'h2': (None, 'VolumeCrossEntropyLoss', 'one_hot'),
    'i-star': ('l1', None, None),
    'integral': ('l1', None, None),  # so called in RLE's table
}
RANGE = 2000.0  # millimeters
each_leaf = pytest.mark.parametrize('leaf', DEPTH, ids=lambda leaf: leaf.stem)
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def head_of(cfg: Config) -> Any:
    with torch.device('meta'):
        head = MODELS.build(cfg.model.head)
    return getattr(head, 'heads', [head])[-1]


@each_leaf
def test_rows_have_the_papers_losses(leaf: Path) -> None:
    name, cfg = parse(leaf), load(leaf)
    head = head_of(cfg)
    assert head.decoder.depth_range == RANGE
    if name['method'] == 'rle' and name['row'] is None:
        flows = head.loss_module.flow_model.dim, head.loss_module.flow_model_2d.dim
        assert (type(head).__name__, head.dim, flows) == ('RLEHead', 3, (3, 2))
        assert head.loss_module.residual
        return
    norm, loss, maps = ROWS[name['row']]
    assert type(head).__name__ == 'IntegralHead3D'
    assert (head.loss_coord.norm if head.loss_coord else None) == norm
    assert (type(head.loss_heatmap).__name__ if head.loss_heatmap else None) == loss
    assert (head.decoder.heatmap_type, head.beta, head.debias) == (maps, 1, False)
    assert head.depth_size == head.decoder.depth_size == head.decoder.heatmap_size[0], 'as deep as wide'


@each_leaf
def test_strategies(leaf: Path) -> None:
    """Which samples have a depth, and that half of a batch has none in strategy 2."""
    name, loader = parse(leaf), load(leaf).train_dataloader
    mixed = name['data'] in ('h36m-mpii', 'synthetic3d-2d')
    assert (loader.sampler.type == 'MultiSourceSampler') is mixed
    if mixed:
        assert loader.sampler.batch_size == loader.batch_size
        assert list(loader.sampler.source_ratio) == [1, 1]
        solid, flat = loader.dataset.datasets
        assert not steps(solid.get('pipeline', []), 'mmpose_ext.UnknownDepth')
        assert steps(flat.pipeline, 'mmpose_ext.UnknownDepth')


@each_leaf
def test_the_lowest_error_is_the_best(leaf: Path) -> None:
    cfg = load(leaf)
    assert cfg.val_evaluator.type == 'mmpose_ext.CameraMPJPE'
    assert (cfg.default_hooks.checkpoint.save_best, cfg.default_hooks.checkpoint.rule) == ('3d/MPJPE', 'less')
    assert cfg.model.test_cfg.flip_test


@pytest.mark.parametrize('leaf', [leaf for leaf in DEPTH if 'h36m' in leaf.stem], ids=lambda leaf: leaf.stem)
def test_recipes(leaf: Path) -> None:
    name, cfg = parse(leaf), load(leaf)
    rle = name['method'] == 'rle'
    assert name['processes'] * name['batch'] == (256 if rle else 128)
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-3)
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, [*schedule.milestones], schedule.gamma) == ('MultiStepLR', [90, 120], 0.1)
    pipeline = cfg.train_dataloader.dataset.pipeline
    (box,) = steps(pipeline, 'RandomBBoxTransform')
    assert (box.scale_factor, box.rotate_factor) == ((0.7, 1.3) if rle else (0.75, 1.25), 60)
    assert (box.shift_prob, box.get('shift_factor')) == ((0, None) if rle else (1, 0.02))
    assert [step.amount for step in steps(pipeline, 'mmpose_ext.RandomChannelScale')] == [0.2]
    if not name['backbone'].startswith('hourglass'):
        assert cfg.model.backbone.init_cfg.checkpoint == f'torchvision://resnet{cfg.model.backbone.depth}'


@pytest.mark.parametrize('leaf', [leaf for leaf in DEPTH if 'synthetic' in leaf.stem], ids=lambda leaf: leaf.stem)
def test_synthetic_twins_start_from_one_backbone(leaf: Path) -> None:
    """That of H2 of strategy 1, which has seen no more people than the rows of that strategy."""
    name, cfg = parse(leaf), load(leaf)
    start = 'integral_res18_1xb32-10e_synthetic3d-64x64_h2'
    if leaf.stem == start:
        assert cfg.model.backbone.init_cfg is None
        return
    checkpoint = f'work_dirs/{start}/epoch_10.pth'
    assert cfg.model.backbone.init_cfg == dict(type='Pretrained', prefix='backbone.', checkpoint=checkpoint)
    with torch.device('meta'):
        twin = load(CONFIGS / 'integral' / f'{start}.py')
        weights, needed = (MODELS.build(one.model.backbone).state_dict() for one in (twin, cfg))
    assert {key: value.shape for key, value in weights.items()} == {key: value.shape for key, value in needed.items()}
    assert cfg.train_dataloader.batch_size == name['batch']


def test_tables_in_3d() -> None:
    """The lowest error is the best; the paper's rows are there with and without samples in 2D."""
    tables = {
        name: find_table(name) for name in ('integral/strategies', 'integral/backbones_3d', 'integral/resolution_3d')
    }
    tables['rle/regression_3d'] = find_table('rle/regression_3d')
    assert all(table.lower_is_better and table.order_by == 'MPJPE' for table in tables.values())
    rows = {row.name for row in tables['integral/strategies'].on('h36m').rows}
    assert rows == {f'{row}, 3D{data}' for row in ('R1', 'H1', 'H2', 'I*', 'I1', 'I2') for data in ('', ' and 2D')}
    for data in ('h36m', 'synthetic'):
        rows = tables['rle/regression_3d'].on(data).rows
        figures = {row.name: row.paper['MPJPE'] for row in rows if row.paper}  # a row of ours has none
        assert figures == {'direct regression': 50.1, 'integral regression': 49.2, 'RLE': 48.6}
