"""Exported graphs find the joints that torch finds, for every head and decoding."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from PIL import Image
from small_dataset import with_weights

from mmpose_ext.apis.export import PoseGraph, export_model, export_program
from mmpose_ext.apis.export.comparison import compare_with_torch
from mmpose_ext.apis.export.onnx_file import export_onnx, graph_settings
from mmpose_ext.apis.predict import predict
from mmpose_ext.apis.predict.pose_model import TorchPoseModel
from mmpose_ext.compat import torch_at_least
from mmpose_ext.registry import MODELS
from mmpose_ext.runtime import OnnxPoseModel
from mmpose_ext.runtime.calibration import Calibration, CovarianceScale, Curve

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

INPUT, JOINTS = (48, 64), 4
SIZES = dict(input_size=INPUT, heatmap_size=(12, 16))
MAPS = dict(in_channels=8, out_channels=JOINTS, deconv_out_channels=None)
POINTS = dict(in_channels=8, num_joints=JOINTS)
COORDINATES = dict(type='mmpose_ext.RegressionLabel', input_size=INPUT)
DEPTH = dict(depth_size=8, depth_range=2000.0)


def dark(**options):
    return dict(type='mmpose_ext.HeatmapHead', **MAPS, decoder=dict(type='mmpose_ext.DarkHeatmap', **SIZES, **options))


def integral(loss=None, head='IntegralHead', **options):
    losses = dict(loss_coord=dict(type='mmpose_ext.CoordinateLoss')) if loss is None else dict(loss_heatmap=loss)
    decoder = dict(type='mmpose_ext.IntegralLabel', **SIZES, **options)
    depth = dict(depth_size=options['depth_size']) if 'depth_size' in options else {}
    return dict(type=f'mmpose_ext.{head}', **MAPS, **depth, decoder=decoder, **losses)


CROSS_ENTROPY = dict(type='mmpose_ext.HeatmapCrossEntropyLoss')
VOLUMES = dict(type='mmpose_ext.VolumeCrossEntropyLoss')
HEADS = {
    'DARK': dark(),
    'DARK, kernel 3': dark(blur_kernel_size=3),
    'DARK without modulation or bound': dark(blur_kernel_size=None, max_offset=None),
    'shift': dark(decoding='shift'),
    'argmax': dark(decoding='argmax'),
    'soft-argmax': integral(heatmap_type=None),
    'H2, argmax': integral(CROSS_ENTROPY, heatmap_type='one_hot', decoding='argmax'),
    'H2, DARK': integral(CROSS_ENTROPY, heatmap_type='one_hot', decoding='dark'),
    'soft-argmax of volumes': integral(head='IntegralHead3D', heatmap_type=None, **DEPTH),
    'shift of volumes': integral(VOLUMES, 'IntegralHead3D', heatmap_type='one_hot', decoding='shift', **DEPTH),
    'regression': dict(type='mmpose_ext.RegressionHead', **POINTS, decoder=COORDINATES),
    'RLE': dict(type='mmpose_ext.RLEHead', **POINTS, decoder=COORDINATES),
    'RLE, basic design': dict(
        type='mmpose_ext.RLEHead',
        **POINTS,
        decoder=COORDINATES,
        loss=dict(type='mmpose_ext.RLELoss', reparameterized=False, residual=False),
    ),
    'RLE with soft-argmax': dict(
        type='mmpose_ext.IntegralRLEHead',
        in_channels=8,
        num_joints=JOINTS,
        deconv_out_channels=None,
        decoder=COORDINATES,
    ),
    'RLE in 3D': dict(type='mmpose_ext.RLEHead', **POINTS, dim=3, decoder=dict(COORDINATES, depth_range=2000.0)),
}
BACKBONE = dict(
    type='ResNet',
    depth=18,
    num_stages=1,
    strides=(1,),
    dilations=(1,),
    out_indices=(0,),
    stem_channels=8,
    base_channels=8,
)
HOURGLASS = dict(
    backbone=dict(type='mmpose_ext.StackedHourglass', num_stacks=2, feat_channels=8, num_keypoints=JOINTS),
    head=dict(
        type='mmpose_ext.MultiStageHead',
        out_channels=JOINTS,
        head=dict(type='mmpose_ext.HeatmapHead'),
        decoder=dict(type='mmpose_ext.DarkHeatmap', input_size=(64, 64), heatmap_size=(16, 16)),
    ),
)
META = dict(
    flip_indices=[1, 0, 3, 2],
    keypoint_id2name=dict(enumerate(['left_hand', 'right_hand', 'left_foot', 'right_foot'])),
    skeleton_links=[(0, 1)],
    dataset_name='test',
)
PIPELINE = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.5),
    dict(type='TopdownAffine', input_size=INPUT),
    dict(type='PackPoseInputs'),
]
CONFIG = Config(dict(test_dataloader=dict(dataset=dict(pipeline=PIPELINE))))


def estimator(name):
    parts = HOURGLASS if name == 'hourglass' else dict(backbone=BACKBONE, head=HEADS[name])
    preprocessor = dict(
        type='PoseDataPreprocessor', mean=[120.0, 110.0, 100.0], std=[60.0, 58.0, 56.0], bgr_to_rgb=True
    )
    config = dict(
        type='TopdownPoseEstimator', data_preprocessor=preprocessor, test_cfg=dict(flip_mode='heatmap'), **parts
    )
    model = MODELS.build(ConfigDict(config))
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    model.dataset_meta = META
    return model.eval()


def crops_of(graph, count, seed=0):
    width, height = graph.codec.input_size
    return np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('name', HEADS)
def test_graph_equals_the_prediction_of_the_model(mmpose_scope, name, flip):
    """Normalization, flip test and decoding of MMPose's own way through the model."""
    from helpers import make_samples, random_keypoints

    model = estimator(name)
    graph = PoseGraph(model, flip, covariances=True)
    crops = crops_of(graph, 3)
    samples = make_samples(random_keypoints(3, JOINTS, INPUT), input_size=INPUT)
    model.test_cfg.update(flip_test=flip, output_covariances=True)
    inputs = model.data_preprocessor(dict(inputs=list(torch.from_numpy(crops)), data_samples=samples))['inputs']
    feats = model.extract_feat(inputs)
    feats = [feats, model.extract_feat(inputs.flip(-1))] if flip else feats
    for sample in samples:
        sample.set_metainfo(dict(flip_indices=META['flip_indices']))
    expected = model.head.predict(feats, samples, test_cfg=model.test_cfg)
    keypoints, scores, *sigmas, covariances = graph(torch.from_numpy(crops))
    for index, one in enumerate(expected):
        np.testing.assert_allclose(keypoints[index].detach().numpy(), one.keypoints[0], atol=1e-3)
        np.testing.assert_allclose(scores[index].detach().numpy(), one.keypoint_scores[0], atol=1e-5)
        if sigmas:
            np.testing.assert_allclose(sigmas[0][index].detach().numpy(), one.keypoint_sigmas[0], rtol=1e-4)
        np.testing.assert_allclose(covariances[index].numpy(), one.keypoint_covariances[0], rtol=1e-3)
    assert len(sigmas) == ('keypoint_sigmas' in expected[0])
    names = ['keypoints', 'scores', 'sigmas', 'covariances']
    assert graph.output_names == [name for name in names if name != 'sigmas' or sigmas]
    assert PoseGraph(model, flip).output_names == graph.output_names[:-1]


# the newer exporter takes seconds a model; tests/test_functional/test_export.py sends every decoding through it
@pytest.mark.parametrize(
    ('name', 'dynamo'),
    [
        *((name, False) for name in (*HEADS, 'hourglass')),
        *((name, True) for name in ('DARK', 'soft-argmax of volumes', 'RLE')),
    ],
)
def test_onnx_equals_torch_for_any_number_of_crops(mmpose_scope, tmp_path, name, dynamo):
    flip = name in ('DARK', 'soft-argmax of volumes', 'RLE')
    graph = PoseGraph(estimator(name), flip, covariances=True)
    settings = dict(graph_settings(graph, CONFIG))
    export_onnx(graph, tmp_path / 'model.onnx', settings, dynamo)
    for count in (1, 3, 32):
        report = compare_with_torch(graph, tmp_path / 'model.onnx', crops_of(graph, count, seed=count), 1e-3)
        assert report.is_met, report
    width, height = graph.codec.input_size
    nothing = OnnxPoseModel(tmp_path / 'model.onnx').run_crops(np.zeros((0, height, width, 3), np.uint8))
    assert nothing.keypoints.shape == (0, JOINTS, graph.codec.dim)
    assert nothing.scores.shape == (0, JOINTS)
    assert nothing.covariances.shape == (0, JOINTS, graph.codec.dim, graph.codec.dim)


@pytest.mark.parametrize('name', ['DARK', 'shift', 'soft-argmax', 'soft-argmax of volumes', 'RLE'])
def test_program_of_torch_export(mmpose_scope, name):
    graph = PoseGraph(estimator(name), flip=True, covariances=True)
    program = export_program(graph).module()
    for count in (1, 3, 32):
        crops = torch.from_numpy(crops_of(graph, count))
        for exported, eager in zip(program(crops), graph(crops), strict=True):
            torch.testing.assert_close(exported, eager, atol=1e-3, rtol=1e-4)


def test_metadata_says_how_crops_are_made(mmpose_scope, tmp_path):
    graph = PoseGraph(estimator('RLE'))
    export_onnx(graph, tmp_path / 'model.onnx', graph_settings(graph, CONFIG), dynamo=False)
    model = OnnxPoseModel(tmp_path / 'model.onnx')
    assert (model.crop.input_size, model.crop.padding, model.crop.udp) == (INPUT, 1.5, False)
    assert model.skeleton.joint_names == ('left_hand', 'right_hand', 'left_foot', 'right_foot')
    assert model.skeleton.flip_indices == (1, 0, 3, 2)
    assert model.settings['mean'] == [120.0, 110.0, 100.0]
    json.dumps(model.settings)


def test_differences_are_found(mmpose_scope, tmp_path):
    """A model of other weights is not accepted, so that the comparison can fail."""
    graph = PoseGraph(estimator('RLE'))
    export_onnx(graph, tmp_path / 'model.onnx', graph_settings(graph, CONFIG), dynamo=False)
    graph.network.head.fc.bias.data += 0.01
    report = compare_with_torch(graph, tmp_path / 'model.onnx', crops_of(graph, 2), 1e-3)
    assert not report.is_met
    assert report.pixels == pytest.approx(0.01 * max(INPUT), rel=1e-3)
    other = PoseGraph(estimator('RLE'), covariances=True)
    with pytest.raises(ValueError, match="'path' must be an export of this model, got an output of torch"):
        compare_with_torch(other, tmp_path / 'model.onnx', crops_of(graph, 2), 1e-3)
    assert 'MISSED' in str(report)


@pytest.mark.parametrize(
    ('transform', 'message'),
    [(dict(type='Albumentation'), 'got Albumentation as well'), (None, 'must have TopdownAffine')],
)
def test_other_pipelines_are_refused(mmpose_scope, transform, message):
    pipeline = [*PIPELINE, transform] if transform else PIPELINE[:2]
    config = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    with pytest.raises(ValueError, match=message):
        graph_settings(PoseGraph(estimator('RLE')), config)


def test_heads_of_mmpose_are_refused_with_a_way_out(mmpose_scope):
    head = dict(type='HeatmapHead', **MAPS, decoder=dict(type='MSRAHeatmap', sigma=2, **SIZES))
    model = MODELS.build(ConfigDict(dict(type='TopdownPoseEstimator', backbone=BACKBONE, head=head)))
    with pytest.raises(ValueError, match='must have a head of mmpose_ext'):
        PoseGraph(model)


def test_exported_model_predicts_what_torch_predicts(trained, tmp_path):
    """From images and boxes on: crops, graph and the way back into the image."""
    joints = TorchPoseModel(*trained).skeleton.joint_names
    curve = Curve(np.array([-1.0, 2.0]), np.array([0.1, 0.9]))
    scale = CovarianceScale(
        'gaussian', (), 1.0, np.linspace(0.5, 2, len(joints)), np.array([0.5]), np.ones(1), np.ones((1, len(joints)))
    )
    calibration = Calibration(joints, curve, curve, curve, curve, 'joints', scale)
    (tmp_path / 'calibration.json').write_text(json.dumps(calibration.to_dict()))
    options = dict(calibration=tmp_path / 'calibration.json')
    report = export_model(*trained, tmp_path / 'model.onnx', covariances=True, **options)
    assert report.is_met
    assert report.crops == 4  # the test data of the config
    images = [np.random.default_rng(seed).integers(0, 256, (120 + seed, 160, 3), dtype=np.uint8) for seed in range(3)]
    ours = predict(images, weights=tmp_path / 'model.onnx')
    torchs = predict(images, *trained, flip=False, covariances=True, **options)
    for first, second in zip(ours.frames, torchs.frames, strict=True):
        np.testing.assert_allclose(first.people.keypoints, second.people.keypoints, atol=1e-2)
        np.testing.assert_allclose(first.people.scores, second.people.scores, rtol=1e-4)
        np.testing.assert_allclose(first.people.person_scores, second.people.person_scores, rtol=1e-4)
        np.testing.assert_allclose(first.people.covariances, second.people.covariances, rtol=0.02)
    with pytest.raises(ValueError, match="'calibration' must be None with an exported model"):
        predict(images, weights=tmp_path / 'model.onnx', **options)


@pytest.fixture(scope='module')
def trained(write_config, tmp_path_factory):
    """A config and a checkpoint of a narrow network: exporting millions of weights takes seconds."""
    config = write_config(tmp_path_factory.mktemp('narrow'))
    with config.open('a') as file:
        file.write("model['backbone'] = dict(stem_channels=16, base_channels=16)\n")
        file.write("model['head'].update(in_channels=128)\n")
    return with_weights(config)


@pytest.fixture(scope='module')
def exported(trained, tmp_path_factory):
    """The report of an export whose config names data that are not there."""
    folder = tmp_path_factory.mktemp('exported')
    config = Config.fromfile(trained[0])
    config.test_dataloader.dataset.data_root = str(folder / 'nowhere')
    config.dump(folder / 'config.py')
    return export_model(folder / 'config.py', trained[1], folder / 'model.onnx')


def test_without_test_data_the_comparison_is_on_noise_and_says_so(exported):
    assert exported.is_met
    assert 'crops of noise' in str(exported)


def test_half_precision(trained, exported, tmp_path):
    report = export_model(*trained, tmp_path / 'half.onnx', fp16=True, tolerance=1e9)
    assert (tmp_path / 'half.onnx').stat().st_size < 0.6 * exported.path.stat().st_size
    assert 0 < report.scores < 1
    assert (report.share, report.is_met) == (0.95, True)
    assert report.median <= report.pixels <= report.largest
    assert f'95% of the joints at most {report.pixels:.2g} px (median {report.median:.2g}, largest' in str(report)


def test_a_share_of_the_joints_may_be_further_away(mmpose_scope, tmp_path):
    """One of four joints is moved: accepted for three quarters of the joints, and not for all."""
    graph = PoseGraph(estimator('RLE'))
    export_onnx(graph, tmp_path / 'model.onnx', graph_settings(graph, CONFIG), dynamo=False)
    head = graph.network.head
    assert head.fc.bias.shape == (4 * JOINTS,)  # x, y and two sigmas of each joint
    head.fc.bias.data[0] += 0.1
    crops = crops_of(graph, 8)
    all_joints = compare_with_torch(graph, tmp_path / 'model.onnx', crops, 1e-3)
    most_joints = compare_with_torch(graph, tmp_path / 'model.onnx', crops, 1e-3, share=0.7)
    assert (all_joints.is_met, most_joints.is_met) == (False, True)
    assert all_joints.pixels == all_joints.largest == most_joints.largest == pytest.approx(0.1 * INPUT[0], rel=1e-3)
    assert most_joints.pixels < 1e-3


TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def run_program(monkeypatch, name, *arguments):
    """The exit status of a program that runs in this process."""
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(TOOLS / name), run_name='__main__')
    return ended.value.code


@pytest.mark.parametrize('name', ['export.py', 'predict.py'])
def test_help_needs_no_package_of_the_extra(monkeypatch, capsys, name):
    for package in ('onnx', 'onnxruntime', 'onnxscript', 'torch', 'mmpose'):
        monkeypatch.setitem(sys.modules, package, None)
    assert run_program(monkeypatch, name, '--help') == 0
    assert 'usage: ' in capsys.readouterr().out


@pytest.mark.parametrize('missing', [('onnx',), ('onnxscript', 'onnxruntime'), ('onnxruntime',)])
def test_programs_name_the_extra_that_is_missing(monkeypatch, capsys, trained, tmp_path, missing):
    (tmp_path / 'model.onnx').write_bytes(b'')
    for package in missing:
        monkeypatch.setitem(sys.modules, package, None)
    if not torch_at_least('2.6.0'):
        missing = tuple(package for package in missing if package != 'onnxscript')
    out = tmp_path / 'new.onnx'
    assert run_program(monkeypatch, 'export.py', *trained, '--out', out) == 2
    assert f"error: export needs {' and '.join(sorted(missing))}: pip install 'mmpose_ext[export]'" in (
        capsys.readouterr().err
    )
    assert not out.exists()
    if 'onnxruntime' in missing:
        image = tmp_path / 'image.png'
        Image.new('RGB', (8, 8)).save(image)
        options = ('--weights', tmp_path / 'model.onnx', '--out-dir', tmp_path / 'out')
        assert run_program(monkeypatch, 'predict.py', image, *options) == 2
        assert 'error: an exported model needs onnxruntime (of the extra ' in capsys.readouterr().err


def test_program(run_tool, trained, tmp_path):
    arguments = (*trained, '--out', tmp_path / 'model.onnx', '--flip')
    printed = run_tool('tools/export.py', *arguments, PYTHON=sys.executable)
    assert 'met: at most 0.001 px' in printed
    assert OnnxPoseModel(tmp_path / 'model.onnx').settings['flip'] is True
    with pytest.raises(AssertionError, match='error: '):
        run_tool('tools/export.py', trained[0], 'missing.pth', '--out', tmp_path / 'other.onnx')
