"""Files of a prediction: a run that is resumed must not mix with another one, and nothing of the user's is lost."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose_ext.apis.predict.result_files import image_ids
from mmpose_ext.apis.predict.run import run_prediction
from mmpose_ext.runtime.drawing import DrawSettings
from mmpose_ext.runtime.people import People
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.runtime.sources import ImageSource, VideoSource, open_source


class BrightnessModel:
    """One joint whose score is the brightness of the image; it counts the images that it is asked for."""

    skeleton = Skeleton(('joint',))
    batch_size = 32

    def __init__(self) -> None:
        self.seen = 0

    def predict_batch(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[People]:
        self.seen += len(images)
        return [
            People(box[:, :4], box[:, 4], np.full((1, 1, 2), 3.0), np.full((1, 1), image.mean() / 255))
            for image, box in zip(images, boxes, strict=True)
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of the brightness 10, 20 and 30, of which two have the same name in different folders."""
    for name, value in [('a/x.png', 10), ('b/x.png', 20), ('b/y.png', 30)]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((8, 9, 3), value, np.uint8))
    return tmp_path


def run(source, out_dir, model=None, **options):
    images = source if isinstance(source, (ImageSource, VideoSource)) else open_source(source)
    return run_prediction(images, model or BrightnessModel(), out_dir=out_dir, progress=False, **options)


def brightness(result) -> list[int]:
    return [round(float(frame.people.scores[0, 0]) * 255) for frame in result.frames]


def test_a_threshold_above_every_score_is_named(folder):
    """Scores may be above 1, so that 7 is no mistake in itself."""
    result = run(folder / 'b', folder / 'out', draw=DrawSettings(score_thr=7))
    assert result.warnings == ['no joint is drawn: the highest score is 0.12, lower than score_thr=7']
    assert result.warnings[0] in result.summary()
    assert run(folder / 'b', folder / 'out', draw=DrawSettings(score_thr=0.1)).warnings == []
    assert run(folder / 'b', folder / 'out').warnings == []


def test_resumed_images_are_found_by_their_names(folder):
    """An image that was added in front must not get the people of another one."""
    run([folder / 'b' / 'x.png', folder / 'b' / 'y.png'], folder / 'out')
    model = BrightnessModel()
    result = run(
        [folder / 'a' / 'x.png', folder / 'b' / 'x.png', folder / 'b' / 'y.png'], folder / 'out', model, resume=True
    )
    assert brightness(result) == [10, 20, 30]
    assert model.seen == 1
    assert result.predicted == 1


def test_resume_with_other_images_is_refused_and_keeps_the_earlier_run(folder):
    run(folder / 'b', folder / 'out')
    before = (folder / 'out' / '.journal.jsonl').read_text()
    with pytest.raises(ValueError, match=r"'resume' must go on with the images .*b/x.png"):
        run(folder / 'a', folder / 'out', resume=True)
    assert (folder / 'out' / '.journal.jsonl').read_text() == before


def test_resume_with_other_settings_is_refused(folder):
    run(folder / 'b', folder / 'out', settings=dict(weights='one.pth'))
    with pytest.raises(ValueError, match=r"weights='one.pth', got 'two.pth'"):
        run(folder / 'b', folder / 'out', settings=dict(weights='two.pth'), resume=True)


def test_resume_with_another_video_is_refused(folder):
    for name in ('one', 'two'):
        writer = cv2.VideoWriter(str(folder / f'{name}.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 10, (32, 24))
        for value in range(3):
            writer.write(np.full((24, 32, 3), value, np.uint8))
        writer.release()
    run(folder / 'one.avi', folder / 'out')
    with pytest.raises(ValueError, match=r'source=.*one.avi.*two.avi'):
        run(folder / 'two.avi', folder / 'out', resume=True)
    with pytest.raises(ValueError, match="'resume' must go on"):
        run(folder / 'b', folder / 'out', resume=True)


def test_files_that_changed_or_could_not_be_read_are_predicted_again(folder):
    (folder / 'b' / 'z.png').write_bytes(b'broken')
    assert run(folder / 'b', folder / 'out').exit_code == 3
    for name in ('y', 'z'):
        cv2.imwrite(str(folder / 'b' / f'{name}.png'), np.full((8, 9, 3), 99, np.uint8))
    os.utime(folder / 'b' / 'y.png', ns=(1, 1))
    result = run(folder / 'b', folder / 'out', resume=True)
    assert brightness(result) == [20, 99, 99]
    assert result.exit_code == 0


def test_arrays_are_never_taken_over(tmp_path):
    for value in (10, 20):
        result = run([np.full((8, 9, 3), value, np.uint8)], tmp_path, resume=True)
    assert brightness(result) == [20]


def test_images_of_the_same_name_have_drawings_of_their_own(folder):
    source = [folder / 'a' / 'x.png', folder / 'b' / 'x.png']
    run(source[:1], folder / 'out', draw=DrawSettings())
    first = (folder / 'out' / 'drawn' / 'x.png').read_bytes()
    run(source, folder / 'out', draw=DrawSettings(), resume=True)
    assert sorted(os.listdir(folder / 'out' / 'drawn')) == ['x.png', 'x_1.png']
    assert (folder / 'out' / 'drawn' / 'x.png').read_bytes() == first


def test_drawings_never_replace_the_source(folder):
    run(folder / 'b', folder / 'out', draw=DrawSettings())
    before = (folder / 'out' / 'drawn' / 'x.png').read_bytes()
    with pytest.raises(ValueError, match="'out_dir' must be a folder in which no drawing replaces the source"):
        run(folder / 'out' / 'drawn', folder / 'out', draw=DrawSettings(thickness=3))
    assert (folder / 'out' / 'drawn' / 'x.png').read_bytes() == before


def test_one_run_at_a_time_in_a_folder(folder):
    class Nested(BrightnessModel):
        def predict_batch(self, images, boxes):
            with pytest.raises(ValueError, match='which is in use'):
                run(folder / 'a', folder / 'out')
            return super().predict_batch(images, boxes)

    model = Nested()
    run(folder / 'b', folder / 'out', model)
    assert model.seen == 2
    run(folder / 'b', folder / 'out')


def test_folder_that_cannot_be_written_is_named(folder):
    (folder / 'file').write_text('')
    with pytest.raises(ValueError, match=r"'out_dir' must be a folder that can be written, got .*file"):
        run(folder / 'b', folder / 'file')


def test_result_files_hold_no_nan(folder):
    """A network that diverged in its training gives NaN, which json does not know."""

    class Diverged(BrightnessModel):
        def predict_batch(self, images, boxes):
            nan = np.full((1, 1, 2), np.nan)
            return [People(box[:, :4], box[:, 4], nan, nan[..., 0], sigmas=nan) for box in boxes]

    def refuse(constant: str) -> None:
        raise AssertionError(f'{constant} is not json')

    run(folder / 'b', folder / 'out', Diverged(), draw=DrawSettings(score_thr=-1))
    for name in ('keypoints.json', 'results.json'):
        content = json.loads((folder / 'out' / name).read_text(), parse_constant=refuse)
    assert [entry['keypoints'] for entry in content] == [[0, 0, 0], [0, 0, 0]]
    assert [entry['score'] for entry in content] == [0, 0]


def test_numbers_of_images():
    assert image_ids(['a/000000000785.jpg', '12.png']) == [785, 12]
    assert image_ids(['a/x.jpg', 'b/12.png']) == [1, 2]
    assert image_ids(['a/x.jpg', 'y.jpg'], {'y.jpg': 3, 'x.jpg': 70}) == [70, 3]
    assert image_ids(['a/x.jpg', 'b/x.jpg'], {'x.jpg': 70}) == [1, 2]  # one number must not stand for two images
