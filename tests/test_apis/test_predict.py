"""From images and a checkpoint to people: the same as MMPose's inference, whatever the source."""

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from pycocotools.coco import COCO

from mmpose_ext.apis.predict import predict
from mmpose_ext.apis.predict import run as run_module
from mmpose_ext.apis.predict.box_files import BoxFile
from mmpose_ext.apis.predict.pose_model import TorchPoseModel
from mmpose_ext.apis.predict.tracking import PeopleTracker
from mmpose_ext.runtime.drawing import DrawSettings
from mmpose_ext.runtime.one_person import OnePersonFinder

BOXES = [[5, 10, 90, 140], [20, 0, 115, 150]]


@pytest.fixture(scope='module')
def images(tmp_path_factory) -> Path:
    """Three images of different sizes and one that is broken."""
    folder = tmp_path_factory.mktemp('images')
    rng = np.random.default_rng(0)
    for number, size in enumerate([(160, 120), (100, 200), (90, 90)]):
        cv2.imwrite(str(folder / f'{number + 7:012d}.png'), rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    (folder / '000000000008.jpg').write_bytes(b'broken')
    (folder / 'README.md').write_text('not an image')
    return folder


@pytest.fixture
def box_file(images, tmp_path) -> str:
    entries = [dict(image_id=7, bbox=[x, y, x2 - x, y2 - y], score=0.9) for x, y, x2, y2 in BOXES]
    entries += [dict(image_id=9, bbox=[1, 2, 30, 40], score=0.5), dict(image_id=9, bbox=[400, 0, 9, 9], score=0.5)]
    (tmp_path / 'boxes.json').write_text(json.dumps(entries))
    return str(tmp_path / 'boxes.json')


def test_people_are_those_of_mmpose(trained, images, box_file):
    result = predict(images, *trained, boxes=box_file)
    model = init_model(*trained, device='cpu')
    expected = inference_topdown(model, str(images / '000000000007.png'), np.array(BOXES, np.float32))
    people = result.frames[0].people
    for person, sample in enumerate(expected):
        np.testing.assert_allclose(people.keypoints[person], sample.pred_instances.keypoints[0], atol=1e-4)
        np.testing.assert_allclose(people.scores[person], sample.pred_instances.keypoint_scores[0], rtol=1e-5)
    assert people.box_scores.tolist() == pytest.approx([0.9, 0.9])


def test_covariances_are_those_of_mmposes_way(trained, images, box_file, tmp_path):
    """The option of the function and the one of the config; in the files and in a resumed run."""
    result = predict(images, *trained, boxes=box_file, covariances=True, out_dir=tmp_path / 'out')
    config = Config.fromfile(trained[0])
    config.model.test_cfg.output_covariances = True
    model = init_model(config, trained[1], device='cpu')
    expected = inference_topdown(model, str(images / '000000000007.png'), np.array(BOXES, np.float32))
    people = result.frames[0].people
    for person, sample in enumerate(expected):
        np.testing.assert_allclose(
            people.covariances[person], sample.pred_instances.keypoint_covariances[0], rtol=1e-3, atol=1e-4
        )
    written = json.loads((tmp_path / 'out' / 'results.json').read_text())
    np.testing.assert_allclose(written[1]['keypoint_covariances'], people.covariances[1], atol=1e-3)
    resumed = predict(images, *trained, boxes=box_file, covariances=True, out_dir=tmp_path / 'out', resume=True)
    assert resumed.predicted == 0
    np.testing.assert_allclose(resumed.frames[0].people.covariances, people.covariances, rtol=1e-6)
    plain = predict(images, *trained, boxes=box_file)
    assert plain.frames[0].people.covariances is None
    np.testing.assert_array_equal(plain.frames[0].people.keypoints, people.keypoints)


def test_every_image_has_its_entry_and_problems_are_named(trained, images, box_file):
    result = predict(images, *trained, boxes=box_file)
    assert [len(frame.people) for frame in result.frames] == [2, 0, 0, 1]
    assert result.exit_code == 3
    assert len(result.problems) == 1
    assert '000000000008.jpg' in result.problems[0]
    assert len(result.notes) == 2
    assert '000000000008.png: ' in result.notes[0]
    assert 'does not have this image' in result.notes[0]
    assert 'box 1' in result.notes[1]
    assert 'outside' in result.notes[1]
    assert '3 people in 3 images' in result.summary()


def test_batches_do_not_change_what_is_found(trained, images, box_file):
    one, many = (predict(images, *trained, boxes=box_file, batch_size=size) for size in (1, 32))
    for first, second in zip(one.frames, many.frames, strict=True):
        np.testing.assert_allclose(first.people.keypoints, second.people.keypoints, atol=1e-3)


def test_without_boxes_the_model_looks_for_one_person(trained, images):
    files = sorted(images.glob('*.png'))
    result = predict(files, *trained)
    model = TorchPoseModel(*trained)
    arrays = [cv2.imread(str(file)) for file in files]
    boxes = OnePersonFinder(model)(arrays)
    for frame, expected, box in zip(result.frames, model.predict_batch(arrays, boxes), boxes, strict=True):
        np.testing.assert_allclose(frame.people.boxes, box[:, :4], atol=1e-3)
        np.testing.assert_allclose(frame.people.keypoints, expected.keypoints, atol=1e-3)
    assert result.exit_code == 0


def test_padding_is_that_of_the_pipeline(trained):
    model = TorchPoseModel(*trained)
    assert model.padding == 1.25
    config = Config.fromfile(trained[0])
    (step,) = [step for step in config.test_dataloader.dataset.pipeline if step.type == 'GetBBoxCenterScale']
    step.padding = 1.5
    assert TorchPoseModel(config, trained[1]).padding == 1.5


def test_flip_test_can_be_switched_off(trained, images):
    source = sorted(images.glob('*.png'))
    assert TorchPoseModel(*trained).model.test_cfg['flip_test']
    with_flip, without = (predict(source, *trained, flip=flip) for flip in (None, False))
    assert (with_flip.frames[0].people.scores != without.frames[0].people.scores).any()


def test_files_are_read_by_pycocotools(trained, images, box_file, tmp_path):
    predict(images, *trained, boxes=box_file, out_dir=tmp_path / 'out', draw=DrawSettings(score_thr=-9))
    ground_truth = COCO(str(tmp_path / 'out' / 'keypoints.json'))
    assert sorted(ground_truth.imgs) == [7, 8, 9]
    results = ground_truth.loadRes(str(tmp_path / 'out' / 'results.json'))
    assert [len(results.getAnnIds(imgIds=[image])) for image in (7, 8, 9)] == [2, 0, 1]
    assert results.loadAnns(results.getAnnIds(imgIds=[7]))[0]['bbox'] == [5, 10, 85, 130]
    drawn = sorted((tmp_path / 'out' / 'drawn').iterdir())
    assert [file.name for file in drawn] == [f'{number:012d}.png' for number in (7, 8, 9)]
    assert cv2.imread(str(drawn[1])).shape == (100, 200, 3)
    assert (cv2.imread(str(drawn[0])) != cv2.imread(str(images / drawn[0].name))).any()


@pytest.fixture
def video(tmp_path) -> Path:
    path = tmp_path / 'walk.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (96, 128))
    rng = np.random.default_rng(0)
    for _ in range(20):
        writer.write(rng.integers(0, 256, (128, 96, 3), dtype=np.uint8))
    writer.release()
    return path


def test_video_gives_frames_with_times_and_a_video(trained, video, tmp_path):
    result = predict(video, *trained, out_dir=tmp_path / 'out', draw=DrawSettings())
    content = json.loads((tmp_path / 'out' / 'walk.json').read_text())
    assert (content['frame_rate'], content['size'], len(content['frames'])) == (5, [96, 128], 20)
    assert [frame['time'] for frame in content['frames']] == pytest.approx([number / 5 for number in range(20)])
    keypoints = np.array(content['frames'][3]['people'][0]['keypoints']).reshape(-1, 3)
    np.testing.assert_allclose(keypoints[:, :2], result.frames[3].people.keypoints[0], atol=1e-3)
    drawn = cv2.VideoCapture(str(tmp_path / 'out' / 'walk.mp4'))
    assert (drawn.get(cv2.CAP_PROP_FRAME_COUNT), drawn.get(cv2.CAP_PROP_FRAME_WIDTH)) == (20, 96)


def test_folder_of_images_and_videos(trained, video, images, tmp_path):
    folder = tmp_path / 'camera'
    folder.mkdir()
    (folder / 'photograph.png').write_bytes((images / '000000000007.png').read_bytes())
    (folder / 'broken.mp4').write_bytes(b'no video')
    content = video.read_bytes()
    (folder / 'drawn.avi').write_bytes(content[: len(content) // 2])
    (folder / 'walk.avi').write_bytes(content)
    result = predict(folder, *trained, out_dir=tmp_path / 'out', flip=False)
    names = [Path(frame.name).name for frame in result.frames]
    assert names[:2] == ['broken.mp4', 'photograph.png']
    assert names[-20:] == [f'walk.avi frame {number}' for number in range(20)]
    assert (result.exit_code, len(result.problems)) == (3, 1)
    assert 'broken.mp4 is no video' in result.problems[0]
    (warning,) = result.warnings
    assert warning == f'drawn.avi ends after {len(names) - 22} of the 20 frames that it announces'
    assert warning in result.summary()
    assert len(json.loads((tmp_path / 'out' / 'keypoints.json').read_text())['images']) == 1
    # a video that is named like the folder of drawings has another folder
    assert len(json.loads((tmp_path / 'out' / 'walk' / 'walk.json').read_text())['frames']) == 20
    assert (tmp_path / 'out' / 'drawn_1' / 'drawn.json').is_file()
    assert not (tmp_path / 'out' / 'drawn').exists()


def test_people_of_a_video_are_tracked(trained, tmp_path):
    pytest.importorskip('trackers')
    path = tmp_path / 'two.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (200, 100))
    for _ in range(6):
        writer.write(np.zeros((100, 200, 3), np.uint8))
    writer.release()
    frames = iter(range(6))

    def finder(images):
        """Two people who walk towards the right; the first one is gone in the fourth frame."""
        boxes = []
        for _ in images:
            shift = 2 * next(frames)
            both = [[10 + shift, 10, 50 + shift, 90, 0.9], [110 + shift, 10, 150 + shift, 90, 0.8]]
            boxes.append(np.array(both[1:] if shift == 6 else both, np.float32))
        return boxes

    tracker = PeopleTracker(10)
    model, source = TorchPoseModel(*trained), run_module.VideoSource(str(path))
    result = run_module.run_prediction(source, model, finder, tracker=tracker, progress=False)
    first, second = result.frames[1].people.track_ids
    assert len({first, second, -1}) == 3
    ids = [frame.people.track_ids.tolist() for frame in result.frames]
    # a person has a number from the second frame on, and keeps it after a frame that does not show them
    assert ids == [[-1, -1], [first, second], [first, second], [second], [first, second], [first, second]]


class Interrupted(TorchPoseModel):
    """Stops as Ctrl-C does in its second batch."""

    calls = 0

    def predict_batch(self, images, boxes):
        Interrupted.calls += 1
        if Interrupted.calls == 2:
            raise KeyboardInterrupt
        return super().predict_batch(images, boxes)


@pytest.mark.parametrize('draw', [None, DrawSettings()])
def test_what_is_done_is_kept_and_resumed(trained, video, tmp_path, monkeypatch, draw):
    source = run_module.VideoSource(str(video))
    whole = run_module.run_prediction(source, TorchPoseModel(*trained), progress=False)
    Interrupted.calls = 0
    monkeypatch.setattr(run_module, '_IMAGES_AT_ONCE', 8)
    model = Interrupted(*trained)
    first = run_module.run_prediction(source, model, out_dir=tmp_path / 'out', draw=draw, progress=False)
    assert (first.interrupted, first.exit_code, len(first.frames)) == (True, 130, 8)
    assert len(json.loads((tmp_path / 'out' / 'walk.json').read_text())['frames']) == 8
    # a line that was not written to its end
    with (tmp_path / 'out' / '.journal.jsonl').open('a') as file:
        file.write('{"index": 8, "na')
    second = run_module.run_prediction(source, model, out_dir=tmp_path / 'out', draw=draw, resume=True, progress=False)
    assert Interrupted.calls == 4 if draw is None else Interrupted.calls >= 4
    assert [frame.index for frame in second.frames] == list(range(20))
    for before, after in zip(whole.frames, second.frames, strict=True):
        np.testing.assert_allclose(before.people.keypoints, after.people.keypoints, atol=1e-3)
    if draw is not None:
        drawn = cv2.VideoCapture(str(tmp_path / 'out' / 'walk.mp4'))
        assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 20


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(weights=None), "'weights' must be"),
        (dict(weights='missing.pth'), "'weights' must be"),
        (dict(model=None), "'model' must be the config"),
        (dict(model='dark/nothing'), "'model' must be a config"),
        (dict(boxes='missing.json'), 'missing.json'),
        (dict(boxes='b.json', detector='d.py'), 'must not both'),
        (dict(detector='d.py'), "'detector' must be"),
        (dict(batch_size=0), "'batch_size' must be"),
        (dict(box_thr=float('nan')), "'box_thr' must be a number from 0 to 1, got nan"),
        (dict(device='cuda:99'), "'device' must be .* got 'cuda:99'"),
        (dict(device='gpu'), "'device' must be .* got 'gpu'"),
        (dict(track=True), "'track' must be False for still images"),
    ],
)
def test_arguments_out_of_range_are_named(trained, images, change, message):
    arguments = dict(model=trained[0], weights=trained[1]) | change
    with pytest.raises(ValueError, match=message):
        predict(images, **arguments)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('x = (', 'SyntaxError'),
        ('_base_ = ["missing.py"]', 'missing.py'),
        ('x = 1', 'model'),
        ('model = dict(type="Nothing", backbone=dict())', 'Nothing'),
    ],
)
@pytest.mark.parametrize('argument', ['model', 'detector'])
def test_configs_with_mistakes_are_named(trained, images, tmp_path, argument, text, reason):
    config = tmp_path / 'config.py'
    config.write_text(text)
    arguments = dict(model=trained[0], weights=trained[1], detector_weights=trained[1]) | {argument: config}
    with pytest.raises(ValueError, match=f"'{argument}' must be .*config.py.*{reason}"):
        predict(images, **arguments)


def test_detector_with_weights_of_another_model_is_refused(sample_images, trained, images, capsys):
    """It would find nobody, or anything."""
    config = sample_images('coco_mini').parents[1] / 'weights' / 'yolox_nano_mmdet.py'
    if not config.is_file():
        pytest.skip('detector not found: ../shared/weights')
    with pytest.raises(ValueError, match=r"'detector_weights' must be .* no weight fits"):
        predict(images, *trained, detector=config, detector_weights=trained[1])
    assert capsys.readouterr().out == ''


def test_checkpoint_of_another_model_is_refused(trained, images, tmp_path):
    torch.save(dict(state_dict=dict(other=torch.zeros(3))), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='no weight fits'):
        predict(images, trained[0], tmp_path / 'other.pth')
    weights = torch.load(trained[1], weights_only=True)['state_dict']
    torch.save({name: tensor for name, tensor in weights.items() if 'final_layer' not in name}, tmp_path / 'part.pth')
    with pytest.raises(ValueError, match=r'2 of its weights are missing .* such as head\.final_layer'):
        predict(images, trained[0], tmp_path / 'part.pth')


def test_boxes_from_annotations_and_tables(tmp_path):
    coco = dict(images=[dict(id=3, file_name='a/x.jpg'), dict(id=4, file_name='y.jpg')])
    crowd = dict(image_id=4, bbox=[0, 0, 90, 90], iscrowd=1)
    coco['annotations'] = [dict(image_id=3, bbox=[1, 2, 3, 4], iscrowd=0), crowd]
    (tmp_path / 'a.json').write_text(json.dumps(coco))
    boxes = BoxFile(tmp_path / 'a.json')
    assert boxes('photographs/x.jpg').tolist() == [[1, 2, 4, 6, 1]]
    assert boxes('y.jpg').shape == (0, 5)
    assert boxes('z.jpg').shape == (0, 5)
    assert ('y.jpg' in boxes, 'z.jpg' in boxes) == (True, False)
    assert boxes.image_ids == {'x.jpg': 3, 'y.jpg': 4}
    with (tmp_path / 'b.csv').open('w', newline='') as file:
        csv.writer(file).writerows([['file_name', 'x1', 'y1', 'x2', 'y2', 'score'], ['x.jpg', 1, 2, 3, 4, 0.5]])
    assert BoxFile(tmp_path / 'b.csv')('x.jpg').tolist() == [[1, 2, 3, 4, 0.5]]
    assert BoxFile(tmp_path / 'b.csv', score_thr=0.6)('x.jpg').shape == (0, 5)


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('b.json', '{', 'b.json is not valid json'),
        ('b.json', '{}', 'b.json must hold COCO annotations'),
        ('b.json', '[{"image_id": 1, "bbox": [1, 2, 3]}]', 'b.json, entry 0'),
        ('b.json', '[7]', 'b.json, entry 0'),
        ('b.csv', 'file,x1\n', 'b.csv must have the columns'),
        ('b.csv', 'file_name,x1,y1,x2,y2\nx.jpg,1,2,3,four\n', 'b.csv, line 2'),
    ],
)
def test_box_files_of_other_kinds_are_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        BoxFile(tmp_path / name)


def test_program(run_tool, trained, images, box_file, tmp_path):
    config, weights = trained
    with pytest.raises(AssertionError, match='1 image skipped'):  # by its exit status, which is not 0
        run_tool('tools/predict.py', images, '--model', config, '--weights', weights, '--boxes', box_file, '--quiet')
    assert len(json.loads((tmp_path / 'predictions' / 'results.json').read_text())) == 3
    printed = run_tool(
        *('tools/predict.py', *sorted(images.glob('*.png')), '--model', config, '--weights', weights),
        *('--no-flip', '--no-draw', '--out-dir', 'again'),
        PYTHON=sys.executable,
    )
    assert '3 people in 3 images' in printed
    assert 'people per second' in printed


@pytest.mark.parametrize('sample', ['coco_mini'])
def test_detector_on_real_images(sample_images, trained, sample, tmp_path):
    weights = sample_images(sample).parents[1] / 'weights' / 'yolox_nano_mmdet.pth'
    if not weights.is_file():
        pytest.skip('detector not found: ../shared/weights')
    files = sorted((sample_images(sample) / 'train2017').iterdir())[:4]
    result = predict(files, *trained, detector=weights.with_suffix('.py'), detector_weights=weights)
    annotations = COCO(str(sample_images(sample) / 'annotations' / 'person_keypoints_train2017.json'))
    for frame in result.frames:
        truth = annotations.loadAnns(annotations.getAnnIds(imgIds=[int(Path(frame.name).stem)], iscrowd=False))
        assert (len(frame.people) > 0) == any(one['area'] > 5000 for one in truth)


def test_config_objects_and_names(trained):
    assert TorchPoseModel(Config.fromfile(trained[0]), trained[1]).skeleton.joint_names[0] == 'nose'
