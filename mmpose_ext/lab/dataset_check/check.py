"""All checks of one config, in the order in which one fault hides the next."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed

from mmpose_ext.registry import DATASETS

from .codec import build_codec, check_codec
from .depth_range import check_depths
from .evaluation import check_evaluator, uses_area
from .files import Images, check_overlap
from .findings import Finding
from .metainfo import check_joint_count, check_metainfo
from .model import build_model, check_loss, check_scores
from .pipeline import check_pipeline, predicted_joints, type_name
from .samples import check_crops, describe_error, draw_samples, joints_of
from .source import check_annotations, leaves, open_source, read_source

__all__ = ['check_dataset']

_PHASES = ('train', 'val', 'test')
_BATCH = 4  # people that the model is run on: enough for BatchNorm, seconds on a CPU


def check_dataset(
    config: str,
    cfg_options: Mapping[str, Any] | None = None,
    samples: int = 64,
    checkpoint: str | None = None,
    seed: int = 0,
) -> list[Finding]:
    """Look for what would make a training with a top-down config fail, learn nothing or be measured wrongly.

    Files and annotations are checked as they are, before MMPose's datasets are built, so that a fault is named
    instead of ending in a traceback. Then people go through the pipelines, the codec and the model. Nothing is
    downloaded or written. The seeds of numpy and torch are set.

    Args:
        config: Path of the config.
        cfg_options: Values by dotted key, merged into the config.
        samples: Images to open and people to transform, of each dataset.
        checkpoint: Path of trained weights, for the scores to expect; None: random weights.
        seed: Of the choice of samples and of the augmentation.

    Returns:
        The findings in the order of the checks.

    Raises:
        ValueError: If ``samples`` is not above zero.
    """
    if samples <= 0:
        raise ValueError(f"'samples' must be > 0, got {samples}")
    try:
        cfg = Config.fromfile(config)
        cfg.merge_from_dict(dict(cfg_options or {}))
    except Exception as error:  # a config is a program
        return [Finding('error', 'config', 'config', f'{config} cannot be read: {describe_error(error)}')]
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    set_random_seed(seed)
    with _quiet():
        return _Check(cfg, samples, np.random.default_rng(seed)).run(checkpoint)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what the COCO tools print, MMEngine logs of every weight, and MMPose warns of its own metainfos."""
    # asked for here, as one that is created below would keep writing to the buffer for ever
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.filterwarnings('ignore', message='The metainfo config file')
            warnings.filterwarnings('ignore', message='Use the existing')
            yield
    finally:
        logger.setLevel(level)


class _Check:
    """One run over a config: the findings so far, and what the phases have in common."""

    def __init__(self, cfg: Config, samples: int, rng: np.random.Generator) -> None:
        self.cfg, self.samples, self.rng = cfg, samples, rng
        self.findings: list[Finding] = []
        self.head: Mapping[str, Any] = (cfg.get('model') or {}).get('head') or {}
        self.images: dict[str, Images] = {}
        self.items: dict[str, list[dict[str, Any]]] = {}
        metrics = [*self._evaluators('val'), *self._evaluators('test')]
        coco = next((one for one in metrics if type_name(one) == 'CocoMetric'), None)
        # below it a joint counts nothing in a person's score; None: no AP is computed
        self.threshold = None if coco is None else coco.get('keypoint_score_thr', 0.2)

    def run(self, checkpoint: str | None) -> list[Finding]:
        """Check all phases, then the model with their samples."""
        phases = [phase for phase in _PHASES if self.cfg.get(f'{phase}_dataloader')]
        if 'train' not in phases:
            self.findings.append(Finding('warning', 'config', 'config', 'the config has no train_dataloader'))
        for phase in phases:
            if phase == 'test' and 'val' in phases and self._same_as_val():
                self.findings.append(Finding('ok', 'config', 'test', 'the same dataset and evaluator as val'))
                continue
            self._check_phase(phase)
        if 'train' in self.images:
            for phase in sorted(set(self.images) - {'train'}, key=_PHASES.index):
                overlap = check_overlap(self.images['train'], self.images[phase], self.samples, phase)
                self.findings += overlap
        self._check_model(checkpoint)
        return self.findings

    def _same_as_val(self) -> bool:
        cfg = self.cfg
        return cfg.test_dataloader.dataset == cfg.val_dataloader.dataset and cfg.get('test_evaluator') == cfg.get(
            'val_evaluator'
        )

    def _evaluators(self, phase: str) -> list[Mapping[str, Any]]:
        evaluators = self.cfg.get(f'{phase}_evaluator') or []
        return [*evaluators] if isinstance(evaluators, list | tuple) else [evaluators]

    def _check_phase(self, phase: str) -> None:
        """One loader: each of its datasets as it is on disk, then the whole as MMPose builds it."""
        config = self.cfg[f'{phase}_dataloader'].dataset
        before = len(self.findings)
        parts = list(leaves(config))
        for part, pipeline in parts:
            self._check_part(part, pipeline, phase, predicted_joints(self.head) if len(parts) == 1 else None)
        new = self.findings[before:]
        if any(one.level == 'error' and one.check in ('dataset', 'missing-file', 'json', 'keypoints') for one in new):
            what = 'the pipeline was not run: the errors above come first'
            self.findings.append(Finding('info', 'pipeline-run', phase, what))
            return
        self._draw(config, phase, detected=any(part.get('bbox_file') for part, _ in parts))

    def _check_part(
        self, part: Mapping[str, Any], pipeline: Sequence[Mapping[str, Any]], phase: str, predicted: int | None
    ) -> None:
        if part.get('data_mode', 'topdown') != 'topdown':
            what = f'data_mode is {part["data_mode"]!r}: pipeline, codec and head are checked for top-down configs only'
            self.findings.append(Finding('warning', 'config', phase, what))
        else:
            self.findings += check_pipeline(pipeline, self.head, phase)
        source, findings = open_source(part, pipeline, phase, self.threshold is not None)
        self.findings += findings
        if source is None:
            return
        records, images, findings = read_source(source, self.samples, self.rng)
        self.findings += findings
        evaluators = self._evaluators(phase) if phase != 'train' else []
        if phase != 'train':
            self.findings += check_evaluator(evaluators, part, str(source.dataset.ann_file), phase)
        if records is not None:
            self.findings += check_annotations(source, records, predicted, uses_area(evaluators))
        if images is not None:
            known = self.images.get(phase, Images([], np.zeros(0, bool)))
            exist = np.concatenate([known.exist, images.exist])
            self.images[phase] = Images([*known.paths, *images.paths], exist)

    def _draw(self, config: Mapping[str, Any], phase: str, detected: bool) -> None:
        """Run people through the pipeline of a phase and look at their joints."""
        config = deepcopy(config)
        steps = config.get('pipeline', ())
        drawn = any(type_name(step) == 'GenerateTarget' for step in steps)
        for step in steps:
            # the joints are looked at here; where the head needs them, the pipeline has to pack them itself
            if type_name(step) == 'PackPoseInputs' and (phase != 'train' or drawn):
                step['pack_transformed'] = True
        try:
            dataset = DATASETS.build(config)
        except (Exception, SystemExit) as error:  # datasets raise and assert what they like
            what = f'the dataset cannot be built: {describe_error(error)}'
            self.findings.append(Finding('error', 'dataset', phase, what))
            return
        if hasattr(dataset, 'datasets'):  # a combination has a metainfo of its own
            self.findings += check_metainfo(dataset.metainfo, phase, self.threshold is not None)
            count = dataset.metainfo['num_keypoints']
            self.findings += check_joint_count(None, count, predicted_joints(self.head), phase)
        self.items[phase], findings = draw_samples(dataset, self.samples, self.rng, phase)
        self.findings += findings
        joints = joints_of(self.items[phase])
        if joints is not None and not detected:  # detected boxes come with empty joints
            size = self.items[phase][0]['inputs'].shape[:0:-1]
            self.findings += check_crops(*joints, size, phase)
            found = any(one.check == 'joint-count' and one.level == 'error' for one in self.findings)
            count = joints[0].shape[1]
            if not found and count != dataset.metainfo['num_keypoints']:  # of a class that composes its joints
                self.findings += check_joint_count(count, dataset.metainfo['num_keypoints'], None, phase)

    def _check_model(self, checkpoint: str | None) -> None:
        """The codec on the joints of the training, then the model on a few people."""
        if not self.cfg.get('model'):
            self.findings.append(Finding('warning', 'model', 'model', 'the config has no model'))
            return
        codec, findings = build_codec(self.head.get('decoder'))
        self.findings += findings
        train = self.items.get('train', [])
        test = self.items.get('val') or self.items.get('test') or []
        joints = joints_of(train)
        if codec is not None and joints is not None:
            self.findings += check_codec(codec, *joints, self.threshold)
            self.findings += check_depths(train, codec)
        if not (train or test):
            self.findings.append(Finding('info', 'model', 'model', 'the model was not run: there are no samples'))
            return
        model, findings = build_model(self.cfg.model, checkpoint)
        self.findings += findings
        # prediction first: a step of training changes BatchNorm's statistics
        if model is not None and test:
            trained = checkpoint is not None and not findings
            self.findings += check_scores(model, test[:_BATCH], self.threshold, trained)
        if model is not None and train:
            self.findings += check_loss(model, train[:_BATCH])
