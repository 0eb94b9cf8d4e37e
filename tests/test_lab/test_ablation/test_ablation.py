"""Tables and plans: what a yaml may hold, what the committed tables hold, and which jobs come out."""

import copy
import fcntl
import importlib.util
import json
import re
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml
from helpers import load_config, output_shapes
from mmengine.config import Config, DictAction
from mmpose.registry import MODELS

from mmpose_ext.lab.ablation import (
    Job,
    Stage,
    Table,
    commands_text,
    fill_tables,
    find_table,
    list_tables,
    make_plan,
    plan,
    run_plan,
)
from mmpose_ext.lab.ablation import workflow as workflow_module

ROOT = Path(__file__).resolve().parents[3]
LEAF = 'dark_res18_1xb32-10e_synthetic-128x96.py'
TABLES = list_tables()
PAIRS = [(name, data) for name in TABLES for data in find_table(name).data_sets]
CONTENT = dict(
    title='Title',
    source='Source',
    columns=dict(AP='coco/AP'),
    order_by='AP',
    stages=dict(biased=dict(config=dict(synthetic=f'dark/{LEAF}'))),
    rows=[dict(name='one', stage='biased', options={'model.head.decoder.decoding': 'shift'}, paper=dict(AP=1.5))],
)


def changed(**values: Any) -> Table:
    return Table.from_dict('a/b', copy.deepcopy(CONTENT) | values)


def jobs_plan(table: Table | str = 'dark/decoding', **arguments: Any) -> plan.Plan:
    table = find_table(table) if isinstance(table, str) else table
    return make_plan(**(dict(table=table, data='synthetic', seeds=1, work_dir=Path('/results')) | arguments))


@cache
def committed_plan(table: str, data: str) -> plan.Plan:
    return jobs_plan(table, data=data)


def config_of(job: Job) -> Config:
    """The config that a tool works with when the job's command is typed."""
    parser = ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('rest', nargs='*')
    for name in ('--work-dir', '--out', '--dump'):
        parser.add_argument(name)
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    python, tool, *arguments = shlex.split(str(job))
    assert (python, tool) == ('python', 'tools/train.py' if job.name.startswith('train_') else 'tools/test.py')
    args = parser.parse_args(arguments)
    config = load_config(args.config)
    config.merge_from_dict(args.cfg_options)
    return config


# ---------------------------------------------------------------------------------------------
# what a yaml may hold


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (
            dict(color=1),
            r"'keys' of table a/b must be a mapping with \['title', .*\] and at most \['scale', .*\], got .*'color'",
        ),
        (dict(title=1), r"'title' of table a/b must be text, got 1"),
        (dict(columns=['AP']), r"'columns' of table a/b must be a mapping from headings to metrics; .*, got \['AP'\]"),
        (dict(stages=[]), r"'stages' of table a/b must be a mapping from names to stages, got \[\]"),
        (dict(stages={1: {}}), r"'stages' of table a/b must be a mapping from names to stages, got {1: {}}"),
        (dict(order_by='AR'), r"'order_by' of table a/b must be one of the columns \['AP'\], got 'AR'"),
        (dict(columns=dict(AP=1)), r"'columns' of .* a metric, or one for each dataset, got {'AP': 1}"),
        (dict(columns=dict(AP=dict(coco=1))), r"'columns' of table a/b must be .*, got {'AP': {'coco': 1}}"),
        (dict(columns=dict(AP=dict(coco='coco/AP'))), r"'order_by' of .* must be a column with a metric on synthetic"),
        (dict(scale='percent'), r"'scale' of table a/b must be a number, or one for each dataset .*, got 'percent'"),
        (dict(scale=dict(coco='percent')), r"'scale' of table a/b must be a number, .*, got {'coco': 'percent'}"),
        (dict(scale=dict(coco=1)), r"'scale' of .* datasets of the table \(\['synthetic'\]\), got {'coco': 1}"),
        (dict(scale=dict(synthetic=dict(AR=1))), r"'scale of synthetic' .* numbers for columns .*, got {'AR': 1}"),
        (dict(note=dict(coco='x')), r"'note' of .* datasets of the table \(\['synthetic'\]\), got {'coco': 'x'}"),
        (dict(lower_is_better='yes'), r"'lower_is_better' of table a/b must be true or false, got 'yes'"),
        (dict(stages=dict(one=dict(confg={}))), r"'stage \"one\"' of table a/b must be a mapping with .*, got .*confg"),
        (dict(stages=dict(one=1)), r"'stage \"one\"' of table a/b must be a mapping with .*, got 1"),
        (dict(stages=dict(one=dict(config='x.py'))), r"'config of stage \"one\"' .* to files, got 'x.py'"),
        (dict(stages=dict(one=dict(config={}))), r"'config of stage \"one\"' .* to files, got {}"),
        (dict(stages=dict(one=dict(config={'a': 'b'}, options=[]))), r"'options of stage \"one\"' .*, got \[\]"),
        (dict(stages=dict(one=dict(config={'a': 'b'}, shared=1))), r"'shared of stage .* true or false, got 1"),
        (dict(rows=[]), r"'rows' of table a/b must be a list of one or more rows, got \[\]"),
        (dict(rows=CONTENT['rows'] * 2), r"'rows' of table a/b must be a list .* different names, got .*'one'"),
        (dict(rows=[dict(name='one')]), r"'row' of table a/b must be a mapping with .*, got \['name'\]"),
        (dict(rows=[dict(name=False, stage='biased')]), r"'name of row \"False\"' of .* must be text, got False"),
        (dict(rows=[dict(name='x', stage='y')]), r"'stage of row \"x\"' of .* one of \['biased'\], got 'y'"),
        (dict(rows=[dict(name='x', stage='biased', options=1)]), r"'options of row \"x\"' .* a mapping .*, got 1"),
        (dict(rows=[dict(name='x', stage='biased', paper={'AR': 1})]), r"'paper of row \"x\"' .*\['AP'\].* {'AR': 1}"),
        (dict(rows=[dict(name='x', stage='biased', paper={'AP': '?'})]), r"'paper of row .* numbers; .* got .*\?"),
    ],
)  # fmt: skip
def test_faults_in_a_table_are_named(values: dict[str, Any], message: str) -> None:
    changed()
    with pytest.raises(ValueError, match=message):
        changed(**values)


def test_columns_and_scale_may_differ_between_datasets() -> None:
    stages = dict(one=dict(config=dict(mpii='a.py', synthetic='b.py')))
    columns = dict(score=dict(mpii='PCK', synthetic='coco/AP'), AP75=dict(synthetic='coco/AP .75'), time='time')
    rows = [dict(name='one', stage='one', paper=dict(score=90))]
    table = changed(columns=columns, scale=dict(synthetic=100), order_by='score', stages=stages, rows=rows)
    assert table.on('mpii').columns == dict(score='PCK', time='time')
    assert table.on('mpii').scale == dict(score=1, time=1)
    assert table.on('synthetic').columns == {'score': 'coco/AP', 'AP75': 'coco/AP .75', 'time': 'time'}
    assert table.on('synthetic').scale == {'score': 100, 'AP75': 100, 'time': 100}
    table = changed(columns=columns, scale=dict(synthetic=dict(score=100)), order_by='score', stages=stages, rows=rows)
    assert table.on('synthetic').scale == {'score': 100, 'AP75': 1, 'time': 1}
    assert table.on('mpii').rows == table.rows


def test_stages_options_uses_and_figures_may_differ_between_datasets() -> None:
    stages = {
        'start': dict(config=dict(synthetic='a.py')),
        'main': dict(
            config=dict(coco='b.py', synthetic='c.py'),
            options={'lr': dict(coco=1, synthetic=None), 'depth': dict(coco=50), 'same': 2},
            uses={'load_from': dict(synthetic='start')},
        ),
    }
    rows = [
        dict(name='start', stage='start'),
        dict(name='main', stage='main', options={'x': dict(synthetic=3)}, paper=dict(AP=dict(coco=1.5))),
    ]
    table = changed(stages=stages, rows=rows, note=dict(coco='one', synthetic='other'))
    assert table.data_sets == ('synthetic', 'coco')
    coco, synthetic = table.on('coco'), table.on('synthetic')
    assert coco.stages == {'main': Stage(dict(coco='b.py'), {'lr': 1, 'depth': 50, 'same': 2})}
    assert synthetic.stages['main'] == Stage(dict(synthetic='c.py'), {'lr': None, 'same': 2}, dict(load_from='start'))
    assert [row.name for row in coco.rows] == ['main']
    assert [row.name for row in synthetic.rows] == ['start', 'main']
    assert (coco.rows[0].options, coco.rows[0].paper) == ({}, {'AP': 1.5})
    assert (synthetic.rows[1].options, synthetic.rows[1].paper) == ({'x': 3}, {})
    assert (coco.note, synthetic.note) == ('one', 'other')
    stages['main']['uses'] = {'load_from': 'start'}
    with pytest.raises(ValueError, match=r"'load_from in uses of stage \"main\"' .* a config for coco, got 'start'"):
        changed(stages=stages, rows=rows)


def test_plans_have_the_columns_of_their_data_set() -> None:
    columns = dict(AP=dict(synthetic='coco/AP', coco='AP'), AR=dict(coco='AR'))
    stages = dict(biased=dict(config=dict(synthetic=f'dark/{LEAF}', coco=f'dark/{LEAF}')))
    assert jobs_plan(changed(columns=columns, stages=stages)).table.columns == dict(AP='coco/AP')


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / 'method/tables').mkdir(parents=True)
    (tmp_path / 'method/tables/one.yaml').write_text(yaml.safe_dump(CONTENT))
    (tmp_path / 'method/tables/empty.yaml').write_text('')
    (tmp_path / 'method/tables/broken.yaml').write_text('rows: [')
    assert list_tables(tmp_path) == ['method/broken', 'method/empty', 'method/one']
    assert find_table('method/one', tmp_path).rows[0].paper == {'AP': 1.5}
    with pytest.raises(ValueError, match=r"'name' must be a yaml file or one of method/broken, .*, got 'method/two'"):
        find_table('method/two', tmp_path)
    with pytest.raises(ValueError, match=r"'keys' of table method/empty must be .*, got None"):
        find_table('method/empty', tmp_path)
    with pytest.raises(ValueError, match=r"'name' must be a readable yaml file, got 'method/broken'"):
        find_table('method/broken', tmp_path)


def test_a_users_table_names_configs_beside_it(tmp_path: Path) -> None:
    (tmp_path / 'mine.py').write_text(f"_base_ = __import__('mmpose_ext').config_path('dark/{LEAF}')\n")
    stages = dict(mine=dict(config=dict(synthetic='mine.py')), ours=dict(config=dict(synthetic=f'dark/{LEAF}')))
    (tmp_path / 'table.yaml').write_text(
        yaml.safe_dump(CONTENT | dict(stages=stages, rows=[dict(name='x', stage='mine')]))
    )
    table = find_table(str(tmp_path / 'table.yaml'))
    assert table.stages['mine'].config == {'synthetic': str(tmp_path / 'mine.py')}
    assert table.stages['ours'].config == {'synthetic': f'dark/{LEAF}'}
    job = jobs_plan(table).trainings['mine', 0]
    assert job.command[2] == str(tmp_path / 'mine.py')
    assert Path(job.output).parent.name.startswith('mine-')


def test_the_examples_of_the_documentation_are_tables() -> None:
    example, further = re.findall(r'```yaml\n(.*?)```', (ROOT / 'docs/ablation.md').read_text(), re.DOTALL)
    table = Table.from_dict('example', yaml.safe_load(example))
    assert table.data_sets == ('coco',)
    # the second one is the stages of another table
    stages = yaml.safe_load(further)['stages']
    one = next(iter(stages))
    Table.from_dict('further', yaml.safe_load(example) | dict(stages=stages, rows=[dict(name=one, stage=one)]))
    assert {key for stage in stages.values() for key in stage} == {field.name for field in fields(Stage)}
    (row,) = (row for row in find_table('dark/decoding').rows if row.name == table.rows[0].name)
    assert table.rows[0].paper.items() <= row.paper.items()
    # every key that a table may have is explained by it
    assert set(yaml.safe_load(example)) == {field.name for field in fields(Table)} - {'name'}


# ---------------------------------------------------------------------------------------------
# the committed tables


def test_darks_tables_are_there() -> None:
    names = ('decoding', 'modulation', 'encoding', 'input_size', 'backbones', 'mpii')
    tables = {name: find_table(f'dark/{name}') for name in names}
    assert set(TABLES) >= {table.name for table in tables.values()}
    for name, number in zip(names, (1, 2, 3, 4, 5, 7), strict=True):
        assert f'table {number};' in tables[name].source
    assert {name: len(table.rows) for name, table in tables.items()} == dict(
        decoding=3, modulation=2, encoding=4, input_size=6, backbones=14, mpii=4
    )
    papers = {name: table.on(table.data_sets[0]) for name, table in tables.items()}
    assert all(set(row.paper) == set(table.columns) for table in papers.values() for row in table.rows)
    assert [name for name in names if 'synthetic' in tables[name].data_sets] == [*names[:4]]
    assert [name for name in names if 'lspet' in tables[name].data_sets] == [*names[:4]]
    assert [name for name in names if 'coco' in tables[name].data_sets] == [*names[:5]]
    assert tables['mpii'].data_sets == ('mpii',)


@cache
def papers_figures() -> list[tuple[dict[str, Any], dict[str, float]]]:
    """Model and figures of each config in the metafile, which was written apart from the tables."""
    models = yaml.safe_load((ROOT / 'configs/dark/metafile.yml').read_text())['Models']
    found = [model for model in models if 'Paper Results' in model]
    return [(Config.fromfile(ROOT / model['Config']).to_dict(), model['Paper Results']['Metrics']) for model in found]


@pytest.mark.parametrize('name', [name for name, data in PAIRS if data == 'coco' and name.startswith('dark/')])
def test_rows_that_are_configs_carry_their_figures(name: str) -> None:
    jobs = committed_plan(name, 'coco')
    for row in jobs.table.rows:
        config = config_of(jobs.tests[row.name, 0]).to_dict()
        same = [
            figures
            for leaf, figures in papers_figures()
            if leaf['model'] == config['model'] and leaf['train_dataloader'] == config['train_dataloader']
        ]
        # a row with options of its own may be no config
        assert same == [dict(row.paper)] or not same, row.name
        assert same or row.options or jobs.table.stages[row.stage].options, row.name


def test_rows_of_mpii_are_the_config_that_carries_their_figures() -> None:
    jobs = committed_plan('dark/mpii', 'mpii')
    rows = {row.name: row for row in jobs.table.rows}
    for threshold in (0.5, 0.1):
        config = config_of(jobs.tests[f'DARK @{threshold}', 0])
        (figures,) = (figures for leaf, figures in papers_figures() if leaf['model'] == config.to_dict()['model'])
        assert config.test_evaluator.thr == threshold
        assert rows[f'DARK @{threshold}'].paper['Mean'] == figures[f'PCKh@{threshold}']
        baseline = config_of(jobs.tests[f'baseline @{threshold}', 0])
        assert (baseline.test_evaluator.thr, baseline.model.head.decoder.encoding) == (threshold, 'biased')


# What the losses of RLE's rows differ in: flow, residual, distribution, reparameterized, weight of the flow.
LIKELIHOODS = {
    'RLE': ('RealNVP', True, 'laplace', True),
    'RLE, Q Laplace': ('RealNVP', True, 'laplace', True),
    'DLE': ('RealNVP', False, 'laplace', True),
    '*DLE': ('RealNVP', False, 'laplace', True),
    'basic design': ('RealNVP', False, 'gaussian', False),
    '*basic design': ('RealNVP', False, 'gaussian', False),
    'Laplace, learned sigma': (None, True, 'laplace', True),
    'Gaussian, learned sigma': (None, True, 'gaussian', True),
    'RLE, Q Gaussian': ('RealNVP', True, 'gaussian', True),
}


@pytest.mark.parametrize(
    ('name', 'data'), [pair for pair in PAIRS if pair[0] in ('rle/regression', 'rle/distribution')]
)
def test_rows_of_rle_have_the_papers_losses(name: str, data: str, mmpose_scope: None) -> None:
    jobs = committed_plan(name, data)
    for row in jobs.table.rows:
        with torch.device('meta'):
            head = MODELS.build(config_of(jobs.tests[row.name, 0]).model.head)
        if row.name in LIKELIHOODS:
            loss = head.loss_module
            flow = loss.flow_model and type(loss.flow_model).__name__
            assert (flow, loss.residual, loss.q_distribution, loss.reparameterized) == LIKELIHOODS[row.name]
        elif 'L1' in row.name or 'L2' in row.name:
            assert (type(head).__name__, head.loss_module.norm) == (
                'RegressionHead',
                'l1' if 'L1' in row.name else 'l2',
            )


@pytest.mark.parametrize('data', ['coco', 'synthetic'])
def test_sizes_of_the_flow(data: str, mmpose_scope: None) -> None:
    jobs = committed_plan('rle/flow_size', data)
    for row in jobs.table.rows:
        with torch.device('meta'):
            sizes = MODELS.build(config_of(jobs.tests[row.name, 0]).model.head).loss_module.flow_model.sizes
        assert f'{sizes["num_layers"]}x{sizes["hidden_channels"]}' == row.name


# Norm of the loss on points, loss on maps, what maps the codec draws, and the row whose weights a row starts from.
INTEGRAL = {
    'H1': (None, 'KeypointMSELoss', 'gaussian', None),
    'H2': (None, 'HeatmapCrossEntropyLoss', 'one_hot', None),
    'H3': (None, 'HeatmapBCELoss', 'disk', None),
    'I1': ('l1', None, None, 'H1'),
    'I2': ('l1', None, None, 'H2'),
    'I3': ('l1', None, None, 'H3'),
    'I*': ('l1', None, None, None),
}


@pytest.mark.parametrize('data', ['mpii', 'synthetic', 'synthetic-64x64', 'lspet', 'lspet-64x64'])
def test_rows_of_integral_regression_have_the_papers_losses(data: str, mmpose_scope: None) -> None:
    jobs = committed_plan('integral/losses', data)
    few = ['H1', 'I1', 'I*']
    assert [row.name for row in jobs.table.rows] == [*(few if data == 'lspet-64x64' else INTEGRAL), 'R1']
    for row in jobs.table.rows:
        config = config_of(jobs.trainings[row.stage, 0])
        with torch.device('meta'):
            head = MODELS.build(config.model.head)
        if row.name == 'R1':
            assert (type(head).__name__, head.loss_module.norm) == ('RegressionHead', 'l1')
            continue
        norm, loss, maps, start = INTEGRAL[row.name]
        assert type(head).__name__ == 'IntegralHead'
        assert (head.loss_coord.norm if head.loss_coord else None) == norm
        assert (type(head.loss_heatmap).__name__ if head.loss_heatmap else None) == loss
        assert (head.decoder.heatmap_type, head.decoder.decoding) == (maps, 'integral' if norm else 'shift')
        assert config.load_from == (jobs.trainings[start, 0].output if start else None)
        # of H1's maps, from 0 to 1, the paper's softmax is almost flat: too little for a short second stage
        assert head.beta == (20 if row.name == 'I1' and data != 'mpii' else 1)


def test_readmes_have_the_tables_of_now() -> None:
    """One command writes them: ``python tools/ablation.py readme``."""
    pages = sorted((ROOT / 'configs').glob('*/README.md'))
    assert len(pages) == 5
    for page in pages:
        assert '<!-- table ' in page.read_text()
        assert fill_tables(page, ROOT / 'docs/results', ROOT / 'configs') == page.read_text(), page
        assert '| not run |' not in page.read_text()


def test_a_readme_has_the_papers_figures_and_ours(tmp_path: Path) -> None:
    page, results = tmp_path / 'README.md', tmp_path / 'results'
    page.write_text('before\n<!-- table dark/modulation synthetic -->\nold\n<!-- end of table -->\nafter\n')
    results.mkdir()
    content = dict(
        table=dict(order_by='AP'),
        rows=[dict(name='with modulation', mean=dict(AP=12.345), spread=dict(AP=0.5), counts=dict(AP=3))],
    )
    (results / 'dark_modulation_synthetic.json').write_text(json.dumps(content))
    text = fill_tables(page, results, ROOT / 'configs')
    assert re.search(
        r'\n\| with modulation \| 68\.4 \| 12\.3 ± 0\.5 \| \[config\]\(.*128x96\.py\) \+ options \|\n', text
    )
    assert 'old' not in text
    remark = '3 trainings. [All figures](results/dark_modulation_synthetic.md). Not measured: without modulation.'
    assert remark in text.replace('\n', ' ')
    assert text.startswith('before\n') and text.endswith('\nafter\n')
    (results / 'dark_modulation_synthetic.json').unlink()
    assert '\nNone of these rows was trained by us.\n' in fill_tables(page, results, ROOT / 'configs')
    page.write_text('<!-- table dark/modulation mpii -->\n<!-- end of table -->\n')
    with pytest.raises(ValueError, match=r"must name one of \('coco', 'synthetic', 'lspet'\), got 'mpii'"):
        fill_tables(page, results, ROOT / 'configs')


@pytest.mark.parametrize('data', ['synthetic', 'lspet'])
def test_rows_of_darks_tables_differ_as_the_papers_do(data: str) -> None:
    """The same codec on both datasets, but for the sizes and what goes with them."""
    for name in [name for name, one in PAIRS if one == data and name.startswith('dark/')]:
        table = find_table(name)
        ours, papers = (jobs_plan(table, data=one) for one in (data, 'coco'))
        sizes = []
        for row in table.rows:
            mine, theirs = (config_of(jobs.tests[row.name, 0]).model.head.decoder for jobs in (ours, papers))
            for key in ('encoding', 'decoding'):
                assert mine.get(key) == theirs.get(key), row.name
            assert (mine.blur_kernel_size is None) == (theirs.blur_kernel_size is None)
            sizes.append((mine.input_size[1], theirs.input_size[1]))
        assert sorted(sizes) == sizes  # small stands for small


@cache
def build(part: str) -> None:
    """Build a model or its head on no device: without memory, random numbers and downloads."""
    config = json.loads(part)
    if 'backbone' in config:
        config['backbone']['init_cfg'] = None
    if 'ZukoFlow' in part:
        del config.get('head', config)['loss']  # an optional library, which has to compute where it is built
    with torch.device('meta'):
        MODELS.build(config)


@pytest.mark.parametrize(('name', 'data'), PAIRS)
def test_every_row_builds(name: str, data: str, mmpose_scope: None) -> None:
    for job in committed_plan(name, data).jobs:
        config = config_of(job)
        for key, _, value in (argument.partition('=') for argument in job.command):
            if key.startswith('model.') and value.startswith('/results/'):
                config.merge_from_dict({key: None})  # another stage's checkpoint, which is not there
        # the backbone is built below, once for all rows that have it; a teacher has to fit the whole
        part = config.model if 'teacher' in config.model else config.model.head
        build(json.dumps(part.to_dict(), sort_keys=True))
        # The network's maps, those of the last stage if there are several, are those of the codec. Without one: points,
        # of RLE with their sigmas.
        head = config.model.head
        joints = head.out_channels if 'out_channels' in head else head.num_joints
        axes = (2 if head.type.endswith('RLEHead') else 1) * (3 if head.decoder.get('depth_range') else 2)
        # a volume has its depth in front
        depth = [head.decoder.depth_size] if head.decoder.get('depth_size') else []
        expected = (1, joints, *depth, *reversed(head.decoder.get('heatmap_size', (axes,))))
        assert output_shapes(config.model)[-1] == expected


# ---------------------------------------------------------------------------------------------
# plans


def test_stages_are_trained_once() -> None:
    jobs = jobs_plan('dark/decoding', seeds=3)
    assert [job.name.split('_')[0] for job in jobs.jobs] == ['train', 'test', 'test', 'test'] * 3
    assert set(jobs.trainings) == {('biased', seed) for seed in range(3)}
    assert len({job.output for job in jobs.jobs}) == len({job.name for job in jobs.jobs}) == 12
    for (_, seed), test in jobs.tests.items():
        assert test.inputs == (jobs.trainings['biased', seed].output,)
        assert config_of(test).randomness.seed == seed


def test_tables_share_what_is_the_same() -> None:
    one, other = jobs_plan('dark/decoding'), jobs_plan('dark/encoding')
    assert one.trainings['biased', 0] == other.trainings['biased', 0]
    assert one.tests['DARK', 0] == other.tests['biased, DARK', 0]
    assert one.tests['DARK', 0] == jobs_plan('dark/modulation').tests['with modulation', 0]
    shared = {job.output for job in one.jobs} & {job.output for job in other.jobs}
    assert len(shared) == 3  # the training and two tests


def test_the_folder_tells_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def outputs(table: Table, **arguments: Any) -> tuple[str, str]:
        jobs = jobs_plan(table, **arguments)
        return jobs.trainings['biased', 0].output, jobs.tests['one', 0].output

    training, test = outputs(changed())
    assert outputs(changed(title='Another')) == (training, test)
    # settings of the test leave the training alone
    row = dict(name='one', stage='biased', options={'model.head.decoder.decoding': 'argmax'})
    other = outputs(changed(rows=[row]))
    assert other[0] == training and other[1] != test
    # settings of the training do not
    options = {'optim_wrapper.optimizer.lr': 0.5}
    stage = dict(biased=dict(config=CONTENT['stages']['biased']['config'], options=options))
    other = outputs(changed(stages=stage))
    assert not {training, test} & {*other}
    assert outputs(changed(), options=options) == other
    assert jobs_plan(changed(), seeds=2).trainings['biased', 1].output != training
    monkeypatch.setattr(plan, '__version__', '99')
    assert not {training, test} & {*outputs(changed())}


@pytest.mark.parametrize(('name', 'data'), PAIRS)
def test_commands_work_with_what_the_folder_was_named_after(name: str, data: str) -> None:
    jobs = committed_plan(name, data)

    def content(job: Job, stage: str) -> Config:
        """The config, but for where the results are."""
        config = config_of(job)
        for key, used in jobs.used(stage, 0).items():
            checkpoint = jobs.trainings[used].output
            if f'{key}={checkpoint}' in job.command:
                config.merge_from_dict({key: checkpoint.removeprefix('/results/')})
        return config

    for (stage, _), job in jobs.trainings.items():
        assert Path(job.output).parent.name.endswith(plan._digest(content(job, stage)))
        assert Path(job.output).name == f'epoch_{config_of(job).train_cfg.max_epochs}.pth'
    for row in jobs.table.rows:
        job = jobs.tests[row.name, 0]
        assert Path(job.output).parent.name == plan._digest(content(job, row.stage))


def test_options_of_every_kind_reach_the_command() -> None:
    values: dict[str, Any] = dict(a=1, b=2.5e-5, c='word', d=None, e=True, f=[1, 2.5, 'x'], g=[[1], [2, 3]], h=[])
    values = {f'custom.{key}': value for key, value in values.items() if value != []}
    config = config_of(jobs_plan(changed(), options=values).tests['one', 0])
    assert config.custom.to_dict() == {key.removeprefix('custom.'): value for key, value in values.items()}


@pytest.mark.parametrize('value', ['two words', 'a,b', '12', 'None', dict(a=1)])
def test_options_that_a_command_cannot_carry_are_named(value: Any) -> None:
    with pytest.raises(ValueError, match=r"option 'custom.key' must be a number, a word, .*, got "):
        jobs_plan(changed(), options={'custom.key': value})


def test_wrong_arguments_of_a_plan_are_named() -> None:
    with pytest.raises(ValueError, match=r"'data' must be one of coco, synthetic, lspet for table dark/.*, got 'mpii'"):
        jobs_plan(data='mpii')
    with pytest.raises(ValueError, match=r"'seeds' must be a whole number > 0, got 0"):
        jobs_plan(seeds=0)
    with pytest.raises(ValueError, match=r"'config' of a stage must be a file: .* got 'dark/nothing.py'; closest"):
        jobs_plan(changed(stages=dict(biased=dict(config=dict(synthetic='dark/nothing.py')))))


# ---------------------------------------------------------------------------------------------
# the program


RunTool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunTool:
    """tools/ablation.py in this process: exit status, what it printed, and its messages."""
    spec = importlib.util.spec_from_file_location('ablation_tool', ROOT / 'tools/ablation.py')
    assert spec and spec.loader
    tool: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', ['ablation.py', *map(str, arguments)])
        capsys.readouterr()
        status = tool.main()
        return status, *capsys.readouterr()

    return run


def test_list_and_show(run_tool: RunTool) -> None:
    assert run_tool('list') == (0, '\n'.join(TABLES) + '\n', '')
    status, shown, _ = run_tool('show', 'dark/modulation')
    assert status == 0
    assert 'table 2; COCO val2017' in shown
    assert 'note on synthetic: On synthetic people' in shown
    assert '| with modulation | biased |  | 68.4 | 88.6 | 77.4 | 66.0 | 74.0 | 74.9 |' in shown
    assert '| without modulation | biased | blur_kernel_size=None | 68.1 |' in shown
    status, _, message = run_tool('show', 'dark/none')
    assert status == 2
    assert message.startswith("ablation: 'name' must be a yaml file or one of dark/backbones, ")


def test_dry_run_prints_the_jobs_and_marks_the_finished(tmp_path: Path, run_tool: RunTool) -> None:
    jobs = jobs_plan(work_dir=tmp_path, options={'optim_wrapper.optimizer.lr': 0.01})
    arguments = ('--work-dir', tmp_path, 'run', 'dark/decoding', '--dry-run')
    arguments = (*arguments, '--cfg-options', 'optim_wrapper.optimizer.lr=0.01')
    status, printed, _ = run_tool(*arguments)
    assert status == 0
    assert printed.splitlines() == [str(job) for job in jobs.jobs]
    assert not [*tmp_path.iterdir()]
    checkpoint = Path(jobs.jobs[0].output)
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b'cut off')
    _, printed, _ = run_tool(*arguments)
    assert '# done' not in printed
    torch.save({}, checkpoint)
    _, printed, _ = run_tool(*arguments)
    assert printed == commands_text(jobs) + '\n'
    assert [line.startswith('# done: ') for line in printed.splitlines()] == [True, False, False, False]
    # and they are commands of the tools as they are
    assert (ROOT / jobs.jobs[0].command[1]).is_file() and (ROOT / jobs.jobs[1].command[1]).is_file()


def test_without_snakemake_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_tool: RunTool
) -> None:
    monkeypatch.setattr(workflow_module, 'find_spec', lambda name: None)
    status, _, message = run_tool('--work-dir', tmp_path, 'run', 'dark/decoding')
    assert status == 2
    assert "pip install 'mmpose_ext[ablation]'" in message


def test_a_folder_has_one_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_module, 'find_spec', bool)
    with (tmp_path / 'runner.lock').open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(
            RuntimeError, match=rf'another runner is at work in {tmp_path}; wait for it, or give another'
        ):
            run_plan(jobs_plan(work_dir=tmp_path), tmp_path, ROOT)
    # jobs of the other one on a cluster read its plan again
    assert [path.name for path in tmp_path.iterdir()] == ['runner.lock']
