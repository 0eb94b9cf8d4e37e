"""An exported model beside the one of torch: how far their keypoints are from each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mmpose_ext.runtime.onnx_model import OnnxPoseModel

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
        tolerance: Largest difference in pixels that is accepted.
    """

    path: Path
    crops: int
    pixels: float
    millimeters: float
    scores: float
    tolerance: float

    @property
    def is_met(self) -> bool:
        """Whether the difference is accepted; one that is not a number is not."""
        return self.pixels <= self.tolerance

    def __str__(self) -> str:
        depth = f', {self.millimeters:.2g} mm' if self.millimeters else ''
        return (
            f'difference from torch on {self.crops} crops: {self.pixels:.2g} px{depth}, scores {self.scores:.2g} '
            f'({"met" if self.is_met else "MISSED"}: at most {self.tolerance:g} px)'
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
    keypoints, scores, _ = OnnxPoseModel(path).run_crops(crops.transpose(0, 2, 3, 1))
    with torch.no_grad():
        batches = [graph(torch.from_numpy(part)) for part in np.array_split(crops, max(1, len(crops) // 32))]
    expected, expected_scores = (torch.cat([batch[index] for batch in batches]).numpy() for index in (0, 1))
    difference = np.abs(keypoints - expected)
    return ExportReport(
        path=Path(path),
        crops=len(crops),
        pixels=float(difference[..., :2].max()),
        millimeters=float(difference[..., 2].max()) if difference.shape[-1] == 3 else 0.0,
        scores=float(np.abs(scores - expected_scores).max()),
        tolerance=tolerance,
    )
