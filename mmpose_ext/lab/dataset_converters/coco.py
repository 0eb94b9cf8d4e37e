"""COCO-style annotation files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmpose.utils.typing import ConfigType

from mmpose_ext.synthetic.writer import write_json

__all__ = ['CocoFile']


class CocoFile:
    """An annotation file that is being written: people, and each image once.

    Args:
        metainfo: Of the dataset's class; its joints go into the category.
    """

    def __init__(self, metainfo: ConfigType) -> None:
        names = [joint['name'] for joint in metainfo['keypoint_info'].values()]
        links = [[names.index(name) + 1 for name in limb['link']] for limb in metainfo['skeleton_info'].values()]
        self.category = dict(id=1, name='person', supercategory='person', keypoints=names, skeleton=links)
        self.images: dict[str, dict[str, int | str]] = {}
        self.annotations: list[dict[str, object]] = []

    def add(
        self, file_name: str, size: Sequence[int], points: np.ndarray, flags: np.ndarray, box: Sequence[float]
    ) -> None:
        """Add a person.

        Args:
            file_name: Path of the image below the dataset's folder.
            size: Width and height of the image.
            points: (K, 2) in pixels, counted from 0.
            flags: (K,): 0 not labeled, 1 labeled and occluded, 2 visible.
            box: [left, top, width, height] of the crop.
        """
        number = len(self.images) + 1
        entry: dict[str, int | str] = dict(id=number, file_name=file_name, width=int(size[0]), height=int(size[1]))
        image = self.images.setdefault(file_name, entry)
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
