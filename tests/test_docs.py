"""The documentation: links, names of options, snippets, words and lines."""

import argparse
import ast
import inspect
import io
import json
import re
import runpy
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmpose_ext import registry
from mmpose_ext.models.heads import BaseHead

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r'^( *)```(\w*)[^\n]*\n(.*?)^ *```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(([^)\s]+)\)')


def files(*suffixes: str) -> list[Path]:
    """Files of the repository, without what is built, downloaded or made by a run."""
    left_out = ('_build', '__pycache__', 'build', 'dist', 'work_dirs', 'data')
    found = []
    for entry in sorted(ROOT.iterdir()):
        if entry.name.startswith('.') or entry.name in left_out:
            continue
        for path in sorted(entry.rglob('*')) if entry.is_dir() else [entry]:
            parts = path.relative_to(ROOT).parts
            # mmpose_ext/datasets is a folder of code, so only the first level is a folder of data
            if path.suffix in suffixes and not any(part.startswith('.') or part in left_out[:2] for part in parts):
                found.append(path)
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PAGES = files('.md')
TEXTS = {path: path.read_text(encoding='utf-8') for path in PAGES}


def without_code(text: str) -> str:
    """Markdown without its blocks of code and what stands between backticks."""
    return re.sub(r'`[^`\n]+`', '', FENCE.sub('', text))


# ---------------------------------------------------------------------------------------------
# lines and links


def test_lines_have_120_columns_at_most() -> None:
    """But for rows of tables, which Markdown cannot break."""
    long = [
        f'{name_of(page)}:{number}'
        for page, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > 120 and not line.lstrip().startswith('|')
    ]
    assert not long


def anchors(text: str) -> set[str]:
    """What a link may name in a page: its headings, as GitHub and MyST write them."""
    headings = re.findall(r'^#+ (.+)$', FENCE.sub('', text), re.MULTILINE)
    return {
        re.sub(r'[^\w\- ]', '', re.sub(LINK, ']', heading)).strip().lower().replace(' ', '-') for heading in headings
    }


def broken_links(page: Path) -> Iterator[str]:
    for target in LINK.findall(re.sub(r'`[^`\n]+`', '', FENCE.sub('', TEXTS[page]))):
        if re.match(r'[a-z]+:', target):
            continue
        file, _, anchor = target.partition('#')
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and path.suffix == '.md' and anchor not in anchors(path.read_text('utf-8'))):
            yield target


def test_links_lead_somewhere() -> None:
    assert not [f'{name_of(page)}: {target}' for page in PAGES for target in broken_links(page)]


def test_links_are_found() -> None:
    """The tests above see links and headings."""
    assert 'methods/dark.md' in LINK.findall(TEXTS[ROOT / 'docs' / 'index.md'])
    assert anchors('# A `b.py` and [c](d.md)\n```bash\n# no heading\n```\n') == {'a-bpy-and-c'}


# ---------------------------------------------------------------------------------------------
# names in pages are names in the code


def options_in_pages() -> Iterator[tuple[str, list[str]]]:
    """(class, options) of each table below a line "Options of `class`:"."""
    for text in TEXTS.values():
        for owner, table in re.findall(r'^Options of `mmpose_ext\.(\w+)`:\n\n((?:\|.*\n)+)', text, re.MULTILINE):
            yield owner, re.findall(r'^\| `(\w+)`', table, re.MULTILINE)


OPTIONS = list(options_in_pages())


def registered(name: str) -> type:
    for owner in (registry.MODELS, registry.KEYPOINT_CODECS, registry.TRANSFORMS, registry.METRICS, registry.DATASETS):
        if (found := owner.get(f'mmpose_ext.{name}')) is not None:
            return found
    raise KeyError(name)


@pytest.mark.parametrize(('owner', 'options'), OPTIONS, ids=[owner for owner, _ in OPTIONS])
def test_options_are_arguments(owner: str, options: list[str]) -> None:
    assert options
    assert not set(options) - set(inspect.signature(registered(owner)).parameters)


def test_every_method_lists_its_options() -> None:
    expected = {'DarkHeatmap', 'IntegralHead', 'IntegralLabel', 'RLELoss', 'StackedHourglass', 'PoseDistiller'}
    assert expected <= {owner for owner, _ in OPTIONS}


class _Parser(Exception):
    """Ends a program at its parser."""


def options_of(program: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Options that a program's parser and its actions know."""

    def stop(parser: argparse.ArgumentParser, *arguments: object, **options: object) -> None:
        raise _Parser(parser)

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', stop)
    monkeypatch.setattr(sys, 'argv', [str(program)])
    with pytest.raises(_Parser) as caught:
        runpy.run_path(str(program), run_name='__main__')
    parsers, found = [caught.value.args[0]], set()
    for parser in parsers:
        for action in parser._actions:
            found.update(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                parsers.extend(action.choices.values())
    return found


PROGRAMS = [
    path
    for path in files('.py', '.sh')
    if path.is_relative_to(ROOT / 'tools') and not path.is_relative_to(ROOT / 'tools/env')
]
SECTIONS = dict(
    re.findall(r'^### `(tools/\S+)`\n(.*?)(?=^##|\Z)', TEXTS[ROOT / 'docs/tools.md'], re.MULTILINE | re.DOTALL)
)


def test_every_program_is_described() -> None:
    assert set(SECTIONS) == {name_of(path) for path in PROGRAMS}
    assert not [
        path.name
        for path in files('.py')
        if path.parent.name == 'benchmarks' and path.name not in TEXTS[ROOT / 'docs/tools.md']
    ]


@pytest.mark.parametrize('program', [path for path in PROGRAMS if path.suffix == '.py'], ids=name_of)
def test_programs_have_the_options_that_are_described(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = re.findall(r'^\|([^|]*)\|', SECTIONS[name_of(program)], re.MULTILINE)
    described = {option for row in rows for option in re.findall(r'`(--[\w-]+)`', row)}
    known = options_of(program, monkeypatch)
    assert not described - known
    assert described or not known - {'-h', '--help'}


def snippets() -> list[tuple[str, str]]:
    """(page, code) of configs in pages that inherit ours from anywhere."""
    blocks = [
        (name_of(page), inspect.cleandoc(code))
        for page in PAGES
        for _, language, code in FENCE.findall(TEXTS[page])
        if language == 'python'
    ]
    return [(page, code) for page, code in blocks if re.match(r'_base_ = .*config_path\(', code)]


SNIPPETS = snippets()


@pytest.mark.parametrize(('page', 'code'), SNIPPETS, ids=[page for page, _ in SNIPPETS])
def test_config_snippets_build(page: str, code: str, tmp_path: Path) -> None:
    """What a page shows as a config of one's own loads, and its head and metrics build."""
    (tmp_path / 'mine.py').write_text(code, encoding='utf-8')
    config = Config.fromfile(tmp_path / 'mine.py')
    if config.model.type != 'mmpose_ext.PoseDistiller':
        registry.MODELS.build(config.model.head)


@pytest.mark.parametrize('page', ['CONTRIBUTING.md', 'docs/head_and_codec.md'])
def test_named_files_exist(page: str) -> None:
    """Paths between backticks, but for patterns and what a reader is to write."""
    names = re.findall(
        r'`((?:mmpose_ext|tests|tools|configs|docs|benchmarks|requirements)/[\w./-]+)`', TEXTS[ROOT / page]
    )
    assert not [name for name in names if not (ROOT / name).exists()]


# ---------------------------------------------------------------------------------------------
# the recipes of CONTRIBUTING.md

RECIPES = {
    name: code
    for _, _, block in FENCE.findall(TEXTS[ROOT / 'CONTRIBUTING.md'])
    if (match := re.match(r'# (\w+\.(?:py|yaml))\n', block))
    for name, code in [(match.group(1), block)]
}
RECIPE_TYPES = ('ConeHeatmap', 'ScaledHead', 'HuberLoss', 'MeanError', 'PointsDataset')


@pytest.fixture
def recipes(tmp_path: Path, tiny_data: Path) -> Path:
    """A folder with the files of all recipes, data in the format of the recipe's dataset, and small networks."""
    for name, code in RECIPES.items():
        (tmp_path / name).write_text(code, encoding='utf-8')
    rng = np.random.default_rng(0)
    people = [
        dict(file=image.name, box=[10, 10, 110, 150], joints=[[*rng.uniform(20, 100, 2), flag] for flag in (1, 1, 0)])
        for image in sorted((tiny_data / 'train').iterdir())
    ]
    (tmp_path / 'data/points').mkdir(parents=True)
    (tmp_path / 'data/points/images').symlink_to(tiny_data / 'train', target_is_directory=True)
    (tmp_path / 'data/points/people.json').write_text(json.dumps(people), encoding='utf-8')
    return tmp_path


def test_recipes_train_and_distill(recipes: Path, run_in: Callable[..., str]) -> None:
    """A user follows the recipes: a codec, a head, a loss, a metric and a dataset of their own, and a pair of them."""
    small = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'model.head.deconv_out_channels=(8,8,8)']
    for part in ('train', 'val', 'test'):
        small += [f'{part}_dataloader.{key}' for key in ('batch_size=2', 'num_workers=0', 'persistent_workers=False')]
    printed = run_in(recipes, 'tools/train.py', 'points_config.py', '--cfg-options', *small)
    assert 'error/mean' in printed
    checkpoint = recipes / 'work_dirs/points_config/epoch_1.pth'
    teacher = [f'model.teacher.checkpoint={checkpoint}', 'model.teacher.config=points_teacher.py']
    shown = 'model = dict(head=dict(deconv_out_channels=(8, 8, 8)))\n'
    (recipes / 'points_teacher.py').write_text(f"_base_ = 'points_config.py'\n{shown}", encoding='utf-8')
    printed = run_in(recipes, 'tools/train.py', 'points_student.py', '--cfg-options', *small, *teacher)
    assert 'loss_pd' in printed


def test_the_recipe_of_a_table_is_planned(recipes: Path, run_in: Callable[..., str]) -> None:
    command = ['tools/ablation.py', 'run', 'points_table.yaml', '--data', 'points', '--dry-run']
    assert f'python {" ".join(command)}' in TEXTS[ROOT / 'CONTRIBUTING.md']
    printed = run_in(recipes, *command)
    assert printed.count('tools/train.py') == printed.count('tools/test.py') == 2


def test_recipes_define_what_the_config_names() -> None:
    assert [name for name in RECIPE_TYPES if f"type='mmpose_ext.{name}'" not in RECIPES['points_config.py']] == []
    methods = re.findall(r'^\| `(\w+)` \|', TEXTS[ROOT / 'CONTRIBUTING.md'], re.MULTILINE)
    assert methods
    assert not [name for name in methods if not hasattr(BaseHead, name)]


# ---------------------------------------------------------------------------------------------
# words: the field's own, in American spelling (issue: what a reader of MMPose's and torch's documentation knows)

WORDS = {
    r'pictures?': 'image',
    r'heat[ -]maps?': 'heatmap',
    r'data sets?': 'dataset',
    r'check[ -]points?': 'checkpoint',
    r'released (?:program|code|weight|checkpoint|decoder|array|figure|teacher|count)\w*': 'official',
    r'unit coordinates?': 'normalized coordinates',
    r'(?:un)?labell(?:ed|ing)': 'labeled',
    r'(?:un|de)?(?:normal|initial|standard|optim|synchron|visual|recogn|summar|general)is(?:e[srd]?|ing|ation)': (
        'the spelling with z'
    ),
    r'cent(?:re|res|red|ring)': 'center',
    r'(?:colou?rs?|coloured)(?<!color)(?<!colors)': 'color',
    r'grey': 'gray',
    r'(?:milli|centi|kilo)?met(?:re|res)': 'meter',
    r'(?:behaviou|neighbou|favou)r\w*': 'the spelling with or',
    r'licence': 'license',
}
PATTERN = re.compile(r'\b(?:' + '|'.join(f'(?:{word})' for word in WORDS) + r')\b', re.IGNORECASE)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what a reader reads in a file: Markdown without code, comments, docstrings and messages."""
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.md':
        text = re.sub(r'`[^`\n]+`', '', FENCE.sub(lambda match: '\n' * match.group(0).count('\n'), text))
        yield from enumerate(re.sub(r'\]\([^)]*\)', ']', text).splitlines(), 1)
    elif path.suffix == '.py':
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ' ' in node.value:
                for number, line in enumerate(re.sub(r'``[^`\n]+``', '', node.value).splitlines()):
                    yield node.lineno + number, line
    else:
        yield from enumerate(text.splitlines(), 1)


def wrong_words(path: Path) -> list[str]:
    return [
        f'{name_of(path)}:{number}: {match.group(0)}'
        for number, line in prose(path)
        for match in PATTERN.finditer(line)
    ]


def test_words() -> None:
    """Code, comments and pages speak of images, heatmaps, datasets and labeled joints."""
    texts = files('.md', '.py', '.yaml', '.yml', '.txt', '.sh', '.jinja', '.toml')
    checked = [path for path in texts if path != Path(__file__)]
    found = [entry for path in checked for entry in wrong_words(path)]
    assert checked
    assert not found, '\n'.join(found)


def test_wrong_words_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), 'ROOT', tmp_path)
    page, module = tmp_path / 'page.md', tmp_path / 'module.py'
    page.write_text('A picture, `a picture`, images.\n```python\npicture\n```\nThe Data set\n', encoding='utf-8')
    module.write_text('"""Of a heat map."""\npicture = 1  # centred\nraise ValueError("unit coordinates of colours")\n')
    assert wrong_words(page) == ['page.md:1: picture', 'page.md:5: Data set']
    assert sorted(wrong_words(module)) == [
        'module.py:1: heat map',
        'module.py:2: centred',
        'module.py:3: colours',
        'module.py:3: unit coordinates',
    ]
    assert not PATTERN.search('a checkpoint of colors, an image, parameters, diameter, premise, otherwise, likewise')
