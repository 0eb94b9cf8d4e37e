"""Augmentation of a batch on the device: the worker ships regions of images, one warp makes the network's inputs."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from mmpose.datasets.transforms import RandomBBoxTransform, RandomFlip, RandomHalfBody, TopdownAffine
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_ext.datasets.regions import affine_matrix
from mmpose_ext.registry import TRANSFORMS

from .warp import warp_images

__all__ = ['DeviceAugmentation']

_NEEDED = ('bbox_center', 'bbox_scale', 'region', 'flip_indices', 'upper_body_ids', 'lower_body_ids')

Floats = npt.NDArray[np.floating]


class DeviceAugmentation:
    """Flip, half body, scale, rotation, shift and color of a batch, with the distributions of MMPose's transforms.

    The random numbers are drawn by MMPose's own transforms, for all people of the batch at once, and on the host, where
    the joints are; the images are warped on their device, by one ``grid_sample``.

    Args:
        input_size: Width and height of the network's inputs.
        transforms: Configs of ``RandomFlip`` (horizontal), ``RandomHalfBody``, ``RandomBBoxTransform`` and
            ``mmpose_ext.RandomChannelScale``, as they stand in a pipeline, in this order; each may be missing.
        use_udp: Whether pixels are placed as by ``TopdownAffine(use_udp=True)``.

    Raises:
        ValueError: If there is another transform, another order or another direction of a flip.
    """

    def __init__(
        self, input_size: tuple[int, int], transforms: Sequence[Mapping[str, object]] = (), use_udp: bool = False
    ) -> None:
        self.affine = TopdownAffine((int(input_size[0]), int(input_size[1])), use_udp)
        kinds = (RandomFlip, RandomHalfBody, RandomBBoxTransform, TRANSFORMS.get('mmpose_ext.RandomChannelScale'))
        self.flip: RandomFlip | None = None
        self.box_steps: list[RandomHalfBody | RandomBBoxTransform] = []
        self.color: object = None
        last = -1
        for config in transforms:
            step = TRANSFORMS.build(dict(config))
            place = next((number for number, kind in enumerate(kinds) if type(step) is kind), -1)
            if place <= last:
                order = ', '.join(kind.__name__ for kind in kinds)
                raise ValueError(f"'transforms' must be of {order}, in this order, got {config.get('type')}")
            last = place
            if place == 0:
                self.flip = self._check_flip(step)
            elif place == 3:
                self.color = step
            else:
                self.box_steps.append(step)

    @staticmethod
    def _check_flip(step: RandomFlip) -> RandomFlip:
        if step.direction != 'horizontal':
            raise ValueError(f"'direction' of RandomFlip must be 'horizontal', got {step.direction!r}")
        return step

    def __call__(self, images: Sequence[Tensor], samples: Sequence[PoseDataSample]) -> Tensor:
        """Make inputs of regions; the samples get ``transformed_keypoints`` and what ``TopdownAffine`` sets.

        Args:
            images: B regions (3, h, w) of 8 bits, as ``mmpose_ext.PackRegion`` ships them.
            samples: Changed in place: joints and visibilities follow the images.

        Returns:
            (B, 3, height, width), float32, 0 to 255.

        Raises:
            ValueError: If the samples were not packed by ``mmpose_ext.PackRegion``.
        """
        results = _gather(samples)
        flipped = self._flip(results)
        for step in self.box_steps:
            results = step.transform(results)
        matrices = self._finish(results, samples, flipped)
        inverses = np.stack([_invert(matrix) for matrix in matrices])
        inverses[:, :, 2] -= np.array([sample.metainfo['region'][:2] for sample in samples])
        inputs = warp_images(images, torch.from_numpy(inverses), self.affine.input_size)
        if self.color is not None:
            factors = np.stack([self.color._draw(inputs.shape[1]) for _ in samples])  # type: ignore[attr-defined]
            inputs = inputs.mul_(torch.from_numpy(factors).to(inputs)[..., None, None]).clamp_(0, 255)
        return inputs

    def _flip(self, results: dict) -> npt.NDArray[np.bool_]:
        """Flip joints and boxes about x = 0: where the mirror stands does not matter, the crop moves with it."""
        count = len(results['keypoints'])
        if self.flip is None:
            return np.zeros(count, bool)
        flipped = np.array([self.flip._choose_direction() is not None for _ in range(count)])
        results['bbox_center'][flipped, 0] *= -1
        results['keypoints'][flipped, :, 0] *= -1
        for name in ('keypoints', 'keypoints_visible'):
            results[name][flipped] = results[name][flipped][:, results['flip_indices']]
        return flipped

    def _finish(self, results: dict, samples: Sequence[PoseDataSample], flipped: npt.NDArray[np.bool_]) -> list[Floats]:
        """Write each person's joints; returns the matrices from pixels of the images to pixels of the inputs."""
        matrices: list[Floats] = []
        for number, sample in enumerate(samples):
            person = {
                name: results[name][number, None]
                for name in ('bbox_center', 'bbox_scale', 'bbox_rotation', 'keypoints')
                if name in results
            }
            # without images the transform computes all but the pixels
            person = self.affine.transform(dict(person, img=[]))
            matrix = np.asarray(affine_matrix(person, self.affine.use_udp), np.float64)
            matrices.append(matrix * (-1, 1, 1) if flipped[number] else matrix)  # the image itself is not flipped
            sample.gt_instances.transformed_keypoints = person['transformed_keypoints']
            sample.gt_instances.keypoints_visible = results['keypoints_visible'][number, None]
            names = ('input_size', 'input_center', 'input_scale')
            flip = dict(flip=bool(flipped[number]), flip_direction='horizontal' if flipped[number] else None)
            sample.set_metainfo({name: person[name] for name in names} | flip)
        return matrices


def _invert(matrix: Floats) -> Floats:
    return np.linalg.inv(np.vstack((matrix, (0, 0, 1))))[:2]


def _gather(samples: Sequence[PoseDataSample]) -> dict:
    """What MMPose's transforms know of a person, for all people of a batch: (B, ...)."""
    for sample in samples:
        missing = [name for name in _NEEDED if name not in sample.metainfo]
        if missing:
            raise ValueError(
                f"'data_samples' must be packed by mmpose_ext.PackRegion for this augmentation, got none of {missing}"
            )
    first = samples[0].metainfo
    same = ('flip_indices', 'upper_body_ids', 'lower_body_ids')
    for name in same:
        if any([*sample.metainfo[name]] != [*first[name]] for sample in samples):
            raise ValueError(f"'data_samples' must be people of datasets with the same '{name}'")
    results: dict = {name: first[name] for name in same}
    for name in ('bbox_center', 'bbox_scale'):
        results[name] = np.concatenate([sample.metainfo[name] for sample in samples])
    for name in ('keypoints', 'keypoints_visible'):
        results[name] = np.concatenate([sample.gt_instances[name] for sample in samples])
    return results
