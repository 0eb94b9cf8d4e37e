"""MMPose's own inferencer takes a config of ours as it is."""

import cv2
import numpy as np
import pytest
import torch
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model

from mmpose_ext import config_path

pytestmark = pytest.mark.usefixtures('mmpose_scope')


def test_inferencer_predicts_what_the_model_does(tmp_path):
    config = config_path('dark/dark_res18_1xb32-10e_synthetic-128x96.py')
    picture, weights = str(tmp_path / 'picture.png'), str(tmp_path / 'weights.pth')
    cv2.imwrite(picture, np.random.default_rng(0).integers(0, 256, (128, 96, 3), np.uint8))
    torch.manual_seed(0)
    model = init_model(config, device='cpu')
    for parameter in model.head.final_layer.parameters():
        parameter.data.normal_()  # its usual start is near zero, where every map is flat
    torch.save(dict(state_dict=model.state_dict(), meta=dict(dataset_meta=model.dataset_meta)), weights)

    inferencer = MMPoseInferencer(pose2d=config, pose2d_weights=weights, det_model='whole_image', device='cpu')
    (person,) = next(inferencer(picture))['predictions'][0]
    expected = inference_topdown(model, picture)[0].pred_instances
    assert np.ptp(expected.keypoints) > 1
    np.testing.assert_allclose(person['keypoints'], expected.keypoints[0], atol=1e-3)
    np.testing.assert_allclose(person['keypoint_scores'], expected.keypoint_scores[0], rtol=1e-4)
