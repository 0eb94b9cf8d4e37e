"""Regions of images for the augmentation on the device."""

import numpy as np
from mmpose.datasets.transforms import LoadImage, PackPoseInputs

from mmpose_ext.functional import check_positive
from mmpose_ext.registry import TRANSFORMS

from ..regions import person_region

__all__ = ['LoadRegion', 'PackRegion']

_SHIPPED = ('bbox_center', 'bbox_scale', 'region', 'upper_body_ids', 'lower_body_ids')


@TRANSFORMS.register_module()
class LoadRegion(LoadImage):
    """Load an image and keep the square around a person, as :class:`PackRegion` ships it.

    ``mmpose_ext.CropCache`` reads the same squares from its file.

    Args:
        padding: Side of the square over the longer side of the box. What an augmentation shows beyond it is black:
            with MMPose's augmentation for COCO that happens to 1.5 % of the inputs at 2.5, and to 0.3 % at 3.
        **kwargs: Those of ``LoadImage``.
    """

    def __init__(self, padding: float = 3.0, **kwargs: object) -> None:
        super().__init__(**kwargs)
        check_positive('padding', padding)
        self.padding = float(padding)
        self.keeps_whole = False  # set by what cuts the image itself

    def transform(self, results: dict) -> dict | None:
        """Set ``img`` to the square and ``region`` to its corners (left, top, right, bottom) in the image.

        Args:
            results: With ``img_path`` and a box, which has no padding yet.
        """
        found: dict | None = super().transform(results)
        if found is None or self.keeps_whole:
            return found
        region = person_region(results, self.padding)
        place = region.within(*found['img_shape'])
        if place is None:  # a box outside the image: one black pixel
            found['img'], found['region'] = np.zeros_like(found['img'][:1, :1]), region
        else:
            found['img'], found['region'] = found['img'][place.top : place.bottom, place.left : place.right], place
        return found


@TRANSFORMS.register_module()
class PackRegion(PackPoseInputs):
    """Pack a person's region of an image, with all that ``PoseDataPreprocessor(augmentation=...)`` needs.

    The pipeline is ``LoadRegion``, ``GetBBoxCenterScale`` and this transform. Other arguments are those of
    ``PackPoseInputs``.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.meta_keys: tuple[str, ...] = (*self.meta_keys, *_SHIPPED)
