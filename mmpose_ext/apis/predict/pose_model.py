"""A trained model of torch as something that turns images and boxes into people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import InstanceData
from mmpose.apis import init_model
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.datasets.transforms import GetBBoxCenterScale
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample

from mmpose_ext.checkpoint import load_fitting_weights
from mmpose_ext.config import find_config
from mmpose_ext.models.distillers import without_teacher
from mmpose_ext.models.heads import BaseHead
from mmpose_ext.runtime.calibration import read_calibration
from mmpose_ext.runtime.crops import usable_boxes
from mmpose_ext.runtime.one_person import PersonModel
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.weights import find_model

from .loading import chosen_device, named_errors, prepare_for_cpu

__all__ = ['PoseModel', 'TorchPoseModel', 'build_model']


class PoseModel(PersonModel, Protocol):
    """What finds the joints of people: a model of torch, or an exported one."""

    skeleton: Skeleton
    batch_size: int


def build_model(
    config: str | Path | Config, weights: str | Path | None = None, device: str = 'cpu'
) -> TopdownPoseEstimator:
    """Build a top-down model and load its weights.

    Args:
        config: Of the model: its file, its name below ``configs/``, or the config itself. Without ``weights`` the name
            of a model that comes with the package, see :data:`mmpose_ext.weights.MODELS`.
        weights: Checkpoint.
        device: Of the model.

    Raises:
        ValueError: If the config is not one of a top-down model and its dataset, or the checkpoint does not have all
            weights that it predicts with.
    """
    if weights is None:
        config, weights = find_model('a config' if isinstance(config, Config) else str(config))
    name = 'a config' if isinstance(config, Config) else config
    path = None if isinstance(config, Config) else find_config(config, 'model')
    with named_errors('model', 'a config that builds a model', name):
        whole = config if isinstance(config, Config) else Config.fromfile(path)
        student = without_teacher(whole.model)
        if student is not whole.model:
            whole = Config(dict(whole.to_dict(), model=student), filename=whole.filename)
        model = init_model(whole, None, device=device)
    if not isinstance(model, TopdownPoseEstimator):
        raise ValueError(
            f"'model' must be the config of a TopdownPoseEstimator, got {str(name)!r} with {type(model).__name__}"
        )
    if dataset_meta_from_config(model.cfg) is None:
        raise ValueError(
            f"'model' must be a config with the 'train_dataloader' whose dataset names the joints, got {str(name)!r} "
            'without it'
        )
    missing = [name for name in load_fitting_weights(model, str(weights), 'weights').missing if _predicts(name)]
    if missing:
        raise ValueError(
            f"'weights' must be a checkpoint of this model, got {str(weights)!r}, in which {len(missing)} of its "
            f'weights are missing or of another shape, such as {missing[0]}'
        )
    return model


def _predicts(name: str) -> bool:
    """Whether a weight takes part in predictions: a loss, such as RLE's flow, does not."""
    return '.loss_module.' not in name


class TorchPoseModel:
    """A top-down model with the pipeline of its config.

    Args:
        config: Of the model: its file, its name below ``configs/``, or the config itself; or a name as
            :func:`build_model` takes it.
        checkpoint: Its weights; None with such a name.
        device: 'auto', 'cpu', 'cuda:0' and so on.
        batch_size: Largest number of people who go through the network at once.
        flip: Whether to average with the mirrored image; None: as the config says.
        covariances: Whether to predict covariances, too, which needs a head of this package; None: as the config says.
        calibration: File of ``tools/calibrate.py``, which also needs one; None: as the config says.

    Attributes:
        skeleton: Names and links of the joints.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str = 'auto',
        batch_size: int = 32,
        flip: bool | None = None,
        covariances: bool | None = None,
        calibration: str | Path | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"'batch_size' must be 1 or more, got {batch_size}")
        self.model = build_model(config, checkpoint, chosen_device(device))
        prepare_for_cpu(self.model)
        if flip is not None:
            self.model.test_cfg['flip_test'] = flip
        if covariances is not None:
            self.model.test_cfg['output_covariances'] = covariances
        self.skeleton = Skeleton.from_metainfo(self.model.dataset_meta)
        if calibration is not None:
            read_calibration(calibration).check_model(self.skeleton.joint_names)
            self.model.test_cfg['calibration'] = str(calibration)
        for name, value in dict(covariances=covariances, calibration=calibration).items():
            if value and not isinstance(self.model.head, BaseHead):
                raise ValueError(
                    f"'{name}' must not be given with a head of MMPose (one of mmpose_ext loads its checkpoints), got "
                    f'{value} with {type(self.model.head).__name__}'
                )
        self.model.test_cfg['output_heatmaps'] = False
        self.batch_size = batch_size
        with named_errors('model', "a config with the pipeline of 'test_dataloader'", config):
            self._pipeline = Compose(self.model.cfg.test_dataloader.dataset.pipeline)

    @property
    def padding(self) -> float:
        """Factor by which the pipeline enlarges boxes."""
        steps = self._pipeline.transforms
        return next((float(step.padding) for step in steps if isinstance(step, GetBBoxCenterScale)), 1.0)

    def predict_batch(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[People]:
        """Find the joints of the people of several images.

        Args:
            images: Each (H, W, 3) uint8, BGR.
            boxes: For each image (N, 5) x1, y1, x2, y2 in pixels and a score.

        Returns:
            For each image the people whose boxes show a part of it; the others are named in ``notes``.
        """
        usable = [usable_boxes(array, image.shape[1::-1]) for image, array in zip(images, boxes, strict=True)]
        inputs = [
            self._input(image, array[index])
            for image, array, (indices, _) in zip(images, boxes, usable, strict=True)
            for index in indices
        ]
        samples: list[PoseDataSample] = []
        for start in range(0, len(inputs), self.batch_size):
            with torch.no_grad():
                samples += self.model.test_step(pseudo_collate(inputs[start : start + self.batch_size]))
        remaining = iter(samples)
        return [
            self._people([next(remaining) for _ in indices], array[indices], tuple(notes))
            for array, (indices, notes) in zip(boxes, usable, strict=True)
        ]

    def _input(self, image: np.ndarray, box: np.ndarray) -> dict[str, object]:
        """One person as the pipeline prepares them."""
        data = dict(img=image, bbox=box[None, :4].astype(np.float32), bbox_score=box[4:].astype(np.float32))
        return self._pipeline({**data, **self.model.dataset_meta})

    def _people(self, samples: Sequence[PoseDataSample], boxes: np.ndarray, notes: tuple[str, ...]) -> People:
        joints = len(self.skeleton.joint_names)
        if not samples:
            return People.empty(joints, self._dim, notes)
        found = [sample.pred_instances for sample in samples]
        return People(
            boxes=boxes[:, :4],
            box_scores=boxes[:, 4],
            keypoints=np.concatenate([one.keypoints for one in found]).astype(np.float32),
            scores=np.concatenate([one.keypoint_scores for one in found]).astype(np.float32),
            sigmas=_joined(found, 'keypoint_sigmas'),
            notes=notes,
            covariances=_joined(found, 'keypoint_covariances'),
            person_scores=_joined(found, 'pose_scores'),
        )

    @property
    def _dim(self) -> int:
        return int(getattr(self.model.head.decoder, 'dim', 2))  # codecs of MMPose have no such attribute


def _joined(found: Sequence[InstanceData], name: str) -> np.ndarray | None:
    """A field (N, K, ...) of all people, float32; None unless all have it."""
    if not all(name in one for one in found):
        return None
    return np.concatenate([one[name] for one in found]).astype(np.float32)
