"""The wheel and the editable install: what they contain, and that mim, MMEngine and MMPose find it."""

import importlib.util
import json
import os
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import mmpose_ext
from mmpose_ext.compat import SUPPORTED
from mmpose_ext.weights import DEFAULT, MODELS

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'dark_res18_1xb32-10e_synthetic-128x96.py'
LOCATE = """
import mmpose_ext
from mmengine.utils import get_installed_path
print(mmpose_ext.__file__)
print(get_installed_path('mmpose_ext'))
print(mmpose_ext.config_path('dark/{config}'))
"""


def run(*command: str | Path, **env: str) -> str:
    """Run a command without network; its output, or a failure that shows it."""
    result = subprocess.run(
        [str(part) for part in command],
        env={name: value for name, value in os.environ.items() if name != 'PYTHONPATH'} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def copy_sources(folder: Path) -> Path:
    """A copy of what a build reads, so that it leaves nothing in the working tree."""
    ignored = shutil.ignore_patterns('.mim', '__pycache__')
    for name in ('mmpose_ext', 'configs', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE', 'README.md', 'model-index.yml'):
        shutil.copy(ROOT / name, folder / name)
    return folder


def has_mim() -> bool:
    return importlib.util.find_spec('mim') is not None


class Environment:
    """A virtual environment that sees the packages of the one the tests run in, with mmpose_ext installed anew."""

    def __init__(self, folder: Path, *install: str | Path):
        venv.create(folder, symlinks=True)
        self.folder = folder
        self.python = folder / 'bin' / 'python'
        self.site_packages = folder / 'lib' / f'python{sys.version_info[0]}.{sys.version_info[1]}' / 'site-packages'
        # 'zz', because the entries of this file have to come after those of the editable install
        (self.site_packages / 'zz_packages.pth').write_text('\n'.join(site.getsitepackages()))
        # Python 3.12 has no distutils, which MMEngine imports; setuptools offers its own by this file, which is read
        # in the folder of an environment only
        for path in site.getsitepackages():
            for precedence in Path(path).glob('distutils-precedence.pth'):
                shutil.copy(precedence, self.site_packages)
        self.install(*install)

    def install(self, *packages: str | Path, tool: str = 'pip') -> None:
        options = ('--no-index', '--no-deps', '--no-build-isolation')
        run(self.python, '-m', tool, 'install', *options, *packages, HOME=str(self.folder))

    def mim(self, *arguments: str | Path, **env: str) -> str:
        return run(self.python, '-m', 'mim', *arguments, HOME=str(self.folder), **env)


@pytest.fixture(scope='session')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    sources = copy_sources(folder / 'sources')
    arguments = ('--no-index', '--no-deps', '--no-build-isolation', '--wheel-dir', folder)
    run(sys.executable, '-m', 'pip', 'wheel', *arguments, sources)
    return next(folder.glob('*.whl'))


@pytest.fixture(scope='session')
def environments(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Environment]:
    """One environment with the wheel; in the other one the editable install has replaced the wheel.

    The clone of the editable install has the package's name, as after `git clone .../mmpose_ext`.
    """
    folder = tmp_path_factory.mktemp('environments')
    environments = {kind: Environment(folder / kind, wheel) for kind in ('wheel', 'editable')}
    # mim hands everything to pip, so that this is the test of both
    environments['editable'].install('-e', copy_sources(folder / 'mmpose_ext'), tool='mim' if has_mim() else 'pip')
    return environments


@pytest.fixture(scope='session')
def tiny_coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four noisy images with one person each, in the folders of the synthetic dataset."""
    root = tmp_path_factory.mktemp('tiny_coco')
    generator = np.random.default_rng(0)
    (root / 'annotations').mkdir()
    for part in ('train', 'val'):
        (root / part).mkdir()
        images, annotations = [], []
        for number in range(1, 5):
            image = generator.integers(0, 255, (128, 96, 3), dtype=np.uint8)
            cv2.imwrite(str(root / part / f'{number}.jpg'), image)
            points = np.column_stack([generator.integers(20, 76, 17), generator.integers(20, 108, 17), np.full(17, 2)])
            images.append(dict(id=number, file_name=f'{number}.jpg', height=128, width=96))
            annotations.append(
                dict(
                    id=number,
                    image_id=number,
                    category_id=1,
                    keypoints=points.ravel().tolist(),
                    num_keypoints=17,
                    bbox=[10, 10, 76, 108],
                    area=76 * 108,
                    iscrowd=0,
                )
            )
        category = dict(id=1, name='person', keypoints=[str(joint) for joint in range(17)], skeleton=[])
        content = dict(images=images, annotations=annotations, categories=[category])
        (root / 'annotations' / f'person_keypoints_{part}.json').write_text(json.dumps(content))
    return root


def test_wheel_holds_every_module_and_the_resources_of_mim(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / 'mmpose_ext').rglob('*.py') if '.mim' not in str(path)
    }
    assert modules <= names
    patterns = (('configs', '*.py'), ('configs', '*.yml'), ('configs', '*.yaml'), ('tools', '*.py'), ('tools', '*.sh'))
    for folder, pattern in patterns:
        resources = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob(pattern)}
        assert resources
        assert {f'mmpose_ext/.mim/{name}' for name in resources} <= names
    others = {'mmpose_ext/py.typed', 'mmpose_ext/.mim/model-index.yml', 'mmpose_ext/lab/ablation/Snakefile'}
    assert others <= names
    weights = {f'mmpose_ext/weights/{model.file}' for model in MODELS.values()}
    assert weights
    assert {*weights, 'mmpose_ext/weights/README.md'} <= names
    assert any(name.endswith('licenses/LICENSE') for name in names)


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split('/')[0].split('-')[0] for name in names} == {'mmpose_ext'}
    assert not [name for name in names if '__pycache__' in name or '/tests/' in name]


def test_wheel_asks_pip_for_nothing_that_it_cannot_build(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(archive.read(name) for name in archive.namelist() if name.endswith('METADATA')).decode()
    required = [line for line in metadata.splitlines() if line.startswith('Requires-Dist') and 'extra' not in line]
    assert required == ['Requires-Dist: numpy>=1.23']
    assert 'mmpose<1.4,>=1.3.0; extra == "stack"' in metadata
    assert f'\nVersion: {mmpose_ext.__version__}\n' in metadata


@pytest.mark.parametrize('kind', ['wheel', 'editable'])
def test_a_program_beside_the_clone_finds_the_package(environments: dict[str, Environment], kind: str) -> None:
    """By import and by MMEngine, although the clone in the program's folder, without __init__.py, has the same name.

    Python would take that clone for a namespace package, if nothing on sys.path held the real one.
    """
    environment = environments[kind]
    program = environment.folder.parent / 'program.py'
    program.write_text(LOCATE.format(config=CONFIG))
    lines = run(environment.python, '-W', 'ignore', program).splitlines()
    home = environment.site_packages if kind == 'wheel' else environment.folder.parent / 'mmpose_ext'
    assert lines[-3:-1] == [str(home / 'mmpose_ext' / '__init__.py'), str(home / 'mmpose_ext')]
    assert Path(lines[-1]).is_file() and str(home) in lines[-1]


def test_an_installed_wheel_predicts_without_a_model(
    environments: dict[str, Environment], tiny_coco: Path, tmp_path: Path
) -> None:
    """As README's first example, with the weights of the wheel."""
    pytest.importorskip('timm', reason='the extra timm is not installed')
    environment = environments['wheel']
    program = environment.site_packages / 'mmpose_ext' / '.mim' / 'tools' / 'predict.py'
    options = ('--out-dir', tmp_path / 'out', '--quiet')
    printed = run(environment.python, '-W', 'ignore', program, tiny_coco / 'val' / '1.jpg', *options)
    assert '1 person in 1 image' in printed
    assert (tmp_path / 'out' / 'drawn' / '1.jpg').is_file()
    (person,) = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert len(person['keypoints']) == 3 * MODELS[DEFAULT].joints


def test_editable_install_follows_the_working_tree(environments: dict[str, Environment]) -> None:
    sources = environments['editable'].folder.parent / 'mmpose_ext'
    (sources / 'configs' / 'new_config.py').write_text('a = 1\n')
    assert (sources / 'mmpose_ext' / '.mim' / 'configs' / 'new_config.py').read_text() == 'a = 1\n'


def test_mim_trains_and_tests_by_the_name_of_a_config(
    environments: dict[str, Environment], tiny_coco: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train with the wheel, test with the editable install: both have the same tools and configs below .mim."""
    pytest.importorskip('mim', reason='openmim is not installed')
    monkeypatch.chdir(tmp_path)
    options = [
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=2',
        *(
            f'{part}_dataloader.{key}'
            for part in ('train', 'val', 'test')
            for key in ('num_workers=0', 'persistent_workers=False')
        ),
    ]
    settings = dict(SYNTHETIC_ROOT=str(tiny_coco), CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1')
    work_dir, checkpoint = tmp_path / 'work', tmp_path / 'work' / 'epoch_1.pth'
    output = environments['wheel'].mim('train', 'mmpose_ext', CONFIG, '--work-dir', work_dir, *options, **settings)
    assert 'Training finished successfully' in output
    arguments = ('test', 'mmpose_ext', CONFIG, '--checkpoint', checkpoint, '--work-dir', tmp_path / 'test', *options)
    output = environments['editable'].mim(*arguments, **settings)
    assert 'coco/AP' in output and 'Testing finished successfully' in output


def test_every_file_of_requirements_is_an_extra(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(archive.read(name) for name in archive.namelist() if name.endswith('METADATA')).decode()
    extras = set(re.findall(r'^Provides-Extra: (.+)$', metadata, re.MULTILINE))
    files = {path.stem for path in (ROOT / 'requirements').glob('*.txt')}
    assert extras == files - {'runtime'} | {'mim'}
    assert {'docs', 'export', 'flows', 'stack', 'supervision', 'tracking'} <= extras
    assert re.search(r'^Requires-Dist: onnx>=[\d.]+; extra == "export"$', metadata, re.MULTILINE)


def test_the_import_checks_the_ranges_of_the_extra() -> None:
    lines = (ROOT / 'requirements' / 'stack.txt').read_text().splitlines()
    ranges = {}
    for requirement in map(Requirement, (line for line in lines if not line.startswith('#'))):
        bounds = {bound.operator: Version(bound.version) for bound in requirement.specifier}
        ranges[requirement.name] = (bounds['>='], bounds['<'])
    assert ranges == {name: (Version(low), Version(limit)) for name, (low, limit) in SUPPORTED.items()}


@pytest.mark.parametrize('stack', ['a', 'b'])
def test_the_pinned_stacks_are_in_the_supported_ranges(stack: str) -> None:
    pinned = ROOT / 'requirements' / 'pinned'
    lines = [
        line
        for name in (f'stack-{stack}', 'compiled', 'libraries')
        for line in (pinned / f'{name}.txt').read_text().splitlines()
    ]
    pins = dict(line.split('==') for line in lines if line and not line.startswith('#') and ';' not in line)
    for name, (low, limit) in SUPPORTED.items():
        assert Version(low) <= Version(pins[name]) < Version(limit)


def test_pre_commit_runs_the_pinned_ruff() -> None:
    pins = (ROOT / 'requirements' / 'pinned' / 'dev.txt').read_text()
    hooks = (ROOT / '.pre-commit-config.yaml').read_text()
    (version,) = re.findall(r'^ruff==(.+)$', pins, re.MULTILINE)
    assert re.search(rf'ruff-pre-commit\s+rev: v{re.escape(version)}\s', hooks)
