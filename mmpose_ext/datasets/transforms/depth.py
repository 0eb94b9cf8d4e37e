"""Samples without depth beside samples with depth."""

import numpy as np
from mmcv.transforms import BaseTransform

from mmpose_ext.functional import check_shape
from mmpose_ext.registry import TRANSFORMS

__all__ = ['UnknownDepth']


@TRANSFORMS.register_module()
class UnknownDepth(BaseTransform):
    """Give keypoints a depth that is not known: NaN, which the 3D codecs and losses leave out.

    It turns the samples of any 2D dataset into partners of a 3D one, for batches of both, and those of a 3D one into
    2D ones. Put it into the pipeline of the dataset, behind a ``KeypointConverter``, which keeps two columns only.
    """

    def transform(self, results: dict) -> dict:
        """Set the third column of ``keypoints`` (N, K, 2 or 3), which becomes (N, K, 3), to NaN.

        Args:
            results: With ``keypoints`` of one person or of N.
        """
        keypoints = np.asarray(results['keypoints'])
        check_shape('keypoints', keypoints[..., :2], 'N K 2')
        depth = np.full((*keypoints.shape[:2], 1), np.nan, np.float32)
        results['keypoints'] = np.concatenate([keypoints[..., :2], depth], -1).astype(np.float32)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
