"""The parts of a report: statistics, curves, images, speed, colors."""

import json
import os
import pickle
import re
from dataclasses import asdict
from math import exp, sqrt
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpose_ext.config import config_path
from mmpose_ext.lab.ablation.report import curves, images, predictions, speed, stats, view
from mmpose_ext.lab.visualization.dataset_skeleton import skeleton_of
from mmpose_ext.runtime.skeleton import Skeleton

CONFIG = 'dark/dark_res18_1xb32-10e_synthetic-128x96.py'


def verdicts(paper, ours):
    return {(pair.first, pair.second): pair for pair in stats.compare_order(paper, ours)}


def test_mean_and_sample_standard_deviation():
    assert stats.mean_and_spread([40.0, 42.0, 44.0]) == (42, 2)
    assert stats.mean_and_spread([3.0]) == (3, None)
    assert stats.mean_and_spread([]) == (None, None)


def test_order_is_judged_seed_by_seed():
    """The seeds differ far more than the rows, but both rows of a seed move together."""
    pairs = verdicts(
        {'low': 60, 'high': 61.5}, {'low': {0: 10.0, 1: 50.0, 2: 90.0}, 'high': {0: 11.0, 1: 52.0, 2: 93.0}}
    )
    pair = pairs['high', 'low']
    assert (pair.paper, pair.ours, pair.spread, pair.verdict) == (1.5, 2, 1, 'agrees')


@pytest.mark.parametrize(
    ('high', 'verdict'),
    [
        ([3.0, 4.0, 5.0], 'agrees'),  # differences 3, 4, 5: 4 +- 1
        ([2.0, -1.0, 2.0], 'tie'),  # 1 +- 1.73
        ([1.0, -1.0], 'tie'),
        ([-3.0, -4.0, -5.0], 'disagrees'),
        ([0.0], 'tie'),
        ([-0.1], 'disagrees'),  # a single seed has no spread
        ([], 'open'),
    ],
)
def test_verdicts(high, verdict):
    pairs = stats.compare_order(
        {'low': 1, 'high': 2}, {'low': dict.fromkeys(range(3), 0.0), 'high': dict(enumerate(high))}
    )
    assert [(pair.first, pair.verdict) for pair in pairs] == [('high', verdict)]


def test_only_common_seeds_are_compared_and_equal_rows_of_the_paper_tie():
    ours = {'one': {0: 1.0, 1: 5.0}, 'other': {1: 2.0, 2: 9.0}}
    assert verdicts({'one': 2, 'other': 1}, ours)['one', 'other'].ours == 3
    assert verdicts({'one': 2, 'other': 2}, ours)['one', 'other'].verdict == 'tie'
    assert verdicts({'one': 2}, ours) == {}


def test_one_training_for_all_seeds_is_compared_with_each():
    paper = {'teacher': 3, 'student': 2, 'other teacher': 1}
    ours = {'teacher': {0: 10.0}, 'student': {0: 7.0, 1: 9.0}, 'other teacher': {0: 8.0}}
    pairs = stats.compare_order(paper, ours, {'teacher', 'other teacher'})
    assert [(pair.first, pair.second, pair.ours, pair.spread) for pair in pairs] == [
        ('teacher', 'student', 2, pytest.approx(sqrt(2))),  # 3 and 1
        ('teacher', 'other teacher', 2, None),
        ('student', 'other teacher', 0, pytest.approx(sqrt(2))),  # -1 and 1
    ]
    missing = stats.compare_order(paper, ours | {'teacher': {}, 'other teacher': {}}, {'teacher', 'other teacher'})
    assert {pair.verdict for pair in missing} == {'open'}


def test_of_errors_the_lower_is_the_better():
    """Of distances in millimeters: the paper's best row comes first, and gains are what is less."""
    paper, ours = {'worse': 50.1, 'better': 48.6}, {'worse': {0: 130.0, 1: 128.0}, 'better': {0: 120.0, 1: 119.0}}
    (pair,) = stats.compare_order(paper, ours, lower_is_better=True)
    assert (pair.first, pair.second, pair.ours, pair.verdict) == ('better', 'worse', 9.5, 'agrees')
    assert pair.paper == pytest.approx(1.5)
    (turned,) = stats.compare_order(paper, ours)
    assert (turned.first, turned.ours, turned.verdict) == ('worse', 9.5, 'agrees')
    for lower, sign, found in ((True, '<', pair), (False, '>', turned)):
        table, rows = dict(lower_is_better=lower, order_by='MPJPE'), [dict(mean=dict(MPJPE=129.0))]
        (line,) = view.order_lines(dict(table=table, rows=rows, order=[asdict(found)]))
        assert line['pair'] == f'{found.first} {sign} {found.second}'
        assert (line['paper'], line['ours'][:5]) == (('-1.5', '-9.50') if lower else ('+1.5', '+9.50'))
    # decimals are those of the rows, however small a difference is
    small = dict(asdict(pair), ours=0.5)
    (line,) = view.order_lines(dict(table=table, rows=rows, order=[small]))
    assert line['ours'].startswith('+0.50 ')


# ---------------------------------------------------------------------------------------------
# curves


def write_log(folder: Path, name: str, records: list[dict]) -> None:
    (folder / name / 'vis_data').mkdir(parents=True)
    (folder / name / 'vis_data' / 'scalars.json').write_text('\n'.join(json.dumps(record) for record in records))


def test_curves_of_a_resumed_training(tmp_path):
    write_log(tmp_path, '1', [dict(loss=0.5, step=1), dict(loss=float('nan'), step=2), {'coco/AP': 0.25, 'step': 1}])
    write_log(tmp_path, '2', [dict(loss=0.4, step=1), dict(loss=0.3, step=3), {'coco/AP': 0.5, 'step': 2}])
    found = curves.read_curve(str(tmp_path), 'coco/AP', 100)
    assert found == dict(loss=dict(x=[1, 3], y=[0.4, 0.3]), metric=dict(x=[1, 2], y=[25, 50]))
    assert curves.read_curve(str(tmp_path / 'none'), 'coco/AP', 1)['loss'] == dict(x=[], y=[])


def test_long_curves_are_means_of_neighbours(tmp_path):
    write_log(tmp_path, '1', [dict(loss=float(step % 2), step=step) for step in range(1, 401)])
    loss = curves.read_curve(str(tmp_path), 'coco/AP', 1)['loss']
    assert loss == dict(x=list(range(2, 401, 2)), y=[0.5] * 200)


def test_losses_below_zero_are_drawn():
    def drawn(*losses):
        curves_ = [dict(stage=str(n), seed=0, loss=dict(x=[1, 2, 3], y=list(y))) for n, y in enumerate(losses)]
        return curves.draw_curves([{**curve, 'metric': dict(x=[], y=[])} for curve in curves_], 'AP')

    # a logarithm leaves both likelihoods out
    assert drawn((0.3, 0.2, 0.1), (2.0, -20.0, -30.0)) != drawn((0.3, 0.2, 0.1), (2.0, -25.0, -30.0))


def test_drawn_curves_are_the_same_every_time_and_take_the_color_of_the_page():
    curve = dict(stage='st<age', seed=0, loss=dict(x=[1, 2], y=[2.0, 1.0]), metric=dict(x=[], y=[]))
    drawn = curves.draw_curves([curve, {**curve, 'seed': 1}], 'AP')
    assert 'validation' not in drawn  # no metric was logged
    assert drawn == curves.draw_curves([curve, {**curve, 'seed': 1}], 'AP')
    assert drawn.startswith('<svg ') and 'currentColor' in drawn and '#010203' not in drawn
    assert drawn.count('st&lt;age') == 1  # one entry of the legend for both seeds
    ids = re.findall(r'\bid="([^"]*)"', drawn)
    assert len(set(ids)) == len(ids) and all(name.startswith('curves-') for name in ids)
    assert set(re.findall(r'(?:url\(|href=")#([^")]*)', drawn)) <= set(ids)
    assert curves.draw_curves([], 'AP') == ''


@pytest.mark.parametrize('name', [r'$\alpha^{', '_hidden', '$x$', 'bell\x07', '75', '\ud800'])
def test_names_of_stages_are_shown_as_they_are(name):
    """No formula, no hidden entry of the legend, no broken SVG."""
    points = dict(x=[1, 2], y=[2.0, 1.0])
    drawn = curves.draw_curves([dict(stage=name, seed=0, loss=points, metric=points)], name)
    ElementTree.fromstring(drawn.encode())
    shown = name.replace('\x07', '\ufffd').replace('\ud800', '\ufffd')
    assert f'>{shown}</text>' in drawn and f'>validation {shown}</text>' in drawn


# ---------------------------------------------------------------------------------------------
# images


def person(offset, labeled=(True, True, True, False), area=400.0, image='a.jpg'):
    truth = np.array([[10.0, 10], [20, 10], [20, 30], [0, 0]])
    moved = truth + np.array([offset, 0])
    return predictions.Person(image, np.array([5.0, 5, 25, 35]), truth, np.array(labeled), moved, area)


def test_closeness_is_oks():
    sigmas = np.array([0.05, 0.1, 0.1, 0.1])
    expected = (exp(-9 / (8 * 0.0025 * 400)) + 2 * exp(-9 / (8 * 0.01 * 400))) / 3  # the 4th joint has no label
    assert images.closeness(person(3), sigmas) == pytest.approx(expected)
    assert images.closeness(person(0), sigmas) == 1
    assert images.closeness(person(3), np.zeros(0)) == pytest.approx(1 - 3 / sqrt(400))


def test_people_who_differ_most_come_first_whichever_row_is_better():
    keys = [('a.jpg', 1), ('a.jpg', 2), ('b.jpg', 3), ('c.jpg', 4)]
    one = dict(zip(keys, map(person, (0, 5, 1, 0)), strict=True))
    other = dict(zip(keys[:3], map(person, (2, 0, 1)), strict=True))
    chosen = images.most_different(one, other, np.full(4, 0.1), 2)
    assert [(int(first.error), int(second.error)) for first, second in chosen] == [(5, 0), (0, 2)]


def test_people_of_a_dump(tmp_path):
    def sample(number, flags, **extra):
        truth = dict(keypoints=np.ones((1, 2, 2)), keypoints_visible=np.array([flags]), bboxes=np.array([[0, 0, 4, 6]]))
        prediction = dict(keypoints=np.full((1, 2, 2), 3.0))
        return dict(img_path='x.jpg', id=number, gt_instances=truth, pred_instances=prediction, **extra)

    samples = [sample(1, [1, 0]), sample(2, [0, 0]), sample(3, [1, 2], raw_ann_info=dict(area=7))]
    (tmp_path / 'predictions.pkl').write_bytes(pickle.dumps(samples))
    people = predictions.read_people(tmp_path / 'predictions.pkl')
    assert list(people) == [('x.jpg', 1), ('x.jpg', 3)]
    assert [one.area for one in people.values()] == [24, 7]
    assert people['x.jpg', 1].labeled.tolist() == [True, False]
    assert people['x.jpg', 3].error == pytest.approx(sqrt(8))


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('function', [os.mkdir, eval, torch.load, getattr, torch.storage._load_from_bytes])
def test_predictions_cannot_run_code(tmp_path, function):
    path, mark = tmp_path / 'predictions.pkl', tmp_path / 'ran'
    inner = pickle.dumps(Call(os.mkdir, str(mark)))
    arguments = dict(mkdir=[str(mark)], eval=[f'__import__("os").mkdir({str(mark)!r})'], getattr=['', 'join'])
    path.write_bytes(pickle.dumps([Call(function, *arguments.get(function.__name__, [inner]))]))
    with pytest.raises(ValueError, match=rf"'path' must be a file of predictions that holds data only, got '{path}'"):
        predictions.read_people(path)
    assert not mark.exists()


def test_predictions_with_arrays_and_tensors_of_all_kinds_are_read(tmp_path):
    kinds = np.float64, np.float32, np.int64, np.uint8, bool
    arrays = [np.arange(3).astype(kind) for kind in kinds] + [np.asfortranarray(np.ones((2, 3))), np.array('x')]
    values = [*arrays, torch.ones(2, 3, dtype=torch.half), np.float32(2), {1: 'x', 'y': (None, b'z')}]
    for protocol in range(2, 6):
        (tmp_path / 'a.pkl').write_bytes(pickle.dumps(values, protocol))
        for read, value in zip(predictions._load(tmp_path / 'a.pkl'), values, strict=True):
            if hasattr(value, 'dtype'):
                assert read.dtype == value.dtype and (np.asarray(read) == np.asarray(value)).all()
            else:
                assert read == value


@pytest.mark.parametrize('content', [b'', b'\x80', pickle.dumps(3), pickle.dumps([3]), pickle.dumps([{}])])
def test_broken_predictions_are_named(tmp_path, content):
    (tmp_path / 'p.pkl').write_bytes(content)
    with pytest.raises(ValueError, match=f"got '{tmp_path}/p.pkl'"):
        predictions.read_people(tmp_path / 'p.pkl')


def test_skeletons_are_drawn_where_the_joints_are(mmpose_scope):
    skeleton = Skeleton(('left_a', 'right_a', 'r_b', 'c'), links=((0, 1), (1, 2), (2, 3)))
    image = np.zeros((40, 40, 3), np.uint8)
    crop = images._draw_person(image, person(0), skeleton, predicted=False)
    matrix = images._crop_matrix(person(0).box)
    assert matrix @ [15, 20, 1] == pytest.approx([90, 120])  # the box is in the center
    for joint, color in enumerate([(0, 150, 255), (255, 140, 40), (255, 140, 40)]):
        x, y = np.rint(matrix @ [*person(0).truth[joint], 1]).astype(int)
        assert tuple(crop[y, x]) == color
    middle = np.rint(matrix @ [15, 10, 1]).astype(int)
    assert tuple(crop[middle[1], middle[0]]) == (90, 210, 90)  # from the left to the right side
    real = skeleton_of(Config.fromfile(config_path(CONFIG)))
    assert len(real.sigmas) == 17 and [real.side_of(joint) for joint in (0, 5, 6)] == ['', 'left', 'right']


# ---------------------------------------------------------------------------------------------
# speed, colors


def test_speed_of_equal_models_is_measured_once(monkeypatch):
    configs = {name: Config.fromfile(config_path(CONFIG)) for name in ('one', 'twin', 'other')}
    configs['other'].model.head.decoder.decoding = 'argmax'
    built = []
    build = speed._predictor
    monkeypatch.setattr(speed, '_predictor', lambda cfg: built.append(cfg) or build(cfg))
    found, how = speed.images_per_second(configs, repeats=1, batch_seconds=0.2)
    assert len(built) == 2 and found['one'] == found['twin'] != found['other']
    assert all(value > 0 for value in found.values())
    assert how['threads'] == 1 and 1 <= how['batch'] <= 32 and how['repeats'] == 1


def luminance(color):
    digits = color[1:] if len(color) == 7 else ''.join(2 * digit for digit in color[1:])
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize('scheme', [0, 1, 2], ids=['light', 'dark', 'print'])
def test_text_has_contrast(scheme):
    """WCAG's 4.5 for text of every color on both backgrounds."""
    style = (Path(images.__file__).parent / 'templates' / 'style.css').read_text()
    colors = dict(re.findall(r'--(\w+): (#\w+)', re.findall(r':root \{(.*?)\}', style)[scheme]))
    for text in ('ink', 'soft', 'link', 'good', 'bad'):
        for ground in ('paper', 'band'):
            low, high = sorted((luminance(colors[text]), luminance(colors[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
