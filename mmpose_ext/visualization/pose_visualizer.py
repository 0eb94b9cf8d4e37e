"""The visualizer of MMPose's hooks, inferencers and demos with the drawings of this package."""

import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from mmpose_ext.registry import VISUALIZERS
from mmpose_ext.runtime.drawing import DrawSettings, draw_people
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.skeleton import Skeleton

__all__ = ['PoseVisualizer']


@VISUALIZERS.register_module()
class PoseVisualizer(PoseLocalVisualizer):
    """Draws people as :func:`mmpose_ext.runtime.drawing.draw_people` does: by OpenCV, in the size of the image.

    It stands in for MMPose's ``PoseLocalVisualizer`` in a config (``visualizer = dict(type='mmpose_ext.PoseVisualizer',
    ...)``). MMPose's own, with matplotlib, takes hundreds of times as long, shrinks the image if a joint is beyond its
    border, and cannot draw joints with depth.

    Arguments are those of ``PoseLocalVisualizer``, of which ``backend``, ``alpha`` and the colors have no effect: sides
    of the body have their own colors. ``line_width`` is the thickness of lines in pixels.
    """

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: PoseDataSample,
        draw_gt: bool = True,
        draw_pred: bool = True,
        draw_heatmap: bool = False,
        draw_bbox: bool = False,
        show_kpt_idx: bool = False,
        skeleton_style: str = 'mmpose',
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        kpt_thr: float = 0.3,
        step: int = 0,
    ) -> np.ndarray:
        """Draw a sample and show or save it, see MMPose's ``PoseLocalVisualizer.add_datasample``.

        Returns:
            The drawing, RGB; beside the image there is a strip with the people from the side and from above if their
            joints have depth and no heatmaps are drawn.
        """
        # MMPose stacks heatmaps below the image, which must then have the image's width
        self._draws_depth = not draw_heatmap
        return super().add_datasample(
            name,
            image,
            data_sample,
            draw_gt=draw_gt,
            draw_pred=draw_pred,
            draw_heatmap=draw_heatmap,
            draw_bbox=draw_bbox,
            show_kpt_idx=show_kpt_idx,
            skeleton_style='mmpose',
            show=show,
            wait_time=wait_time,
            out_file=out_file,
            kpt_thr=kpt_thr,
            step=step,
        )

    def _draw_instances_kpts(
        self,
        image: np.ndarray,
        instances: InstanceData,
        kpt_thr: float = 0.3,
        show_kpt_idx: bool = False,
        skeleton_style: str = 'mmpose',
    ) -> np.ndarray:
        """Draw the joints of people on an RGB image."""
        if 'keypoints' not in instances:
            return image
        people = _people(instances)
        settings = DrawSettings(kpt_thr, boxes=False, depth=self._draws_depth, thickness=round(self.line_width) or None)
        skeleton = self._skeleton(people.keypoints.shape[1])
        return draw_people(image[..., ::-1], people, skeleton, settings)[..., ::-1].copy()

    def _draw_instances_bbox(self, image: np.ndarray, instances: InstanceData) -> np.ndarray:
        """Draw the boxes of people on an RGB image."""
        if 'bboxes' not in instances:
            return image
        people = _people(instances)
        settings = DrawSettings(score_thr=np.inf, scores=False, depth=False)
        skeleton = self._skeleton(people.keypoints.shape[1])
        return draw_people(image[..., ::-1], people, skeleton, settings)[..., ::-1].copy()

    def _skeleton(self, joints: int) -> Skeleton:
        """Links and names of the dataset; of an unknown one neither."""
        if 'keypoint_id2name' in self.dataset_meta:
            skeleton = Skeleton.from_metainfo(self.dataset_meta)
            if len(skeleton.joint_names) == joints:
                return skeleton
        return Skeleton(tuple(str(joint) for joint in range(joints)))


def _people(instances: InstanceData) -> People:
    """People of predictions, or of labels, whose visibility is taken as the score."""
    # samples of a training have joints in the crop that was made of the image
    keypoints = np.asarray(instances.get('transformed_keypoints', instances.get('keypoints')), np.float32)
    count = len(keypoints)
    scores = instances.get('keypoint_scores', instances.get('keypoints_visible'))
    scores = np.ones(keypoints.shape[:2]) if scores is None else np.asarray(scores, np.float32)
    boxes = np.asarray(instances.get('bboxes', np.zeros((count, 4))), np.float32)
    return People(
        boxes=boxes.reshape(-1, 4),
        box_scores=np.asarray(instances.get('bbox_scores', np.ones(count)), np.float32).reshape(-1),
        keypoints=keypoints,
        # labels may carry a weight behind the visibility
        scores=(scores[..., 0] if scores.ndim == 3 else scores).astype(np.float32),
        sigmas=instances.get('keypoint_sigmas'),
        covariances=instances.get('keypoint_covariances'),
    )
