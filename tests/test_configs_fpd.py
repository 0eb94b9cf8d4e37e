"""configs/fpd: a teacher on top of a student's config, pairs that fit, teachers where their configs leave them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmpose.registry import MODELS
from test_configs import CONFIGS, config_of, fake_person, load, metainfo_of, narrow, parse

from mmpose_ext import config_path
from mmpose_ext.lab.ablation import find_table, list_tables, make_plan

LEAVES = sorted((CONFIGS / 'fpd').glob('*.py'))
DISTILLED = [leaf for leaf in LEAVES if 'PoseDistiller' in load(leaf).model.type]
SETTINGS = ('type', 'teacher', 'alpha', 'loss_pd', 'label_weights', 'metainfo')
each_distilled = pytest.mark.parametrize('leaf', DISTILLED, ids=lambda leaf: leaf.stem)
pytestmark = pytest.mark.usefixtures('mmpose_scope')

# what the variants of a name say: what is learned, student's and teacher's backbone, maps and input of the teacher
PAIRS = {
    'fpd_hourglass-4x128_1xb8-140e_mpii-256x256': ('maps', 'StackedHourglass', (64, 64), (256, 256)),
    'fpd_hourglass-4x128_1xb8-140e_mpii-256x256_from-res50': ('maps', 'ResNet', (64, 64), (256, 256)),
    'fpd_res50_4xb32-140e_mpii-256x256_map32x32': ('maps', 'HRNet', (64, 64), (256, 256)),
    'fpd_res18_4xb32-140e_mpii-256x256_integral': ('points', 'StackedHourglass', (64, 64), (256, 256)),
    'fpd_res50_8xb32-270e_coco-256x192_rle': ('points', 'HRNet', (48, 64), (192, 256)),
    'fpd_hrnet-w32_2xb64-210e_coco-128x96_from-384x288': ('maps', 'HRNet', (72, 96), (288, 384)),
    'fpd_hourglass-4x128_1xb8-70e_lsp-256x256_from-mpii': ('maps', 'StackedHourglass', (64, 64), (256, 256)),
    'fpd_hrnet-w32_4xb24-210e_coco-256x192': ('maps', 'HRNet', (48, 64), (192, 256)),
}


def shapes_of(cfg: Config) -> Any:
    """A config's model on no device."""
    with torch.device('meta'):
        return MODELS.build(cfg.model)


# configs of students that are trained alone, too
STUDENTS = {
    'fpd_hourglass-4x128_1xb8-140e_mpii-256x256': 'hourglass/hourglass_4x128_1xb8-140e_mpii-256x256',
    'fpd_hourglass-4x128_1xb8-140e_mpii-256x256_from-res50': 'hourglass/hourglass_4x128_1xb8-140e_mpii-256x256',
    'fpd_hourglass-4x128_1xb8-70e_lsp-256x256': 'fpd/fpd_hourglass-4x128_1xb8-70e_lsp-256x256_student',
    'fpd_hourglass-4x128_1xb8-70e_lsp-256x256_from-mpii': 'fpd/fpd_hourglass-4x128_1xb8-70e_lsp-256x256_student',
    'fpd_hrnet-w32_2xb64-210e_coco-128x96_from-384x288': 'dark/dark_hrnet-w32_2xb64-210e_coco-128x96',
    'fpd_hrnet-w32_4xb24-210e_coco-256x192': 'dark/dark_hrnet-w32_4xb32-210e_coco-256x192_biased-shift',
    'fpd_res18_1xb32-10e_synthetic-128x96': 'fpd/fpd_res18_1xb32-10e_synthetic-128x96_student',
    'fpd_res18_1xb32-4e_lspet-96x96': 'fpd/fpd_res18_1xb32-4e_lspet-96x96_student',
    'fpd_res50_8xb32-270e_coco-256x192_rle': 'rle/rle_res50_8xb32-270e_coco-256x192',
}


@each_distilled
def test_the_model_is_the_students(leaf: Path) -> None:
    """Without the settings of the distillation it is a plain estimator with the same weights."""
    found = load(leaf).model.to_dict()
    student = {name: value for name, value in found.items() if name not in SETTINGS} | dict(type='TopdownPoseEstimator')
    if leaf.stem in STUDENTS:
        assert student == load(Path(config_path(STUDENTS[leaf.stem]))).model.to_dict()
    with torch.device('meta'):
        weights, expected = (MODELS.build(dict(one)).state_dict() for one in (found, student))
    assert {key: value.shape for key, value in weights.items()} == {key: value.shape for key, value in expected.items()}


@each_distilled
def test_the_teacher_is_a_config_of_ours(leaf: Path) -> None:
    """Its checkpoint lies where tools/train.py leaves it, and it was trained for the same people and joints."""
    cfg = load(leaf)
    teacher = load(Path(config_path(cfg.model.teacher.config)))
    stem = Path(cfg.model.teacher.config).stem
    assert cfg.model.teacher.checkpoint == f'work_dirs/{stem}/epoch_{teacher.train_cfg.max_epochs}.pth'
    assert cfg.model.alpha == 0.5
    same = teacher.train_dataloader.dataset.type == cfg.train_dataloader.dataset.type
    assert same is (parse(leaf)['teacher'] != 'mpii')
    assert cfg.model.get('metainfo') == (None if same else 'mmpose_ext.LspDataset')


@each_distilled
def test_the_pair_fits(leaf: Path) -> None:
    """It builds; where maps are learned, the peaks of labels and teacher are equally wide."""
    model = shapes_of(load(leaf))
    if model.learn == 'maps':
        assert model.head.map_format.sigma == pytest.approx(model._teacher.map_format.sigma)
    assert model._teacher.selection.matches_all
    if leaf.stem in PAIRS:
        codec = model.teacher.head.decoder
        found = (model.learn, type(model.teacher.backbone).__name__, tuple(codec.heatmap_size), tuple(codec.input_size))
        assert found == PAIRS[leaf.stem]


def test_there_is_a_pair_of_every_kind() -> None:
    assert {*PAIRS} <= {leaf.stem for leaf in DISTILLED}
    names = [parse(leaf) for leaf in DISTILLED]
    assert {name['data'] for name in names} == {'mpii', 'lsp', 'coco', 'synthetic', 'lspet'}


@each_distilled
def test_a_step_of_every_pair(leaf: Path) -> None:
    """With narrow networks, and a teacher whose weights are anything but trained: every weight learns from it."""
    cfg = load(leaf)
    narrow(cfg)
    model = MODELS.build(dict(cfg.model, alpha=1.0)).train()
    model._teacher.loaded = True
    batch = pseudo_collate([Compose(cfg.train_dataloader.dataset.pipeline[1:])(fake_person(metainfo_of(cfg)))])
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    stages = cfg.model.backbone.get('num_stacks', 1)
    assert len([name for name in losses if 'pd' in name and 'loss' in name]) == stages
    total, _ = model.parse_losses(losses)
    assert total > 0
    total.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)
    assert sum(bool(parameter.grad.any()) for parameter in model.parameters() if parameter.grad is not None) > 10


def test_rows_of_the_official_implementation() -> None:
    """Its COCO script: the student's weights to begin with, joints weighted by their labels."""
    cfg = Config.fromfile(config_path('fpd/fpd_hrnet-w32_4xb24-210e_coco-256x192'))
    assert cfg.load_from == 'work_dirs/dark_hrnet-w32_4xb32-210e_coco-256x192_biased-shift/epoch_210.pth'
    assert cfg.model.label_weights is True
    assert (cfg.optim_wrapper.optimizer.lr, cfg.param_scheduler[0].milestones) == (1e-3, [170, 200])


@pytest.mark.parametrize('data', ['synthetic', 'lspet'])
def test_half_of_the_labels(data: str) -> None:
    """The same ones for the student alone and distilled; joints without a label learn from the teacher."""
    plan = make_plan(find_table('fpd/labels'), data, 1, Path('/results'))
    alone, distilled = (config_of(plan.trainings[stage, 0]) for stage in ('student, half', 'distilled, half'))
    assert alone.train_dataloader == distilled.train_dataloader
    drop = alone.train_dataloader.dataset.pipeline[1]
    assert drop == dict(type='mmpose_ext.DropLabels', ratio=0.5)
    assert (alone.model.type, distilled.model.type) == ('TopdownPoseEstimator', 'mmpose_ext.PoseDistiller')
    assert not distilled.model.get('label_weights', False)
    teacher = Config.fromfile(config_path(distilled.model.teacher.config))
    assert 'DropLabels' not in teacher.pretty_text


def test_wrong_labels() -> None:
    """The same ones for the student alone, distilled, and for the teacher that learned from them."""
    plan = make_plan(find_table('fpd/wrong_labels'), 'lspet', 1, Path('/results'))
    stages = ('student, wrong', 'distilled, wrong', 'distilled by a teacher of wrong labels', 'teacher, wrong')
    configs = {stage: config_of(plan.trainings[stage, 0]) for stage in stages}
    for cfg in configs.values():
        assert cfg.train_dataloader == configs['teacher, wrong'].train_dataloader
        types = [step.type for step in cfg.train_dataloader.dataset.pipeline]
        assert types[:2] == ['LoadImage', 'mmpose_ext.CorruptLabels']
        assert 'mmpose_ext.CorruptLabels' not in str(cfg.test_dataloader)
    right, wrong = (Config.fromfile(config_path(configs[stage].model.teacher.config)) for stage in stages[1:3])
    assert 'CorruptLabels' not in right.pretty_text
    assert wrong.train_dataloader == configs['teacher, wrong'].train_dataloader
    assert wrong.model == right.model


def test_tables() -> None:
    """Every distilled stage has its teacher, trained once."""
    tables = [find_table(name) for name in list_tables() if name.startswith('fpd/')]
    plans = [make_plan(table, data, 1, Path('/results')) for table in tables for data in table.data_sets]
    for plan in plans:
        for (name, _), job in plan.trainings.items():
            model, uses = config_of(job).model, plan.table.stages[name].uses
            assert (model.type == 'mmpose_ext.PoseDistiller') is ('model.teacher.checkpoint' in uses), (
                plan.table.name,
                name,
            )
            if 'model.teacher.checkpoint' in uses:
                teacher = plan.table.stages[uses['model.teacher.checkpoint']]
                assert teacher.shared
                assert model.teacher.config in teacher.config.values()
    (alpha,) = [table for table in tables if table.name == 'fpd/alpha']
    assert [row.name.partition(',')[0] for row in alpha.rows] == ['0', '0.05', '0.1', '0.5', '0.95', '0.99']
