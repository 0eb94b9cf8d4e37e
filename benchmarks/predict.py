"""Compare predict with MMPose's inferencer on images with a detector, and torch with ONNX Runtime on crops.

Both programs get the same two models and the same images, one after the other, in one process. MMPose draws with
matplotlib: its other backend cannot draw with today's numpy.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer

from mmpose_ext.apis.export import PoseGraph, export_model
from mmpose_ext.apis.predict.detector import Detector
from mmpose_ext.apis.predict.pose_model import TorchPoseModel, build_model
from mmpose_ext.apis.predict.run import run_prediction
from mmpose_ext.config import find_config
from mmpose_ext.lab.profiling.timing import Goal, measure, one_thread
from mmpose_ext.runtime.drawing import DrawSettings
from mmpose_ext.runtime.onnx_model import OnnxPoseModel
from mmpose_ext.runtime.sources import open_source

__all__ = ['compare_programs', 'compare_runtimes']

PROGRAM_GOALS = (
    Goal('drawn: MMPose / ours', 'MMPoseInferencer, drawn', 'predict, drawn', 3),
    Goal('not drawn: MMPose / ours', 'MMPoseInferencer', 'predict', 1.5),
)


def compare_programs(
    images: str, config: str, weights: str, detector: str, detector_weights: str, rounds: int = 3
) -> tuple[list[str], bool]:
    """Measure predict and MMPose's inferencer, with drawings and without.

    Args:
        images: Folder of images.
        config: Of the pose model.
        weights: Of the pose model.
        detector: Config of the detector.
        detector_weights: Of the detector.
        rounds: Turns of each program.

    Returns:
        The lines of a report, and whether every goal is met.
    """
    with tempfile.TemporaryDirectory() as folder:
        theirs = Config.fromfile(find_config(config, 'model'))
        theirs.visualizer = dict(type='PoseLocalVisualizer', name='visualizer', backend='matplotlib')
        theirs.dump(f'{folder}/pose.py')
        arguments = dict(det_model=detector, det_weights=detector_weights, det_cat_ids=[0], device='cpu')
        inferencer = MMPoseInferencer(pose2d=f'{folder}/pose.py', pose2d_weights=weights, **arguments)

        def mmpose(out: str | None) -> None:
            for _ in inferencer(images, out_dir=out, draw_bbox=out is not None, bbox_thr=0.3, nms_thr=0.5):
                pass

        model, finder = (
            TorchPoseModel(config, weights, device='cpu'),
            Detector(detector, detector_weights, device='cpu'),
        )

        def ours(out: Path | None) -> None:
            draw = None if out is None else DrawSettings()
            run_prediction(open_source(images), model, finder, out, draw, progress=False)

        functions: dict[str, Callable[[], object]] = {
            'MMPoseInferencer': lambda: mmpose(None),
            'predict': lambda: ours(None),
            'MMPoseInferencer, drawn': lambda: mmpose(f'{folder}/theirs'),
            'predict, drawn': lambda: ours(Path(folder) / 'ours'),
        }
        turns: dict[str, list[float]] = {name: [] for name in functions}
        with one_thread():
            for _ in range(rounds):  # in turn, so that a slow moment of the machine meets all of them
                for name, function in functions.items():
                    turns[name].append(_seconds(function))
    times = {name: min(values) for name, values in turns.items()}
    count = sum(1 for path in Path(images).iterdir() if path.is_file())
    lines = [f'{count} files in {Path(images).name}, seconds of one CPU thread, shortest of {rounds} turns']
    lines += [f'  {name:42s} {seconds:9.2f} s' for name, seconds in times.items()]
    lines += ['', *(f'  {goal.report(times)}' for goal in PROGRAM_GOALS)]
    return lines, all(goal.is_met(times) for goal in PROGRAM_GOALS)


def _seconds(function: Callable[[], object]) -> float:
    """CPU time of this process, without what it waits while others work."""
    start = time.process_time()
    function()
    return time.process_time() - start


def compare_runtimes(config: str, weights: str, rounds: int = 5) -> list[str]:
    """Measure the graph of a model in torch and in ONNX Runtime, a crop and 32 crops at a time, on one thread.

    Args:
        config: Of the pose model.
        weights: Of the pose model.
        rounds: Turns of each.

    Returns:
        The lines of a report.
    """
    with tempfile.TemporaryDirectory() as folder, one_thread(), torch.no_grad():
        report = export_model(config, weights, f'{folder}/model.onnx')
        graph = PoseGraph(build_model(config, weights))
        exported = OnnxPoseModel(f'{folder}/model.onnx', threads=1)
        width, height = graph.codec.input_size
        lines = [f'crops of {width} x {height}, CPU, 1 thread, median of {rounds} rounds; {report}']
        for batch in (1, 32):
            crops = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
            tensor = torch.from_numpy(crops.transpose(0, 3, 1, 2).copy())
            functions: dict[str, Callable[[], object]] = {
                'torch': lambda tensor=tensor: graph(tensor),
                'ONNX Runtime': lambda crops=crops: exported.run_crops(crops),
            }
            times = measure(functions, rounds)
            for name, seconds in times.items():
                lines.append(f'  {name:14s} batch {batch:2d} {1000 * seconds / batch:9.2f} ms a crop')
            lines.append(f'  torch / ONNX Runtime, batch {batch:2d} {times["torch"] / times["ONNX Runtime"]:6.2f}')
    return lines


def main() -> int:
    """Run the comparison; the exit status is 0 unless ``--check`` is given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('images', help='folder of images')
    parser.add_argument('--model', required=True, help='config of the pose model')
    parser.add_argument('--weights', required=True, help='its checkpoint')
    parser.add_argument('--detector', nargs=2, required=True, metavar=('CONFIG', 'WEIGHTS'))
    parser.add_argument('--rounds', type=int, default=3, help='turns of each program (default: %(default)s)')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if a goal is missed')
    arguments = parser.parse_args()
    lines, met = compare_programs(
        arguments.images, arguments.model, arguments.weights, *arguments.detector, arguments.rounds
    )
    lines += ['', *compare_runtimes(arguments.model, arguments.weights)]
    print('\n'.join(lines))
    return int(arguments.check and not met)


if __name__ == '__main__':
    sys.exit(main())
