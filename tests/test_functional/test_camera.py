"""Cameras: hand-made points, Human3.6M's released joints, OpenCV's lens, and back again."""

import cv2
import numpy as np
import pytest
from mmengine.fileio import load

from mmpose_ext.functional import Camera, back_project, crop_box, project_points

LENS = dict(f=(1145.0, 1143.8), c=(512.5, 515.5), k=(-0.207, 0.248, -0.003), p=(-0.0014, -0.001))


def points_before(camera_count=40, seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(2000, 8000, camera_count)
    return np.column_stack([rng.uniform(-0.45, 0.45, (camera_count, 2)) * depth[:, None], depth])


def test_by_hand():
    """1 m to the right and .5 m down, at 4 m: a quarter and an eighth of the focal length from the middle."""
    camera = Camera.from_param(dict(f=[400, 800], c=[[100], [50]]))
    pixels = project_points([[[0, 0, 1000], [1000, 500, 4000]]], camera)
    np.testing.assert_allclose(pixels, [[[100, 50], [200, 150]]])
    np.testing.assert_allclose(back_project([[[200.0, 150]]], [[4000.0]], camera), [[[1000, 500, 4000]]])


def test_nothing_is_seen_from_behind():
    camera = Camera.from_param(dict(f=[400, 400], c=[100, 100]))
    assert np.isnan(project_points([[10.0, 10, -500], [10, 10, 0]], camera)).all()


def test_lens_is_opencvs_with_half_its_tilt():
    """Human3.6M's form has the tangential term once where OpenCV has it twice, beside the squared distance."""
    points = points_before()
    camera = Camera.from_param(LENS | dict(p=(0, 0)))
    matrix = np.array([[LENS['f'][0], 0, LENS['c'][0]], [0, LENS['f'][1], LENS['c'][1]], [0, 0, 1.0]])
    k1, k2, k3 = LENS['k']
    still = np.zeros(3)
    expected, _ = cv2.projectPoints(points, still, still, matrix, np.array([k1, k2, 0, 0, k3]))
    np.testing.assert_allclose(project_points(points, camera), expected[:, 0], atol=1e-8)
    expected, _ = cv2.projectPoints(points, still, still, matrix, np.array([k1, k2, *LENS['p'], k3]))
    unit = points[:, :2] / points[:, 2:]
    once = unit * (unit @ LENS['p'][::-1])[:, None] * LENS['f']
    np.testing.assert_allclose(project_points(points, Camera.from_param(LENS)), expected[:, 0] - once, atol=1e-8)


def test_released_joints_of_human36m(sample_images):
    """The released pixels of the released joints, and the joints of the pixels: meters, camera frame."""
    folder = sample_images('h36m')
    released, cameras = np.load(folder / 'test_h36m_body3d.npz'), load(folder / 'cameras.pkl')
    for name, joints, pixels in zip(released['imgname'], released['S'], released['part'], strict=True):
        subject, _, rest = name.rpartition('/')[2].partition('_')
        camera = Camera.from_param(cameras[subject, rest.split('.')[1].split('_')[0]])
        np.testing.assert_allclose(project_points(joints[:, :3], camera), pixels[:, :2], atol=5e-5)
        np.testing.assert_allclose(back_project(pixels[:, :2], joints[:, 2], camera), joints[:, :3], atol=3e-7)


@pytest.mark.parametrize('param', [LENS, dict(f=LENS['f'], c=LENS['c'])], ids=['lens', 'pinhole'])
def test_back_projection_undoes_the_projection(param):
    camera, points = Camera.from_param(param), points_before().reshape(8, 5, 3)
    np.testing.assert_allclose(back_project(project_points(points, camera), points[..., 2], camera), points, atol=1e-5)


def test_pixels_without_an_inverse_are_taken_without_distortion():
    """Predictions of an untrained network may be anywhere: finite, and of the pinhole where the lens folds over."""
    camera = Camera.from_param(LENS | dict(k=(-0.5, 0, 0)))
    pixels = np.array([[6000.0, 515.5], [-90000, 40000], [600, 500]])
    points = back_project(pixels, np.full(3, 1000.0), camera)
    pinhole = back_project(pixels, np.full(3, 1000.0), Camera.from_param(dict(f=LENS['f'], c=LENS['c'])))
    np.testing.assert_array_equal(points[:2], pinhole[:2])
    assert not np.isclose(points[2], pinhole[2], rtol=1e-6).all()
    assert np.isnan(back_project([[np.nan, 3]], [1000.0], camera)).any()


def test_crop_is_the_picture_of_two_metres():
    camera = Camera.from_param(dict(f=[1000, 500], c=[500, 400]))
    boxes = crop_box([[0, 0, 4000], [2000, -1000, 5000]], camera)
    np.testing.assert_allclose(boxes, [[250, 275, 750, 525], [700, 200, 1100, 400]])


@pytest.mark.parametrize(
    ('param', 'message'),
    [
        (dict(f=[1, 1]), "must hold 'f' and 'c', got"),
        (dict(f=[1, 0], c=[0, 0]), r"camera_param\['f'\].*> 0, got 0.0"),
        (dict(f=[1, 1], c=[0, 0, 0]), r"camera_param\['c'\].*must be 2 finite numbers"),
        (dict(f=[1, 1], c=[0, 0], k=[1, 2, 3, 4]), r"camera_param\['k'\].*1 or 2 or 3"),
    ],
)
def test_unfit_cameras(param, message):
    with pytest.raises(ValueError, match=message):
        Camera.from_param(param)


def test_unfit_arguments():
    camera = Camera.from_param(dict(f=[1, 1], c=[0, 0]))
    with pytest.raises(ValueError, match=r"'depths' must have shape \(3,\) as the pixels, got \(2,\)"):
        back_project(np.zeros((3, 2)), np.zeros(2), camera)
    with pytest.raises(ValueError, match=r"'roots' must lie in front of the camera"):
        crop_box([[0, 0, -1.0]], camera)
