from benchmarks import coco_metric
from benchmarks.coco_metric import METRIC_GOALS, compare_coco_metrics


def test_metrics_are_compared_on_the_same_figures(monkeypatch):
    monkeypatch.setattr(coco_metric, 'PEOPLE', 12)
    monkeypatch.setattr(coco_metric, 'IMAGES', 4)
    lines, met = compare_coco_metrics(rounds=1, block=0.0)
    report = '\n'.join(lines)
    assert all(name in report for goal in METRIC_GOALS for name in (goal.name, goal.over, goal.under))
    assert met is ('MISSED' not in report)
    first, second = (line.split('AP ')[1] for line in lines[1:3])
    assert first == second
