"""An exported model beside the one of torch: how far their keypoints are from each other."""

from collections.abc import Sequence
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
        sigmas: Largest difference of a sigma on x and y in input pixels; 0 without sigmas.
        tolerance: Largest difference in pixels that is accepted.
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

    @property
    def is_met(self) -> bool:
        """Whether the difference is accepted; one that is not a number is not."""
        return self.pixels <= self.tolerance and self.sigmas <= self.tolerance

    def __str__(self) -> str:
        depth = f', {self.millimeters:.2g} mm' if self.millimeters else ''
        sigmas = f', sigmas {self.sigmas:.2g} px' if self.sigmas else ''
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
    keypoints, scores, sigmas = OnnxPoseModel(path).run_crops(crops.transpose(0, 2, 3, 1))
    with torch.no_grad():
        batches = [graph(torch.from_numpy(part)) for part in np.array_split(crops, max(1, len(crops) // 32))]
    expected, expected_scores, *expected_sigmas = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    difference = np.abs(keypoints - expected)
    return ExportReport(
        path=Path(path),
        crops=len(crops),
        pixels=float(difference[..., :2].max()),
        millimeters=float(difference[..., 2].max()) if difference.shape[-1] == 3 else 0.0,
        scores=float(np.abs(scores - expected_scores).max()),
        sigmas=_sigma_difference(sigmas, expected_sigmas),
        tolerance=tolerance,
    )


def _sigma_difference(found: np.ndarray | None, expected: Sequence[np.ndarray]) -> float:
    """Largest difference on x and y of sigmas (N, K, D); 0 if the model predicts none."""
    if (found is None) != (not expected):
        raise ValueError(
            f"'path' must be an export of this model, whose graph returns {2 + len(expected)} outputs, got "
            f'{2 if found is None else 3}'
        )
    return 0.0 if found is None else float(np.abs(found - expected[0])[..., :2].max())
