"""A dataset of any kind that reads crops from a cache."""

from collections.abc import Iterator
from pathlib import Path

from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import Compose
from mmpose.datasets.transforms import RandomFlip, TopdownAffine

from mmpose_ext.functional import check_choice, check_positive
from mmpose_ext.registry import DATASETS

from ..transforms.region import LoadRegion
from .crop_file import FORMS
from .people import Settings, find_people, nested
from .transform import CropFromCache, RegionFromCache
from .writing import open_or_write

__all__ = ['crop_cache']

# transforms that may stand between LoadImage and TopdownAffine: they look at no pixel, or at each by itself
_GEOMETRY = {
    *(f'mmpose.{name}' for name in ('GetBBoxCenterScale', 'RandomBBoxTransform', 'RandomFlip', 'RandomHalfBody')),
    *('mmpose.HandRandomFlip', 'mmpose.KeypointConverter', 'mmpose_ext.DropLabels', 'mmpose_ext.UnknownDepth'),
}
_COLOR = {'mmpose_ext.RandomChannelScale'}


@DATASETS.register_module(name='CropCache')
def crop_cache(dataset: dict, cache_dir: str, form: str = 'raw', padding: float = 2.5, quality: int = 95) -> object:
    """Build a top-down dataset that reads people's crops in place of whole images.

    One line of a config switches it on::

        train_dataloader = dict(
            dataset=dict(
                _delete_=True, type='mmpose_ext.CropCache', cache_dir='data/crops',
                dataset=_base_.train_dataloader.dataset))

    What is built is the dataset itself, of its own class. In its pipeline, ``LoadImage``, ``TopdownAffine`` and what
    stands between them become one transform, :class:`CropFromCache`. Samples are the same as before, key by key, with
    the same random numbers. ``RepeatDataset``, ``ConcatDataset`` and ``CombinedDataset`` may be inside or outside; of a
    ``CombinedDataset``, whose pipeline loads the images, the whole is wrapped.

    The crops are written when the dataset is built and they are not there. Processes and runs share them: one writes,
    the others wait. The file's name is a fingerprint of the boxes, the images' sizes and times, the settings and the
    version of OpenCV; if one of them changes, a new file is written. How large it will be is logged before.

    Args:
        dataset: Config of the dataset.
        cache_dir: Folder of the caches, on a fast disk; many datasets can share one.
        form: 'raw' keeps pixels as they are: the network's inputs are those of the whole image, but for one gray level
            in few values where OpenCV computes in float32 (4.11 and newer). 'jpeg' is about ten times smaller; how far
            its values are off is logged when it is written.
        padding: Side of the square that is kept around a person, over the longer side of the box. Where an input shows
            more, the whole image is read, and the sample is the same. ``LoadRegion`` has a padding of its own.
        quality: Of JPEG, 1 to 100.

    Returns:
        The dataset.

    Raises:
        ValueError: If no pipeline in the dataset has ``LoadRegion``, or ``LoadImage`` before ``TopdownAffine``, or if a
            transform between them may look at more than single pixels.
        OSError: If the crops cannot be written.
    """
    check_choice('form', form, FORMS)
    check_positive('padding', padding)
    if not (isinstance(quality, int) and 1 <= quality <= 100):
        raise ValueError(f"'quality' must be a whole number from 1 to 100, got {quality!r}")
    built = DATASETS.build(dataset)
    loading = [*_loading(built)]
    if not loading:
        raise ValueError(
            "'dataset' must have LoadImage before TopdownAffine, or LoadRegion, in a pipeline, got none; "
            'of a CombinedDataset, whose pipeline has them, wrap the whole'
        )
    for owner, pipeline, part in loading:
        load, *between = pipeline.transforms[part]
        changes_pixels = _check_between(between[:-1])
        settings = Settings(form, load.padding if isinstance(load, LoadRegion) else float(padding), quality)
        crops = open_or_write(Path(cache_dir), find_people([owner], settings.padding), load, settings)
        cached = CropFromCache(crops, load, between[:-1], between[-1], changes_pixels) if between else None
        pipeline.transforms[part] = [cached or RegionFromCache(crops, load)]
    return built


def _loading(dataset: object) -> Iterator[tuple[object, Compose, slice]]:
    """The datasets whose pipeline loads images: dataset, pipeline, and the part of it that a cache replaces."""
    pipeline = vars(dataset).get('pipeline')
    if isinstance(pipeline, Compose):
        first, last = (
            next((place for place, step in enumerate(pipeline.transforms) if isinstance(step, kind)), None)
            for kind in (LoadImageFromFile, TopdownAffine)
        )
        if first is not None and isinstance(pipeline.transforms[first], LoadRegion):
            last = first
        if first is not None and last is not None and first <= last:
            yield dataset, pipeline, slice(first, last + 1)
            return
    for inner in nested(dataset):
        yield from _loading(inner)


def _check_between(steps: list[object]) -> bool:
    """Whether one of the transforms changes pixels.

    Raises:
        ValueError: If a transform is none of those that work on a part of an image as on the whole.
    """
    names = [f'{type(step).__module__.partition(".")[0]}.{type(step).__name__}' for step in steps]
    unknown = sorted({*names} - _GEOMETRY - _COLOR)
    if unknown or sum(isinstance(step, RandomFlip) for step in steps) > 1:
        known = ', '.join(sorted(_GEOMETRY | _COLOR))
        raise ValueError(
            f"'dataset' must have only {known} between LoadImage and TopdownAffine, and one flip, "
            f'got {", ".join(unknown or names)}; put others behind TopdownAffine'
        )
    return not _COLOR.isdisjoint(names)
