"""Files of a dataset with depth: one person in each image, as make_synthetic_dataset.py lays them out."""

import json
from pathlib import Path

import cv2
import numpy as np

from mmpose_ext.functional import Camera, project_points

PARAM = dict(f=[300.0, 320.0], c=[63.0, 50.0])


def joints_of(seed):
    """17 joints in meters around hips at 4 m."""
    return np.random.default_rng(seed).normal(0, 0.3, (17, 3)) + np.array([0, 0, 4])


def annotation_of(number):
    points = joints_of(number)
    pixels = project_points(points, Camera.from_param(PARAM))
    flags = np.full(17, 2)
    flags[number % 9] = 0  # never a hip
    keypoints = np.column_stack([pixels, flags]) * (flags > 0)[:, None]
    return dict(
        id=number,
        image_id=number,
        category_id=1,
        iscrowd=0,
        bbox=[20, 10, 80, 80],
        area=1000,
        num_keypoints=16,
        keypoints=keypoints.ravel().tolist(),
        keypoints_3d=points.tolist(),
        camera=PARAM,
    )


def write_people(folder: Path, count: int):
    """Images and annotations of ``count`` people for training, and of as many for validation."""
    (folder / 'annotations').mkdir()
    for split in ('train', 'val'):
        (folder / split).mkdir()
        images = [dict(id=number, file_name=f'{number}.png', width=128, height=100) for number in range(1, count + 1)]
        for image in images:
            cv2.imwrite(str(folder / split / image['file_name']), np.full((100, 128, 3), image['id'], np.uint8))
        content = dict(
            images=images,
            annotations=[annotation_of(number) for number in range(1, count + 1)],
            categories=[dict(id=1, name='person')],
        )
        (folder / 'annotations' / f'person_keypoints_{split}.json').write_text(json.dumps(content))
