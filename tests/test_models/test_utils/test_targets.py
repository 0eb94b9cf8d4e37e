import copy

import numpy as np
import pytest
import torch
from helpers import make_samples, random_keypoints
from mmengine.structures import InstanceData, PixelData
from mmpose.datasets.transforms import GenerateTarget, KeypointConverter, PackPoseInputs
from mmpose.structures import PoseDataSample

from mmpose_ext.codecs import DarkHeatmap, KeypointCodec, RegressionLabel
from mmpose_ext.models.heads import HeatmapHead
from mmpose_ext.models.utils import (
    GatheredSamples,
    gather_keypoints,
    gather_stage_targets,
    gather_targets,
    labeled_joints,
)

CPU = torch.device('cpu')
pytestmark = pytest.mark.usefixtures('mmpose_scope')


class RecordingCodec(KeypointCodec):
    """Returns what it was asked to encode."""

    input_size = (96, 128)

    def encode_batch(self, keypoints, keypoints_visible=None):
        return dict(keypoints=keypoints, visible=keypoints_visible)

    def decode_tensors(self, encoded, normalized=False):
        raise NotImplementedError


def packed_sample(**labels):
    sample = PoseDataSample(gt_fields=PixelData(heatmaps=torch.full((2, 4, 3), 5.0)))
    sample.gt_instance_labels = InstanceData(**labels)
    return sample


@pytest.mark.parametrize('axes', [2, 3])
def test_keypoints_are_stacked(axes):
    keypoints = np.random.default_rng(0).random((4, 5, axes))
    visible = np.random.default_rng(1).integers(0, 2, (4, 5))
    points, flags, annotated = gather_keypoints(make_samples(keypoints, visible), CPU)
    assert annotated is None
    assert points.dtype == flags.dtype == torch.float32
    np.testing.assert_allclose(points, keypoints, rtol=1e-6)
    np.testing.assert_array_equal(flags, visible)


def test_tensors_in_samples_are_taken_too():
    keypoints = torch.rand(4, 5, 2)
    samples = make_samples(keypoints.numpy())
    for sample, points in zip(samples, keypoints, strict=True):
        sample.gt_instances.set_field(points[None], 'transformed_keypoints')
    np.testing.assert_array_equal(gather_keypoints(samples, CPU)[0], keypoints)


def test_codec_gets_the_samples_keypoints():
    keypoints = random_keypoints(3, 5, (96, 128))
    visible = np.array([[1, 0, 1, 1, 0]] * 3, np.float32)
    targets = gather_targets(make_samples(keypoints, visible), RecordingCodec(), CPU)
    np.testing.assert_array_equal(targets['keypoints'], keypoints)
    np.testing.assert_array_equal(targets['visible'], visible)


def test_samples_without_an_input_size_are_taken():
    targets = gather_targets(make_samples(random_keypoints(3, 5, (96, 128)), input_size=None), RecordingCodec(), CPU)
    assert targets['keypoints'].shape == (3, 5, 2)


def test_packed_targets_go_first_and_need_no_codec():
    samples = [packed_sample(keypoint_weights=torch.tensor([[1.0, float(n)]])) for n in range(3)]
    targets = gather_targets(samples, None, CPU)
    assert targets.keys() == {'heatmaps', 'keypoint_weights'}
    assert targets['heatmaps'].shape == (3, 2, 4, 3)
    assert targets['keypoint_weights'].tolist() == [[1, 0], [1, 1], [1, 2]]


def test_stages_share_what_they_can():
    """Keypoints are gathered once, and a codec that several stages name draws once."""
    samples, first, second = make_samples(random_keypoints(3, 5, (96, 128))), RecordingCodec(), RecordingCodec()
    targets = gather_stage_targets(samples, [first, second, first], CPU)
    assert targets[0] is targets[2]
    assert targets[1] is not targets[0]
    # each codec has a view of its own, of the axes that it knows
    assert targets[1]['keypoints'].data_ptr() == targets[0]['keypoints'].data_ptr()
    packed = [packed_sample(keypoint_weights=torch.ones(1, 2)) for _ in range(3)]
    assert [one.keys() for one in gather_stage_targets(packed, [first, None], CPU)] == [
        {'heatmaps', 'keypoint_weights'}
    ] * 2


def test_every_stages_codec_is_checked():
    samples, other = make_samples(random_keypoints(3, 5, (96, 128))), RecordingCodec()
    other.input_size = (64, 64)
    with pytest.raises(ValueError, match=r"'input_size' of the pipeline .*\(64, 64\), got \(96, 128\)"):
        gather_stage_targets(samples, [RecordingCodec(), other], CPU)


# ---------------------------------------------------------------------------------------------
# visibility, annotation and weight


def pairs(*rows):
    """Visibilities of one person as KeypointConverter writes them, (1, K, 2)."""
    return np.array([rows], np.float32)


@pytest.mark.parametrize('flag', [-1.0, 0.0, np.nan, np.inf, -np.inf, 0.3, 2.0])
def test_labeled_is_a_finite_visibility_above_zero(flag):
    samples = make_samples(random_keypoints(1, 2, (96, 128)), np.array([[1, flag]], np.float32))
    expected = [True, flag in (0.3, 2.0)]
    assert gather_keypoints(samples, CPU).labeled[0].tolist() == expected
    assert labeled_joints(samples[0], 2).tolist() == expected


def test_pairs_tell_what_the_dataset_annotates():
    samples = make_samples(random_keypoints(2, 3, (96, 128)))
    samples[0].gt_instances.keypoints_visible = pairs((1, 1), (0, 1), (0, 0))
    _, labeled, annotated = gather_keypoints(samples, CPU)
    assert labeled.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert annotated.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert labeled_joints(samples[0], 3).tolist() == [True, False, False]


@pytest.mark.parametrize('weight', [-1.0, np.nan, np.inf])
def test_weights_that_are_none_count_as_zero(weight):
    """Packed by a pipeline, or the second number of a pair."""
    packed = [packed_sample(keypoint_weights=torch.tensor([[1.0, weight]]))]
    assert gather_targets(packed, None, CPU)['keypoint_weights'].tolist() == [[1, 0]]
    samples = make_samples(random_keypoints(1, 2, (96, 128)))
    samples[0].gt_instances.keypoints_visible = pairs((1, 1), (1, weight))
    targets = gather_targets(samples, RegressionLabel((96, 128)), CPU)
    assert targets['keypoint_weights'].tolist() == [[1, 0]]


def test_the_converter_in_both_ways_of_targets():
    """Of three joints the dataset has two, one of them without a label: drawn by the head or packed by the pipeline."""
    codec = DarkHeatmap((96, 128), (24, 32))
    results = dict(
        keypoints=random_keypoints(1, 2, (96, 128), margin=20),
        keypoints_visible=np.array([[1, 0]], np.float32),
        img=np.zeros((128, 96, 3), np.uint8),
        input_size=(96, 128),
    )
    results = KeypointConverter(num_keypoints=3, mapping=[(0, 0), (1, 1)])(results)
    results['transformed_keypoints'] = results['keypoints'].astype(np.float32)
    meta = dict(meta_keys=('input_size',))
    drawn = PackPoseInputs(pack_transformed=True, **meta)(copy.deepcopy(results))['data_samples']
    encoder = dict(type='mmpose_ext.DarkHeatmap', input_size=(96, 128), heatmap_size=(24, 32))
    packed = PackPoseInputs(**meta)(GenerateTarget(encoder=encoder)(results))['data_samples']
    for sample in (drawn, packed):
        head = HeatmapHead(2, 3, deconv_out_channels=None, decoder=encoder, unlabeled_weight=0.5)
        targets = head.targets([sample], CPU)
        assert targets['keypoint_weights'].tolist() == [[1, 0, 0]]
        assert targets['loss_weights'].tolist() == [[1, 0.5, 0]]
        np.testing.assert_allclose(
            targets['heatmaps'][0],
            codec.encode(results['transformed_keypoints'], np.array([[1, 0, 0]]))['heatmaps'],
            atol=1e-6,
        )


@pytest.mark.cuda
def test_the_copy_to_the_gpu_does_not_wait():
    samples = make_samples(random_keypoints(3, 5, (96, 128)))
    device = torch.device('cuda')
    gather_keypoints(samples, device)
    torch.cuda.set_sync_debug_mode('error')
    try:
        points, _, _ = gather_keypoints(samples, device)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert points.device.type == 'cuda'


@pytest.mark.parametrize('kind', ['keypoints', 'depth', 'packed'])
def test_gathered_samples_have_the_same_targets(kind):
    visible = np.array([[1, 0, 2], [np.nan, 1, 1]], np.float32)
    keypoints = random_keypoints(2, 3, (96, 128))
    if kind == 'depth':
        keypoints = np.concatenate((keypoints, np.full((2, 3, 1), 100.0, np.float32)), -1)
    samples = make_samples(keypoints, visible)
    codec = RegressionLabel((96, 128), depth_range=2000.0)
    if kind == 'packed':
        for sample in samples:
            sample.gt_instance_labels = InstanceData(keypoint_weights=torch.tensor([[1.0, 0.0, 2.0]]))
    gathered = GatheredSamples(samples, CPU)
    expected, found = gather_targets(samples, codec, CPU), gather_targets(gathered, codec, CPU)
    assert list(gathered) == samples
    assert expected.keys() <= found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize('packed', [False, True])
def test_gathered_samples_know_which_joints_are_labeled(packed):
    visible = np.array([[1, 0, 2], [np.nan, 1, -1]], np.float32)
    samples = make_samples(random_keypoints(2, 3, (96, 128)), visible)
    if packed:
        for sample in samples:
            sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 3))
    assert GatheredSamples(samples, CPU).labeled.tolist() == [[True, False, True], [False, True, False]]
    pairs = np.stack((visible, np.ones_like(visible)), -1)
    samples = make_samples(random_keypoints(2, 3, (96, 128)), pairs)
    assert GatheredSamples(samples, CPU).labeled.tolist() == [[True, False, True], [False, True, False]]


def test_packed_samples_without_visibilities_are_labeled():
    """One value for all joints, unless another sample has a value for each."""
    samples = make_samples(random_keypoints(2, 3, (96, 128)), np.array([[1, 0, 1], [1, 1, 1]], np.float32))
    for sample in samples:
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 3))
    del samples[1].gt_instances.keypoints_visible
    assert GatheredSamples(samples, CPU).labeled.tolist() == [[True, False, True], [True, True, True]]
    assert GatheredSamples(samples[1:], CPU).labeled.tolist() == [[True]]


def test_gathered_samples_name_their_datasets():
    samples = make_samples(random_keypoints(3, 2, (96, 128)))
    assert GatheredSamples(samples, CPU).dataset_names == []
    for sample, name in zip(samples, ('coco', 'mpii', 'coco'), strict=True):
        sample.set_metainfo(dict(dataset_name=name))
    assert GatheredSamples(samples, CPU).dataset_names == ['coco', 'mpii']


def test_gathered_samples_are_of_the_size_of_the_codec():
    gathered = GatheredSamples(make_samples(random_keypoints(1, 2, (96, 128))), CPU)
    with pytest.raises(ValueError, match="'input_size' of the pipeline must be that of the head's codec"):
        gather_targets(gathered, RegressionLabel((96, 96)), CPU)
