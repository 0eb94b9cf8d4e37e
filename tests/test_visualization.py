"""The registered visualizer in MMPose's own programs."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.apis import MMPoseInferencer, init_model
from mmpose.structures import PoseDataSample

from mmpose_ext.registry import VISUALIZERS

META = dict(
    keypoint_id2name={0: 'left_hand', 1: 'right_hand', 2: 'nose'},
    skeleton_links=[(0, 2), (1, 2)],
    flip_indices=[1, 0, 2],
)


@pytest.fixture
def visualizer():
    built = VISUALIZERS.build(dict(type='PoseVisualizer', name='drawings of a test'))
    built.set_dataset_meta(META)
    return built


def sample_at(points, heatmaps=None):
    points = np.array([points], np.float32)
    sample = PoseDataSample()
    sample.pred_instances = InstanceData(
        keypoints=points, keypoint_scores=np.ones((1, 3)), bboxes=np.array([[20.0, 20, 80, 80]]), bbox_scores=np.ones(1)
    )
    sample.gt_instances = InstanceData(keypoints=points, keypoints_visible=np.ones((1, 3, 2)), bboxes=np.ones((1, 4)))
    if heatmaps is not None:
        sample.pred_fields = PixelData(heatmaps=heatmaps)
    return sample


@pytest.mark.parametrize('far', [30.0, -500.0])
def test_joints_beyond_the_border_do_not_shrink_the_drawing(visualizer, far):
    image = np.zeros((100, 120, 3), np.uint8)
    drawn = visualizer.add_datasample('x', image, sample_at([[far, 30], [70, 30], [50, 60]]), draw_gt=False)
    assert drawn.shape == image.shape
    assert drawn[60, 50].any()
    assert not image.any()


def test_colors_are_rgb(visualizer):
    drawn = visualizer.add_datasample(
        'x', np.zeros((100, 120, 3), np.uint8), sample_at([[30, 30], [70, 30], [50, 60]]), draw_gt=False
    )
    left, right = drawn[30, 30].astype(int), drawn[30, 70].astype(int)
    assert left.argmax() == 1  # green
    assert right.argmax() == 0  # red


def test_labels_boxes_and_heatmaps(visualizer):
    sample = sample_at([[30, 30], [70, 30], [50, 60]], torch.rand(3, 25, 30))
    drawn = visualizer.add_datasample('x', np.zeros((100, 120, 3), np.uint8), sample, draw_bbox=True, draw_heatmap=True)
    assert drawn.shape == (200, 240, 3)
    assert (drawn[20, 140:200] > 0).any(-1).all()  # the upper edge of the box, in the right half: the prediction


def test_depth(visualizer):
    points = [[30, 30, -100.0], [70, 30, 100.0], [50, 60, 0.0]]
    drawn = visualizer.add_datasample('x', np.zeros((100, 120, 3), np.uint8), sample_at(points), draw_gt=False)
    assert drawn.shape == (100, 220, 3)


def test_joints_of_an_unknown_dataset_are_drawn(visualizer):
    visualizer.set_dataset_meta({})
    drawn = visualizer.add_datasample(
        'x', np.zeros((100, 120, 3), np.uint8), sample_at([[30, 30], [70, 30], [50, 60]]), draw_gt=False
    )
    assert drawn[30, 30].any()


def test_inferencer_of_mmpose_draws_with_it(write_config, tmp_path: Path):
    config = write_config(tmp_path)
    torch.save(dict(state_dict=init_model(str(config), None, device='cpu').state_dict()), tmp_path / 'model.pth')
    cv2.imwrite(str(tmp_path / 'image.png'), np.full((90, 70, 3), 128, np.uint8))
    inferencer = MMPoseInferencer(
        pose2d=str(config), pose2d_weights=str(tmp_path / 'model.pth'), det_model='whole_image', device='cpu'
    )
    assert type(inferencer.inferencer.visualizer).__name__ == 'PoseVisualizer'
    list(inferencer(str(tmp_path / 'image.png'), out_dir=str(tmp_path / 'out'), kpt_thr=-1e9))
    drawn = cv2.imread(str(tmp_path / 'out' / 'visualizations' / 'image.png'))
    assert drawn.shape == (90, 70, 3)
    assert (drawn != 128).any()
