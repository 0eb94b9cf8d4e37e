"""Frames Labeled in Cinema."""

from mmpose_ext.registry import DATASETS

from .crop_box_dataset import CropBoxDataset, make_metainfo

__all__ = ['FlicDataset']

# sigmas of COCO's joints
_JOINTS = {
    'left_shoulder': ('upper', 0.079),
    'left_elbow': ('upper', 0.072),
    'left_wrist': ('upper', 0.062),
    'right_shoulder': ('upper', 0.079),
    'right_elbow': ('upper', 0.072),
    'right_wrist': ('upper', 0.062),
    'left_hip': ('lower', 0.107),
    'right_hip': ('lower', 0.107),
    'left_eye': ('upper', 0.025),
    'right_eye': ('upper', 0.025),
    'nose': ('upper', 0.026),
}
_LINKS = (
    *(('left_shoulder', 'left_elbow'), ('left_elbow', 'left_wrist'), ('left_shoulder', 'left_hip')),
    *(('right_shoulder', 'right_elbow'), ('right_elbow', 'right_wrist'), ('right_shoulder', 'right_hip')),
    *(('left_shoulder', 'right_shoulder'), ('left_hip', 'right_hip')),
    *(('left_eye', 'nose'), ('right_eye', 'nose')),
)


@DATASETS.register_module()
class FlicDataset(CropBoxDataset):
    """FLIC, 11 joints of the upper body, as ``tools/dataset_converters/flic_to_coco.py`` writes them.

    "Modec: Multimodal Decomposable Models for Human Pose Estimation" (Sapp and Taskar, CVPR 2013): 5 003 people in
    frames of films, 3 987 for training and 1 016 for testing.

    The joints are all that ``examples.mat`` has labels of, 11 of its 29 columns: shoulder, elbow and wrist of the left
    and then the right arm, hips, eyes, nose, which is the order of Newell's annotations. The hourglass paper trains all
    of them and reports elbows and wrists.

    The box of a person is the paper's crop: centerd on the middle of the torso's box in x and of the image in y, of
    one size for all. It may reach beyond the image, and other people may stand in it.

    Left and right are either the person's, as released, or the observer's: the converter writes both. The papers'
    figures are observer-centric.

    The arguments are those of MMPose's ``BaseCocoStyleDataset``.
    """

    METAINFO: dict = make_metainfo(
        'flic', _JOINTS, _LINKS, 'Modec: Multimodal Decomposable Models for Human Pose Estimation'
    )
