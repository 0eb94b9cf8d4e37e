"""All checks of one config, in the order in which one fault would hide the next."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy

import numpy as np
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.utils.typing import ConfigType

from mmpose_ext.registry import DATASETS

from .annotations import check_annotations, check_extra_files, check_joints
from .codec import build_codec, check_codec
from .depth_range import check_depths
from .evaluators import all_metrics, check_evaluator, metrics_of, uses_area
from .finding_list import Report
from .findings import Finding, describe_error
from .image_files import ImageFiles, check_overlap
from .joints import check_joint_count
from .model import build_model, check_loss, check_normalization, check_scores
from .pipeline import check_pipeline, innermost_head, is_mmposes, predicted_joints, type_name
from .samples import ADVICE_EMPTY, Item, check_crops, draw_samples, joints_of, pack_joints
from .source import Source, SourceConfig, look_at_images, open_source, read_file, read_people, source_configs

__all__ = ['check_dataset']

_PHASES = ('train', 'val', 'test')
_BATCH = 4  # people that the model is run on: enough for BatchNorm, seconds on a CPU


def check_dataset(
    config: str,
    cfg_options: Mapping[str, object] | None = None,
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
        self.report = Report()
        self.model: ConfigType = cfg.get('model') or {}
        self.head = innermost_head(self.model)
        self.images: dict[str, ImageFiles] = {}
        self.items: dict[str, list[Item]] = {}
        metrics = [*all_metrics(cfg.get('val_evaluator')), *all_metrics(cfg.get('test_evaluator'))]
        coco = next((one for one in metrics if type_name(one) == 'CocoMetric'), None)
        # below it a joint counts nothing in a person's score; None: no AP is computed
        self.threshold = None if coco is None else coco.get('keypoint_score_thr', 0.2)

    def run(self, checkpoint: str | None) -> list[Finding]:
        """Check all phases, then the model with their samples."""
        report = self.report
        phases = [phase for phase in _PHASES if self.cfg.get(f'{phase}_dataloader')]
        if 'train' not in phases:
            report.add('warning', 'config', 'config', 'the config has no train_dataloader')
        for phase in phases:
            if phase == 'test' and 'val' in phases and self._same_as_val():
                report.add('ok', 'config', 'test', 'the same dataset and evaluator as val')
                continue
            report.call(phase, self._check_phase, phase)
        for phase in (one for one in phases if one != 'train' and one in self.images and 'train' in self.images):
            report.check(phase, check_overlap, self.images['train'], self.images[phase], self.samples, phase)
        report.call('model', self._check_model, checkpoint)
        return report.findings

    def _same_as_val(self) -> bool:
        cfg = self.cfg
        return cfg.test_dataloader.dataset == cfg.val_dataloader.dataset and cfg.get('test_evaluator') == cfg.get(
            'val_evaluator'
        )

    def _check_phase(self, phase: str) -> None:
        """One loader: each of its datasets as it is on disk, then the whole as MMPose builds it."""
        config = self.cfg[f'{phase}_dataloader'].dataset
        parts = list(source_configs(config))
        for part in parts:
            self.report.call(phase, self._check_part, part, phase)
        if self.report.has(phase, 'dataset', 'missing-file', 'json', 'keypoints', 'id-type', 'value-type'):
            what = 'the pipeline was not run: the errors above come first'
            self.report.add('info', 'pipeline-run', phase, what)
            return
        self._draw(config, phase, detected=any(part.config.get('bbox_file') for part in parts))

    def _check_part(self, part: SourceConfig, phase: str) -> None:
        """One dataset of a loader: its config, its files, its people, and what evaluates them."""
        report, config = self.report, part.config
        if config.get('data_mode', 'topdown') != 'topdown':
            what = (
                f'data_mode is {config["data_mode"]!r}: pipeline, codec and head are checked for top-down configs only'
            )
            report.add('warning', 'config', phase, what)
        else:
            report.check(phase, check_pipeline, part.pipeline, self.head, phase)
        source = open_source(config, part.pipeline, phase, report, self.threshold is not None)
        if source is None:
            return
        evaluator = self.cfg.get(f'{phase}_evaluator')
        name = str(source.metainfo.get('dataset_name'))
        if phase != 'train' and not part.test_mode:
            advice = 'in training mode a person that cannot be loaded is replaced by a random other one'
            report.add('warning', 'test-mode', phase, 'the dataset has no test_mode=True', advice)
        if phase != 'train':
            for file in source.ann_files or ['']:
                report.check(phase, check_evaluator, evaluator, config, name, file, phase)
        report.call(phase, self._check_people, source, part.metainfo, uses_area(metrics_of(evaluator, name)))

    def _check_people(self, source: Source, wrapper: ConfigType | None, area_used: bool) -> None:
        """The annotations and the images of a dataset."""
        report, phase = self.report, source.phase
        file = read_file(source, report)
        people = file if source.counts or report.has(phase, 'missing-file') else read_people(source, report)
        target = None if wrapper is None else report.call(phase, parse_pose_metainfo, dict(wrapper))
        check_joints(source, people if source.counts else None, target, self._predicted(phase), report)
        known = file or people
        if known is not None:
            mean = (self.model.get('data_preprocessor') or {}).get('mean') or (0, 0, 0)
            what = f'{len(known.image)} people in {len(known.file_names)} images: {", ".join(source.ann_files)}'
            report.add('ok', 'annotations', phase, what)
            known, images = look_at_images(source, known, self.samples, self.rng, len(mean), report)
            if images is not None:
                self.images[phase] = self.images[phase] + images if phase in self.images else images
            by_mmpose = report.call(phase, is_mmposes, self.head) or False
            arrays = (known, known) if source.counts else (file, people)
            check_annotations(source, *arrays, by_mmpose, area_used, report)
        check_extra_files(source, file, report)

    def _predicted(self, phase: str) -> int | None:
        """The number of joints that the head predicts, in training or in testing."""
        kept = (self.model.get('test_cfg') or {}).get('output_keypoint_indices')
        return len(kept) if kept and phase != 'train' else predicted_joints(self.head)

    def _draw(self, config: ConfigType, phase: str, detected: bool) -> None:
        """Run people through the pipeline of a phase and look at their joints."""
        report, config = self.report, deepcopy(config)
        pack_joints(config, phase)
        try:
            dataset = DATASETS.build(config)
            count = dataset.metainfo['num_keypoints']
        except (Exception, SystemExit) as error:  # datasets raise and assert what they like
            # so NumPy says that MMEngine has an empty list to join
            empty = 'need at least one array to concatenate' in str(error)
            what = 'the dataset is empty after filtering' if empty else 'the dataset cannot be built'
            report.add_error('dataset', phase, what, error, ADVICE_EMPTY if empty else '')
            return
        drawn = report.call(phase, draw_samples, dataset, self.samples, self.rng, phase)
        if drawn is None:
            return
        self.items[phase], findings = drawn
        report.findings += findings
        joints = report.call(phase, joints_of, self.items[phase])
        if joints is None or detected:  # detected boxes come with empty joints
            return
        size = tuple(self.items[phase][0]['inputs'].shape[:0:-1])
        report.check(phase, check_crops, *joints, size, phase)
        found = joints[0].shape[1]
        if found != count and not report.has(phase, 'joint-count'):  # of a class that composes its joints
            report.check(phase, check_joint_count, found, count, None, phase)

    def _check_model(self, checkpoint: str | None) -> None:
        """The codec on the joints of the training, then the model on a few people."""
        report = self.report
        if not self.model:
            report.add('warning', 'model', 'model', 'the config has no model')
            return
        train = self.items.get('train', [])
        test = self.items.get('val') or self.items.get('test') or []
        report.call('model', self._check_codec, train)
        if not (train or test):
            report.add('info', 'model', 'model', 'the model was not run: there are no samples')
            return
        model, findings = build_model(self.model, checkpoint)
        report.findings += findings
        if model is not None:
            report.check('model', check_normalization, model, self.model)
        # prediction first: a step of training changes BatchNorm's statistics
        if model is not None and test:
            trained = checkpoint is not None and not findings
            report.check('model', check_scores, model, test[:_BATCH], self.threshold, trained)
        if model is not None and train:
            report.check('model', check_loss, model, train[:_BATCH])

    def _check_codec(self, train: list[Item]) -> None:
        """The head's codec on the joints of the training."""
        if not self.head:
            what = f'the config of {type_name(self.model)} has no head: its codec is not checked'
            self.report.add('info', 'codec', 'model', what)
            return
        decoder = self.head.get('decoder')
        codec, findings = build_codec(decoder)
        self.report.findings += findings
        joints = joints_of(train)
        if codec is not None and joints is not None:
            self.report.check('model', check_codec, codec, *joints, self.threshold)
            self.report.check('model', check_depths, train, decoder.get('depth_range'))
