"""Reports of ablation tables, from what a run leaves on disk (made here by hand) to pages in a real browser."""

import base64
import hashlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpose_ext.config import config_path
from mmpose_ext.lab.ablation import Plan, Table, make_plan
from mmpose_ext.lab.ablation.report import collect, render_pages, report_table
from mmpose_ext.lab.ablation.report.collect import row_config
from mmpose_ext.lab.ablation.report.images import draw_differences

ROOT = Path(__file__).resolve().parents[3]
NAME = 'dark_report_synthetic'
LEAF = 'dark/dark_res18_1xb32-10e_synthetic-128x96.py'
DECODER = 'model.head.decoder'
BIASED = dict(config=dict(synthetic=LEAF), options={f'{DECODER}.encoding': 'biased'})
UNBIASED = dict(config=dict(synthetic=LEAF))
# COCO AP of seeds 0, 1, 2 in the unit of the log
AP = {
    'argmax': [0.40, 0.42, 0.44],
    'shift': [0.42, 0.41, 0.46],  # 2, -1, 2 over argmax: 1 +- 1.73
    'dark': [0.50, 0.52, 0.51],  # 10, 10, 7 over argmax: 9 +- 1.73; 8, 11, 5 over shift: 8 +- 3
    'blurred': [0.30, 0.31, 0.32],
}
FAULT = 'RuntimeError: <b>out of memory</b> & more'
TABLE = dict(
    title='Decoding <again>',
    source='A paper, table 1',
    columns=dict(AP='coco/AP', AR='coco/AR'),
    order_by='AP',
    scale=100,
    note='A note.',
    stages=dict(biased=BIASED, unbiased=UNBIASED),
    rows=[
        dict(
            name='argmax', stage='biased', options={'model.head.decoder.decoding': 'argmax'}, paper=dict(AP=60.0, AR=65)
        ),
        dict(name='shift', stage='biased', options={'model.head.decoder.decoding': 'shift'}, paper=dict(AP=65.5)),
        dict(name='dark', stage='biased', paper=dict(AP=70.0)),
        dict(name='blurred', stage='biased', options={f'{DECODER}.sigma': 3}, paper=dict(AP=71.0)),
        dict(name='unbiased', stage='unbiased', paper=dict(AP=72.0)),
        dict(name='broken', stage='biased', options={f'{DECODER}.sigma': 2}),
    ],
)


def write_training(folder: Path, seed: int) -> None:
    records = [dict(loss=1 / step + seed, step=step) for step in (1, 2, 4)]
    records += [{'coco/AP': 0.1 * epoch, 'step': epoch} for epoch in (1, 2)]
    (folder / '1' / 'vis_data').mkdir(parents=True)
    (folder / '1' / 'vis_data' / 'scalars.json').write_text('\n'.join(map(json.dumps, records)))


def write_predictions(path: Path, pictures: list[Path], offset: float) -> None:
    """All joints of person n are n * offset pixels off."""
    samples = []
    for number, picture in enumerate(pictures):
        truth = np.random.default_rng(number).uniform((20, 20), (100, 140), (1, 17, 2))
        boxes = np.array([[10.0, 10, 110, 150]])
        gt = dict(keypoints=truth, keypoints_visible=np.ones((1, 17)), bboxes=boxes)
        predicted = dict(keypoints=truth + np.array([number * offset, 0]))
        area = dict(area=100 * 140)
        samples.append(
            dict(img_path=str(picture), id=number, gt_instances=gt, pred_instances=predicted, raw_ann_info=area)
        )
    path.write_bytes(pickle.dumps(samples))


@pytest.fixture(scope='module')
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Three seeds: four rows are done, one was not run, one failed in its test."""
    folder = tmp_path_factory.mktemp('runs')
    plan = make_plan(Table.from_dict('dark/report', TABLE), 'synthetic', 3, folder / 'work')
    pictures = [folder / f'{number}.png' for number in range(3)]
    for picture in pictures:
        cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 256, (160, 120, 3), dtype=np.uint8))
    for seed in range(3):
        write_training(Path(plan.trainings['biased', seed].output).parent, seed)
        for row, values in AP.items():
            output = Path(plan.tests[row, seed].output)
            output.parent.mkdir(parents=True)
            output.write_text(json.dumps({'coco/AP': values[seed], 'coco/AR': values[seed] / 2, 'other': 1}))
            write_predictions(output.with_name('predictions.pkl'), pictures, 10 if row == 'blurred' else 1)
        log = Path(plan.tests['broken', seed].output).with_name('job.log')
        log.parent.mkdir(parents=True)
        log.write_text(f'loading\nTraceback (most recent call last):\n  File "{ROOT}/tools/x.py"\n{FAULT}\n')
    return plan


@pytest.fixture(scope='module')
def out(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('results')
    commands = ['python tools/ablation.py run dark/report']
    assert report_table(plan, folder, ROOT, commands=commands, speed=False) == folder / f'{NAME}.json'
    pages = {f'{page}.{suffix}' for page in (NAME, 'index') for suffix in ('md', 'html')}
    assert {path.name for path in render_pages(folder, html=True)} == pages
    return folder


@pytest.fixture(scope='module')
def results(out: Path) -> dict:
    return json.loads((out / f'{NAME}.json').read_text())


# ---------------------------------------------------------------------------------------------
# figures


def test_figures(results):
    rows = {row['name']: row for row in results['rows']}
    assert list(rows) == [row['name'] for row in TABLE['rows']]
    assert rows['argmax']['mean'] == dict(AP=42, AR=21)
    assert rows['argmax']['spread'] == pytest.approx(dict(AP=2, AR=1))
    assert rows['shift']['mean']['AP'] == 43 and rows['shift']['spread']['AP'] == pytest.approx(7**0.5)
    assert [run['metrics'] for run in rows['dark']['runs']] == [
        dict(AP=50, AR=25),
        dict(AP=52, AR=26),
        dict(AP=51, AR=25.5),
    ]
    assert rows['unbiased']['mean'] == dict(AP=None, AR=None)
    assert rows['dark']['params'] > 1e6 and rows['dark']['gflops'] > 0 and rows['dark']['input_size'] == [96, 128]


def test_rows_without_results_say_why(results):
    status = {row['name']: row['status'] for row in results['rows']}
    assert status == dict.fromkeys(AP, 'done') | dict(unbiased='not run', broken='failed')
    assert {run['reason'] for run in results['rows'][-1]['runs']} == {FAULT}


def test_order(results):
    verdicts = {(pair['first'], pair['second']): pair['verdict'] for pair in results['order']}
    assert verdicts == {
        ('shift', 'argmax'): 'tie',
        ('dark', 'argmax'): 'agrees',
        ('dark', 'shift'): 'agrees',
        **{('blurred', row): 'disagrees' for row in ('argmax', 'shift', 'dark')},
        **{('unbiased', row): 'open' for row in AP},
    }
    pair = next(pair for pair in results['order'] if (pair['first'], pair['second']) == ('dark', 'shift'))
    assert (pair['paper'], pair['ours']) == (4.5, 8) and pair['spread'] == pytest.approx(3)


def test_curves_and_provenance(results):
    trained = [curve for curve in results['curves'] if curve['stage'] == 'biased']
    assert [curve['loss'] for curve in trained] == [
        dict(x=[1, 2, 4], y=[1 + seed, 0.5 + seed, 0.25 + seed]) for seed in range(3)
    ]
    assert trained[0]['metric'] == dict(x=[1, 2], y=[10, 20])
    assert {'torch', 'mmengine', 'mmcv', 'mmpose', 'mmpose_ext'} <= set(results['versions'])
    assert results['commit'] is None or re.fullmatch('[0-9a-f]{40}', results['commit'])


def test_images_are_of_the_extreme_rows_and_the_largest_differences(results, out):
    assert results['images']['rows'] == ['blurred', 'dark']
    people = results['images']['people']
    assert [person['image'] for person in people] == ['2.png', '1.png', '0.png']
    assert [person['error'] for person in people] == [[20, 2], [10, 1], [0, 0]]
    assert people[2]['closeness'] == [1, 1] and people[0]['closeness'][0] < people[1]['closeness'][0] < 1
    assert cv2.imread(str(out / 'images' / f'{NAME}-people.jpg')).shape == (3 * 240, 3 * 180, 3)


def test_images_that_cannot_be_read_are_counted(plan, out, tmp_path):
    config = Config.fromfile(config_path(LEAF))
    files = [Path(plan.tests[row, 0].output).with_name('predictions.pkl') for row in ('blurred', 'dark')]
    people = pickle.loads(files[0].read_bytes())
    people[2]['img_path'] = 'gone.png'
    (tmp_path / 'one.pkl').write_bytes(pickle.dumps(people))
    found = draw_differences(('a', 'b'), [tmp_path / 'one.pkl', tmp_path / 'one.pkl'], config, ROOT, tmp_path / 'a.jpg')
    assert found['missing'] == 1 and [person['image'] for person in found['people']] == ['0.png', '1.png']
    results = json.loads((out / f'{NAME}.json').read_text())
    (tmp_path / f'{NAME}.json').write_text(json.dumps({**results, 'images': {**found, 'people': []}}))
    for page in render_pages(tmp_path, html=True)[:2]:
        assert 'Images of 1 people could not be read' in page.read_text()


def test_state_of_a_row_follows_its_training(plan, tmp_path):
    fresh = make_plan(Table.from_dict('dark/report', TABLE), 'synthetic', 1, tmp_path)
    folder = Path(fresh.trainings['biased', 0].output).parent
    folder.mkdir()
    (folder / 'job.log').write_text('Epoch(train) [1][20/93]\n')
    path = report_table(fresh, tmp_path / 'out', ROOT, speed=False)
    first, *_, unbiased, _ = json.loads(path.read_text())['rows']
    assert (first['status'], first['runs'][0]['reason']) == ('unfinished', 'training')
    assert unbiased['status'] == 'not run'
    (folder / 'job.log').write_text('Traceback (most recent call last):\n  File\nKeyError: 3\n')
    path = report_table(fresh, tmp_path / 'out', ROOT, speed=False)
    row = json.loads(path.read_text())['rows'][0]
    assert (row['status'], row['runs'][0]['reason']) == ('failed', 'training: KeyError: 3')


def test_earlier_results_are_not_replaced_by_nothing(plan, out, tmp_path):
    shutil.copy(out / f'{NAME}.json', tmp_path)
    before = (tmp_path / f'{NAME}.json').read_text()
    assert (
        report_table(
            make_plan(Table.from_dict('dark/report', TABLE), 'synthetic', 3, tmp_path), tmp_path, ROOT, speed=False
        )
        is None
    )
    assert (tmp_path / f'{NAME}.json').read_text() == before


TEACHER = 'model.backbone.init_cfg.checkpoint'  # a part of the model that is loaded
BUILT_ON_OTHERS = dict(
    stages=dict(
        biased=BIASED,
        teacher=dict(UNBIASED, shared=True),
        student=dict(
            config=dict(synthetic=LEAF),
            options={'model.backbone.init_cfg.type': 'Pretrained', 'model.backbone.init_cfg.prefix': 'backbone.'},
            uses={'load_from': 'biased', TEACHER: 'teacher'},
        ),
    ),
    rows=[dict(name='student', stage='student', paper=dict(AP=1)), dict(name='T', stage='teacher', paper=dict(AP=2))],
)


def test_rows_that_build_on_others(tmp_path):
    plan = make_plan(Table.from_dict('dark/report', TABLE | BUILT_ON_OTHERS), 'synthetic', 2, tmp_path / 'work')
    student = plan.table.rows[0]
    folder = Path(plan.trainings['biased', 1].output).parent
    folder.mkdir(parents=True)
    (folder / 'job.log').write_text('Traceback (most recent call last):\nKeyError: 3\n')
    assert TEACHER not in row_config(plan, student, {})[1]  # there is nothing to load yet
    for key, ap in {('student', 0): 0.40, ('student', 1): 0.44, ('T', 0): 0.50}.items():
        output = Path(plan.tests[key].output)
        output.parent.mkdir(parents=True)
        if key != ('student', 1):
            output.write_text(json.dumps({'coco/AP': ap}))
    torch.save({}, plan.trainings['teacher', 0].output)
    options = row_config(plan, student, {'one': 1})[1]
    assert options[TEACHER] == plan.trainings['teacher', 0].output
    assert options['one'] == 1 and 'load_from' not in options

    def report():
        rows, pair = (collect(plan, ROOT, speed=False)[key] for key in ('rows', 'order'))
        return {row['name']: row for row in rows}, (pair[0]['ours'], pair[0]['spread'])

    rows, pair = report()
    assert [(run['seed'], run['reason']) for run in rows['student']['runs']] == [
        (0, ''),
        (1, 'training of biased: KeyError: 3'),
    ]
    assert rows['student']['status'] == '1 of 2 seeds' and pair == (10, None)
    Path(plan.tests['student', 1].output).write_text(json.dumps({'coco/AP': 0.44}))
    rows, pair = report()
    assert rows['student']['status'] == rows['T']['status'] == 'done'
    assert [run['seed'] for run in rows['T']['runs']] == [0]
    assert rows['T']['mean']['AP'] == 50 and rows['T']['spread']['AP'] is None
    assert pair == pytest.approx((8, 8**0.5))  # 10 and 6
    report_table(plan, tmp_path, ROOT, speed=False, images=0)
    page = render_pages(tmp_path)[0].read_text()
    assert f'| student (uses biased (load_from), uses teacher ({TEACHER})) | 42.00 ± 2.83 | 1 |' in page
    assert '| T (one training for all seeds) | 50.00 | 2 |' in page
    assert 'is compared with each of them' in page


# ---------------------------------------------------------------------------------------------
# pages


def test_markdown(out):
    text = (out / f'{NAME}.md').read_text()
    for line in (
        'Order by AP: of 10 pairs of rows 2 as in the paper, 1 tied, 3 the other way round, 4 not measured.',
        '| argmax (decoding=argmax) | 42.00 ± 2.00 | 60.0 | 21.00 ± 1.00 | 65 | 128x96 |',
        '| unbiased | not run | 72.0 | not run | – |',
        f'- broken, all seeds: failed (`{FAULT}`)',
        '- unbiased, all seeds: not run',
        '| blurred > dark | +1 | -20.00 ± 1.00 | the other way round |',
        '| shift > argmax | +5.5 | +1.00 ± 1.73 | tied |',
    ):
        assert line in text
    for link in re.findall(r'\]\(([^)]+)\)', text):
        assert (out / link).is_file(), link
    table = [line for line in text.splitlines() if line.startswith('| row |') or line.startswith('| argmax')][:2]
    assert len({line.count('|') for line in table}) == 1
    index = (out / 'index.md').read_text()
    assert f'({NAME}.md)' in index and '4 of 6' in index


class Page(HTMLParser):
    """Tags with their attributes, and the text of cells."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags, self.text = [], path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def named(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize('name', [NAME, 'index'])
def test_html_needs_nothing_else(out, name):
    page = Page(out / f'{name}.html')
    for tag, attributes in page.tags:
        for key, value in attributes.items():
            if tag == 'a' and key == 'href':
                assert value == f'#{NAME}' or (out / value).is_file(), value
            elif key.rpartition(':')[2] in ('href', 'src', 'srcset', 'data', 'action', 'poster', 'background'):
                assert value.startswith(('data:', '#')), (tag, key, value)
    assert not re.search(r'@import|url\((?!#)', page.text)
    assert len(page.text) < 2e6
    policy = [meta['content'] for meta in page.named('meta') if 'http-equiv' in meta]
    assert policy and policy[0].startswith("default-src 'none'")
    # one script, allowed by its hash and by nothing else
    (script,) = re.findall(r'<script>(.*?)</script>', page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy[0]


def test_html_is_accessible(out):
    page = Page(out / f'{NAME}.html')
    assert page.named('html') == [dict(lang='en')]
    assert 'viewport' in [meta.get('name') for meta in page.named('meta')]
    assert all(head['scope'] in ('col', 'row', 'colgroup') for head in page.named('th'))
    assert len(page.named('img')) == 1 and all(image['alt'] for image in page.named('img'))
    assert [svg['role'] for svg in page.named('svg')] == ['img'] and all(svg['aria-label'] for svg in page.named('svg'))
    ids = [attributes['id'] for _, attributes in page.tags if 'id' in attributes]
    assert len(ids) == len(set(ids))
    assert '<b>' not in page.text and 'Decoding &lt;again&gt;' in page.text


def test_pages_come_from_the_results_file_alone(out, tmp_path):
    shutil.copytree(out / 'images', tmp_path / 'all' / 'images')
    shutil.copy(out / f'{NAME}.json', tmp_path / 'all')
    for page in render_pages(tmp_path / 'all', html=True):
        assert page.read_bytes() == (out / page.name).read_bytes()
    (tmp_path / 'bare').mkdir()
    shutil.copy(out / f'{NAME}.json', tmp_path / 'bare')
    (tmp_path / 'bare' / 'other.json').write_text('[1]')
    render_pages(tmp_path / 'bare')
    expected = re.sub(r'\n## Where .*?(?=\n## How)', '', (out / f'{NAME}.md').read_text(), flags=re.DOTALL)
    assert (tmp_path / 'bare' / f'{NAME}.md').read_text() == expected


HOSTILE = '<img src=x onerror=alert(1)>[x](javascript:alert(1)) `*_|"\'&\n# head'


def replaced(value, text):
    """A results file with a text in the place of all its texts, except those that the pages look up."""
    if isinstance(value, dict):
        kept = ('verdict', 'status', 'metrics', 'columns', 'order_by', 'mean', 'spread', 'counts', 'kind', 'date')
        return {key: part if key in kept else replaced(part, text) for key, part in value.items()}
    if isinstance(value, list):
        return [replaced(part, text) for part in value]
    return text if isinstance(value, str) else value


def test_hostile_text_is_shown_as_text(out, tmp_path):
    """In every value of a results file, also those in parts that the pages include."""
    results = json.loads((out / f'{NAME}.json').read_text())
    results['speed'] = dict(device='CPU', threads=1, batch=1, repeats=1)
    results = replaced(results, HOSTILE) | dict(versions={HOSTILE: HOSTILE}, kind=results['kind'])
    results['images']['missing'] = 1
    shutil.copytree(out / 'images', tmp_path / 'images')
    (tmp_path / f'{NAME}.json').write_text(json.dumps(results))
    render_pages(tmp_path, html=True)
    for name in (NAME, 'index'):
        page = Page(tmp_path / f'{name}.html')
        assert not [tag for tag, attributes in page.tags if 'onerror' in attributes or tag == 'x']
        assert len(page.named('img')) == (name == NAME)
        assert all(not link['href'].startswith('javascript') for link in page.named('a'))
        text = (tmp_path / f'{name}.md').read_text()
        outside_code = re.sub(r'\\.|`[^`\n]*`|^    .*$', '', text, flags=re.MULTILINE)
        assert '<img' not in outside_code and '](javascript' not in outside_code
        assert '\n# head' not in text and 'alert' in outside_code


def test_no_file_from_elsewhere_is_shown(out, tmp_path):
    folder, secret = tmp_path / 'results', tmp_path / 'secret.jpg'
    (folder / 'images').mkdir(parents=True)
    shutil.copy(out / f'{NAME}.json', folder)
    image = out / 'images' / f'{NAME}-people.jpg'
    inside = folder / 'images' / image.name
    shutil.copy(image, secret)

    def is_shown() -> bool:
        return 'data:image/jpeg' in render_pages(folder, html=True)[1].read_text()

    assert not is_shown()
    inside.symlink_to(secret)
    assert not is_shown()
    inside.unlink()
    (folder / 'images' / f'{NAME}-curves.svg').unlink()
    (folder / 'images').rmdir()
    (folder / 'images').symlink_to(out / 'images')
    assert not is_shown()
    (folder / 'images').unlink()
    (folder / 'images').mkdir()
    inside.write_text('no image')
    assert not is_shown()
    shutil.copy(image, inside)
    assert is_shown()
    # a page that is a link is replaced, not written through
    (folder / f'{NAME}.md').unlink()
    (folder / f'{NAME}.md').symlink_to(secret)
    render_pages(folder)
    assert secret.read_bytes() == image.read_bytes()


@pytest.mark.parametrize('text', ['{"kind": ', '{"kind": "ablation table"}', '{"kind": "ablation table", "rows": 3}'])
def test_a_results_file_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ValueError, match=f"a results file must .* got '{tmp_path}/a.json'"):
        render_pages(tmp_path)


def test_tool_reports_a_table_of_a_file(tmp_path):
    table = tmp_path / 'mine.yaml'
    table.write_text(json.dumps({**TABLE, 'rows': TABLE['rows'][:1]}))  # json is yaml
    arguments = [
        '--work-dir',
        tmp_path / 'work',
        'report',
        table,
        '--seeds',
        '2',
        '--no-speed',
        '--no-images',
        '--out',
        tmp_path / 'out',
    ]
    command = [sys.executable, '-W', 'ignore', ROOT / 'tools' / 'ablation.py', *arguments]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
    result = subprocess.run(map(str, command), capture_output=True, text=True, env=environment, timeout=120)
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / 'out' / 'mine_synthetic.json').read_text())
    assert found['commands'][0] == f'python tools/ablation.py run {table} --data synthetic --seeds 2'
    assert found['commands'][1].endswith(f'report {table} --data synthetic --seeds 2 --no-images')
    assert found['images'] is None
    assert [row['status'] for row in found['rows']] == ['not run']
    for page in ('mine_synthetic.md', 'index.md', 'index.html'):
        assert 'no figures of the paper' in (tmp_path / 'out' / page).read_text()
        assert page in result.stdout


# ---------------------------------------------------------------------------------------------
# a real browser

BROWSER = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
needs_browser = pytest.mark.skipif(not BROWSER, reason='neither chromium nor google-chrome is on PATH')
QUIET = [
    *('--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'),
    *('--disable-component-update', '--disable-sync', '--hide-scrollbars', '--allow-file-access-from-files'),
]


def browse(folder: Path, address: str, *options: str) -> str:
    """What headless Chromium prints; it keeps everything below ``folder``."""
    environment = {**os.environ, 'HOME': str(folder), 'XDG_CONFIG_HOME': str(folder), 'XDG_CACHE_HOME': str(folder)}
    command = [BROWSER, *QUIET, f'--user-data-dir={folder}/profile', *options, address]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def row_names(page: str) -> list[str]:
    body = page[page.index('class="sortable results"') :].partition('<tbody>')[2].partition('</tbody>')[0]
    return re.findall(r'<th scope="row"[^>]*>([^<]*)', body)


@needs_browser
@pytest.mark.parametrize('size', [(360, 800), (1300, 900)], ids=['phone', 'desktop'])
def test_browser_draws_the_page(out, tmp_path, size):
    browse(
        tmp_path,
        (out / f'{NAME}.html').as_uri(),
        f'--window-size={size[0]},{size[1]}',
        f'--screenshot={tmp_path}/x.png',
    )
    picture = cv2.imread(str(tmp_path / 'x.png'))
    assert picture.shape == (size[1], size[0], 3)
    for half in np.array_split(picture, 2):
        assert half.std() > 5 and len(np.unique(half.reshape(-1, 3), axis=0)) > 50


@needs_browser
def test_browser_sorts_by_the_address(out, tmp_path):
    address = (out / f'{NAME}.html').as_uri()
    written = [row['name'] for row in TABLE['rows']]
    assert row_names(browse(tmp_path, address, '--dump-dom')) == written
    page = browse(tmp_path, f'{address}#sort=2-desc', '--dump-dom')
    assert row_names(page) == ['dark', 'shift', 'argmax', 'blurred', 'unbiased', 'broken']
    assert page.count('aria-sort="descending"') == 1
    # what is not known stays at the end
    assert row_names(browse(tmp_path, f'{address}#sort=2-asc', '--dump-dom'))[:5] == [
        *('blurred', 'argmax', 'shift', 'dark', 'unbiased')
    ]
    assert row_names(browse(tmp_path, f'{address}#sort=1-asc', '--dump-dom')) == sorted(written)


@needs_browser
def test_browser_sorts_by_clicks_and_a_phone_scrolls_tables_only(out, tmp_path):
    frame = tmp_path / 'frame.html'
    frame.write_text(
        f'<iframe id="frame" width="360" height="800" src="{(out / f"{NAME}.html").as_uri()}"></iframe><script>'
        'frame.onload = () => { const page = frame.contentDocument; const seen = [page.documentElement.scrollWidth];'
        'for (let click = 0; click < 3; click++) { page.querySelectorAll(".results thead button")[1].click();'
        'seen.push(page.querySelector(".results tbody th").firstChild.data); }'
        'document.title = seen.join(" "); };</script>'
    )
    title = re.search('<title>(.*?)</title>', browse(tmp_path, frame.as_uri(), '--dump-dom'))[1]
    width, *first_rows = title.split()
    assert int(width) <= 360
    assert first_rows == ['blurred', 'dark', 'argmax']  # ascending, descending, as it was
