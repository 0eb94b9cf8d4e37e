"""PCK of the models that come with the package, on the people of LSPET whom their training left out.

  python benchmarks/trained_models.py data/lsp

It prints the tables of the model card, mmpose_ext/weights/README.md. The folder is that of docs/datasets.md.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmpose_ext.apis.predict.pose_model import TorchPoseModel
from mmpose_ext.datasets.lsp_dataset import LspDataset
from mmpose_ext.functional import area_under_curve, normalized_distances, pck_curve
from mmpose_ext.runtime import OnePersonFinder
from mmpose_ext.weights import MODELS

_JOINTS = [joint['name'] for joint in LspDataset.METAINFO['keypoint_info'].values()]
_THRESHOLDS = np.linspace(0, 0.2, 21)
_BATCH = 64


@dataclass(frozen=True)
class LabeledPeople:
    """N people, one in each image.

    Attributes:
        files: Of the images.
        joints: (N, K, 2) in pixels.
        labeled: (N, K) whether a joint has a label.
    """

    files: Sequence[Path]
    joints: np.ndarray
    labeled: np.ndarray

    @classmethod
    def read(cls, root: Path, step: int = 1) -> 'LabeledPeople':
        """Every ``step``-th validation person of LSPET."""
        content = json.loads((root / 'annotations' / 'lspet_split_val.json').read_text())
        names = {image['id']: image['file_name'] for image in content['images']}
        entries = content['annotations'][::step]
        points = np.array([entry['keypoints'] for entry in entries], float).reshape(len(entries), -1, 3)
        return cls([root / names[entry['image_id']] for entry in entries], points[..., :2], points[..., 2] > 0)

    @property
    def upside_down(self) -> np.ndarray:
        """(N,) whether the top of the head is labeled below both hips."""
        head, right, left = (_JOINTS.index(name) for name in ('head_top', 'right_hip', 'left_hip'))
        below = self.joints[:, head, 1] > self.joints[:, [right, left], 1].max(1)
        return below & self.labeled[:, [head, right, left]].all(1)

    def distances(self, found: np.ndarray) -> np.ndarray:
        """Distances (N, K) of joints (N, K, 2) from their labels, in torsos; NaN where they are not counted."""
        torso = [_JOINTS.index(name) for name in ('left_shoulder', 'right_hip')]
        length = np.linalg.norm(self.joints[:, torso[0]] - self.joints[:, torso[1]], axis=-1)
        scales = np.where(self.labeled[:, torso].all(1), length, np.nan)
        return normalized_distances(found, self.joints, self.labeled, scales)


def find_joints(model: TorchPoseModel, people: LabeledPeople, given_boxes: bool) -> np.ndarray:
    """Joints (N, K, 2) that a model finds, with the boxes around the labeled joints or in whole images."""
    found = []
    for start in range(0, len(people.files), _BATCH):
        part = slice(start, start + _BATCH)
        images = [_read(file) for file in people.files[part]]
        if given_boxes:
            labels = [joints[flags] for joints, flags in zip(people.joints[part], people.labeled[part], strict=True)]
            boxes = [np.array([[*points.min(0), *points.max(0), 1]], np.float32) for points in labels]
        else:
            boxes = OnePersonFinder(model)(images)
        found += [people.keypoints[0, :, :2] for people in model.predict_batch(images, boxes)]
    return np.array(found)


def _read(file: Path) -> np.ndarray:
    image = cv2.imread(str(file))
    if image is None:
        raise OSError(f'{file} is no image that can be read')
    return image


def figures(distances: np.ndarray) -> list[float]:
    """PCK@0.2, PCK@0.1, PCK@0.05 and AUC of distances, in percent."""
    curve = pck_curve(distances.reshape(-1, 1), _THRESHOLDS)[:, 0]
    return [100 * float(value) for value in (curve[20], curve[10], curve[5], area_under_curve(_THRESHOLDS, curve))]


def measure(name: str, people: LabeledPeople) -> list[str]:
    """Rows of the model card's tables for one model."""
    model = TorchPoseModel(name, device='cpu')
    rows, down = [], people.upside_down
    for kind in ('boxes', 'whole image'):
        distances = people.distances(find_joints(model, people, kind == 'boxes'))
        for group, chosen in (('all', np.ones(len(down), bool)), ('upside down', down)):
            row = ' | '.join(f'{value:.1f}' for value in figures(distances[chosen]))
            rows.append(f'| `{name}` | {kind} | {group} ({chosen.sum()}) | {row} |')
        shares = 100 * pck_curve(distances, np.array([0.2]))[0]
        listed = (f'{joint} {share:.1f}' for joint, share in zip(_JOINTS, shares, strict=True))
        rows.append(f'{name}, {kind}, PCK@0.2: {", ".join(listed)}')
    return rows


def main() -> None:
    """Print the rows of all models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, help='folder with lspet/ and annotations/')
    parser.add_argument('--step', type=int, default=1, help='measure every so many people (default: %(default)s)')
    arguments = parser.parse_args()
    people = LabeledPeople.read(arguments.root, arguments.step)
    for name in MODELS:
        print('\n'.join(measure(name, people)), flush=True)


if __name__ == '__main__':
    main()
