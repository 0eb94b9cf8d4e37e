"""The part of a pipeline that loads an image, up to the network's input, with the pixels from a cache."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine.dataset import Compose
from mmpose.datasets.transforms import TopdownAffine

from ..regions import affine_matrix, warp_part
from .crop_file import CropFile

__all__ = ['CropFromCache', 'RegionFromCache']

Transform = Callable[[dict], dict | None]


class CropFromCache(BaseTransform):
    """Do what a part of a pipeline does, and read a person's crop in place of the whole image.

    The samples are those of the part itself, key by key: boxes, joints and matrices are in pixels of the whole image,
    and the random numbers are the same. Where the input shows more of the image than the crop has, or the cache does
    not have the person, the whole image is read.

    Args:
        crops: The cache.
        load: ``LoadImage``, the start of the part.
        between: The transforms that follow, which may look at the values of single pixels only.
        affine: ``TopdownAffine``, the end of the part.
        changes_pixels: Whether one of ``between`` changes the values of pixels; such a one gets a copy.
    """

    def __init__(
        self,
        crops: CropFile,
        load: LoadImageFromFile,
        between: Sequence[Transform],
        affine: TopdownAffine,
        changes_pixels: bool = True,
    ) -> None:
        self.crops = crops
        self.load = load
        self.affine = affine
        self._between = Compose(between)
        self._whole = Compose([load, *between, affine])
        self.changes_pixels = changes_pixels

    def transform(self, results: dict) -> dict | None:
        """Set ``img`` to the network's input, and all that the part sets.

        Args:
            results: What the dataset says of a person.
        """
        crop = self.crops.find(results)
        if crop is None:
            return self._from_image(results)
        kept, states = _copy(results), _generator_states()
        pixels = crop.pixels.copy() if self.changes_pixels else crop.pixels
        if self.load.to_float32:
            pixels = pixels.astype(np.float32)
        results = dict(results, img=pixels, img_shape=crop.image_size, ori_shape=crop.image_size)
        found = self._between(results)
        if found is None:
            return None
        # without images the transform computes all but the pixels
        pixels, found['img'] = found['img'], []
        found = self.affine.transform(found)
        place = crop.place
        if found.get('flip'):
            place = place.flipped(found['flip_direction'], *crop.image_size)
        matrix = affine_matrix(found, self.affine.use_udp)
        image = warp_part(pixels, place, crop.image_size, matrix, found['input_size'])
        if image is None:
            _set_generator_states(states)
            return self._from_image(kept)
        found['img'] = image
        return found

    def _from_image(self, results: dict) -> dict | None:
        found: dict | None = self._whole(results)
        return found

    def __repr__(self) -> str:
        steps = ', '.join(repr(step) for step in self._whole.transforms)
        return f'{type(self).__name__}({self.crops.path}: {steps})'


class RegionFromCache(BaseTransform):
    """Do what ``LoadRegion`` does, and read a person's region from a cache of the same padding.

    Args:
        crops: The cache.
        load: ``LoadRegion``, for people whom the cache does not have.
    """

    def __init__(self, crops: CropFile, load: LoadImageFromFile) -> None:
        self.crops = crops
        self.load = load

    def transform(self, results: dict) -> dict | None:
        """Set ``img`` to the region, and all that ``LoadRegion`` sets.

        Args:
            results: What the dataset says of a person.
        """
        crop = self.crops.find(results)
        if crop is None:
            found: dict | None = self.load.transform(results)
            return found
        pixels = crop.pixels.astype(np.float32 if self.load.to_float32 else np.uint8)  # a copy: the file is read-only
        return dict(results, img=pixels, img_shape=crop.image_size, ori_shape=crop.image_size, region=crop.place)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.crops.path}: {self.load!r})'


def _copy(results: dict) -> dict:
    """The same with arrays of its own; the dataset under 'dataset' is not copied."""
    return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in results.items()}


_States = tuple[object, object, torch.Tensor]


def _generator_states() -> _States:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002


def _set_generator_states(states: _States) -> None:
    random.setstate(states[0])  # type: ignore[arg-type]
    np.random.set_state(states[1])  # type: ignore[arg-type]  # noqa: NPY002
    torch.set_rng_state(states[2])
