"""Leeds Sports Poses and their extended training set."""

from mmpose_ext.registry import DATASETS

from .crop_box_dataset import CropBoxDataset, make_metainfo

__all__ = ['LspDataset']

# sigmas of COCO's joints; of neck and head top those of CrowdPose
_JOINTS = {
    'right_ankle': ('lower', 0.089),
    'right_knee': ('lower', 0.087),
    'right_hip': ('lower', 0.107),
    'left_hip': ('lower', 0.107),
    'left_knee': ('lower', 0.087),
    'left_ankle': ('lower', 0.089),
    'right_wrist': ('upper', 0.062),
    'right_elbow': ('upper', 0.072),
    'right_shoulder': ('upper', 0.079),
    'left_shoulder': ('upper', 0.079),
    'left_elbow': ('upper', 0.072),
    'left_wrist': ('upper', 0.062),
    'upper_neck': ('upper', 0.079),
    'head_top': ('upper', 0.079),
}
_LINKS = (
    *(('right_ankle', 'right_knee'), ('right_knee', 'right_hip'), ('right_hip', 'right_shoulder')),
    *(('left_ankle', 'left_knee'), ('left_knee', 'left_hip'), ('left_hip', 'left_shoulder')),
    *(('right_wrist', 'right_elbow'), ('right_elbow', 'right_shoulder'), ('right_shoulder', 'upper_neck')),
    *(('left_wrist', 'left_elbow'), ('left_elbow', 'left_shoulder'), ('left_shoulder', 'upper_neck')),
    *(('right_hip', 'left_hip'), ('upper_neck', 'head_top')),
)


@DATASETS.register_module()
class LspDataset(CropBoxDataset):
    """LSP and LSPET, 14 joints, as ``tools/dataset_converters/lsp_to_coco.py`` writes them.

    "Clustered Pose and Nonlinear Appearance Models for Human Pose Estimation" (Johnson and Everingham, BMVC 2010) and
    "Learning Effective Human Pose Estimation from Inaccurate Annotation" (the same, CVPR 2011). LSP has 2 000 images
    of one person each, of which the first half is for training; LSPET 10 000 more for training, whose joints were
    labeled by many hands and are less exact, and are missing where they were not seen.

    The joints are LSP's, in its order: right ankle, knee, hip; left hip, knee, ankle; right wrist, elbow, shoulder;
    left shoulder, elbow, wrist; neck; head top. Left and right are the *person's* in both releases (person-centric):
    of somebody seen from the front the left wrist is on the right of the image. Observer-centric labels of LSP, by
    which older tables measure, are a file of others; they do not follow from these (arms and legs were decided apart).

    The neck is called ``upper_neck``, which is MPII's name for the same point (MPII's evaluation puts it in LSP's
    place), so that a network for MPII matches by the names of its joints.

    The arguments are those of ``CropBoxDataset``.
    """

    METAINFO: dict = make_metainfo(
        'lsp', _JOINTS, _LINKS, 'Clustered Pose and Nonlinear Appearance Models for Human Pose Estimation'
    )
