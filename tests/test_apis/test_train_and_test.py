"""tools/train.py and tools/test.py, alone, with several processes, and beside MMPose's own."""

import json
import pickle
import re
import shutil
import socket
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import mmpose
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmpose_ext.apis.runtime import load_config, set_visualization
from mmpose_ext.apis.test import evaluate
from mmpose_ext.apis.train import train

MMPOSE_TRAIN = Path(mmpose.__file__).parent / '.mim' / 'tools' / 'train.py'
RunTool = Callable[..., str]


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu')['state_dict']


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def free_port() -> str:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return str(free.getsockname()[1])


@pytest.fixture(scope='module')
def trained(
    tmp_path_factory: pytest.TempPathFactory, write_config: Callable[[Path], Path], run_in: Callable[..., str]
) -> Path:
    """Checkpoint of one epoch by tools/train.py."""
    folder = tmp_path_factory.mktemp('trained')
    run_in(folder, 'tools/train.py', write_config(folder), '--work-dir', 'run')
    return folder / 'run' / 'epoch_1.pth'


def test_mmposes_own_train_gives_the_same_weights(
    trained: Path, tiny_config: Path, tmp_path: Path, run_tool: RunTool
) -> None:
    run_tool(MMPOSE_TRAIN, tiny_config, '--work-dir', 'theirs')
    assert_same_weights(trained, tmp_path / 'theirs/epoch_1.pth')


def test_train_resumes_from_the_latest_checkpoint(
    trained: Path, tiny_config: Path, tmp_path: Path, run_tool: RunTool
) -> None:
    shutil.copytree(trained.parent, tmp_path / 'run')
    (tmp_path / 'run/last_checkpoint').write_text('run/epoch_1.pth')
    printed = run_tool(
        'tools/train.py', tiny_config, '--work-dir', 'run', '--resume', '--no-validate', '--auto-scale-lr',
        '--cfg-options', 'train_cfg.max_epochs=2', 'val_dataloader.batch_size=1',
    )  # fmt: skip
    assert 'resumed epoch: 1' in printed
    assert 'Epoch(train) [2][2/2]' in printed
    assert 'Epoch(train) [1]' not in printed
    assert 'Epoch(val)' not in printed
    name = 'head.final_layer.weight'
    assert not torch.equal(weights(trained)[name], weights(tmp_path / 'run/epoch_2.pth')[name])


def test_test_writes_metrics_predictions_and_pictures(
    trained: Path, tiny_config: Path, tmp_path: Path, run_tool: RunTool
) -> None:
    printed = run_tool(
        'tools/test.py', tiny_config, trained, '--work-dir', 'test', '--out', 'new/metrics.json',
        '--dump', 'predictions.pkl', '--show-dir', 'pictures', '--badcase',
        # a threshold below zero: all joints are drawn
        '--cfg-options', 'model.head.decoder.decoding=shift', 'default_hooks.visualization.kpt_thr=-1',
        PYTHON=sys.executable,
    )  # fmt: skip
    metrics = json.loads((tmp_path / 'new/metrics.json').read_text())
    assert f'coco/AP: {metrics["coco/AP"]:.6f}' in printed
    with (tmp_path / 'predictions.pkl').open('rb') as file:
        predictions = pickle.load(file)
    assert sorted(sample['img_id'] for sample in predictions) == [1, 2, 3, 4]
    assert predictions[0]['pred_instances']['keypoints'].shape == (1, 17, 2)
    assert len([*tmp_path.glob('test/*/pictures/*.png')]) == 4
    # images of noise, one epoch: every one is a bad case
    assert len([*tmp_path.glob('test/*/badcase/*.png')]) == 4


def test_mmposes_own_train_on_real_pictures(
    tmp_path: Path, run_tool: RunTool, sample_images: Callable[[str], Path]
) -> None:
    """A config of the repository as it is, the dataset given on the command line."""
    root = sample_images('coco')
    config = Path(__file__).parents[2] / 'configs/dark/dark_res18_1xb32-10e_synthetic-128x96.py'
    options = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=6', 'default_hooks.logger.interval=1']
    for name, value in dict(data_root=root, ann_file='test_coco.json').items():
        options.append(f'train_dataloader.dataset.{name}={value}')
    options += ['train_dataloader.dataset.data_prefix.img=', 'train_dataloader.num_workers=0']
    options.append('train_dataloader.persistent_workers=False')
    printed = run_tool(MMPOSE_TRAIN, config, '--no-validate', '--work-dir', 'run', '--cfg-options', *options)
    losses = [float(text) for text in re.findall(r'loss_kpt: ([\d.]+)', printed)]
    assert len(losses) == 2  # 12 people with joints
    assert all(0 < loss < 1 for loss in losses)


HOOK = """
import hashlib
import json
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class WriteRank(Hook):
    def before_train(self, runner):
        self.before, self.seen = self.hash(runner), []

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        self.seen += [sample.img_id for sample in data_batch['data_samples']]

    def after_train(self, runner):
        result = dict(before=self.before, after=self.hash(runner), seen=self.seen)
        with open(f'rank{get_rank()}.json', 'w') as file:
            json.dump(result, file)

    def hash(self, runner):
        state = runner.model.module.state_dict()
        return {name: hashlib.sha256(value.numpy().tobytes()).hexdigest() for name, value in state.items()}
"""


def test_two_processes_on_the_cpu_end_with_the_same_weights(
    tiny_config: Path, tmp_path: Path, run_tool: RunTool
) -> None:
    (tmp_path / 'write_rank.py').write_text(HOOK)
    with tiny_config.open('a') as file:
        file.write(
            "custom_imports = dict(imports=['write_rank'])\n"
            "custom_hooks = [*_base_.custom_hooks, dict(type='mmengine.WriteRank', priority='LOWEST')]\n"
        )
    printed = run_tool('tools/dist_train.sh', tiny_config, 2, '--work-dir', 'run', PORT=free_port())
    assert 'gloo instead of nccl' in printed
    ranks = [json.loads((tmp_path / f'rank{rank}.json').read_text()) for rank in (0, 1)]
    assert sorted(ranks[0]['seen'] + ranks[1]['seen']) == [1, 2, 3, 4]
    assert ranks[0]['after'] == ranks[1]['after']
    assert ranks[0]['before'] != ranks[0]['after']
    saved = weights(tmp_path / 'run/epoch_1.pth')
    assert {name: sha256(value.numpy().tobytes()).hexdigest() for name, value in saved.items()} == ranks[0]['after']


def test_two_processes_measure_what_one_does(
    trained: Path, tiny_config: Path, tmp_path: Path, run_tool: RunTool
) -> None:
    run_tool('tools/dist_test.sh', tiny_config, trained, 2, '--out', 'two.json', PORT=free_port())
    metrics = evaluate(str(tiny_config), str(trained), work_dir=str(tmp_path / 'one'))
    assert json.loads((tmp_path / 'two.json').read_text()) == pytest.approx(metrics)


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_script_without_arguments_says_how_to_call_it(script: str, run_tool: RunTool) -> None:
    with pytest.raises(AssertionError, match=rf'bash tools/{script}.sh [A-Z_ ]+ \[OPTION'):
        run_tool(f'tools/{script}.sh')


def test_work_dir_is_named_after_the_config(tiny_config: Path) -> None:
    assert load_config(str(tiny_config)).work_dir == 'work_dirs/tiny'
    assert load_config(str(tiny_config), {'work_dir': 'mine'}).work_dir == 'mine'
    assert load_config(str(tiny_config), {'work_dir': 'mine'}, 'argument').work_dir == 'argument'


def test_visualization_is_switched_on_by_either_option(tiny_config: Path) -> None:
    cfg = Config.fromfile(tiny_config)
    set_visualization(cfg)
    assert not cfg.default_hooks.visualization.enable
    set_visualization(cfg, show_dir='pictures', interval=3)
    hook = cfg.default_hooks.visualization
    assert (hook.enable, hook.show, hook.out_dir, hook.interval) == (True, False, 'pictures', 3)


def test_wrong_options_are_named(tiny_config: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'dump' must be a file name that ends in .pkl, .pickle, got 'a.json'"):
        evaluate(str(tiny_config), 'weights.pth', dump='a.json')
    with pytest.raises(ValueError, match=r"'out' must .* got 'a.txt'"):
        evaluate(str(tiny_config), 'weights.pth', out='a.txt')
    bare = str(tmp_path / 'bare.py')
    Path(bare).write_text("optim_wrapper = dict(type='ApexOptimWrapper')\n")
    with pytest.raises(ValueError, match=r"'optim_wrapper.type' must be .* with --amp, got 'ApexOptimWrapper'"):
        train(bare, amp=True)
    with pytest.raises(ValueError, match=r"'auto_scale_lr' must be .* with --auto-scale-lr"):
        train(bare, auto_scale_lr=True)
    with pytest.raises(ValueError, match=r"'default_hooks' must have visualization=.* got only nothing"):
        train(bare, show_dir='pictures')
    with pytest.raises(ValueError, match=r"'default_hooks' must have badcase=.* got only nothing"):
        evaluate(bare, 'weights.pth', badcase=True)
