"""A trained model as one function from crops to keypoints: normalization, network, flip test and decoding."""

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from mmpose_ext.codecs import Keypoints
from mmpose_ext.models.heads import BaseHead
from mmpose_ext.models.utils import normalization

__all__ = ['PoseGraph', 'export_program', 'sample_crops']


class PoseGraph(nn.Module):
    """A trained model as a function of crops: what is exported.

    Args:
        model: A top-down estimator with a head of this package.
        flip: Whether to average with the mirrored crops, as the flip test does.
        covariances: Whether the covariance of each keypoint is an output, too.

    Attributes:
        output_names: Names of what :meth:`forward` returns.

    Raises:
        ValueError: If the head is not one of this package, or has no codec.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: TopdownPoseEstimator, flip: bool = False, covariances: bool = False) -> None:
        super().__init__()
        if not isinstance(model.head, BaseHead):
            raise ValueError(
                "'model' must have a head of mmpose_ext to be exported (it loads checkpoints of MMPose's head of "
                f'the same name), got {type(model.head).__name__}'
            )
        self.codec = model.head.codec
        self.network = model.eval()
        self.flip = flip
        self.flip_indices = [int(index) for index in model.dataset_meta['flip_indices']]
        self.test_cfg = dict(model.test_cfg or {}, output_covariances=covariances)
        mean, std, self.swaps_channels = normalization(model.data_preprocessor)
        device = next(model.parameters()).device
        for name, values in dict(mean=mean, std=std).items():
            buffer = torch.tensor(values.tolist(), dtype=torch.float32, device=device).view(1, 3, 1, 1)
            self.register_buffer(name, buffer, persistent=False)
        # a pass before any export: heads compute constants of the model in their first one
        width, height = self.codec.input_size
        with torch.no_grad():
            found = self._decoded(torch.zeros(1, 3, height, width, dtype=torch.uint8, device=device))
        names = dict(points='keypoints')
        self.output_names = [names.get(name, name) for name, value in found._asdict().items() if value is not None]

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Keypoints of crops.

        Args:
            crops: (B, 3, h, w) uint8, BGR.

        Returns:
            Keypoints (B, K, D) in input pixels (and millimeters), scores (B, K) and, of models that predict them,
            sigmas (B, K, D) and covariances (B, K, D, D), float32.
        """
        return tuple(tensor.float() for tensor in self._decoded(crops) if tensor is not None)

    def _decoded(self, crops: Tensor) -> Keypoints:
        images = crops.float()
        if self.swaps_channels:
            images = images.flip(1)
        images = ((images - self.mean) / self.std).to(self.mean.dtype)
        head = self.network.head
        outputs = head.forward(self.network.extract_feat(images))
        flipped = head.forward(self.network.extract_feat(images.flip(-1))) if self.flip else None
        return head.decode_outputs(outputs, flipped, self.flip_indices, self.test_cfg)


def sample_crops(graph: PoseGraph, count: int = 2) -> Tensor:
    """Crops to trace with: more than one, because exporters take a batch of 1 for a constant."""
    width, height = graph.codec.input_size
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)
    return crops.to(graph.mean.device)


def export_program(graph: PoseGraph) -> torch.export.ExportedProgram:
    """The graph by ``torch.export``, with any number of crops: the way to ExecuTorch, OpenVINO and TensorRT.

    Args:
        graph: The model.
    """
    batch = torch.export.Dim('batch', min=1, max=4096)
    with torch.no_grad():
        return torch.export.export(graph.eval(), (sample_crops(graph),), dynamic_shapes=({0: batch},))
