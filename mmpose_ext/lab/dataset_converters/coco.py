"""COCO-style annotation files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmpose_ext.synthetic.writer import write_json

__all__ = ['CocoFile']


class CocoFile:
    """An annotation file in the making: people, and each image once.

    Args:
        metainfo: Of the dataset's class; its joints go into the category.
    """

    def __init__(self, metainfo: Mapping[str, Any]) -> None:
        names = [joint['name'] for joint in metainfo['keypoint_info'].values()]
        links = [[names.index(name) + 1 for name in limb['link']] for limb in metainfo['skeleton_info'].values()]
        self.category = dict(id=1, name='person', supercategory='person', keypoints=names, skeleton=links)
        self.images: dict[str, dict[str, Any]] = {}
        self.annotations: list[dict[str, Any]] = []

    def add(self, image: str, size: Sequence[int], points: np.ndarray, flags: np.ndarray, box: Sequence[float]) -> None:
        """Add a person.

        Args:
            image: Path of the image below the dataset's folder.
            size: Width and height of the image.
            points: (K, 2) in pixels, counted from 0.
            flags: (K,): 0 not labeled, 1 labeled and occluded, 2 visible.
            box: [left, top, width, height] of the crop.
        """
        number = len(self.images) + 1
        image = self.images.setdefault(image, dict(id=number, file_name=image, width=int(size[0]), height=int(size[1])))
        labeled = flags > 0
        extent = np.ptp(points[labeled], axis=0) if labeled.any() else np.zeros(2)
        places = np.where(labeled[:, None], points, 0).round(3).tolist()
        self.annotations.append(
            dict(
                id=len(self.annotations) + 1,
                image_id=image['id'],
                category_id=1,
                iscrowd=0,
                bbox=[round(float(value), 3) for value in box],
                # of the joints' extent: the box is the crop, and nobody's outline is known
                area=max(1.0, round(float(extent.prod()), 3)),
                num_keypoints=int(labeled.sum()),
                keypoints=[value for (x, y), flag in zip(places, flags, strict=True) for value in (x, y, int(flag))],
            )
        )

    def write(self, path: Path) -> None:
        """Write the file and say what is in it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = dict(images=[*self.images.values()], annotations=self.annotations, categories=[self.category])
        write_json(path, content)
        print(f'{path}: {len(self.annotations)} people in {len(self.images)} images', flush=True)
