"""Drawings keep the image's size, show the joints that are confident, and survive what a network may answer."""

from dataclasses import replace

import numpy as np
import pytest

from mmpose_ext.runtime.drawing import DrawSettings, draw_people
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.skeleton import SIDE_COLORS, Skeleton

SKELETON = Skeleton(('left_hand', 'right_hand', 'nose'), links=((0, 2), (1, 2)), flip_indices=(1, 0, 2))


def people_at(points, scores=(1, 1, 1), **values):
    return People(
        boxes=np.array([[20, 20, 80, 80]], np.float32),
        box_scores=np.ones(1, np.float32),
        keypoints=np.array([points], np.float32),
        scores=np.array([scores], np.float32),
        **values,
    )


def changed(people, **settings):
    """Which pixels a drawing changes."""
    image = np.full((100, 120, 3), 128, np.uint8)
    drawn = draw_people(image, people, SKELETON, DrawSettings(boxes=False, **settings))
    assert (image == 128).all()
    assert drawn.shape == image.shape
    return (drawn != 128).any(-1)


def test_joints_and_links_are_drawn_where_they_are():
    drawn = changed(people_at([[30, 30], [70, 30], [50, 60]]))
    assert drawn[30, 30] and drawn[30, 70] and drawn[60, 50]
    assert drawn[45, 40] and drawn[45, 60]  # the middle of each link
    assert not drawn[80:].any() and not drawn[:20].any()


def test_joints_of_low_score_and_their_links_are_left_out():
    drawn = changed(people_at([[30, 30], [70, 30], [50, 60]], scores=[0.2, 1, 1]), score_thr=0.3)
    assert not drawn[30, 30] and not drawn[45, 40]
    assert drawn[45, 60]


@pytest.mark.parametrize('settings', [dict(score_thr=float('nan')), dict(thickness=0), dict(thickness=-2)])
def test_settings_out_of_range_are_named(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"'{name}' must be"):
        DrawSettings(**settings)


def test_scores_and_thresholds_may_be_above_1():
    """MMPose's SimCC heads answer such scores."""
    drawn = changed(people_at([[30, 30], [70, 30], [50, 60]], scores=[2, 9, 9]), score_thr=7)
    assert not drawn[30, 30] and drawn[45, 60]


def test_spread_is_drawn_as_an_ellipse():
    people = people_at([[60, 50]] * 3, sigmas=np.full((1, 3, 2), [20, 10], np.float32))
    drawn = changed(people)
    rows, columns = np.nonzero(drawn)
    assert (columns.min(), columns.max()) == pytest.approx((40, 80), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx((40, 60), abs=2)
    assert not (changed(people, sigmas=False) & ~changed(people_at([[60, 50]] * 3))).any()


def test_covariance_is_drawn_as_a_rotated_ellipse():
    """From upper left to lower right, because y points down."""
    covariance = np.array([[[[250, 150], [150, 250]]] * 3], np.float32)  # 20 and 10 pixels on the diagonals
    drawn = changed(people_at([[60, 50]] * 3, covariances=covariance, sigmas=np.full((1, 3, 2), 40, np.float32)))
    rows, columns = np.nonzero(drawn)
    along, across = (columns - 60 + rows - 50) / 2**0.5, (columns - 60 - rows + 50) / 2**0.5
    assert np.abs(along).max() == pytest.approx(20, abs=2)
    assert np.abs(across).max() == pytest.approx(10, abs=2)


@pytest.mark.parametrize('value', [np.nan, np.inf, -4.0, 1e30, 0.0])
def test_covariances_that_are_none_do_no_harm(value):
    covariance = np.full((1, 3, 2, 2), value, np.float32)
    drawn = changed(people_at([[30, 30], [70, 30], [50, 60]], covariances=covariance))
    assert drawn[60, 50]


@pytest.mark.parametrize('far', [-30.0, 150.0, 1e4, 1e9, np.inf, np.nan])
def test_joints_beyond_the_border_do_not_change_the_size(far):
    drawn = changed(people_at([[far, 30], [70, far], [50, 60]]))
    assert drawn[60, 50]


def test_boxes_scores_and_tracks():
    people = people_at([[30, 30], [70, 30], [50, 60]], track_ids=np.array([7]))
    image = np.full((100, 120, 3), 128, np.uint8)
    drawn = draw_people(image, people, SKELETON)
    assert (drawn[20, 20:80] != 128).any(-1).all()
    assert (draw_people(image, people, SKELETON, DrawSettings(scores=False)) != drawn).any()


def test_depth_is_drawn_beside_the_image():
    people = people_at([[30, 30, -100], [70, 30, 100], [50, 60, 0]])
    drawn = draw_people(np.zeros((100, 120, 3), np.uint8), people, SKELETON)
    assert drawn.shape == (100, 220, 3)
    assert (drawn[:, 120:] != 255).any()


def test_depth_has_the_scale_of_the_body():
    """A hand 800 mm in front of a person who is 1600 mm tall is drawn half as far as the person is tall."""
    points = np.array([[[50, 10, 0], [50, 170, 0], [50, 90, 800]]], np.float32)
    people = People(np.array([[0, 0, 99, 180]]), np.ones(1), points, np.ones((1, 3)))
    skeleton = Skeleton(('head', 'ankle', 'left_hand'), links=((0, 1),))
    drawn = draw_people(np.zeros((400, 100, 3), np.uint8), people, skeleton)[:200, 100:]
    heads, hands = ((drawn == color).all(-1).nonzero() for color in (SIDE_COLORS[''], SIDE_COLORS['left']))
    height = heads[0].max() - heads[0].min()
    assert np.mean(hands[1]) - np.mean(heads[1]) == pytest.approx(height / 2, abs=3)
    assert np.mean(hands[0]) == pytest.approx(np.mean(heads[0]), abs=2)


def test_nobody_leaves_the_image_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(draw_people(image, People.empty(3), SKELETON), image)


def test_skeleton_of_other_joints_is_refused():
    with pytest.raises(ValueError, match="'skeleton' must have the people's 4 joints, got 3"):
        draw_people(np.zeros((4, 4, 3), np.uint8), People.empty(4), SKELETON)


def test_lines_on_a_huge_image_can_be_seen():
    """A person of 3000 pixels has lines of more than 10, and a label of more than 30 pixels."""
    people = People(
        boxes=np.array([[100, 200, 1600, 3200]], np.float32),
        box_scores=np.ones(1),
        keypoints=np.array([[[400, 600], [1400, 600]]], np.float32),
        scores=np.ones((1, 2)),
    )
    drawn = draw_people(np.zeros((4000, 6000, 3), np.uint8), people, Skeleton(('a', 'b'), ((0, 1),)))
    assert (drawn[500:700, 900] != 0).any(-1).sum() > 10
    assert (drawn[100:199, 120] != 0).any(-1).sum() > 30


def test_people_without_a_number_are_not_labeled_with_one():
    people = people_at([(10, 30), (30, 30), (20, 50)])
    image, skeleton = np.zeros((90, 90, 3), np.uint8), Skeleton(('a', 'b', 'c'))
    settings = DrawSettings()
    untracked = draw_people(image, replace(people, track_ids=np.array([-1])), skeleton, settings)
    tracked = draw_people(image, replace(people, track_ids=np.array([5])), skeleton, settings)
    # -1 and 5 have the same color, so that only the label differs
    assert (untracked != tracked).any()
    assert ((untracked != 0).any(-1).sum()) < ((tracked != 0).any(-1).sum())
