"""An exported model beside the one of torch: how far their keypoints are from each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mmpose_ext.runtime.onnx_model import CropKeypoints, OnnxPoseModel

from .graph import PoseGraph

__all__ = ['ExportReport', 'compare_with_torch']


@dataclass(frozen=True)
class ExportReport:
    """How far an exported model is from the one of torch.

    Attributes:
        path: Of the exported model.
        crops: Number of crops that both have seen.
        pixels: Largest difference of a coordinate in input pixels.
        millimeters: Largest difference of a depth; 0 without depth.
        scores: Largest difference of a score.
        sigmas: Largest difference of a sigma on x and y in input pixels; 0 without sigmas.
        tolerance: Largest difference in pixels that is accepted.
        covariances: Largest difference of a covariance on x and y, as a share of the largest variance of its joint; 0
            without covariances.
        noise: Whether the crops are noise, because no image was there.
    """

    path: Path
    crops: int
    pixels: float
    millimeters: float
    scores: float
    sigmas: float
    tolerance: float
    noise: bool = False
    covariances: float = 0.0

    @property
    def is_met(self) -> bool:
        """Whether the difference is accepted; one that is not a number is not. Covariances may differ by a tenth."""
        return self.pixels <= self.tolerance and self.sigmas <= self.tolerance and self.covariances <= 0.1

    def __str__(self) -> str:
        depth = f', {self.millimeters:.2g} mm' if self.millimeters else ''
        sigmas = f', sigmas {self.sigmas:.2g} px' if self.sigmas else ''
        sigmas += f', covariances {self.covariances:.2g}' if self.covariances else ''
        crops = 'crops of noise' if self.noise else 'crops'
        return (
            f'difference from torch on {self.crops} {crops}: {self.pixels:.2g} px{depth}{sigmas}, '
            f'scores {self.scores:.2g} ({"met" if self.is_met else "MISSED"}: at most {self.tolerance:g} px)'
        )


def compare_with_torch(graph: PoseGraph, path: str | Path, crops: np.ndarray, tolerance: float) -> ExportReport:
    """Run an exported model by ONNX Runtime beside the one of torch.

    Args:
        graph: The model.
        path: Of the exported model.
        crops: (N, 3, h, w) uint8, BGR, N > 0.
        tolerance: Largest difference in pixels that is accepted.

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
    return ExportReport(
        path=Path(path),
        crops=len(crops),
        pixels=float(difference[..., :2].max()),
        millimeters=float(difference[..., 2].max()) if difference.shape[-1] == 3 else 0.0,
        scores=float(np.abs(found.scores - expected.scores).max()),
        sigmas=_largest(_planar(found.sigmas), _planar(expected.sigmas)),
        tolerance=tolerance,
        covariances=_largest(_as_shares(found, expected), _as_shares(expected, expected)),
    )


def _largest(found: np.ndarray | None, expected: np.ndarray | None) -> float:
    """Largest difference of two arrays; 0 if the model predicts none."""
    if found is None and expected is None:
        return 0.0
    if found is None or expected is None:
        there, missing = ('torch', 'the file') if found is None else ('the file', 'torch')
        raise ValueError(
            f"'path' must be an export of this model, got an output of {there} that {missing} does not have"
        )
    return float(np.abs(found - expected).max())


def _as_shares(found: CropKeypoints, unit: CropKeypoints) -> np.ndarray | None:
    """Covariances on x and y, divided by the largest variance of each joint in ``unit``."""
    if found.covariances is None or unit.covariances is None:
        return found.covariances
    variances = unit.covariances.diagonal(axis1=-2, axis2=-1)[..., :2].max(-1)
    return found.covariances[..., :2, :2] / variances[..., None, None]


def _planar(values: np.ndarray | None) -> np.ndarray | None:
    """Values (N, K, D) on x and y."""
    return None if values is None else values[..., :2]
