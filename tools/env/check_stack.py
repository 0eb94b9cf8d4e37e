"""Check that the packages of the environment fit together: import them, and run two compiled operators of mmcv."""

import mmdet
import mmpose.apis
import torch
import xtcocotools.coco
from mmcv.ops import nms, roi_align

import mmpose_ext.apis


def check_operators() -> None:
    """Run NMS and RoIAlign on inputs whose results are known; raises a RuntimeError if one is wrong."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])
    _, kept = nms(boxes, torch.tensor([0.5, 0.9, 0.7]), iou_threshold=0.5)
    if kept.tolist() != [1, 2]:
        raise RuntimeError(f'mmcv.ops.nms must keep boxes [1, 2], got {kept.tolist()}')
    # A linear ramp: the mean of each bin is the value at its center.
    ramp = torch.arange(8.0).repeat(1, 1, 8, 1)
    pooled = roi_align(ramp, torch.tensor([[0.0, 0.5, 0.5, 4.5, 4.5]]), (2, 2), 1.0, 2, 'avg', True)
    expected = torch.tensor([[1.0, 3.0], [1.0, 3.0]])
    if not torch.allclose(pooled[0, 0], expected):
        raise RuntimeError(f'mmcv.ops.roi_align must return {expected.tolist()}, got {pooled[0, 0].tolist()}')


if __name__ == '__main__':
    check_operators()
    for package in (torch, mmdet, mmpose, mmpose_ext):
        print(package.__name__, package.__version__)
    print(xtcocotools.coco.__name__)
