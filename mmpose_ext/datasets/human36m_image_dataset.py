"""Human3.6M: an image, and the person's joints with their depth."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from mmengine.fileio import get_local_path, join_path
from mmengine.utils import is_abs
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from mmpose_ext.functional import Camera, check_positive, check_shape, crop_box, find_root
from mmpose_ext.registry import DATASETS

from .array_pickle import load_arrays
from .keypoint_depth import add_depth

__all__ = ['Human36mImageDataset', 'parse_image_name']

_MILLIMETERS = 1000.0  # in a meter, the unit of the annotations
_NAME = re.compile(r'(?P<subject>S\d+)_(?P<action>[^.]+)\.(?P<camera>\d+)_(?P<frame>\d+)\.\w+')
# subject 1 has other names for two actions
_ACTIONS = {'TakingPhoto': 'Photo', 'WalkingDog': 'WalkDog'}


CameraParam = dict[str, np.ndarray]


class FrameName(NamedTuple):
    """What the name of an image says; the action without the number of its take, frames from 1 on, at 50 Hz."""

    subject: str
    action: str
    camera: str
    frame: int


def parse_image_name(name: str) -> FrameName:
    """Subject, action, camera and frame of an image, as MMPose's ``preprocess_h36m.py`` names it.

    Args:
        name: Such as ``S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg``.

    Returns:
        ``('S1', 'Directions', '54138969', 1)``.

    Raises:
        ValueError: If the name has another form.
    """
    found = _NAME.fullmatch(PurePath(name).name)
    if found is None:
        raise ValueError(f"'imgname' must be like S1_Directions_1.54138969_000001.jpg, got {name!r}")
    return FrameName(found['subject'], _action(found['action']), found['camera'], int(found['frame']))


@cache
def _action(take: str) -> str:
    action = re.sub(r'_\d+$', '', take)
    return _ACTIONS.get(action, action)


def _load_cameras(path: str) -> dict[tuple[str, str], CameraParam]:
    """The cameras by subject and name, from a pickle that may hold arrays only."""
    content = load_arrays(path)
    try:
        if not isinstance(content, Mapping):
            raise TypeError(f'{type(content).__name__}')
        return {
            (str(subject), str(camera)): {name: np.array(values[name], np.float64) for name in 'fckp'}
            for (subject, camera), values in content.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"'camera_file' must hold f, c, k and p of each camera by (subject, name), got {path} with "
            f'{type(error).__name__}: {error}'
        ) from None


def _load_arrays(path: str, names: Sequence[str]) -> list[np.ndarray]:
    """Arrays of an ``.npz`` file."""
    with get_local_path(path) as local_path:
        if not Path(local_path).is_file():
            raise FileNotFoundError(f"'ann_file' must be a file, and {path} does not exist")
        try:
            with np.load(local_path) as content:
                return [content[name] for name in names]
        except Exception as error:  # zip, zlib and numpy raise what the first wrong byte leads to
            raise ValueError(
                f"'ann_file' must be an .npz file with the arrays {', '.join(names)}, got {path} with "
                f'{type(error).__name__}: {error}'
            ) from None


@DATASETS.register_module()
class Human36mImageDataset(BaseCocoStyleDataset):
    """Human3.6M as a top-down dataset: from an image to the 17 joints with their depth.

    "Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in Natural Environments" (Ionescu et
    al., TPAMI 2014), in the layout of MMPose's ``tools/dataset_converters/preprocess_h36m.py``: ``h36m_*.npz`` with
    the names of the images, the joints in pixels (``part``) and in meters of the camera's frame (``S``), and
    ``cameras.pkl``. MMPose's ``Human36mDataset`` reads the same files, but to lift 2D joints.

    - A sample's ``keypoints`` are (x, y, z): pixels, and millimeters behind the root, which is the pelvis.
    - Its box is the image of a square of 2 m around the root ("Integral Human Pose Regression", Sun et al., ECCV
      2018): :func:`mmpose_ext.functional.crop_box`. It is the crop itself: ``GetBBoxCenterScale(padding=1.0)``.
    - ``raw_ann_info`` holds what ``mmpose_ext.CameraMPJPE`` needs, with subject and action.

    Args:
        ann_file: One ``.npz`` file or several, relative to ``data_root``.
        camera_file: ``cameras.pkl``, likewise.
        subjects: Names such as 'S9' of those to keep; None for all.
        frame_step: Keep every such frame of each video, from the first on. It counts frames at 50 Hz, whatever the rate
            of the file: 64 of a file of 50 Hz is the papers' "every 64th frame".
        crop_side: Of the square, in millimeters.
        **kwargs: Those of MMPose's ``BaseCocoStyleDataset``.

    Raises:
        ValueError: If the files do not have this layout, or nothing is left of them.
    """

    METAINFO: dict = dict(from_file='configs/_base_/datasets/h36m.py')

    def __init__(
        self,
        ann_file: str | Sequence[str] = '',
        camera_file: str = 'annotation_body3d/cameras.pkl',
        subjects: Sequence[str] | None = None,
        frame_step: int = 1,
        crop_side: float = 2000.0,
        **kwargs: object,
    ) -> None:
        check_positive('frame_step', frame_step)
        check_positive('crop_side', crop_side)
        self.camera_file = camera_file
        self.subjects = subjects
        self.frame_step = frame_step
        self.crop_side = crop_side
        self._files = [ann_file] if isinstance(ann_file, str) else [*ann_file]
        self._cameras: dict[tuple[str, str], CameraParam] = {}
        super().__init__(ann_file=ann_file, **kwargs)

    def _join_prefix(self) -> None:
        """Put ``data_root`` before the files, of which MMEngine knows one only."""
        self.ann_file: str | list[str] = ''
        super()._join_prefix()
        self.ann_file = [self._below_root(file) for file in self._files]

    def _below_root(self, file: str) -> str:
        return file if is_abs(file) or not self.data_root else str(join_path(self.data_root, file))

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        """All people, one in an image, and no list of images, which only MMPose's bottom-up mode needs."""
        self._cameras = _load_cameras(self._below_root(self.camera_file))
        people: list[dict] = []
        for file in self.ann_file:
            people += self._load_file(file, len(people))
        if not people:
            raise ValueError(
                f"'ann_file' must hold images of the subjects {self.subjects or 'wanted'} with every "
                f'{self.frame_step}th frame, got none from {self.ann_file}'
            )
        return people, []

    def _load_file(self, file: str, first: int) -> list[dict]:
        """The people of one file, numbered from ``first`` on."""
        names, pixels, points = _load_arrays(file, ('imgname', 'part', 'S'))
        parsed = [(str(name), parse_image_name(str(name))) for name in names]
        kept = [index for index, (_, frame) in enumerate(parsed) if self._wanted(frame)]
        pixels, points = pixels[kept], points[kept]
        joints = self.metainfo['keypoint_name2id']
        sizes = check_shape('part', pixels, 'N K 3', K=len(joints))
        check_shape('S', points, 'N K 4', **sizes)
        visible = ((pixels[..., 2] > 0) & (points[..., 3] > 0)).astype(np.float32)
        points, root = _MILLIMETERS * points[..., :3], find_root(list(joints))
        taken = [parsed[index] for index in kept]
        boxes = self._boxes([frame for _, frame in taken], points[:, root].mean(1))
        keypoints, points, depths = add_depth(pixels[..., :2], visible, points, root)
        return [
            dict(
                id=first + number,
                img_id=first + number,
                img_path=str(join_path(self.data_prefix['img'], name)),
                bbox=boxes[number, None],
                bbox_score=np.ones(1, np.float32),
                num_keypoints=int(visible[number].sum()),
                keypoints=keypoints[number, None],
                keypoints_visible=visible[number, None],
                iscrowd=0,
                category_id=np.array(1),
                # the camera is added where a sample is taken: hundreds of thousands of people share 44
                raw_ann_info=dict(
                    subject=frame.subject,
                    action=frame.action,
                    camera=frame.camera,
                    keypoints_cam=points[number],
                    root_depth=float(depths[number]),
                ),
            )
            for number, (name, frame) in enumerate(taken)
        ]

    def _wanted(self, frame: FrameName) -> bool:
        return (self.subjects is None or frame.subject in self.subjects) and (frame.frame - 1) % self.frame_step == 0

    def _boxes(self, taken: Sequence[FrameName], roots: np.ndarray) -> np.ndarray:
        """Crops (N, 4) of people with their roots (N, 3), camera by camera."""
        cameras = np.array([f'{frame.subject} {frame.camera}' for frame in taken], str)
        boxes = np.zeros((len(taken), 4), np.float32)
        for name in np.unique(cameras):
            subject, camera = name.split()
            if (subject, camera) not in self._cameras:
                raise ValueError(f"'camera_file' must hold the camera {(subject, camera)}, got {self.camera_file}")
            lens = Camera.from_param(self._cameras[subject, camera])
            boxes[cameras == name] = crop_box(roots[cameras == name], lens, self.crop_side)
        return boxes

    def get_data_info(self, idx: int) -> dict:
        """A person as MMPose's pipelines want it, with the camera.

        Args:
            idx: Number of the person.
        """
        person: dict = super().get_data_info(idx)
        raw = person['raw_ann_info']
        raw['camera_param'] = dict(self._cameras[raw['subject'], raw['camera']])
        return person
