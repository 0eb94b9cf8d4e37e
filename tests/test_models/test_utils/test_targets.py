import numpy as np
import pytest
import torch
from helpers import make_samples, random_keypoints
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample

from mmpose_ext.codecs import KeypointCodec
from mmpose_ext.models.utils import gather_keypoints, gather_stage_targets, gather_targets

CPU = torch.device('cpu')


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
