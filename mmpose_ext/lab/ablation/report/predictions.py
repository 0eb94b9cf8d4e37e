"""The people in a ``predictions.pkl``, read without running code."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ['Person', 'read_people']


@dataclass(frozen=True)
class Person:
    """What a test predicted for one person.

    Attributes:
        image: File name.
        box: (4,) left, top, right, bottom in pixels.
        truth: (K, 2) in pixels.
        labeled: (K,) bool.
        predicted: (K, 2) in pixels.
        area: Of the person in square pixels: as annotated, or else of the box.
    """

    image: str
    box: np.ndarray
    truth: np.ndarray
    labeled: np.ndarray
    predicted: np.ndarray
    area: float

    @property
    def error(self) -> float:
        """Mean distance between predicted and true joints in pixels."""
        return float(np.linalg.norm(self.predicted - self.truth, axis=1)[self.labeled].mean())


def _tensor_storage(content: bytes) -> object:
    """Stand in for PyTorch's function of this name, which would unpickle anything."""
    return torch.load(io.BytesIO(content), weights_only=True)


_NUMPY = ('numpy', 'numpy.core.multiarray', 'numpy._core.multiarray', 'numpy._core.numeric', 'numpy.core.numeric')
_NAMES: dict[tuple[str, str], object] = {
    **{(module, 'ndarray'): np.ndarray for module in _NUMPY},
    **{(module, 'dtype'): np.dtype for module in _NUMPY},
    **{(module, '_reconstruct'): np.empty(0).__reduce__()[0] for module in _NUMPY},
    **{(module, 'scalar'): np.float64(0).__reduce__()[0] for module in _NUMPY},
    **{(module, '_frombuffer'): np.empty(1).__reduce_ex__(5)[0] for module in _NUMPY},
    ('torch.storage', '_load_from_bytes'): _tensor_storage,
    ('torch._utils', '_rebuild_tensor_v2'): torch._utils._rebuild_tensor_v2,
    ('collections', 'OrderedDict'): dict,
    ('_codecs', 'encode'): lambda text, encoding: text.encode(encoding),  # bytes in old protocols
}


class _DataOnly(pickle.Unpickler):
    """Builds numbers, text, containers, numpy arrays and tensors, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return _NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}, which is no data') from None


def _load(path: Path) -> list[dict[str, dict[str, np.ndarray]]]:
    try:
        with path.open('rb') as file:
            samples = _DataOnly(file).load()
    except OSError:
        raise
    except Exception as error:  # broken pickles raise errors of every kind
        raise ValueError(
            f"'path' must be a file of predictions that holds data only, got {str(path)!r}: {error}"
        ) from error
    if not isinstance(samples, list):
        raise ValueError(f"'path' must be a file with a list of predictions, got {str(path)!r}")
    return samples


def _numbers(values: np.ndarray | Tensor) -> np.ndarray:
    return np.asarray(values, float)


def read_people(path: Path) -> dict[tuple[str, int], Person]:
    """The people of a ``predictions.pkl`` (MMEngine's ``DumpResults``) by image and annotation.

    People without a labeled joint are left out.

    Raises:
        ValueError: Naming the file, if it holds anything but data, or no predictions of people.
    """
    people = {}
    try:
        for sample in _load(path):
            truth, box = sample['gt_instances'], _numbers(sample['gt_instances']['bboxes'][0])
            labeled = _numbers(truth['keypoints_visible'][0]) > 0
            if labeled.ndim > 1:  # some versions of MMPose pack weights beside the flags
                labeled = labeled[..., 0]
            if labeled.any():
                area = (sample.get('raw_ann_info') or {}).get('area') or np.prod(box[2:] - box[:2])
                image, number = str(sample['img_path']), int(str(sample.get('id', 0)))
                predicted = _numbers(sample['pred_instances']['keypoints'][0])[:, :2]
                points = _numbers(truth['keypoints'][0])[:, :2]
                people[image, number] = Person(image, box, points, labeled, predicted, float(str(area)))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"'path' must be a file with predictions of people, got {str(path)!r}: {error!r}") from error
    return people
