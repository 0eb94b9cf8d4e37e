"""Intervals over people, the report of a model, and tables of several."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmpose_ext.evaluation import JointPairs
from mmpose_ext.lab.calibration import figures
from mmpose_ext.lab.calibration import run as run_module
from mmpose_ext.lab.calibration.intervals import bootstrap_intervals
from mmpose_ext.lab.calibration.shift import read_people

PROGRAM = Path(__file__).resolve().parents[2] / 'tools' / 'calibrate.py'
NAMES = ('a', 'b', 'c')


def some_pairs(people=400, seed=0, images=None, covariances=True):
    """People with Gaussian errors, whose scores say how large these are."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(1, 6, (people, 3))
    errors = rng.normal(size=(people, 3, 2)) * spread[..., None]
    return JointPairs(
        images=np.arange(people) if images is None else images,
        confidences=0.5 / spread,
        oks=np.exp(-(errors**2).sum(-1) / 40),
        labeled=np.ones((people, 3), bool),
        errors=errors,
        areas=np.full(people, 1e4),
        covariances=np.eye(2) * 4 * spread[..., None, None] ** 2 if covariances else None,
    )


def program(monkeypatch, *arguments):
    """Run tools/calibrate.py in this process."""
    spec = importlib.util.spec_from_file_location('calibrate_program', PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr('sys.argv', ['calibrate.py', *map(str, arguments)])
    return module.main()


def test_intervals_are_those_of_drawing_people_again():
    """Of 400 people with independent joints they are about as long as those of a binomial distribution."""
    pairs = some_pairs()
    low, high = bootstrap_intervals([(pairs, None)], resamples=200)['coverage@50']
    share = 1 - 0.5**4  # covariances are four times too large
    assert low < share < high
    length = 2 * 1.96 * np.sqrt(share * (1 - share) / 1200)
    assert high - low == pytest.approx(length, rel=0.3)
    # three joints that are right or wrong together say as much as one
    same = replace(pairs, errors=np.repeat(pairs.errors[:, :1], 3, 1), covariances=pairs.covariances[:, [0, 0, 0]])
    low, high = bootstrap_intervals([(same, None)], resamples=200)['coverage@50']
    assert high - low == pytest.approx(length * np.sqrt(3), rel=0.3)


def test_people_of_one_image_are_drawn_together():
    found = bootstrap_intervals([(some_pairs(images=np.zeros(400, int)), None)], resamples=5)
    assert all(low == high for low, high in found.values())
    assert bootstrap_intervals([(some_pairs(0), None)]) == {}


def test_both_halves_are_measured_each_by_the_other(tmp_path, monkeypatch, capsys):
    """A half with larger errors: what it lacks in coverage the other half has too much, and the mean is right."""
    pairs = some_pairs(1000)
    _, second = run_module.split_people(pairs)
    hard = np.isin(pairs.images, second.images)
    pairs.errors[hard] *= 1.3
    monkeypatch.setattr(run_module, 'predict_people', lambda *arguments: (pairs, NAMES))
    one = run_module.calibrate('one.py', tmp_path / 'one.pth', images=False)
    both = run_module.calibrate('one.py', tmp_path / 'both.pth', images=False, both_halves=True)
    assert one.after['coverage@50'] < 0.4 and both.after['coverage@50'] == pytest.approx(0.5, abs=0.03)
    fits = [run_module.fit_calibration(half, NAMES, seed=0).calibration for half in run_module.split_people(pairs)]
    halves = [figures(half, fit)['NLL'] for half, fit in zip(run_module.split_people(pairs), fits[::-1], strict=True)]
    assert both.after['NLL'] == pytest.approx(np.mean(halves))
    low, high = (both.intervals['coverage@90'][side] for side in (0, 1))
    assert low < both.after['coverage@90'] < high and high - low < np.diff(one.intervals['coverage@90'])
    files = [json.loads(report.path.read_text())['covariance'] for report in (one, both)]
    assert files[0] == files[1]  # that of the first half
    assert 'measured on 1000 of both halves' in str(both) and f'measured on {len(second)} others' in str(one)
    assert program(monkeypatch, 'one.py', tmp_path / 'one.pth', '--no-images', '--both-halves') == 0
    assert 'measured on 1000 of both halves' in capsys.readouterr().out


def test_several_models_are_rows_of_tables(tmp_path, monkeypatch, capsys):
    people = {'one.py': some_pairs(), 'two.py': some_pairs(seed=1, covariances=False)}
    monkeypatch.setattr(run_module, 'predict_people', lambda config, *rest: (people[config], NAMES))
    models = 'one.py', tmp_path / 'one.pth', 'two.py', tmp_path / 'two.pth'
    assert program(monkeypatch, *models, '--no-images', '--names', 'DARK', 'RLE') == 0
    printed = capsys.readouterr().out
    tables = printed[printed.index('| head') :].splitlines()
    assert [row.split(' | ')[0] for row in tables if row.startswith('|')] == [
        *('| head', '|---|---|---|---|---|---|', '| DARK', '| RLE'),
        *('| head', '|---|---|---|---|---|', '| DARK'),
    ]
    scores, spread = (row for row in tables if row.startswith('| DARK'))
    assert spread.split(' | ')[2].startswith('.93') or spread.split(' | ')[2].startswith('.94')
    assert spread.split(' | ')[3].startswith('.')
    assert '±.0' in spread.split(' | ')[3]
    before, after = (float(value) for value in scores.split(' | ')[1].split(', '))
    assert after < before
    assert 'DARK: fitted on 200 people, measured on 200 others' in printed
    assert (tmp_path / 'one.calibration.json').is_file() and (tmp_path / 'two.calibration.json').is_file()


def test_what_misses_the_goals_is_named():
    fitted = run_module.fit_calibration(some_pairs(covariances=False), NAMES)
    good = {'ECE (OKS)': 0.01, 'AP (mean score)': 0.5, 'AP (chosen)': 0.5, 'coverage@50': 0.515, 'conformal@95': 0.94}
    report = run_module.CalibrationReport(Path('it.json'), fitted, good, good, (200, 200), {}, [])
    assert list(report.misses()) == []
    bad = good | {'ECE (OKS)': 0.03, 'AP (chosen)': 0.49, 'coverage@50': 0.53}
    misses = list(replace(report, after=bad).misses())
    assert misses == [
        'ECE (OKS) is 0.030, more than 0.02 from 0',
        'coverage@50 is 0.530, more than 0.02 from 0.5',
        'AP (chosen) is 0.4900, below 0.5000',
    ]
    assert all(miss in str(replace(report, after=bad)) for miss in misses)


def test_other_people_are_reported(tmp_path, monkeypatch):
    """Their figures are in the report, and in nothing that is applied."""
    (tmp_path / 'people.json').write_text('{"images": []}')
    assert read_people(tmp_path / 'people.json')[1] == tmp_path.resolve()
    others = some_pairs(30, seed=7)
    others.errors[:] *= 3
    monkeypatch.setattr(run_module, 'predict_people', lambda *arguments: (some_pairs(), NAMES))
    monkeypatch.setattr(run_module, 'predict_other_people', lambda *arguments: others)
    options = dict(images=False, shifts=[tmp_path / 'people.json'])
    report = run_module.calibrate('one.py', tmp_path / 'one.pth', **options)
    shift = report.shifts[str(tmp_path / 'people.json')]
    assert shift.people == 30
    assert shift.after['coverage@90'] < 0.5 < 0.85 < report.after['coverage@90']
    low, high = shift.intervals['coverage@90']
    assert low < shift.after['coverage@90'] < high
    assert f'the same calibration on 30 people of {tmp_path / "people.json"}:' in str(report)


def test_wrong_arguments_end_with_status_2(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        program(monkeypatch, 'one.py', 'one.pth', 'two.py')
    assert stopped.value.code == 2
    with pytest.raises(SystemExit) as stopped:
        program(monkeypatch, 'one.py', 'one.pth', 'two.py', 'two.pth', '--out', 'it.json')
    assert stopped.value.code == 2
    monkeypatch.setattr(run_module, 'predict_people', lambda *arguments: (some_pairs(150), NAMES))
    assert program(monkeypatch, 'one.py', tmp_path / 'one.pth') == 2
    assert 'error: a calibration needs 200 people' in capsys.readouterr().err
