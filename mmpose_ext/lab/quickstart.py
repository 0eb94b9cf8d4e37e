"""All steps of one method on synthetic people: data, training, tests, images; then a photograph.

Every step runs one of the tools and prints the command, which can be run by hand.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path

from mmengine.config import Config, DictAction

from .ablation.job_process import is_whole
from .profiling.threads import fastest_threads, measure_threads, training_step
from .visualization.figures import plot_curves, visualize_dataset

__all__ = ['Quickstart', 'decoding_table']

DECODINGS = {'argmax': 'highest cell', 'shift': 'quarter shift', 'dark': 'DARK'}
_PHOTOGRAPH = 'docs/images/skier.jpg'  # for the weights that come with the package
_METRICS = {'coco/AP': 'AP', 'coco/AP .5': 'AP50', 'coco/AP .75': 'AP75', 'coco/AR': 'AR'}


def decoding_table(results: dict[str, dict[str, float]]) -> str:
    """Markdown table of one model's metrics under several decodings.

    Args:
        results: Metrics by decoding, as ``tools/test.py --out`` writes them.
    """
    lines = [f'| decoding | {" | ".join(_METRICS.values())} |', '|---' * (len(_METRICS) + 1) + '|']
    for decoding, metrics in results.items():
        figures = ' | '.join(f'{metrics[name]:.3f}' for name in _METRICS)
        lines.append(f'| {DECODINGS.get(decoding, decoding)} | {figures} |')
    return '\n'.join(lines)


@dataclass
class Quickstart:
    """Draw data, train, test with three decodings, draw the results; what exists is reused.

    Args:
        root: Folder with ``tools``.
        config: Config file of the model to train.
        data_dir: Where the synthetic dataset is, or will be.
        work_dir: Where everything else goes.
        num_train: Images to train on.
        num_val: Images to test on.
        seed: Seed of data and training.
        options: Further ``key=value`` config options for training and testing.
    """

    root: Path
    config: Path
    data_dir: Path
    work_dir: Path
    num_train: int
    num_val: int
    seed: int
    options: Sequence[str]
    _threads: int = 0  # of the training and the tests; 0: not measured

    def run(self) -> None:
        """Run all steps.

        Raises:
            RuntimeError: Naming the step that failed and its command.
        """
        start = time.monotonic()
        self._step(
            'data',
            'tools/dataset_converters/make_synthetic_dataset.py',
            str(self.data_dir),
            '--num-train',
            str(self.num_train),
            '--num-val',
            str(self.num_val),
            '--seed',
            str(self.seed),
        )
        self._forget_other_settings()
        checkpoint = self._train()
        results = {decoding: self._test(checkpoint, decoding) for decoding in DECODINGS}
        table = decoding_table(results)
        (self.work_dir / 'decoding.md').write_text(table + '\n')
        self._draw(checkpoint)
        self._predict()
        print(
            f'\nThe same weights, decoded in three ways:\n\n{table}\n\n'
            f'  {self.work_dir}/decoding.md     this table\n'
            f'  {self.work_dir}/curves.png      loss and AP over the epochs\n'
            f'  {self.work_dir}/predictions/    skeletons\n'
            f'  {self.work_dir}/heatmaps/       heatmaps\n'
            f'  {self.work_dir}/lsp14/drawn/    a photograph, by the weights that come with the package\n'
            f'Done in {time.monotonic() - start:.0f} s.',
            flush=True,
        )

    @property
    def _stamp(self) -> str:
        """What the results depend on, as one line of text."""
        config = Config.fromfile(self.config).pretty_text
        data = [self.num_train, self.num_val, self.seed, *self.options]
        return hashlib.sha256(json.dumps([config, data]).encode()).hexdigest()

    def _forget_other_settings(self) -> None:
        """Remove the results of another config or dataset: resuming from them would mix the two."""
        stamp = self.work_dir / 'settings.sha256'
        if stamp.exists() and stamp.read_text() != self._stamp:
            print(f'The config or the data changed: removing the earlier results in {self.work_dir}', flush=True)
            shutil.rmtree(self.work_dir)
        self.work_dir.mkdir(parents=True, exist_ok=True)
        stamp.write_text(self._stamp)

    def _choose_threads(self, config: Config) -> None:
        """Measure for a second or two with how many threads the training is the fastest, and how long it will take."""
        try:
            times = measure_threads(training_step(config))
        except Exception as error:  # the training itself says in full what is wrong with the config
            print(f'[train] the speed could not be measured: {error}', flush=True)
            return
        self._threads = fastest_threads(times)
        steps = config.train_cfg.max_epochs * ceil(self.num_train / config.train_dataloader.batch_size)
        left = timedelta(seconds=round(steps * times[self._threads]))
        print(
            f'[train] {self._threads} thread{"s" if self._threads > 1 else ""}, {steps} steps: about {left} left '
            f'(the eta in the lines of the training follows its true speed)',
            flush=True,
        )

    def _train(self) -> Path:
        config = Config.fromfile(self.config)
        parser = ArgumentParser()
        parser.add_argument('--cfg-options', nargs='*', action=DictAction)
        config.merge_from_dict(dict(parser.parse_args(['--cfg-options', *self.options]).cfg_options or {}))
        last = self.work_dir / f'epoch_{config.train_cfg.max_epochs}.pth'
        if is_whole(last):
            print(f'[train] already trained: {last}', flush=True)
        else:
            self._choose_threads(config)
            self._step(
                'train',
                'tools/train.py',
                str(self.config),
                '--work-dir',
                str(self.work_dir),
                '--resume',
                '--cfg-options',
                f'randomness.seed={self.seed}',
                *self._data_options(),
            )
        return last

    def _test(self, checkpoint: Path, decoding: str) -> dict[str, float]:
        out = self.work_dir / f'test_{decoding}.json'
        if not is_whole(out) or out.stat().st_mtime < checkpoint.stat().st_mtime:
            self._step(
                f'test {decoding}',
                'tools/test.py',
                str(self.config),
                str(checkpoint),
                '--work-dir',
                str(self.work_dir / 'test'),
                '--out',
                str(out),
                '--cfg-options',
                f'model.head.decoder.decoding={decoding}',
                *self._data_options(),
            )
        return json.loads(out.read_text())

    def _draw(self, checkpoint: Path) -> None:
        print('[draw] predictions, heatmaps and curves', flush=True)
        plot_curves(str(self.work_dir), str(self.work_dir / 'curves.png'))
        visualize_dataset(
            str(self.config),
            str(checkpoint),
            str(self.work_dir),
            str(self.data_dir / 'annotations' / 'person_keypoints_val.json'),
            str(self.data_dir / 'val'),
        )

    def _predict(self) -> None:
        results, image = self.work_dir / 'lsp14', self.root / _PHOTOGRAPH
        if not (results / 'drawn' / image.name).exists():
            self._step('predict', 'tools/predict.py', str(image), '--out-dir', str(results), '--quiet')

    def _data_options(self) -> list[str]:
        annotations = self.data_dir / 'annotations'
        options = [f'{loader}_dataloader.dataset.data_root={self.data_dir}' for loader in ('train', 'val', 'test')]
        options += [
            f'{loader}_evaluator.ann_file={annotations / "person_keypoints_val.json"}' for loader in ('val', 'test')
        ]
        return [*options, *self.options]

    def _step(self, name: str, tool: str, *arguments: str) -> None:
        command = [sys.executable, '-u', tool, *arguments]
        print(f'\n[{name}] {shlex.join(command)}', flush=True)
        threads = {'OMP_NUM_THREADS': str(self._threads)} if self._threads else {}
        code = subprocess.run(command, cwd=self.root, env={**os.environ, **threads}).returncode
        if code:
            raise RuntimeError(
                f'the step "{name}" failed with exit status {code}; what it printed above says why. '
                f'Start again to continue from here, or run it alone: {shlex.join(command)}'
            )
