"""Stages that build on others: what a yaml may say, which jobs come out, and where a plan tells of it."""

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from mmpose_ext.apis.train import _resume
from mmpose_ext.config import config_path
from mmpose_ext.lab.ablation import Job, Plan, Table, commands_text, make_plan, plan, table_text, workflow

ROOT = Path(__file__).resolve().parents[3]
LEAF, OTHER = (f'dark_res18_1xb32-10e_synthetic-{size}.py' for size in ('96x64', '128x96'))
LR = 'optim_wrapper.optimizer.lr'
TEACHER = 'model.teacher.checkpoint'


def stage(leaf: str = LEAF, **values: Any) -> dict[str, Any]:
    return dict(config=dict(synthetic=f'dark/{leaf}'), **values)


# a student that starts from a stage that starts from another one, and has a teacher; rows of two of the four
STAGES = dict(
    student=stage(options={LR: 0.1}, uses={'load_from': 'middle', TEACHER: 'teacher'}),
    middle=stage(options={LR: 0.2}, uses={'load_from': 'first'}),
    teacher=stage(OTHER),
    first=stage(options={LR: 0.3}),
)
ROWS = [dict(name='S', stage='student', paper=dict(AP=2)), dict(name='T', stage='teacher', paper=dict(AP=3))]


def table(rows: list[dict[str, Any]] | None = None, **changes: Mapping[str, Any]) -> Table:
    """The table above, with values of some stages changed."""
    stages = copy.deepcopy(STAGES)
    for name, values in changes.items():
        stages[name] |= values
    content = dict(title='Title', source='Source', columns=dict(AP='coco/AP'), order_by='AP')
    return Table.from_dict('a/b', content | dict(stages=stages, rows=ROWS if rows is None else rows))


def planned(content: Table | None = None, seeds: int = 1, work_dir: Path | str = '/results', **options: Any) -> Plan:
    return make_plan(content or table(), 'synthetic', seeds, Path(work_dir), options)


def options_of(job: Job) -> dict[str, str]:
    arguments = job.command[job.command.index('--cfg-options') + 1 :]
    return dict(argument.split('=', 1) for argument in arguments)


def folders(content: Table, **arguments: Any) -> dict[str, str]:
    """Names of the folders of all trainings with seed 0."""
    trainings = planned(content, **arguments).trainings
    return {name: Path(job.output).parent.name for (name, seed), job in trainings.items() if seed == 0}


# ---------------------------------------------------------------------------------------------
# what a yaml may say


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(first=dict(uses='middle')), r"'uses of stage \"first\"' .* from dotted keys to stages.*, got 'middle'"),
        (dict(first=dict(uses={1: 'middle'})), r"'uses of stage \"first\"' .* keys to stages.*, got {1: 'middle'}"),
        (
            dict(first=dict(uses={'load_from': 'nobody'})),
            r"'load_from in uses of stage \"first\"' of table a/b must be one of \['student', .*\], got 'nobody'",
        ),
        (dict(first=dict(uses={'load_from': ['middle']})), r"'uses of .* to stages.*, got {'load_from': \['middle'\]}"),
        (dict(middle=dict(uses={LR: 'first'})), rf"'uses of stage \"middle\"' .* other keys .*, got \['{LR}'\]"),
        (dict(first=dict(uses={'load_from': 'first'})), r"'uses of .* without a circle, got 'first -> first'"),
        (
            dict(first=dict(uses={'load_from': 'student'})),
            r"'uses of stage \"student\"' .* without a circle, got 'student -> middle -> first -> student'",
        ),
        # one that rows do not lead to, and that begins after a stage outside of it
        (
            dict(teacher=dict(uses={'load_from': 'middle'}), first=dict(uses={'a': 'middle'}), student=dict(uses={})),
            r"'uses of stage \"middle\"' .* without a circle, got 'middle -> first -> middle'",
        ),
        (dict(teacher=dict(shared=1)), r"'shared of stage \"teacher\"' of table a/b must be true or false, got 1"),
        (dict(teacher=dict(use={})), r"'stage \"teacher\"' .* at most \['options', 'uses', .*, got .*'use'"),
        (dict(teacher=dict(processes=0)), r"'processes of stage \"teacher\"' .* a whole number > 0, got 0"),
    ],
)  # fmt: skip
def test_faults_are_named(changes: dict[str, Any], message: str) -> None:
    table()
    with pytest.raises(ValueError, match=message):
        table(**changes)


def test_options_on_top_leave_alone_what_is_used() -> None:
    """A checkpoint of the user's in the place of the stage's would be trained on under a wrong name, or be ignored."""
    with pytest.raises(
        ValueError, match=r"'options' must be others than those in uses of stage student, got load_from"
    ):
        planned(load_from='other.pth')


@pytest.mark.parametrize('folder', ['/my results', '/a,b/c'])
def test_a_work_dir_that_an_option_cannot_carry_is_named(folder: str) -> None:
    with pytest.raises(ValueError, match=rf"'work_dir' must be .* because stage student uses .*, got '{folder}'"):
        planned(work_dir=folder)
    alone = table([dict(name='F', stage='first')], student=dict(uses={}), middle=dict(uses={}))
    assert planned(alone, work_dir=folder).jobs


# ---------------------------------------------------------------------------------------------
# jobs


def test_what_is_used_comes_before_and_is_given_to_the_training() -> None:
    jobs = planned()
    trainings = {name: job for (name, _), job in jobs.trainings.items()}
    assert set(trainings) == {*STAGES}
    expected = [trainings[name] for name in ('first', 'middle', 'teacher', 'student')]
    assert list(jobs.jobs) == [*expected, jobs.tests['S', 0], jobs.tests['T', 0]]
    for name, job in trainings.items():
        used = STAGES[name].get('uses', {})
        assert job.inputs == tuple(trainings[other].output for other in used.values())
        given = {key: value for key, value in options_of(job).items() if key in ('load_from', TEACHER)}
        assert given == {key: trainings[other].output for key, other in used.items()}
    assert trainings['first'].output.startswith('/results/') and trainings['first'].output.endswith('/epoch_10.pth')


def test_a_stage_used_twice_is_one_input() -> None:
    jobs = planned(table(student=dict(uses={'load_from': 'first', TEACHER: 'first'})))
    assert jobs.trainings['student', 0].inputs == (jobs.trainings['first', 0].output,)
    assert len(jobs.jobs) == 5  # nobody uses the stage in the middle
    assert list(options_of(jobs.trainings['student', 0]))[-2:] == ['load_from', TEACHER]


def test_a_test_builds_the_same_model_and_loads_what_it_tests() -> None:
    jobs = planned()
    test, training = jobs.tests['S', 0], jobs.trainings['student', 0]
    assert options_of(test) == {key: value for key, value in options_of(training).items() if key != 'load_from'}
    assert options_of(test)[TEACHER] == jobs.trainings['teacher', 0].output
    assert test.command[3] == training.output and test.inputs == (training.output,)
    # a row has the last word
    row = dict(name='S', stage='student', options={TEACHER: None})
    other = planned(table([row])).tests['S', 0]
    assert options_of(other)[TEACHER] == 'None'
    assert Path(other.output).parents[2] == Path(test.output).parents[2] and other.output != test.output


def test_a_stage_is_trained_anew_if_what_it_uses_changes() -> None:
    before = folders(table())

    def changed(content: Table) -> set[str]:
        after = folders(content)
        return {name for name in after if after[name] != before[name]}

    assert changed(table(first=dict(options={LR: 0.4}))) == {'first', 'middle', 'student'}
    assert changed(table(middle=dict(options={LR: 0.4}))) == {'middle', 'student'}
    assert changed(table(student=dict(options={LR: 0.4}))) == {'student'}
    assert changed(table(teacher=dict(options={LR: 0.4}))) == {'teacher', 'student'}
    # another stage in the same place, and the same stage in another one
    assert changed(table(middle=dict(uses={'load_from': 'teacher'}))) == {'middle', 'student'}
    assert changed(table(student=dict(uses={'load_from': 'middle'}))) == {'student'}
    assert changed(table(middle=dict(uses={TEACHER: 'first'}))) == {'middle', 'student'}
    # rows and names are not what is trained
    assert changed(table([dict(name='other', stage='student', options={'model.head.decoder.sigma': 3})])) == set()


def test_folders_do_not_depend_on_where_they_lie() -> None:
    one, other = planned(), planned(work_dir='/somewhere/else')
    assert folders(table()) == folders(table(), work_dir='/somewhere/else')
    outputs = [[job.output.removeprefix(root) for job in jobs.jobs] for jobs, root in
               ((one, '/results'), (other, '/somewhere/else'))]  # fmt: skip
    assert outputs[0] == outputs[1]
    assert options_of(other.trainings['middle', 0])['load_from'] == other.trainings['first', 0].output


def test_folders_of_stages_that_use_none_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of long trainings are on disk: the name is the digest of the config and the version, nothing else."""
    monkeypatch.setattr(plan, '__version__', '0.1.0')
    config = Config.fromfile(config_path(f'dark/{OTHER}'))
    config.merge_from_dict({'randomness.seed': 0})
    text = json.dumps([config.to_dict(), '0.1.0'], sort_keys=True, default=str)
    expected = hashlib.sha256(text.encode()).hexdigest()[:12]
    assert folders(table())['teacher'] == f'{Path(OTHER).stem}-{expected}'
    assert folders(table(teacher=dict(shared=True)))['teacher'] == f'{Path(OTHER).stem}-{expected}'


# ---------------------------------------------------------------------------------------------
# seeds


def test_seeds_build_on_the_same_seed() -> None:
    jobs = planned(seeds=3)
    assert len(jobs.trainings) == 12 and len(jobs.tests) == 6
    for (name, seed), job in jobs.trainings.items():
        assert options_of(job)['randomness.seed'] == str(seed)
        assert job.inputs == tuple(
            jobs.trainings[other, seed].output for other in STAGES[name].get('uses', {}).values()
        )
    assert len({job.output for job in jobs.jobs}) == 18


def test_a_shared_stage_is_trained_once_for_all_seeds() -> None:
    # what it builds on is trained with its seed
    content = table(teacher=dict(shared=True, uses={'load_from': 'first'}), student=dict(uses={TEACHER: 'teacher'}))
    jobs = planned(content, seeds=3)
    teacher = jobs.trainings['teacher', 0]
    assert set(jobs.trainings) == {('student', 0), ('student', 1), ('student', 2), ('teacher', 0), ('first', 0)}
    assert set(jobs.tests) == {('S', 0), ('S', 1), ('S', 2), ('T', 0)}
    for seed in range(3):
        assert jobs.trainings['student', seed].inputs == (teacher.output,)
        assert options_of(jobs.tests['S', seed])[TEACHER] == teacher.output
        assert jobs.used('student', seed) == {TEACHER: ('teacher', 0)}
    assert options_of(teacher)['randomness.seed'] == '0'
    order = [job.output for job in jobs.jobs]
    assert order.index(teacher.output) < order.index(jobs.trainings['student', 0].output)


# ---------------------------------------------------------------------------------------------
# what a plan tells


def finish(job: Job) -> None:
    path = Path(job.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.pth':
        torch.save({}, path)
    else:
        path.write_text('{}')


def log(job: Job) -> Path:
    path = Path(job.output).with_name('job.log')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_commands_are_in_an_order_that_works(tmp_path: Path) -> None:
    jobs = planned(table(teacher=dict(shared=True)), seeds=2, work_dir=tmp_path)
    finish(jobs.trainings['first', 0])
    lines = commands_text(jobs).splitlines()
    assert [line.startswith('# done: ') for line in lines] == [True] + [False] * (len(lines) - 1)
    made: set[str] = set()
    for line, job in zip(lines, jobs.jobs, strict=True):
        for word in line.removeprefix('# done: ').split():
            if word.partition('=')[2].endswith('.pth'):
                assert word.partition('=')[2] in made
        assert set(job.inputs) <= made
        made.add(job.output)
    assert f'load_from={jobs.trainings["middle", 1].output}' in commands_text(jobs)


def test_a_table_tells_what_its_stages_use() -> None:
    text = table_text(table(teacher=dict(shared=True)))
    for line in (
        'stage student uses middle (load_from)',
        f'stage student uses teacher ({TEACHER})',
        'stage middle uses first (load_from)',
        'stage teacher is trained once for all seeds',
    ):
        assert line in text.splitlines()
    assert text.count('\nstage ') == 4


def test_rows_name_the_log_of_the_training_that_they_wait_for(tmp_path: Path) -> None:
    jobs = planned(work_dir=tmp_path)
    first, middle, teacher, student = (jobs.trainings[name, 0] for name in ('first', 'middle', 'teacher', 'student'))

    def seen() -> str:
        return workflow._summary(jobs).splitlines()[0]

    assert seen() == 'not done: row "S", seed 0'
    failed = log(first)
    assert seen() == f'not done: row "S", seed 0; see {failed}'
    finish(first)
    assert seen() == 'not done: row "S", seed 0'  # that of the middle was not started
    failed = log(middle)
    log(student)  # of an earlier run
    assert seen() == f'not done: row "S", seed 0; see {failed}'
    finish(middle)
    failed = log(teacher)
    assert seen() == f'not done: row "S", seed 0; see {failed}'
    finish(teacher)
    assert seen() == f'not done: row "S", seed 0; see {log(student)}'
    finish(student)
    failed = log(jobs.tests['S', 0])
    assert seen() == f'not done: row "S", seed 0; see {failed}'
    Path(first.output).unlink()  # has done its work
    assert seen() == f'not done: row "S", seed 0; see {failed}'


# ---------------------------------------------------------------------------------------------
# resuming


def resumed(folder: Path, **values: Any) -> tuple[bool, str | None]:
    """What MMEngine's runner is told."""
    config = Config(dict(work_dir=str(folder), resume=False, load_from='start.pth') | values)
    _resume(config, 'auto')
    return config.resume, config.load_from


def test_a_first_start_takes_the_weights_alone_and_a_later_one_its_own_checkpoint(tmp_path: Path) -> None:
    assert resumed(tmp_path) == (False, 'start.pth')
    # with this MMEngine would go on at the last epoch of start.pth
    assert resumed(tmp_path, resume=True) == (False, 'start.pth')
    checkpoint = tmp_path / 'epoch_3.pth'
    torch.save(dict(meta={}, message_hub={}, state_dict={}), checkpoint)  # what a training saves, without content
    (tmp_path / 'last_checkpoint').write_text(str(checkpoint))
    assert resumed(tmp_path) == (True, str(checkpoint))
    # a folder that was moved
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/epoch_3.pth')
    assert resumed(tmp_path) == (True, str(checkpoint))
