"""How fast the integral head is beside MMPose's: training step and prediction, same batch, same weights, one run."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_ext.lab.profiling.timing import Goal, measure, one_thread, run_comparison
from mmpose_ext.registry import MODELS

__all__ = ['HeadCase', 'compare_integral_heads', 'head_pair']

JOINTS = 17
_FLIP_TEST = dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True)


@dataclass(frozen=True)
class HeadCase:
    """A network whose head is measured, with maps of 64x48 for inputs of 256x192.

    Attributes:
        name: What it is.
        channels: Of the feature map.
        deconvs: Channels of each deconvolution; None: no deconvolution.
        batch: Images in a step.
        goals: Whether the times are held against the goals: where deconvolutions, which are the same layers on both
            sides, take nearly all of the time, there is nothing to gain.
        final_layer: Whether there is a 1x1 convolution; else the features are the maps.
    """

    name: str
    channels: int
    deconvs: tuple[int, ...] | None
    batch: int
    goals: bool
    final_layer: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """(w, h) of the feature map."""
        stride = 2 ** len(self.deconvs or ())
        return 48 // stride, 64 // stride


CASES = (
    HeadCase('HRNet: 32 channels, a 1x1 convolution', 32, None, 64, goals=True),
    HeadCase('no layers: what the heads do with maps', JOINTS, None, 64, goals=False, final_layer=False),
    HeadCase('ResNet-50: 2048 channels, three deconvolutions', 2048, (256, 256, 256), 4, goals=False),
)
GOALS = (
    Goal('training step: ours / MMPose', 'training step', "MMPose's training step", 0.7, at_least=False),
    Goal('prediction: ours / MMPose', 'prediction', "MMPose's prediction", 1, at_least=False),
)


def head_pair(case: HeadCase) -> tuple[Any, Any]:
    """Our head and MMPose's, with the same weights and an L1 loss."""
    layers = dict(
        in_channels=case.channels,
        deconv_out_channels=case.deconvs,
        deconv_kernel_sizes=(4,) * len(case.deconvs or ()),
        final_layer=dict(kernel_size=1) if case.final_layer else None,
    )
    with DefaultScope.overwrite_default_scope('mmpose'):
        ours = MODELS.build(
            dict(
                type='mmpose_ext.IntegralHead',
                out_channels=JOINTS,
                loss_coord=dict(type='mmpose_ext.CoordinateLoss', reduction='all'),  # MMPose's
                decoder=dict(
                    type='mmpose_ext.IntegralLabel', input_size=(192, 256), heatmap_size=(48, 64), heatmap_type=None
                ),
                **layers,
            )
        )
        theirs = MODELS.build(
            dict(
                type='IntegralRegressionHead',
                in_featuremap_size=case.size,
                num_joints=JOINTS,
                loss=dict(type='L1Loss', use_target_weight=True),
                decoder=dict(type='RegressionLabel', input_size=(192, 256)),
                **layers,
            )
        )
    if case.final_layer:
        torch.nn.init.normal_(ours.final_layer.weight)  # its usual start is near zero, where every map is flat
    (theirs if case.deconvs is None else theirs.simplebaseline_head).load_state_dict(ours.state_dict(), strict=False)
    return ours, theirs


def _samples(batch: int, device: str) -> tuple[list[PoseDataSample], list[PoseDataSample]]:
    """The same people for both: for us with keypoints, for MMPose with what its data workers made of them."""
    generator = np.random.default_rng(0)
    ours, theirs = [], []
    for points in generator.uniform(0, (191, 255), (batch, 1, JOINTS, 2)).astype(np.float32):
        meta = dict(input_size=(192, 256), flip_indices=[*range(JOINTS)])
        visible = np.ones((1, JOINTS), np.float32)
        sample = PoseDataSample(metainfo=meta)
        sample.gt_instances = InstanceData(transformed_keypoints=points, keypoints_visible=visible)
        ours.append(sample)
        sample = PoseDataSample(metainfo=meta)
        sample.gt_instance_labels = InstanceData(
            keypoint_labels=torch.from_numpy(points / np.array((192, 256), np.float32)).to(device),
            keypoint_weights=torch.from_numpy(visible).to(device),
        )
        theirs.append(sample)
    return ours, theirs


def _functions(case: HeadCase, device: str) -> dict[str, Callable[[], object]]:
    generator = torch.Generator().manual_seed(0)
    shape = (case.batch, case.channels, case.size[1], case.size[0])
    feats, mirrored = (torch.randn(shape, generator=generator).to(device) for _ in range(2))
    feats.requires_grad_()  # a backbone's

    def step(head: Any, samples: Sequence[PoseDataSample]) -> Tensor:
        head.train()
        feats.grad = None
        losses = head.loss((feats,), samples, train_cfg={})
        loss = next(value for name, value in losses.items() if 'loss' in name)
        loss.backward()
        return loss.detach()

    @torch.no_grad()
    def prediction(head: Any, samples: Sequence[PoseDataSample], flip_test: bool = True) -> object:
        head.eval()
        if not flip_test:
            return head.predict((feats,), samples, test_cfg={})
        return head.predict([(feats,), (mirrored,)], samples, test_cfg=_FLIP_TEST)

    functions: dict[str, Callable[[], object]] = {}
    for head, samples, whose in zip(head_pair(case), _samples(case.batch, device), ('', "MMPose's "), strict=True):
        head.to(device)
        functions |= {
            f'{whose}training step': partial(step, head, samples),
            f'{whose}prediction': partial(prediction, head, samples),
            f'{whose}prediction, no flip test': partial(prediction, head, samples, flip_test=False),
        }
    return functions


def compare_integral_heads(rounds: int = 15, block: float = 0.1) -> tuple[list[str], bool]:
    """Measure both heads on one thread and, if there is one, on a GPU.

    A training step is loss, accuracy and gradients of features and weights. Ours starts from keypoints and makes its
    labels; MMPose's gets labels that its data workers made. A prediction has the flip test; ours has confidences, too.

    Args:
        rounds: Number of turns of each function.
        block: Seconds that a turn takes at least.

    Returns:
        The lines of a report, and whether every goal is met.
    """
    lines: list[str] = []
    met = True
    for device in ('cpu', *(['cuda'] if torch.cuda.is_available() else [])):
        wait = torch.cuda.synchronize if device == 'cuda' else None
        where = torch.cuda.get_device_name() if device == 'cuda' else 'CPU, 1 thread'
        for case in CASES:
            with one_thread():
                times = measure(_functions(case, device), rounds, block, wait)
            lines += [f'{case.name}; {case.batch} images, {where}, median of {rounds} rounds']
            lines += [f'  {name:42s} {1000 * seconds:9.3f} ms' for name, seconds in times.items()]
            if case.goals and device == 'cpu':
                met = met and all(goal.is_met(times) for goal in GOALS)
                lines += [f'  {goal.report(times)}' for goal in GOALS]
            else:
                lines += [f'  {goal.name:44s} {goal.ratio(times):6.3g}' for goal in GOALS]
            lines.append('')
    return lines[:-1], met


if __name__ == '__main__':
    sys.exit(run_comparison(compare_integral_heads, __doc__))
