"""What a teacher adds to a training step beside its own forward pass; student, teacher and both measured in one run."""

import inspect
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from mmpose.utils import register_all_modules

from mmpose_ext.config import config_path
from mmpose_ext.lab.profiling.timing import measure_turns, one_thread, run_comparison
from mmpose_ext.registry import MODELS

__all__ = ['DistillationCase', 'compare_distillation']

LIMIT = 1.03  # of a distilled step, in units of the student's step and the teacher's forward pass together
_STUDENT, _TEACHER, _BOTH = "student's step", "teacher's forward pass", 'distilled step'


@dataclass(frozen=True)
class DistillationCase:
    """A distilled config whose step is measured.

    Attributes:
        name: What learns from what.
        config: Name of the config below ``configs/``.
        batch: Images in a step on the CPU.
        options: Changes of the config on the CPU, by dotted key, as in ``--cfg-options``.
        device_batch: Images in a step on a GPU, where ``options`` do not count.
        variant: Changes of the config on every device.
    """

    name: str
    config: str
    batch: int
    device_batch: int
    options: Mapping[str, Any] = field(default_factory=dict)
    variant: Mapping[str, Any] = field(default_factory=dict)


_SYNTHETIC = 'fpd/fpd_res18_1xb32-10e_synthetic-128x96'
CASES = (
    DistillationCase('maps from maps, ResNet-18', _SYNTHETIC, 32, 256),
    DistillationCase(
        'four stacks from eight, maps of 32x32 on the CPU',
        'fpd/fpd_hourglass-4x128_1xb8-140e_mpii-256x256',
        4,
        32,
        {
            'model.backbone.feat_channels': 64,
            'model.teacher.config.model.backbone.feat_channels': 128,
            'model.head.decoder': dict(input_size=(128, 128), heatmap_size=(32, 32)),
            'model.teacher.config.model.head.decoder': dict(input_size=(128, 128), heatmap_size=(32, 32)),
        },
    ),
    DistillationCase('integral regression from maps, ResNet-18', f'{_SYNTHETIC}_integral', 32, 256),
    DistillationCase(
        'RLE from maps, ResNet-18',
        _SYNTHETIC,
        32,
        256,
        variant={
            'model.head': dict(
                _delete_=True,
                type='mmpose_ext.RLEHead',
                in_channels=64,
                num_joints=17,
                decoder=dict(type='mmpose_ext.RegressionLabel', input_size=(96, 128)),
            )
        },
    ),
)


def _config(case: DistillationCase, options: Mapping[str, Any]) -> Config:
    """The case's config with its teacher's inside, changed, and without downloads."""
    config = Config.fromfile(config_path(case.config))
    config.model.teacher.config = Config.fromfile(config_path(config.model.teacher.config)).to_dict()
    config.merge_from_dict({**case.variant, **options})
    for model in (config.model, config.model.teacher.config.model):
        model.backbone.init_cfg = None
    return config


def _models(config: Config, device: str) -> tuple[Any, Any, Any]:
    """Student, teacher and distilled student; the teacher has the weights that it starts with."""
    arguments = inspect.signature(TopdownPoseEstimator).parameters
    plain = {name: value for name, value in config.model.items() if name in arguments}
    with DefaultScope.overwrite_default_scope('mmpose'):
        student = MODELS.build(dict(plain, type='TopdownPoseEstimator'))
        distilled = MODELS.build(config.model)
    distilled._teacher.loaded = True
    distilled.load_state_dict(student.state_dict())
    return student.to(device), distilled.teacher, distilled.to(device)


def _batch(config: Config, count: int) -> dict[str, Any]:
    """Images and samples as MMPose's pipelines hand them to a runner."""
    generator = np.random.default_rng(0)
    head = config.model.head
    width, height = head.decoder.input_size
    joints = head.get('num_joints') or head.out_channels
    samples = []
    for points in generator.uniform(0, (width - 1, height - 1), (count, 1, joints, 2)).astype(np.float32):
        sample = PoseDataSample(metainfo=dict(input_size=(width, height), flip_indices=[*range(joints)]))
        sample.gt_instances = InstanceData(
            transformed_keypoints=points, keypoints_visible=np.ones((1, joints), np.float32)
        )
        samples.append(sample)
    images = torch.from_numpy(generator.integers(0, 256, (count, 3, height, width), dtype=np.uint8))
    return dict(inputs=[*images], data_samples=samples)


def _functions(case: DistillationCase, device: str) -> dict[str, Callable[[], object]]:
    on_cpu = device == 'cpu'
    config = _config(case, case.options if on_cpu else {})
    student, teacher, distilled = _models(config, device)
    data = _batch(config, case.batch if on_cpu else case.device_batch)
    inputs = student.data_preprocessor(dict(data), True)['inputs']

    def step_of(model: Any) -> Callable[[], object]:
        wrapper = build_optim_wrapper(model.train(), config.optim_wrapper.to_dict())
        return lambda: model.train_step(dict(data), wrapper)

    @torch.no_grad()
    def forward() -> object:
        return teacher.head.forward(teacher.extract_feat(inputs))

    return {_STUDENT: step_of(student), _TEACHER: forward, _BOTH: step_of(distilled)}


def _measure(case: DistillationCase, device: str, rounds: int, block: float) -> tuple[list[str], bool]:
    """Lines about a case, and whether the median over the rounds of the ratio is below the limit."""
    wait, clock = (torch.cuda.synchronize, None) if device == 'cuda' else (None, time.process_time)
    with one_thread():
        turns = measure_turns(_functions(case, device), rounds, block, wait, clock)
    pairs = zip(turns[_STUDENT], turns[_TEACHER], turns[_BOTH], strict=True)
    ratio = median(both / (student + teacher) for student, teacher, both in pairs)
    where = torch.cuda.get_device_name() if device == 'cuda' else 'CPU, 1 thread'
    count = case.device_batch if device == 'cuda' else case.batch
    lines = [f'{case.name}; {count} images, {where}, median of {rounds} rounds']
    lines += [f'  {name:42s} {1000 * median(seconds):9.3f} ms' for name, seconds in turns.items()]
    met = ratio <= LIMIT
    name = "distilled / (student's + teacher's)"
    return [*lines, f'  {name:42s} {ratio:9.3f}      at most {LIMIT:g} {"met" if met else "MISSED"}', ''], met


def compare_distillation(rounds: int = 15, block: float = 0.1) -> tuple[list[str], bool]:
    """Measure a training step of students, alone and distilled, and a forward pass of their teachers.

    A step is that of MMEngine: images normalized, losses, gradients, the optimizer. The three take turns, and what is
    held against the limit is the median of the ratios of each round: what the machine does meanwhile meets them alike.
    On the CPU it is the time that the process works which is counted.

    Args:
        rounds: Number of turns of each.
        block: Seconds that a turn takes at least.

    Returns:
        The lines of a report, and whether every ratio is below the limit.
    """
    register_all_modules(init_default_scope=False)
    lines: list[str] = []
    met = True
    for device in ('cpu', *(['cuda'] if torch.cuda.is_available() else [])):
        for case in CASES:
            found, fits = _measure(case, device, rounds, block)
            lines += found
            met = met and fits
    return lines[:-1], met


if __name__ == '__main__':
    sys.exit(run_comparison(compare_distillation, __doc__))
