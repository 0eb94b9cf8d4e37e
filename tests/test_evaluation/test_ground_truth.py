import numpy as np
import pytest

from mmpose_ext.evaluation.ground_truth import match_boxes


def overlap(first, second):
    """Intersection over union of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    common = max(width, 0) * max(height, 0)
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return common / (sum(sizes) - common)


def match_loop(predicted, labeled, threshold):
    """Pairs of boxes, each the other's best."""
    pairs = []
    for m, person in enumerate(labeled):
        n = max(range(len(predicted)), key=lambda n: overlap(predicted[n], person))
        best = max(range(len(labeled)), key=lambda other: overlap(predicted[n], labeled[other]))
        if best == m and overlap(predicted[n], person) >= threshold:
            pairs.append((n, m))
    return pairs


@pytest.mark.parametrize('threshold', [0.3, 0.5, 0.8])
def test_against_a_loop(threshold):
    rng = np.random.default_rng(0)
    labeled = np.concatenate([corner := rng.uniform(0, 60, (12, 2)), corner + rng.uniform(30, 60, (12, 2))], 1)
    predicted = np.concatenate([labeled, labeled, labeled]) + rng.normal(0, 5, (36, 4))
    expected = match_loop(predicted, labeled, threshold)
    assert len(expected) > 3
    assert list(zip(*match_boxes(predicted, labeled, threshold), strict=True)) == expected


def test_a_box_has_one_partner():
    """Two people stand close together and are detected as one: it is the one whose box fits better."""
    labeled = np.array([[0.0, 0, 10, 20], [2, 0, 12, 20]])
    predicted, person = match_boxes(np.array([[1.5, 0, 12, 20]]), labeled)
    assert (predicted.tolist(), person.tolist()) == ([0], [1])
    # and of two detections of one person the better one
    predicted, person = match_boxes(labeled, np.array([[1.5, 0, 12, 20]]))
    assert (predicted.tolist(), person.tolist()) == ([1], [0])


def test_half_of_the_union_at_least():
    box, half, less = np.array([[[0.0, 0, 10, 10]], [[0, 0, 10, 5.001]], [[0, 0, 10, 4.999]]])
    assert len(match_boxes(half, box)[0]) == 1
    assert len(match_boxes(less, box)[0]) == 0


@pytest.mark.parametrize(('predicted', 'labeled'), [(0, 0), (3, 0), (0, 3)])
def test_no_boxes(predicted, labeled):
    boxes = np.array([[0.0, 0, 10, 10]] * 3)
    found, person = match_boxes(boxes[:predicted], boxes[:labeled])
    assert found.shape == person.shape == (0,)


def test_boxes_without_a_size_have_no_partner():
    point = np.array([[5.0, 5, 5, 5]])
    assert len(match_boxes(point, point)[0]) == 0
