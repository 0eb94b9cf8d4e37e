from benchmarks.gpu import ROOT, STEPS, Step, run_steps


def test_the_steps_take_8_minutes_and_exist():
    assert sum(step.seconds for step in STEPS) <= 480
    scripts = [step.command[0] for step in STEPS if step.command[0].endswith('.py')]
    assert len(scripts) == len(STEPS) - 1
    assert all((ROOT / script).is_file() for script in scripts)


def test_a_step_that_fails_or_hangs_does_not_stop_the_others(tmp_path):
    steps = [
        Step('hangs', 1, ('-S', '-c', 'import time; time.sleep(60)')),
        Step('fails', 30, ('-S', '-c', 'raise SystemExit(3)')),
        Step('works', 30, ('-S', '-c', 'import sys; print("answer", sys.argv[1:])'), ('--rounds', '1')),
    ]
    lines, passed = run_steps(steps, tmp_path, dry=True)
    assert not passed
    assert [line.split('   ')[-1] for line in lines[1:]] == ['stopped after 1 s', 'failed with status 3', 'passed']
    assert (tmp_path / 'works.txt').read_text() == "answer ['--rounds', '1']\n"
    assert (tmp_path / 'summary.txt').read_text().splitlines() == lines
    assert run_steps(steps[2:], tmp_path, dry=False)[1]
    assert (tmp_path / 'works.txt').read_text() == 'answer []\n'
