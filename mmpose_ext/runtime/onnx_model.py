"""An exported model: crops in, keypoints in image pixels out."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .calibration import Calibration
from .crops import (
    CropSettings,
    boxes_to_regions,
    crop_person,
    points_to_image,
    scored_boxes,
    usable_boxes,
)
from .one_person import OnePersonFinder
from .people import People
from .skeleton import Skeleton

if TYPE_CHECKING:
    import onnxruntime

__all__ = ['METADATA_KEY', 'CropKeypoints', 'OnnxPoseModel']

METADATA_KEY = 'mmpose_ext'  # the entry of the file's metadata that holds the settings as json


class CropKeypoints(NamedTuple):
    """Keypoints of N crops.

    Args:
        keypoints: (N, K, D) in input pixels (and millimeters), x first.
        scores: (N, K).
        sigmas: (N, K, D) in the unit of the keypoints, where the model predicts them.
        covariances: (N, K, D, D) in the square of that unit, where the model was exported with them.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    sigmas: np.ndarray | None = None
    covariances: np.ndarray | None = None


class OnnxPoseModel:
    """A pose model that ``tools/export.py`` wrote, run by ONNX Runtime.

    The graph takes crops of people, normalizes them, runs the network (with the flip test, if it was exported with
    one) and decodes the joints; this class cuts the crops out of the image and moves the joints back into it.

    Args:
        path: Of the ``.onnx`` file.
        batch_size: Largest number of crops that go through the network at once, which bounds the memory.
        threads: Threads of ONNX Runtime; 0: its own choice.
        providers: Execution providers of ONNX Runtime in the order of preference; default those that it offers for
            the CPU. Pass ``['CUDAExecutionProvider', 'CPUExecutionProvider']`` for a GPU.

    Attributes:
        skeleton: Names and links of the joints.
        crop: How crops are cut out of an image.
        dim: Axes of a joint: 2, or 3 with depth.

    Raises:
        ValueError: If the file is missing, no ONNX model, or was not written by ``tools/export.py``.
    """

    def __init__(
        self, path: str | Path, batch_size: int = 32, threads: int = 0, providers: Sequence[str] | None = None
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"'batch_size' must be 1 or more, got {batch_size}")
        if not Path(path).is_file():
            raise ValueError(f"'path' must be an exported model, got {str(path)!r}, which does not exist")
        self._session = _open_session(path, threads, providers)
        settings = _read_settings(self._session, path)
        self.batch_size = batch_size
        self.settings = settings
        self.skeleton = Skeleton.from_dict(settings['skeleton'])
        width, height = settings['input_size']
        self.crop = CropSettings((int(width), int(height)), float(settings['padding']), bool(settings['udp']))
        self.dim = int(settings['dim'])
        #: Of the model, if it was exported with one; it is applied to the people.
        self.calibration = None
        if settings.get('calibration') is not None:
            self.calibration = Calibration.from_dict(settings['calibration'], str(path))
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, image: np.ndarray, boxes: Sequence[Sequence[float]] | np.ndarray | None = None) -> People:
        """Find the joints of people in an image.

        Args:
            image: (H, W, 3) uint8, BGR, as OpenCV reads it.
            boxes: (N, 4) x1, y1, x2, y2 in pixels, or (N, 5) with a score; None: one person, whom the model looks for.

        Returns:
            The people whose boxes show a part of the image, in their order; the others are named in ``notes``.

        Raises:
            ValueError: If the boxes have another shape.
        """
        found = OnePersonFinder(self)([image]) if boxes is None else [scored_boxes(boxes)]
        return self.predict_batch([image], found)[0]

    @property
    def padding(self) -> float:
        """Factor by which boxes are enlarged."""
        return self.crop.padding

    def predict_batch(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[People]:
        """Find the joints of the people of several images; all crops go through the network together.

        Args:
            images: Each (H, W, 3) uint8, BGR.
            boxes: For each image (N, 5) x1, y1, x2, y2 in pixels and a score.

        Returns:
            For each image its people, as :meth:`__call__` returns them.
        """
        kept, regions, crops, notes = [], [], [], []
        for image, array in zip(images, boxes, strict=True):
            usable, problems = usable_boxes(array, image.shape[1::-1])
            notes.append(tuple(problems))
            kept.append(array[usable])
            centers, sizes = boxes_to_regions(kept[-1][:, :4], self.crop)
            regions.append((centers, sizes))
            crops += [crop_person(image, *region, self.crop) for region in zip(centers, sizes, strict=True)]
        if not crops:
            return [People.empty(len(self.skeleton.joint_names), self.dim, note) for note in notes]
        found = self.run_crops(np.stack(crops))
        ends = np.cumsum([len(array) for array in kept])
        people = []
        for array, (centers, sizes), note, end in zip(kept, regions, notes, ends, strict=True):
            part = slice(end - len(array), end)
            people.append(
                People(
                    boxes=array[:, :4],
                    box_scores=array[:, 4],
                    keypoints=points_to_image(found.keypoints[part], centers, sizes, self.crop),
                    scores=found.scores[part],
                    sigmas=None if found.sigmas is None else _scaled(found.sigmas[part], sizes, self.crop),
                    notes=note,
                    covariances=_scaled_covariances(found.covariances, part, sizes, self.crop),
                )
            )
        if self.calibration is not None:
            return [one.calibrated(self.calibration) for one in people]
        return people

    def run_crops(self, crops: np.ndarray) -> CropKeypoints:
        """Run the graph on crops, in batches.

        Args:
            crops: (N, h, w, 3) uint8, BGR.

        Returns:
            Keypoints, scores and, where the model predicts them, sigmas and covariances.
        """
        if not len(crops):
            joints, dim = len(self.skeleton.joint_names), self.dim
            shapes = dict(keypoints=(0, joints, dim), scores=(0, joints), sigmas=(0, joints, dim))
            shapes |= dict(covariances=(0, joints, dim, dim))
            return CropKeypoints(**{name: np.zeros(shapes[name], np.float32) for name in self._names})
        batches = list(self._batches(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))))
        results = {
            name: np.concatenate([batch[index] for batch in batches]).astype(np.float32)
            for index, name in enumerate(self._names)
        }
        return CropKeypoints(**results)

    def _batches(self, crops: np.ndarray) -> Iterator[list[np.ndarray]]:
        for start in range(0, len(crops), self.batch_size):
            yield self._session.run(None, {'crops': crops[start : start + self.batch_size]})


def _open_session(path: str | Path, threads: int, providers: Sequence[str] | None) -> 'onnxruntime.InferenceSession':
    """Load the graph; ONNX Runtime is imported here, so that everything else of this package works without it."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            "an exported model needs onnxruntime (of the extra 'export'): pip install onnxruntime"
        ) from error
    onnxruntime.disable_telemetry_events()  # some builds report how they are used
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=list(providers or ['CPUExecutionProvider']))
    except Exception as error:  # ONNX Runtime's own exceptions have no common class
        raise ValueError(f"'path' must be an ONNX model that ONNX Runtime reads, got {str(path)!r}: {error}") from error


def _read_settings(session: 'onnxruntime.InferenceSession', path: str | Path) -> dict:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ValueError(f"'path' must be a model that tools/export.py wrote, got {str(path)!r} without its settings")
    return json.loads(text)


def _scaled(sigmas: np.ndarray, sizes: np.ndarray, crop: CropSettings) -> np.ndarray:
    """Sigmas (N, K, D) of crops in pixels of the image; a third axis stays as it is."""
    scales = (sizes / np.asarray(crop.input_size, np.float32))[:, None]
    return np.concatenate((sigmas[..., :2] * scales, sigmas[..., 2:]), -1).astype(np.float32)


def _scaled_covariances(
    covariances: np.ndarray | None, part: slice, sizes: np.ndarray, crop: CropSettings
) -> np.ndarray | None:
    """Covariances of some of all crops (N, K, D, D) in pixels of the image; a third axis stays as it is."""
    if covariances is None:
        return None
    chosen = covariances[part]
    scales = np.ones((len(chosen), chosen.shape[-1]), np.float32)
    scales[:, :2] = sizes / np.asarray(crop.input_size, np.float32)
    return (chosen * (scales[:, :, None] * scales[:, None, :])[:, None]).astype(np.float32)
