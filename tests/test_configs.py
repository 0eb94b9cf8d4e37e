"""Every config loads, builds, trains and predicts; says what its name says; and keeps to the paper's recipe."""

import ast
import re
import statistics
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import mmpose
import numpy as np
import pytest
import torch
import yaml
from helpers import load_config as load
from helpers import output_shapes
from mmengine.config import Config, DictAction
from mmengine.dataset import Compose, pseudo_collate
from mmpose.apis import inference_topdown, init_model
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS

from mmpose_ext import config_path
from mmpose_ext.lab.ablation import Job

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LEAVES = sorted(path for path in CONFIGS.glob('*/*.py') if path.parent.name != '_base_')
DEPTH = [leaf for leaf in LEAVES if '_h36m' in leaf.stem or '_synthetic3d' in leaf.stem]  # test_configs_3d.py
# data on which no paper has a recipe for these configs
OURS = ('synthetic', 'lspet', 'freihand', 'wflw', 'ap10k')
DARK, INTEGRAL, RLE = (
    [leaf for leaf in LEAVES if leaf.parent.name == method and leaf not in DEPTH]
    for method in ('dark', 'integral', 'rle')
)

NAME = re.compile(
    r'(?P<method>[a-z]+)_(?P<backbone>res\d+|hrnet-w\d+|efficientnet-lite\d|(hourglass-)?\d+x\d+)_'
    r'(?P<processes>\d+)xb(?P<batch>\d+)-(?P<epochs>\d+)e_'
    r'(?P<data>coco|mpii|synthetic|freihand|wflw|ap10k|flic|lspet|lsp|(synthetic3d|h36m)(-(2d|mpii))?)-'
    r'(?P<height>\d+)x(?P<width>\d+)(_(?P<variant>.+))?'
)
VARIANTS = dict(
    hourglass=re.compile(r'blocks(?P<blocks>\d)-(?P<losses>int)'),
    dark=re.compile(r'(?P<encoding>biased)-(?P<decoding>shift)'),
    integral=re.compile(r'(?P<stages>ms-)?(?P<row>h[12]|i-star)'),
    rle=re.compile(r'(?P<row>l1|heatmap|integral)|(?P<start>pretrained)'),
    fpd=re.compile(
        r'(?P<role>teacher|student)(-(?P<labels>half|wrong)-labels)?|(?P<head>integral|rle)|'
        r'map(?P<rows>\d+)x(?P<columns>\d+)|from-(?P<teacher>[a-z0-9]+)'
    ),
)
DATA_SETS = dict(
    coco='CocoDataset',
    mpii='MpiiDataset',
    synthetic='CocoDataset',
    freihand='FreiHandDataset',
    wflw='WFLWDataset',
    ap10k='AP10KDataset',
    flic='mmpose_ext.FlicDataset',
    lsp='mmpose_ext.LspDataset',
    lspet='mmpose_ext.LspDataset',
    h36m='mmpose_ext.Human36mImageDataset',
) | dict.fromkeys(('h36m-mpii', 'synthetic3d', 'synthetic3d-2d'), 'CombinedDataset')

# The paper's program (its yaml files): sigma, kernel, images in a step, epochs, steps of the learning rate,
# scale factor, rotation factor, probability of half a body.
HRNET = (210, (170, 200), 0.35, 45, 0.3)
SIMPLE = (140, (90, 120), 0.3, 40, None)
RECIPE = {
    ('hrnet-w32', 'coco', 128): (1, 3, 2 * 64, *HRNET),
    ('hrnet-w32', 'coco', 256): (2, 11, 4 * 32, *HRNET),
    ('hrnet-w32', 'coco', 384): (3, 11, 4 * 28, *HRNET),
    ('hrnet-w48', 'coco', 128): (1, 11, 2 * 64, *HRNET),
    ('hrnet-w48', 'coco', 384): (3, 11, 4 * 18, *HRNET),
    ('res50', 'coco', 128): (1, 3, 2 * 64, *SIMPLE),
    ('hourglass-4x256', 'coco', 128): (1, 11, 8, *SIMPLE),
    ('hrnet-w32', 'mpii', 256): (2, 11, 4 * 32, 210, (170, 200), 0.25, 30, None),
}


@pytest.fixture(autouse=True, scope='module')
def _one_thread() -> Iterator[None]:
    """One image at a time gains little by more threads, and on a busy machine it loses a lot."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


each_leaf = pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)


def parse(leaf: Path) -> dict[str, Any]:
    """The parts of a leaf's name; those that it does not have are None."""
    match = NAME.fullmatch(leaf.stem)
    assert match, f'{leaf.stem} must read {NAME.pattern}'
    variants = VARIANTS[match['method']]
    parts = variants.fullmatch(match['variant']) if match['variant'] else None
    assert parts or not match['variant'], f'{match["variant"]} must read {variants.pattern}'
    found = match.groupdict() | (parts.groupdict() if parts else dict.fromkeys(variants.groupindex))
    return {key: int(text) if text and text.isdigit() else text for key, text in found.items()}


def config_of(job: Job) -> Config:
    """The config that a tool works with when the job's command is typed."""
    start = job.command.index('--cfg-options')
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction)
    config = load(Path(job.command[2]))
    config.merge_from_dict(parser.parse_args(job.command[start:]).cfg_options)
    return config


def steps(pipeline: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [step for step in pipeline if step['type'] == kind]


def metainfo_of(cfg: Config) -> dict[str, Any]:
    return parse_pose_metainfo(DATASETS.get(cfg.val_dataloader.dataset.type).METAINFO)


def train_steps(cfg: Config) -> list[dict[str, Any]]:
    """The pipeline of training after LoadImage, with what the first of several datasets has of its own."""
    dataset = cfg.train_dataloader.dataset
    return [*dataset.get('datasets', [{}])[0].get('pipeline', []), *dataset.pipeline[1:]]


def fake_person(metainfo: dict[str, Any], axes: int = 2) -> dict[str, Any]:
    """What a dataset hands to a pipeline after LoadImage: a noise image, a box, joints inside it."""
    rng = np.random.default_rng(0)
    joints = metainfo['num_keypoints']
    person = dict(
        img=rng.integers(0, 256, (200, 240, 3), dtype=np.uint8),
        img_shape=(200, 240),
        img_path='noise.jpg',
        id=0,
        img_id=0,
        bbox=np.array([[60, 20, 180, 190]], np.float32),
        bbox_score=np.ones(1, np.float32),
        keypoints=rng.uniform((60, 20), (180, 190), (1, joints, 2)).astype(np.float32),
        keypoints_visible=np.ones((1, joints), np.float32),
    )
    if axes == 3:
        depth = rng.uniform(-500, 500, (1, joints, 1)).astype(np.float32)
        person['keypoints'] = np.concatenate((person['keypoints'], depth), -1)
    names = ('flip_indices', 'flip_pairs', 'upper_body_ids', 'lower_body_ids')
    return person | {name: metainfo[name] for name in names}


def narrow(cfg: Config) -> None:
    """Few channels and blocks for a network, which would take seconds as it is: all around it stays."""
    backbone, head = cfg.model.backbone, cfg.model.head
    backbone.init_cfg = None  # no download
    deconvolutions = backbone if 'deconv_out_channels' in backbone else head
    if deconvolutions.get('deconv_out_channels', head.get('mean') == 'integral'):
        deconvolutions.deconv_out_channels = (8,) * len(deconvolutions.get('deconv_out_channels', (256,) * 3))
    if backbone.type == 'mmpose_ext.StackedHourglass':
        backbone.update(feat_channels=8, stem_channels=(4, 8, 8))
    elif backbone.type == 'mmpose_ext.TimmBackbone':
        backbone.update(model_name='test_efficientnet', checkpoint=None)
        head.in_channels = 64 if backbone.out_strides == (32,) else 48
    elif backbone.type == 'HRNet':
        for stage in backbone.extra.values():
            widths = [8 * 2**branch for branch in range(stage.num_branches)]
            stage.update(num_modules=1, num_blocks=[1] * len(widths), num_channels=widths)
        head.in_channels = 8
    else:
        backbone.update(depth=18, stem_channels=8, base_channels=8)
        if 'in_channels' in head:
            head.in_channels = 64
    if 'teacher' in cfg.model:
        teacher = load(Path(config_path(cfg.model.teacher.config)))
        narrow(teacher)
        cfg.model.teacher.config = teacher.to_dict()


@each_leaf
def test_one_loss_and_one_prediction(leaf: Path, mmpose_scope: None) -> None:
    cfg = load(leaf)
    narrow(cfg)
    size = cfg.model.head.decoder.get('heatmap_size')
    cfg.model.test_cfg.output_heatmaps = size is not None
    model = MODELS.build(cfg.model)
    if 'teacher' in cfg.model:
        model._teacher.loaded = True  # it has no checkpoint here
    metainfo, axes = metainfo_of(cfg), 3 if leaf in DEPTH else 2
    with torch.no_grad():  # gradients are tested with the heads
        train, test = (
            model.data_preprocessor(pseudo_collate([Compose(pipeline)(fake_person(metainfo, axes))]))
            for pipeline in (train_steps(cfg), cfg.test_dataloader.dataset.pipeline[1:])
        )
        loss, _ = model.parse_losses(model.train()(**train, mode='loss'))  # their sum
        (sample,) = model.eval()(**test, mode='predict')
    assert loss > 0
    assert torch.isfinite(loss)
    assert sample.pred_instances.keypoints.shape == (1, metainfo['num_keypoints'], axes)
    assert np.isfinite(sample.pred_instances.keypoints).all()
    assert sample.pred_instances.keypoint_scores.shape == (1, metainfo['num_keypoints'])
    if size is not None:
        assert sample.pred_fields.heatmaps.shape == (metainfo['num_keypoints'], *reversed(size))


@each_leaf
def test_the_network_as_it_is_fits_its_head_and_codec(leaf: Path, mmpose_scope: None) -> None:
    model = load(leaf).model
    codec = model.head.decoder
    stages = model.head.head if isinstance(model.head.get('head'), list) else []
    inside = {tuple(reversed(stage.decoder.heatmap_size)) for stage in stages}  # of HG-Int
    joints = model.head.out_channels if 'out_channels' in model.head else model.head.num_joints
    if 'heatmap_size' in codec:
        expected = (*([codec.depth_size] if codec.get('depth_size') else []), *reversed(codec.heatmap_size))
    else:
        axes = 3 if model.head.get('dim') == 3 else 2
        expected = (2 * axes if model.head.type.endswith('RLEHead') else axes,)
    shapes = output_shapes(model)
    assert {shape[-len(expected) :] for shape in shapes} == (inside or {expected})
    assert all(np.prod(shape[: -len(expected)]) == joints for shape in shapes)


@each_leaf
def test_name_says_what_is_inside(leaf: Path, mmpose_scope: None) -> None:
    name, cfg = parse(leaf), load(leaf)
    codec, backbone = cfg.model.head.decoder, cfg.model.backbone
    assert name['method'] == leaf.parent.name
    if name['backbone'].startswith('res'):
        kind = 'mmpose_ext.MultiStageResNet' if name.get('stages') else 'ResNet'
        assert (backbone.type, backbone.depth) == (kind, int(name['backbone'][3:]))
    elif match := re.search(r'(\d+)x(\d+)$', name['backbone']):
        assert backbone.type == 'mmpose_ext.StackedHourglass'
        assert (backbone.num_stacks, backbone.get('feat_channels', 256)) == (int(match[1]), int(match[2]))
    elif name['backbone'].startswith('efficientnet'):
        assert (backbone.type, backbone.model_name.removeprefix('tf_')) == (
            'mmpose_ext.TimmBackbone',
            name['backbone'].replace('-', '_'),
        )
    else:
        width = int(name['backbone'].removeprefix('hrnet-w'))
        assert backbone.type == 'HRNet'
        assert backbone.extra.stage4.num_channels == (width, 2 * width, 4 * width, 8 * width)
    assert cfg.train_dataloader.batch_size == name['batch']
    assert cfg.auto_scale_lr.base_batch_size == name['processes'] * name['batch']
    assert cfg.train_cfg.max_epochs == name['epochs']
    assert cfg.train_dataloader.dataset.type == DATA_SETS[name['data']]
    assert re.split('3d|-', name['data'])[0].replace('lspet', 'lsp') in cfg.data_root
    assert tuple(codec.input_size) == (name['width'], name['height'])


@each_leaf
def test_parts_agree(leaf: Path, mmpose_scope: None) -> None:
    cfg = load(leaf)
    head = cfg.model.head
    width, height = head.decoder.input_size
    if 'heatmap_size' in head.decoder:
        stride = 8 if parse(leaf).get('rows') else 4
        assert tuple(head.decoder.heatmap_size) == (width // stride, height // stride)
    joints = head.out_channels if 'out_channels' in head else head.num_joints
    assert joints == metainfo_of(cfg)['num_keypoints']
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        pipeline = loader.dataset.pipeline
        assert [tuple(step.input_size) for step in steps(pipeline, 'TopdownAffine')] == [(width, height)]
        assert not steps(pipeline, 'GenerateTarget')
        assert pipeline[-1].type == 'PackPoseInputs'
        # with it MMPose's hooks would draw the true joints of a test image at their place in the crop
        assert pipeline[-1].get('pack_transformed', False) == (loader == cfg.train_dataloader)
    assert cfg.test_dataloader == cfg.val_dataloader
    assert cfg.test_evaluator == cfg.val_evaluator


@each_leaf
def test_leaf_is_short_and_survives_a_dump(leaf: Path, tmp_path: Path) -> None:
    assert len(leaf.read_text().splitlines()) <= 25
    cfg = load(leaf)
    cfg.dump(tmp_path / 'dumped.py')
    assert Config.fromfile(tmp_path / 'dumped.py').to_dict() == cfg.to_dict()


@pytest.mark.parametrize(
    'leaf',
    [leaf for leaf in LEAVES if load(leaf).model.backbone.type.endswith('TimmBackbone')],
    ids=lambda leaf: leaf.stem,
)
def test_images_are_normalized_as_the_weights_of_timm_expect(leaf: Path, mmpose_scope: None) -> None:
    model = load(leaf).model
    assert MODELS.build(model.backbone).preprocessor_mismatch(model.data_preprocessor) is None


RECIPE_OF_LSPET = [leaf for leaf in LEAVES if '-4e_lspet-' in leaf.stem]


@pytest.mark.parametrize('leaf', RECIPE_OF_LSPET, ids=lambda leaf: leaf.stem)
def test_all_methods_have_one_recipe_on_photographs(leaf: Path) -> None:
    """That of docs/real_people.md; only networks from scratch train all of their layers."""
    name, cfg, first = parse(leaf), load(leaf), load(RECIPE_OF_LSPET[0])
    assert (name['batch'], name['epochs']) == (32, 4)
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=2e-3)
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, schedule.T_max, schedule.eta_min) == ('CosineAnnealingLR', 4, 1e-5)
    changes = ('mmpose_ext.DropLabels', 'mmpose_ext.CorruptLabels', 'TopdownAffine')
    ours, others = ([step for step in train_steps(one) if step.type not in changes] for one in (cfg, first))
    assert ours == others
    coco = ('score_mode',)  # the official implementations' way to sort people, by method
    assert [{key: value for key, value in metric.items() if key not in coco} for metric in cfg.val_evaluator] == [
        {key: value for key, value in metric.items() if key not in coco} for metric in first.val_evaluator
    ]
    if name['backbone'] == 'efficientnet-lite0':
        assert (cfg.model.backbone.out_strides, cfg.model.backbone.frozen_stages) == ((16,), 2)


# ---------------------------------------------------------------------------------------------
# DARK


@pytest.mark.parametrize('leaf', DARK, ids=lambda leaf: leaf.stem)
def test_darks_name_says_which_codec_is_inside(leaf: Path, mmpose_scope: None) -> None:
    name, codec = parse(leaf), KEYPOINT_CODECS.build(load(leaf).model.head.decoder)
    assert codec.encoding == (name['encoding'] or 'unbiased')
    assert codec.decoding == (name['decoding'] or 'dark')


@pytest.mark.parametrize(
    'leaf', [leaf for leaf in DARK if parse(leaf)['data'] in ('coco', 'mpii')], ids=lambda leaf: leaf.stem
)
def test_darks_recipe_is_the_papers(leaf: Path) -> None:
    name, cfg = parse(leaf), load(leaf)
    sigma, kernel, batch, epochs, milestones, scale, rotation, half_body = RECIPE[
        name['backbone'], name['data'], name['height']
    ]
    codec, pipeline = cfg.model.head.decoder, cfg.train_dataloader.dataset.pipeline
    assert codec.sigma == sigma
    assert codec.blur_kernel_size == kernel
    assert name['processes'] * name['batch'] == batch
    rate = 2.5e-4 if name['backbone'].startswith('hourglass') else 1e-3
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=rate)
    assert cfg.train_cfg.max_epochs == epochs
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, tuple(schedule.milestones), schedule.gamma) == ('MultiStepLR', milestones, 0.1)
    (box,) = steps(pipeline, 'RandomBBoxTransform')
    assert box.scale_factor == pytest.approx((1 - scale, 1 + scale))
    assert (box.rotate_factor, box.rotate_prob, box.shift_prob) == (2 * rotation, 0.6, 0)
    assert [step.prob for step in steps(pipeline, 'RandomHalfBody')] == ([] if half_body is None else [half_body])
    assert [step.direction for step in steps(pipeline, 'RandomFlip')] == ['horizontal']
    assert cfg.model.test_cfg.flip_test


# ---------------------------------------------------------------------------------------------
# integral regression

# Rows of the paper's table 1, and what its text compares; None is I1. Norm of the loss on points, loss on maps, what
# maps the codec draws, and the row whose weights it starts from.
ROWS = {
    'h1': (None, 'KeypointMSELoss', 'gaussian', None),
    None: ('l1', None, None, 'h1'),
    'i-star': ('l1', None, None, None),
}
# of the codec where no wider cells say otherwise: sigma in cells, radius in pixels
SMALL_MAPS = {128: (1.5, 7.5), 96: (1.5, 6), 64: (1, 5)}


@pytest.mark.parametrize('leaf', INTEGRAL, ids=lambda leaf: leaf.stem)
def test_integral_rows_have_the_papers_losses(leaf: Path, mmpose_scope: None) -> None:
    name, cfg = parse(leaf), load(leaf)
    with torch.device('meta'):
        head = MODELS.build(cfg.model.head)
    if name['stages'] or name['backbone'].startswith('hourglass'):
        assert cfg.model.head.type == 'mmpose_ext.MultiStageHead'
        assert head.loss_weights is None  # one loss for each stage, all with the same weight
        (head,) = head.heads
    norm, loss, maps, start = ROWS[name['row']]
    assert type(head).__name__ == 'IntegralHead'
    assert (head.loss_coord.norm if head.loss_coord else None) == norm
    assert (type(head.loss_heatmap).__name__ if head.loss_heatmap else None) == loss
    assert head.decoder.heatmap_type == maps
    assert head.decoder.decoding == ('integral' if norm else 'shift')
    # of H1's maps, which go from 0 to 1, the paper's softmax is almost flat: too little for a short second stage
    sharp = name['data'] == 'synthetic' and norm and name['row'] is None
    assert (head.beta, head.debias) == (20 if sharp else 1, False)
    assert (cfg.load_from is None) == (start is None)


@pytest.mark.parametrize(
    'leaf',
    [leaf for leaf in INTEGRAL if ROWS.get(parse(leaf)['row'], [None])[-1]],
    ids=lambda leaf: leaf.stem,
)
def test_second_stages_start_from_the_first(leaf: Path, mmpose_scope: None) -> None:
    """``load_from`` is where the heatmap twin leaves its last weights, and every one of them fits."""
    name, cfg = parse(leaf), load(leaf)
    stem = leaf.stem.removesuffix(f'_{name["variant"]}') + f'_{ROWS[name["row"]][-1]}'
    first = CONFIGS / 'integral' / f'{stem}.py'
    assert first in LEAVES
    twin = load(first)
    assert cfg.load_from == f'work_dirs/{first.stem}/epoch_{twin.train_cfg.max_epochs}.pth'
    assert cfg.train_dataloader == twin.train_dataloader
    with torch.device('meta'):
        weights, needed = (MODELS.build(one.model).state_dict() for one in (twin, cfg))
    assert {key: value.shape for key, value in weights.items()} == {key: value.shape for key, value in needed.items()}


@pytest.mark.parametrize(
    'leaf', [leaf for leaf in INTEGRAL if parse(leaf)['data'] not in OURS], ids=lambda leaf: leaf.stem
)
def test_integral_recipe_is_the_papers(leaf: Path, mmpose_scope: None) -> None:
    name, cfg = parse(leaf), load(leaf)
    assert name['processes'] * name['batch'] == 128
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-3)
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, [*schedule.milestones]) == ('MultiStepLR', [90, 120])
    assert cfg.optim_wrapper.optimizer.lr * schedule.gamma**2 == pytest.approx(1e-5)
    assert cfg.train_cfg.max_epochs == 140
    pipeline = cfg.train_dataloader.dataset.pipeline
    (box,) = steps(pipeline, 'RandomBBoxTransform')
    assert (box.shift_factor, box.shift_prob) == (0.02, 1)
    assert (box.scale_factor, box.rotate_factor, box.rotate_prob) == ((0.75, 1.25), 60, 0.6)
    assert [step.direction for step in steps(pipeline, 'RandomFlip')] == ['horizontal']
    assert not steps(pipeline, 'RandomHalfBody')
    scratch = name['backbone'].startswith('hourglass')
    assert scratch or cfg.model.backbone.init_cfg.checkpoint == f'torchvision://resnet{cfg.model.backbone.depth}'
    codec = KEYPOINT_CODECS.build(cfg.model.head.decoder)
    assert (codec.sigma, codec.radius) == (1, 15)
    if scratch:
        assert 'init_cfg' not in cfg.model.backbone
        return
    layers = cfg.model.backbone if name['stages'] else cfg.model.head
    assert tuple(layers.deconv_out_channels) == (256,) * 3


@pytest.mark.parametrize('leaf', [leaf for leaf in INTEGRAL if parse(leaf)['data'] in OURS], ids=lambda leaf: leaf.stem)
def test_integral_recipe_of_ours(leaf: Path, mmpose_scope: None) -> None:
    name, cfg = parse(leaf), load(leaf)
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=2e-3 if cfg.load_from is None else 1e-3)
    assert [metric.type for metric in cfg.test_evaluator][-2:] == ['CocoMetric', 'mmpose_ext.ConfidenceCorrelation']
    codec = KEYPOINT_CODECS.build(cfg.model.head.decoder)
    assert (codec.sigma, codec.radius) == SMALL_MAPS[name['height']]


def test_integral_config_infers_with_mmposes_function(mmpose_scope: None) -> None:
    """Two people in an image, with the flip test; confidences are no constants."""
    model = init_model(config_path('integral/integral_res18_1xb32-10e_synthetic-128x96'), device='cpu')
    for parameter in model.head.parameters():
        if parameter.dim() == 4:
            parameter.data.normal_(std=0.2)  # their usual start is near zero, where every expectation is the middle
    picture = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    boxes = np.array([[10, 20, 90, 140], [100, 150, 190, 290]], np.float32)
    people = inference_topdown(model, picture, boxes, bbox_format='xyxy')
    assert len(people) == 2
    for person, (left, top, right, bottom) in zip(people, boxes, strict=True):
        (points,), (scores,) = person.pred_instances.keypoints, person.pred_instances.keypoint_scores
        assert points.shape == (17, 2)
        # the expectation never leaves the crop, which is the box, 1.25 times as large, with the input's aspect ratio
        height = 1.25 * max(bottom - top, (right - left) * 4 / 3)
        middle, half = np.array([left + right, top + bottom]) / 2, np.array([height * 3 / 4, height]) / 2
        assert (np.abs(points - middle) <= half).all()
        assert (np.ptp(points, axis=0) > 1).all()
        assert ((scores > 0) & (scores < 1)).all()
        assert np.ptp(scores) > 1e-3


# ---------------------------------------------------------------------------------------------
# residual log-likelihood estimation

OTHER_HEADS = dict(l1='RegressionHead', heatmap='HeatmapHead', integral='IntegralHead')


@pytest.mark.parametrize('leaf', RLE, ids=lambda leaf: leaf.stem)
def test_rle_rows_have_the_papers_losses(leaf: Path, mmpose_scope: None) -> None:
    name, cfg = parse(leaf), load(leaf)
    with torch.device('meta'):
        head = MODELS.build(cfg.model.head)
    kind = type(head).__name__
    # the paper's HRNet has no pooled features that points could come from
    integral = name['backbone'].startswith('hrnet')
    assert kind == OTHER_HEADS.get(name['row'], 'IntegralRLEHead' if integral else 'RLEHead')
    if kind == 'RegressionHead':
        assert head.loss_module.norm == 'l1'
    if kind == 'IntegralHead':
        assert (head.loss_coord.norm, head.loss_heatmap, head.beta, head.debias) == ('l1', None, 1, False)
    if kind == 'HeatmapHead':
        codec = head.decoder
        assert (codec.encoding, codec.decoding, codec.sigma) == ('biased', 'shift', {256: 2, 384: 3}[name['height']])
    if kind.endswith('RLEHead'):
        loss = head.loss_module
        assert (loss.residual, loss.q_distribution, loss.reparameterized) == (True, 'laplace', True)
        assert type(loss.flow_model).__name__ == 'RealNVP'
        sizes = loss.flow_model.sizes
        assert (sizes['num_layers'], sizes['hidden_channels']) == (3, 64)
        assert integral or not head.feature_norm


@pytest.mark.parametrize('leaf', [leaf for leaf in RLE if parse(leaf)['data'] not in OURS], ids=lambda leaf: leaf.stem)
def test_rles_recipe_is_the_programs(leaf: Path) -> None:
    name, cfg = parse(leaf), load(leaf)
    assert name['processes'] * name['batch'] == 8 * 32
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-3)
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, [*schedule.milestones], schedule.gamma) == ('MultiStepLR', [170, 200], 0.1)
    assert cfg.train_cfg.max_epochs == 270
    pipeline = cfg.train_dataloader.dataset.pipeline
    (box,) = steps(pipeline, 'RandomBBoxTransform')
    assert (box.scale_factor, box.rotate_factor, box.rotate_prob, box.shift_prob) == ((0.75, 1.25), 45, 0.5, 0)
    (half,) = steps(pipeline, 'RandomHalfBody')
    assert (half.min_total_keypoints, half.prob) == (4, 0.3)
    assert [step.direction for step in steps(pipeline, 'RandomFlip')] == ['horizontal']
    assert cfg.model.test_cfg.flip_test
    coco, confidence = cfg.test_evaluator
    assert coco.get('score_mode') == ('bbox_keypoint' if name['row'] in ('heatmap', 'integral') else 'bbox_rle')
    assert confidence.type == 'mmpose_ext.ConfidenceCorrelation'
    assert confidence.ann_file == coco.ann_file
    if name['start'] != 'pretrained' and name['backbone'].startswith('res'):
        assert cfg.model.backbone.init_cfg.checkpoint == f'torchvision://resnet{cfg.model.backbone.depth}'


@pytest.mark.parametrize('leaf', RLE, ids=lambda leaf: leaf.stem)
def test_backbones_start_from_the_heat_map_net(leaf: Path, mmpose_scope: None) -> None:
    """The paper's rows with an asterisk, and all but one on synthetic people: every weight of the backbone fits."""
    name, cfg = parse(leaf), load(leaf)
    if name['data'] in ('synthetic', 'lspet'):
        stem = f'integral/{leaf.stem.replace("rle", "integral")}_h1'
    elif name['start'] == 'pretrained':
        stem = f'rle/{leaf.stem.removesuffix("pretrained")}heatmap'
    else:
        assert 'prefix' not in (cfg.model.backbone.init_cfg or {})
        return
    twin = Config.fromfile(config_path(stem))
    start = f'work_dirs/{stem.partition("/")[2]}/epoch_{twin.train_cfg.max_epochs}.pth'
    assert cfg.model.backbone.init_cfg == dict(type='Pretrained', prefix='backbone.', checkpoint=start)
    assert cfg.load_from is None
    with torch.device('meta'):
        weights, needed = (MODELS.build(one.model.backbone).state_dict() for one in (twin, cfg))
    assert {key: value.shape for key, value in weights.items()} == {key: value.shape for key, value in needed.items()}


def test_starts_are_loaded(tmp_path: Path, mmpose_scope: None) -> None:
    """Through MMEngine: the backbone has the checkpoint's weights, whatever its head was."""
    cfg = Config.fromfile(config_path('rle/rle_res18_1xb32-10e_synthetic-64x64'))
    heat_maps = MODELS.build(Config.fromfile(config_path('integral/integral_res18_1xb32-10e_synthetic-64x64_h1')).model)
    torch.save(dict(state_dict=heat_maps.state_dict()), tmp_path / 'epoch_10.pth')
    cfg.model.backbone.init_cfg.checkpoint = str(tmp_path / 'epoch_10.pth')
    model = MODELS.build(cfg.model)
    model.init_weights()
    expected = heat_maps.backbone.state_dict()
    assert all((value == expected[key]).all() for key, value in model.backbone.state_dict().items())


# ---------------------------------------------------------------------------------------------
# the files


def base_files(path: Path) -> list[Path]:
    """The files that a config names in ``_base_``."""
    line = next((line for line in ast.parse(path.read_text()).body if ast.unparse(line).startswith('_base_ = ')), None)
    if not isinstance(line, ast.Assign):
        return []
    named = ast.literal_eval(line.value)
    return [(path.parent / name).resolve() for name in ([named] if isinstance(named, str) else named)]


def files_to_read(path: Path) -> set[Path]:
    """A config with all that it inherits."""
    return {path}.union(*(files_to_read(base) for base in base_files(path)))


def levels(path: Path) -> int:
    return 1 + max((levels(base) for base in base_files(path)), default=0)


def body(path: Path) -> str:
    """A leaf without its docstring and its bases."""
    lines = [ast.unparse(line) for line in ast.parse(path.read_text()).body if not isinstance(line, ast.Expr)]
    return '\n'.join(line for line in lines if not line.startswith('_base_ = '))


def test_budgets() -> None:
    """A reader of a leaf opens few files, and finds in it what no other leaf has."""
    assert len(LEAVES) <= 100
    assert statistics.median(len(files_to_read(leaf)) for leaf in LEAVES) <= 5
    assert max(len(files_to_read(leaf)) for leaf in LEAVES) <= 7
    assert max(map(levels, LEAVES)) <= 4
    bodies = Counter(map(body, LEAVES))
    assert not [leaf.stem for leaf in LEAVES if bodies[body(leaf)] > 1]
    used = set().union(*map(files_to_read, LEAVES)) - {*LEAVES}
    # the files of protocol 1 of Human3.6M are for configs to build on
    assert {path.stem for path in {*CONFIGS.glob('_base_/**/*.py')} - used} == {
        'topdown_h36m-p1',
        'topdown_h36m-p1-mpii',
    }


def test_every_leaf_is_in_the_metafile() -> None:
    for folder in sorted({leaf.parent for leaf in LEAVES}):
        stems = {leaf.stem for leaf in LEAVES if leaf.parent == folder}
        models = yaml.safe_load((folder / 'metafile.yml').read_text())['Models']
        assert sorted(model['Name'] for model in models) == sorted(stems)
        assert [Path(model['Config']) for model in models] == [
            Path('configs') / folder.name / f'{model["Name"]}.py' for model in models
        ]


def test_every_leaf_is_named_by_a_readme() -> None:
    linked = set()
    for folder in sorted({leaf.parent for leaf in LEAVES}):
        for name in re.findall(r'\]\(([^)#]+\.py)\)', (folder / 'README.md').read_text()):
            linked.add((folder / name).resolve())
    assert {leaf.stem for leaf in LEAVES if leaf not in linked} == set()


def test_every_leaf_is_in_a_table_or_said_not_to_be_in_the_paper() -> None:
    tables = ' '.join(path.read_text() for path in CONFIGS.glob('*/tables/*.yaml'))
    for leaf in LEAVES:
        named = f'{leaf.parent.name}/{leaf.name}' in tables
        assert named or re.search(r'not in the paper|official implementation', leaf.read_text().splitlines()[0]), leaf


def test_base_files_are_named_apart_from_mmposes() -> None:
    """MMPose looks its datasets' joints up in configs/_base_/datasets of the current folder before its own."""
    mmposes = Path(mmpose.__file__).parent / '.mim' / 'configs' / '_base_' / 'datasets'
    theirs = {path.name for path in mmposes.glob('*.py')}
    assert 'coco.py' in theirs
    assert not theirs & {path.name for path in (CONFIGS / '_base_' / 'datasets').glob('*.py')}


@pytest.mark.parametrize(
    ('variable', 'name'),
    [
        ('COCO_ROOT', 'dark/dark_hrnet-w32_2xb64-210e_coco-128x96'),
        ('MPII_ROOT', 'dark/dark_hrnet-w32_4xb32-210e_mpii-256x256'),
        ('SYNTHETIC_ROOT', 'dark/dark_res18_1xb32-10e_synthetic-128x96'),
        ('LSP_ROOT', 'dark/dark_efficientnet-lite0_1xb32-6e_lspet-128x128'),
        ('SYNTHETIC_ROOT', 'integral/integral_res18_1xb32-10e_synthetic-128x96'),
        ('COCO_ROOT', 'rle/rle_res50_8xb32-270e_coco-256x192'),
        ('SYNTHETIC_ROOT', 'rle/rle_res18_1xb32-10e_synthetic-128x96'),
        ('FREIHAND_ROOT', 'rle/rle_res50_8xb32-210e_freihand-224x224'),
        ('WFLW_ROOT', 'rle/rle_res50_8xb32-210e_wflw-256x256'),
        ('AP10K_ROOT', 'rle/rle_res50_8xb32-210e_ap10k-256x256'),
    ],
)
def test_data_root_is_one_environment_variable(variable: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def paths(cfg: Any) -> list[str]:
        """Every path in a config that does not depend on data_root by itself."""
        if isinstance(cfg, dict):
            own = [cfg[key] for key in ('data_root', 'bbox_file', 'headbox_file') if key in cfg]
            if str(cfg.get('type')).endswith('Metric') and 'ann_file' in cfg:
                own.append(cfg['ann_file'])
            return [*own, *chain.from_iterable(map(paths, cfg.values()))]
        return [*chain.from_iterable(map(paths, cfg))] if isinstance(cfg, list | tuple) else []

    monkeypatch.delenv(variable, raising=False)
    before = paths(Config.fromfile(config_path(name)).to_dict())
    monkeypatch.setenv(variable, '/elsewhere/folder')
    after = paths(Config.fromfile(config_path(name)).to_dict())
    root = f'data/{variable.removesuffix("_ROOT").lower()}/'
    assert len(before) >= 4
    assert all(path.startswith(root) for path in before)
    assert after == [path.replace(root, '/elsewhere/folder/') for path in before]


@pytest.mark.parametrize('folder', ["/data/Jane's", 'D:\\data\\new', '/data/a "b"', '/data/{x}', '/data/ä $HOME'])
def test_data_root_may_be_any_folder(folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment variable is a value, not a part of the config's text; the saved config keeps it."""
    monkeypatch.setenv('MPII_ROOT', folder)
    for name in ('dark/dark_hrnet-w32_4xb32-210e_mpii-256x256', '_base_/datasets/topdown_h36m-mpii'):
        cfg = Config.fromfile(config_path(name))
        train = cfg.train_dataloader.dataset
        assert train.get('datasets', [train])[-1].data_root == f'{folder}/'
        cfg.dump(tmp_path / 'dumped.py')
        assert Config.fromfile(tmp_path / 'dumped.py').to_dict() == cfg.to_dict()


def test_a_dataset_has_one_folder() -> None:
    """Files that name the same environment variable have the same default."""
    found: dict[str, set[str]] = {}
    for path in CONFIGS.rglob('*.py'):
        for variable, default in re.findall(r"getenv\('(\w+)', '([^']+)'\)", path.read_text()):
            found.setdefault(variable, set()).add(default)
    assert set(found) >= {'COCO_ROOT', 'MPII_ROOT', 'LSP_ROOT', 'SYNTHETIC_ROOT'}
    assert all(defaults == {f'data/{variable.removesuffix("_ROOT").lower()}'} for variable, defaults in found.items())


RECIPE_OF_DATA = re.search(
    r'```python\n(_base_ = __import__[^`]*val_evaluator[^`]*)```', (CONFIGS.parent / 'docs' / 'configs.md').read_text()
)


@pytest.mark.parametrize('leaf', [leaf for leaf in LEAVES if '_coco-' in leaf.stem], ids=lambda leaf: leaf.stem)
def test_the_documented_recipe_fits_every_config_of_coco(leaf: Path, tmp_path: Path) -> None:
    assert RECIPE_OF_DATA
    name = f'{leaf.parent.name}/{leaf.name}'
    (tmp_path / 'mine.py').write_text(re.sub(r"config_path\('[^']*'\)", f'config_path({name!r})', RECIPE_OF_DATA[1]))
    cfg = Config.fromfile(tmp_path / 'mine.py')
    assert cfg.train_dataloader.dataset.data_root == cfg.test_dataloader.dataset.data_root == '/datasets/mine/'
    assert cfg.test_dataloader.dataset.bbox_file is None
    assert cfg.test_evaluator == dict(type='CocoMetric', ann_file='/datasets/mine/annotations/val.json')
    assert cfg.model == load(leaf).model


def test_config_outside_the_repository_inherits_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = 'dark/dark_res18_1xb32-10e_synthetic-128x96.py'
    mine = tmp_path / 'mine.py'
    mine.write_text(
        f"_base_ = __import__('mmpose_ext').config_path('{ours}')\n"
        "model = dict(head=dict(decoder=dict(decoding='shift')))\n"
        'train_dataloader = dict(batch_size=_base_.batch_size // 2)\n'
    )
    grandchild = tmp_path / 'folder' / 'grandchild.py'
    grandchild.parent.mkdir()
    grandchild.write_text("_base_ = ['../mine.py']\ntrain_cfg = dict(max_epochs=1)\n")
    monkeypatch.chdir(tmp_path)
    expected = Config.fromfile(CONFIGS / ours)
    expected.merge_from_dict(
        {
            'model.head.decoder.decoding': 'shift',
            'train_dataloader.batch_size': expected.batch_size // 2,
            'train_cfg.max_epochs': 1,
        }
    )
    cfg = Config.fromfile(grandchild)
    assert cfg.to_dict() == expected.to_dict()
    assert Config.fromstring(cfg.pretty_text, '.py').to_dict() == expected.to_dict()


def test_config_path_takes_names_with_and_without_suffix() -> None:
    name = 'dark/dark_res18_1xb32-10e_synthetic-128x96'
    path = config_path(name)
    assert Path(path).is_absolute()
    assert Path(path).read_text() == (CONFIGS / f'{name}.py').read_text()
    assert config_path(f'{name}.py') == path


def test_config_path_names_the_closest() -> None:
    with pytest.raises(FileNotFoundError, match=r"'name' .* got 'dark/dark_res18'; .*dark_res18_1xb32-10e_synthetic"):
        config_path('dark/dark_res18')
    with pytest.raises(FileNotFoundError, match=r'closest: dark/dark_res50_2xb64-140e_coco-128x96\.py'):
        config_path('dark/dark_res50_2xb46-140e_coco-128x96.py')
