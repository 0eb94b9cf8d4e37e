"""The figures of the model card: who is upside down, distances in torsos, and rows for a model."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.trained_models import LabeledPeople, figures, measure


@pytest.fixture
def people(tmp_path: Path) -> LabeledPeople:
    """Two people of noise in LSPET's files: one with the head above, one with the head below the hips."""
    rng = np.random.default_rng(0)
    (tmp_path / 'annotations').mkdir()
    images, annotations = [], []
    for number, head in enumerate((20, 90), start=1):
        cv2.imwrite(str(tmp_path / f'{number}.jpg'), rng.integers(0, 256, (120, 100, 3), dtype=np.uint8))
        points = np.column_stack([rng.uniform(10, 90, 14), np.linspace(40, 60, 14), np.full(14, 2)])
        points[[2, 9], :2] = (50, 60), (50, 40)  # right hip, left shoulder: a torso of 20 pixels
        points[13, 1], points[0, 2] = head, 0
        images.append(dict(id=number, file_name=f'{number}.jpg'))
        annotations.append(dict(image_id=number, keypoints=points.ravel().tolist()))
    content = dict(images=images, annotations=annotations)
    (tmp_path / 'annotations' / 'lspet_split_val.json').write_text(json.dumps(content))
    return LabeledPeople.read(tmp_path)


def test_distances_are_in_torsos(people: LabeledPeople) -> None:
    assert people.upside_down.tolist() == [False, True]
    distances = people.distances(people.joints + np.array((3, 0)))
    assert np.isnan(distances[:, 0]).all()
    np.testing.assert_allclose(distances[:, 1:], 0.15)
    np.testing.assert_allclose(figures(distances)[:3], [100, 0, 0])


def test_rows(people: LabeledPeople) -> None:
    pytest.importorskip('timm', reason='the extra timm is not installed')
    rows = measure('lsp14-small', people)
    assert [row.split(' | ')[:3] for row in rows if row.startswith('|')] == [
        ['| `lsp14-small`', kind, group]
        for kind in ('boxes', 'whole image')
        for group in ('all (2)', 'upside down (1)')
    ]
