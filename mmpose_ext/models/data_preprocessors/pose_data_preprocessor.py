"""Images in the type of the network's weights, and augmentation on the device."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmpose.models.data_preprocessors import PoseDataPreprocessor as MMPosePreprocessor
from torch import Tensor

from mmpose_ext.models.utils import GatheredSamples
from mmpose_ext.registry import MODELS

from .device_augmentation import DeviceAugmentation

__all__ = ['PoseDataPreprocessor']


@MODELS.register_module()
class PoseDataPreprocessor(MMPosePreprocessor):
    """MMPose's preprocessor, whose normalized images have the type of the model.

    MMPose's own gives float32 images after ``model.half()`` or ``model.bfloat16()`` too, which no layer of such a model
    accepts. Images are normalized in float32 and converted afterwards.

    Args:
        mean: Of each channel, 0 to 255; None: no normalization.
        std: Of each channel, 0 to 255; None: no normalization.
        augmentation: Arguments of :class:`DeviceAugmentation`, which makes the inputs of a training from regions of
            images; None: the pipeline has made them.
        gather_samples: In training, hand the samples over with their keypoints as tensors. ``torch.compile`` then makes
            one graph of the network and its loss, with the heads of this package.
        **settings: Those of MMPose's ``PoseDataPreprocessor``, such as ``bgr_to_rgb``.
    """

    mean: Tensor

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        augmentation: Mapping[str, Any] | None = None,
        gather_samples: bool = False,
        **settings: object,
    ) -> None:
        # whole numbers would make buffers of integers, which have no type of a model to tell
        mean, std = (None if values is None else [float(value) for value in values] for values in (mean, std))
        super().__init__(mean, std, **settings)
        self.gather_samples = gather_samples
        self.augmentation = None if augmentation is None else DeviceAugmentation(**augmentation)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalize a batch.

        Args:
            data: ``inputs``, a list of images (3, h, w) or a batch of them, and ``data_samples``.
            training: Whether augmentations of the batch are applied.

        Returns:
            ``inputs`` (B, 3, h, w) in the type of the model, and ``data_samples``.
        """
        dtype = self.mean.dtype if self._enable_normalize else None
        if training and self.augmentation is not None:
            data = self.cast_data(data)
            data = dict(data, inputs=self.augmentation(data['inputs'], data['data_samples']))
        results = super().forward(data, training)
        if training and self.gather_samples:
            samples = GatheredSamples(results['data_samples'], results['inputs'].device)
            results = dict(results, data_samples=samples)
        return results if dtype is None else dict(results, inputs=results['inputs'].to(dtype))
