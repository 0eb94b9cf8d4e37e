"""An exported model beside the one of torch: how far their keypoints are from each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mmpose_ext.runtime.onnx_model import CropKeypoints, OnnxPoseModel

from .graph import PoseGraph

__all__ = ['HALF_SHARE', 'ExportReport', 'compare_with_torch']


#: Share of the joints of a network of 16 bits that have to be near those of 32; flat heatmaps let single ones jump.
HALF_SHARE = 0.95


@dataclass(frozen=True)
class ExportReport:
    """How far an exported model is from the one of torch.

    Differences of pixels are those of the coordinate of a joint that differs more.

    Attributes:
        path: Of the exported model.
        crops: Number of crops that both have seen.
        pixels: Difference in input pixels that ``share`` of the joints do not exceed; the largest where it is 1.
        median: Difference in input pixels that half of the joints do not exceed.
        largest: Largest difference in input pixels.
        millimeters: Largest difference of a depth; 0 without depth.
        scores: Largest difference of a score.
        sigmas: Difference of the sigmas on x and y in input pixels that ``share`` of the joints do not exceed; 0
            without sigmas.
        tolerance: Accepted ``pixels`` and ``sigmas``.
        covariances: The same of the covariances on x and y, as a share of the largest variance of their joint; 0
            without covariances.
        share: Of the joints that have to be as near as ``tolerance``: 1, or with 16 bits 0.95.
        noise: Whether the crops are noise, because no image was there.
    """

    path: Path
    crops: int
    pixels: float
    median: float
    largest: float
    millimeters: float
    scores: float
    sigmas: float
    tolerance: float
    covariances: float = 0.0
    share: float = 1.0
    noise: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the difference is accepted; one that is not a number is not. Covariances may differ by a tenth."""
        return self.pixels <= self.tolerance and self.sigmas <= self.tolerance and self.covariances <= 0.1

    def __str__(self) -> str:
        who = '' if self.share == 1 else f'{self.share:.0%} of the joints at most '
        spread = '' if self.share == 1 else f' (median {self.median:.2g}, largest {self.largest:.2g})'
        depth = f', {self.millimeters:.2g} mm' if self.millimeters else ''
        sigmas = f', sigmas {self.sigmas:.2g} px' if self.sigmas else ''
        sigmas += f', covariances {self.covariances:.2g}' if self.covariances else ''
        crops = 'crops of noise' if self.noise else 'crops'
        return (
            f'difference from torch on {self.crops} {crops}: {who}{self.pixels:.2g} px{spread}{depth}{sigmas}, '
            f'scores {self.scores:.2g} ({"met" if self.is_met else "MISSED"}: at most {self.tolerance:g} px)'
        )


def compare_with_torch(
    graph: PoseGraph, path: str | Path, crops: np.ndarray, tolerance: float, share: float = 1.0
) -> ExportReport:
    """Run an exported model by ONNX Runtime beside the one of torch.

    Args:
        graph: The model.
        path: Of the exported model.
        crops: (N, 3, h, w) uint8, BGR, N > 0.
        tolerance: Largest difference in pixels that is accepted.
        share: Of the joints that must not exceed it; 1: all.

    Raises:
        ImportError: If ``onnxruntime`` is not installed.
        ValueError: If there is no crop, or the number of outputs differs.
    """
    if not len(crops):
        raise ValueError("'crops' must hold one or more crops to compare, got none")
    found = OnnxPoseModel(path).run_crops(crops.transpose(0, 2, 3, 1))
    with torch.no_grad():
        batches = [graph(torch.from_numpy(part)) for part in np.array_split(crops, max(1, len(crops) // 32))]
    arrays = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    expected = CropKeypoints(**dict(zip(graph.output_names, arrays, strict=True)))
    difference = np.abs(found.keypoints - expected.keypoints)
    joints = difference[..., :2].max(-1)
    return ExportReport(
        path=Path(path),
        crops=len(crops),
        pixels=float(np.quantile(joints, share)),
        median=float(np.median(joints)),
        largest=float(joints.max()),
        millimeters=float(difference[..., 2].max()) if difference.shape[-1] == 3 else 0.0,
        scores=float(np.abs(found.scores - expected.scores).max()),
        sigmas=_difference(_planar(found.sigmas), _planar(expected.sigmas), share),
        tolerance=tolerance,
        covariances=_difference(_as_shares(found, expected), _as_shares(expected, expected), share),
        share=share,
    )


def _difference(found: np.ndarray | None, expected: np.ndarray | None, share: float) -> float:
    """Difference of two arrays (N, K, ...) that a share of the joints do not exceed; 0 if the model predicts none."""
    if found is None and expected is None:
        return 0.0
    if found is None or expected is None:
        there, missing = ('torch', 'the file') if found is None else ('the file', 'torch')
        raise ValueError(
            f"'path' must be an export of this model, got an output of {there} that {missing} does not have"
        )
    joints = np.abs(found - expected).reshape(*found.shape[:2], -1).max(-1)
    return float(np.quantile(joints, share))


def _as_shares(found: CropKeypoints, unit: CropKeypoints) -> np.ndarray | None:
    """Covariances on x and y, divided by the largest variance of each joint in ``unit``."""
    if found.covariances is None or unit.covariances is None:
        return found.covariances
    variances = unit.covariances.diagonal(axis1=-2, axis2=-1)[..., :2].max(-1)
    return found.covariances[..., :2, :2] / variances[..., None, None]


def _planar(values: np.ndarray | None) -> np.ndarray | None:
    """Values (N, K, D) on x and y."""
    return None if values is None else values[..., :2]
