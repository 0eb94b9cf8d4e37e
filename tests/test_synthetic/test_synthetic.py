"""Synthetic people: bodies, labels against what is drawn, files that are whole and repeatable."""

import errno
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from mmpose.datasets.datasets.body import CocoDataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from pycocotools import mask as coco_mask
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from mmpose_ext.synthetic import body_skeleton as skeleton
from mmpose_ext.synthetic import dataset as api
from mmpose_ext.synthetic import poses, scene
from mmpose_ext.synthetic.appearance import sample_appearance
from mmpose_ext.synthetic.background import sample_room
from mmpose_ext.synthetic.coco_annotations import annotate, joint_visibility
from mmpose_ext.synthetic.dataset import make_synthetic_dataset
from mmpose_ext.synthetic.image import draw_image, draw_scene
from mmpose_ext.synthetic.mesh import body_mesh, pose_vertices
from mmpose_ext.synthetic.person import Body, place
from mmpose_ext.synthetic.props import Prop, box
from mmpose_ext.synthetic.render import Light, Surfaces, render
from mmpose_ext.synthetic.scene import Scene, SceneOptions, scene_surfaces
from mmpose_ext.synthetic.scene_camera import SceneCamera

OPTIONS = SceneOptions()
SIZE = (OPTIONS.width, OPTIONS.height)
JOINT = {name: i for i, name in enumerate(skeleton.COCO_JOINTS)}
LIGHT = Light(np.array([0.0, -0.6, -0.8]), 0.5, 0.5, np.ones(3))
ROOT = Path(__file__).parents[2]


def upright(seed: int = 0, angles: np.ndarray | None = None) -> Body:
    """Someone who stands with the arms a little off the body."""
    rng = np.random.default_rng(seed)
    if angles is None:
        angles = np.zeros((16, 3))
        for side in ('left', 'right'):
            angles[skeleton.BONES[f'{side}_upper_arm']] = (80, 25, 0)
            angles[skeleton.BONES[f'{side}_thigh']] = (90, 6, 0)
    shape = skeleton.BodyShape()
    posture = skeleton.forward_kinematics(angles, shape)
    pose = poses.Pose('standing', angles, None, posture)
    appearance = sample_appearance(rng)
    vertices = pose_vertices(body_mesh(), shape, posture, appearance.looseness)
    return Body(shape, pose, appearance, vertices, skeleton.coco_joints(posture, shape))


def camera(**changes) -> SceneCamera:
    values = dict(focal=(380.0, 380.0), center=(159.5, 127.5), height=0.9, pitch=0.0)
    return SceneCamera(**(values | changes))


def stage(people, things=(), view=None, options=OPTIONS) -> tuple[Scene, np.ndarray, object]:
    """Draw a hand-made scene."""
    rng = np.random.default_rng(5)
    made = Scene(view or camera(), LIGHT, sample_room(rng, 6.0), list(people), list(things))
    pixels, rendered = draw_scene(rng, made, options)
    return made, pixels, rendered


def flags(made: Scene, rendered, number: int = 1) -> dict[str, int]:
    values = joint_visibility(rendered, made.camera, made.people[number - 1], number, SIZE)
    return dict(zip(skeleton.COCO_JOINTS, values.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------ the body


def test_rest_pose_is_symmetric_with_the_left_on_the_left():
    shape = skeleton.BodyShape()
    joints = skeleton.coco_joints(skeleton.forward_kinematics(np.zeros((16, 3)), shape), shape)
    for left in range(1, 17, 2):
        np.testing.assert_allclose(joints[left] * [-1, 1, 1], joints[left + 1], atol=1e-12)
        assert joints[left, 0] > 0
    assert joints[JOINT['nose'], 2] > joints[JOINT['left_eye'], 2] > joints[JOINT['left_ear'], 2]


@pytest.mark.parametrize(
    ('bone', 'angles', 'joint', 'axis', 'sign'),
    [
        ('left_forearm', (0, 90, 0), 'left_wrist', 2, 1),  # an elbow bends forwards
        ('left_shank', (0, 90, 0), 'left_ankle', 2, -1),  # a knee backwards
        ('left_thigh', (0, 90, 0), 'left_knee', 2, 1),
        ('left_upper_arm', (90, 90, 0), 'left_elbow', 0, 1),
        ('right_upper_arm', (90, 90, 0), 'right_elbow', 0, -1),
        ('chest', (0, 60, 0), 'nose', 2, 1),
    ],
)
def test_joints_bend_the_human_way(bone, angles, joint, axis, sign):
    shape = skeleton.BodyShape()
    pose = np.zeros((16, 3))
    rest = skeleton.coco_joints(skeleton.forward_kinematics(pose, shape), shape)
    pose[skeleton.BONES[bone]] = angles
    moved = skeleton.coco_joints(skeleton.forward_kinematics(pose, shape), shape)
    assert sign * (moved - rest)[JOINT[joint], axis] > 0.2


@pytest.mark.parametrize('kind', poses.POSE_KINDS)
def test_poses_keep_limits_and_bone_lengths(kind):
    rng = np.random.default_rng(3)
    pairs = [(5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (1, 2), (3, 4), (11, 12)]
    for _ in range(20):
        shape = skeleton.sample_shape(rng)
        pose = poses.sample_pose(rng, shape, kind)
        assert (pose.angles >= poses.JOINT_LIMITS[:, 0]).all()
        assert (pose.angles <= poses.JOINT_LIMITS[:, 1]).all()
        rest = skeleton.coco_joints(skeleton.forward_kinematics(np.zeros((16, 3)), shape), shape)
        joints = skeleton.coco_joints(pose.posture, shape)
        for a, b in pairs:
            np.testing.assert_allclose(np.linalg.norm(joints[a] - joints[b]), np.linalg.norm(rest[a] - rest[b]))


def test_body_argument_errors():
    with pytest.raises(ValueError, match=r'angles must have the shape \(16, 3\), got \(3, 16\)'):
        skeleton.forward_kinematics(np.zeros((3, 16)), skeleton.BodyShape())
    with pytest.raises(ValueError, match=r"kind must be one of .* got 'flying'"):
        poses.sample_pose(np.random.default_rng(0), skeleton.BodyShape(), 'flying')


def test_looks_are_the_same_left_and_right():
    """So a mirrored image with left and right exchanged is again a valid one."""
    mesh = body_mesh()
    for seed in range(20):
        look = sample_appearance(np.random.default_rng(seed))
        for name in mesh.names:
            if name.startswith('left_'):
                mirror = mesh.part == mesh.names.index('right_' + name.removeprefix('left_'))
                here = mesh.part == mesh.names.index(name)
                for side in np.unique(mesh.along[here]):
                    left, right = here & (mesh.along == side), mirror & (mesh.along == side)
                    np.testing.assert_array_equal(
                        np.sort(look.colors[left], axis=0), np.sort(look.colors[right], axis=0)
                    )
        for name in ('trunk', 'head', 'hair', 'skirt'):
            here = mesh.part == mesh.names.index(name)
            key = {(y, a): i for i, y, a in zip(np.flatnonzero(here), mesh.along[here], mesh.angle[here], strict=True)}
            for (y, a), i in key.items():
                j = key[y, -a]
                np.testing.assert_array_equal(look.colors[i], look.colors[j])
                assert look.drawn[i] == look.drawn[j]


# ------------------------------------------------------------------------------------------------ drawing


def test_pixels_follow_sub_pixel_positions():
    """The centroid of a drawn square is its projected center, to a twentieth of a pixel."""
    view = camera()
    rng = np.random.default_rng(0)
    none = np.zeros(1, dtype=bool)
    for _ in range(20):
        center = np.array([*rng.uniform(-0.6, 0.6, 2), 4.0]) - [0, view.height, 0]
        corners = center + np.array([(-0.2, 0.2, 0), (0.2, 0.2, 0), (0.2, -0.2, 0), (-0.2, -0.2, 0)])
        one = Surfaces(corners, np.array([[0, 1, 2, 3]]), np.full((1, 3), 200.0), np.ones(1, int), -np.ones(1, int),
                       none, none)  # fmt: skip
        share = render(one, view, LIGHT, SIZE).pixels[..., 3].astype(float)
        rows, columns = np.indices(share.shape)
        found = np.array([(share * columns).sum(), (share * rows).sum()]) / share.sum()
        np.testing.assert_allclose(found, view.project(view.to_camera(center)), atol=0.17)
        np.testing.assert_allclose(share.sum() / 255, (0.4 * 380 / 4) ** 2, rtol=0.03)


def test_a_limb_is_drawn_round_its_joints():
    """Averaged over sub-pixel shifts, the drawn body does not lie off its labels."""
    body = upright()
    offsets = []
    for step in np.linspace(0, 1, 9)[:-1]:
        view = camera(center=(159.5 + step, 127.5 + step))
        person = place(body, 0.0, 3.5, 0.0)
        rendered = stage([person], view=view)[2]
        share = rendered.masks(1)[0].astype(float)
        joints = view.project(view.to_camera(person.joints))
        knees = joints[[13, 14]]
        for x, y in knees:  # a horizontal cut through each leg a bit below the knee
            row = share[round(y) + 4]
            near = np.flatnonzero(row[round(x) - 12 : round(x) + 13]) + round(x) - 12
            offsets.append(near.mean() - x)
    # legs lean outwards by 6 degrees, which shifts the cut by 4 * tan(6 degrees) = 0.4 px, left and right opposite
    assert abs(np.mean(offsets)) < 0.12


def test_order_of_drawing_is_by_distance():
    front, back = place(upright(1), 0.0, 2.6, 0.0), place(upright(2), 0.0, 4.5, 0.0)
    for people, number in (([front, back], 1), ([back, front], 2)):
        _, _, rendered = stage(people)
        masks = rendered.masks(2)
        alone = stage([front])[2].masks(1)[0]
        np.testing.assert_array_equal(masks[number - 1], alone)
        assert not (masks[0] & masks[1]).any()


def test_front_and_back_look_different():
    mesh = body_mesh()
    shown = {}
    for yaw in (0.0, np.pi):
        _, _, rendered = stage([place(upright(), 0.0, 2.2, yaw)], view=camera(height=1.4))
        ids = np.unique(rendered.numbers[rendered.numbers > 0]) - 1
        facets = rendered.facet[ids]
        shown[yaw] = {mesh.names[part] for part in np.unique(mesh.part[facets[facets >= 0]])}
    face = {'nose', 'mouth', 'eye_white', 'iris'}
    assert face <= shown[0.0]
    assert not face & shown[np.pi]


# ------------------------------------------------------------------------------------------------ labels


def test_everything_is_visible_from_the_front():
    made, _, rendered = stage([place(upright(), 0.0, 3.2, 0.0)])
    seen = flags(made, rendered)
    assert {name for name, v in seen.items() if v != 2} <= {'left_ear', 'right_ear'}  # hair may cover them


@pytest.mark.parametrize(
    ('yaw', 'hidden', 'visible'),
    [
        (np.pi, {'nose', 'left_eye', 'right_eye'}, {'left_shoulder', 'right_shoulder', 'left_knee', 'right_elbow'}),
        # turned to the image's right, the person shows the right side
        (np.pi / 2, {'left_hip', 'left_shoulder', 'left_ear'}, {'nose', 'right_shoulder', 'right_hip', 'right_knee'}),
        (-np.pi / 2, {'right_hip', 'right_shoulder', 'right_ear'}, {'nose', 'left_shoulder', 'left_hip', 'left_knee'}),
    ],
)
def test_the_own_body_hides_joints(yaw, hidden, visible):
    made, _, rendered = stage([place(upright(), 0.0, 3.2, yaw)])
    seen = flags(made, rendered)
    assert {name: seen[name] for name in hidden} == dict.fromkeys(hidden, 1)
    assert {name: seen[name] for name in visible} == dict.fromkeys(visible, 2)


def test_left_is_the_images_right_from_the_front():
    for yaw, sign in ((0.0, 1), (np.pi, -1)):
        person = place(upright(), 0.0, 3.2, yaw)
        joints = camera().project(camera().to_camera(person.joints))
        for name in ('shoulder', 'hip', 'knee', 'ankle', 'ear'):
            assert sign * (joints[JOINT[f'left_{name}'], 0] - joints[JOINT[f'right_{name}'], 0]) > 0


@pytest.mark.parametrize('nearer', [True, False])
def test_an_occluder_counts_only_in_front(nearer):
    person = place(upright(), 0.0, 3.2, 0.0)
    crate = box((0.0, 0.0, 2.4 if nearer else 4.2), (1.2, 0.5, 0.3), 0.0, np.array([90.0, 90, 90]))
    made, _, rendered = stage([person], [crate])
    seen = flags(made, rendered)
    expected = 1 if nearer else 2
    assert {seen[f'{side}_ankle'] for side in ('left', 'right')} == {expected}
    assert {seen[f'{side}_shoulder'] for side in ('left', 'right')} == {2}


def test_another_person_hides_joints():
    people = [place(upright(1), 0.0, 4.5, 0.0), place(upright(2), 0.0, 2.6, 0.0)]
    made, _, rendered = stage(people)
    assert flags(made, rendered, 1)['left_hip'] == 1
    assert flags(made, rendered, 2)['left_hip'] == 2


def test_outside_the_image():
    """Half outside: 0, 0, 0 in 2D, still there in 3D."""
    made, _, rendered = stage([place(upright(), 1.32, 3.2, 0.0)])
    (entry,) = annotate(rendered, made.camera, made.people, SIZE)
    points = np.array(entry['keypoints']).reshape(17, 3)
    outside = points[:, 2] == 0
    assert 0 < outside.sum() < 17
    np.testing.assert_array_equal(points[outside], 0)
    assert entry['num_keypoints'] == 17 - outside.sum()
    solid = np.array(entry['keypoints_3d'])
    columns = solid[:, 0] / solid[:, 2] * entry['camera']['f'][0] + entry['camera']['c'][0]
    np.testing.assert_array_equal(outside, columns > SIZE[0] - 1)
    x, y, w, h = entry['bbox']
    assert x >= 0 and y >= 0 and x + w == SIZE[0] and y + h <= SIZE[1]


def test_unseen_people_have_no_annotation():
    wall = box((0.0, 0.0, 2.0), (4.0, 3.0, 0.1), 0.0, np.array([90.0, 90, 90]))
    made, _, rendered = stage([place(upright(), 0.0, 3.2, 0.0)], [wall])
    assert annotate(rendered, made.camera, made.people, SIZE) == []
    made, _, rendered = stage([place(upright(), 9.0, 3.2, 0.0)])
    assert annotate(rendered, made.camera, made.people, SIZE) == []


@pytest.mark.parametrize('index', range(12))
def test_labels_of_random_scenes(index):
    """Projection, boxes, areas and flags against the camera and the masks of what was drawn."""
    rng = np.random.default_rng(index)
    made = scene.compose(rng, OPTIONS)
    _, rendered = draw_scene(rng, made, OPTIONS)
    entries = annotate(rendered, made.camera, made.people, SIZE)
    masks = {int(mask.sum()): mask for mask in rendered.masks(len(made.people))}
    assert entries
    for entry in entries:
        encoded = coco_mask.encode(np.asfortranarray(masks[entry['area']].astype(np.uint8)))
        assert entry['area'] == coco_mask.area(encoded)
        np.testing.assert_array_equal(entry['bbox'], coco_mask.toBbox(encoded))
        points, solid = np.array(entry['keypoints']).reshape(17, 3), np.array(entry['keypoints_3d'])
        focal, center = np.array(entry['camera']['f']), np.array(entry['camera']['c'])
        projected = solid[:, :2] / solid[:, 2:] * focal + center
        shown = points[:, 2] > 0
        np.testing.assert_allclose(points[shown, :2], projected[shown], atol=0.01)
        inside = ((projected >= 0) & (projected <= np.array(SIZE) - 1)).all(axis=1)
        np.testing.assert_array_equal(shown, inside & (solid[:, 2] > 0))
        np.testing.assert_allclose(entry['root_3d'], solid[[11, 12]].mean(axis=0), atol=2e-5)
        x, y, w, h = entry['bbox']
        visible = points[points[:, 2] == 2, :2]
        assert (visible >= np.array([x, y]) - 1).all()
        assert (visible <= np.array([x + w, y + h])).all()


def test_surfaces_of_a_scene_without_things():
    person = place(upright(), 0.0, 3.2, 0.0)
    surfaces = scene_surfaces(Scene(camera(), LIGHT, sample_room(np.random.default_rng(0), 5.0), [person], []))
    assert set(surfaces.owner) == {1}
    empty = Prop(np.zeros((0, 4, 3)), np.zeros((0, 3)))
    assert len(scene_surfaces(Scene(camera(), LIGHT, None, [person], [empty])).owner) == len(surfaces.owner)


# ------------------------------------------------------------------------------------------------ images


def test_a_image_depends_on_seed_split_and_number_alone():
    first = draw_image(0, 'train', 3, OPTIONS)
    others = [
        draw_image(0, 'train', 4, OPTIONS),
        draw_image(0, 'val', 3, OPTIONS),
        draw_image(1, 'train', 3, OPTIONS),
    ]
    again = draw_image(0, 'train', 3, OPTIONS)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.annotations == again.annotations
    for other in others:
        assert (other.pixels != first.pixels).mean() > 0.5
        assert other.annotations != first.annotations
    assert first.pixels.shape == (256, 320, 3)


@pytest.mark.parametrize('size', [(64, 64), (200, 96), (97, 131)])
def test_other_sizes(size):
    image = draw_image(0, 'train', 0, SceneOptions(width=size[0], height=size[1]))
    assert image.pixels.shape == (size[1], size[0], 3)
    for entry in image.annotations:
        x, y, w, h = entry['bbox']
        assert x + w <= size[0] and y + h <= size[1]


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        (dict(width=10), 'width and height must be 64 to 768, got 10 and 256'),
        (dict(occluder_prob=1.5), 'occluder_prob must be 0 to 1, got 1.5'),
        (dict(people=()), 'people must be shares'),
        (dict(blur=(2.0, 1.0)), r'blur must be \(low, high\)'),
        (dict(tallness=(0.0, 1.0)), 'tallness must be within'),
    ],
)
def test_option_errors(changes, text):
    with pytest.raises(ValueError, match=text):
        SceneOptions(**changes)


@pytest.mark.parametrize(('arguments', 'text'), [((0, 'test', 0), 'split must be'), ((-1, 'val', 0), 'seed and index')])
def test_image_argument_errors(arguments, text):
    with pytest.raises(ValueError, match=text):
        draw_image(*arguments, OPTIONS)


# ------------------------------------------------------------------------------------------------ files


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def dataset(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('synthetic') / 'set'
    assert make_synthetic_dataset(out, 20, 8, seed=7)
    return out


def test_layout_and_what_coco_reads(dataset):
    names = set(contents(dataset))
    assert {f'train/{i:06d}.jpg' for i in range(20)} | {f'val/{i:06d}.jpg' for i in range(8)} <= names
    coco = COCO(str(dataset / 'annotations/person_keypoints_train.json'))
    assert len(coco.imgs) == 20
    (category,) = coco.cats.values()
    assert category['keypoints'] == list(skeleton.COCO_JOINTS)
    assert all(1 <= joint <= 17 for pair in category['skeleton'] for joint in pair)
    assert all(coco.getAnnIds(imgIds=image) for image in coco.imgs)


def test_the_truth_scores_one(dataset):
    truth = COCO(str(dataset / 'annotations/person_keypoints_val.json'))
    found = [
        dict(image_id=a['image_id'], category_id=1, keypoints=a['keypoints'], score=1.0, area=a['area'])
        for a in truth.anns.values()
    ]
    evaluation = COCOeval(truth, truth.loadRes(found), 'keypoints', coco_sigmas())
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    np.testing.assert_allclose(evaluation.stats[[0, 1, 2, 5]], 1.0)


def coco_sigmas() -> np.ndarray:
    return np.array(parse_pose_metainfo(CocoDataset.METAINFO)['sigmas'])


def test_mmpose_reads_it(dataset):
    read = CocoDataset(
        ann_file='annotations/person_keypoints_train.json',
        data_root=str(dataset),
        data_prefix=dict(img='train/'),
        pipeline=[],
    )
    written = json.loads((dataset / 'annotations/person_keypoints_train.json').read_text())['annotations']
    assert len(read) == len(written)
    for index, entry in enumerate(written):
        info = read.get_data_info(index)
        points = np.array(entry['keypoints']).reshape(17, 3)
        np.testing.assert_allclose(info['keypoints'][0], points[:, :2], atol=1e-4)
        np.testing.assert_array_equal(info['keypoints_visible'][0].reshape(17, -1)[:, 0], points[:, 2].clip(0, 1))
        assert Path(info['img_path']).is_file()


def test_same_bytes_from_several_processes(dataset, tmp_path):
    make_synthetic_dataset(tmp_path / 'again', 20, 8, seed=7, workers=2)
    assert contents(tmp_path / 'again') == contents(dataset)


def test_a_complete_set_is_kept(dataset, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob('*')}
    monkeypatch.setattr(api, 'write_splits', lambda *_: pytest.fail('written again'))
    assert not make_synthetic_dataset(dataset, 20, 8, seed=7)
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob('*')} == before


def test_another_request_replaces_the_set(tmp_path):
    assert make_synthetic_dataset(tmp_path, 3, 1, seed=0)
    first = contents(tmp_path)
    assert make_synthetic_dataset(tmp_path, 2, 1, seed=0)
    second = contents(tmp_path)
    assert set(first) - set(second) == {'train/000002.jpg'}
    assert second['train/000000.jpg'] == first['train/000000.jpg']
    assert make_synthetic_dataset(tmp_path, 2, 1, seed=1)
    assert contents(tmp_path)['train/000000.jpg'] != first['train/000000.jpg']
    (tmp_path / 'val/000000.jpg').unlink()
    assert make_synthetic_dataset(tmp_path, 2, 1, seed=1)
    assert (tmp_path / 'val/000000.jpg').is_file()


def test_an_interrupted_set_is_not_complete(tmp_path, monkeypatch):
    def stops(_, split, done, total):
        if split == 'val':
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(api._Progress, '__call__', stops)
        with pytest.raises(KeyboardInterrupt):
            make_synthetic_dataset(tmp_path, 2, 1)
    assert (tmp_path / 'annotations/person_keypoints_train.json').is_file()
    assert make_synthetic_dataset(tmp_path, 2, 1)
    assert not make_synthetic_dataset(tmp_path, 2, 1)
    # a stamp cut short is no more trusted
    (tmp_path / 'synthetic.json').write_text('{"format"')
    assert make_synthetic_dataset(tmp_path, 2, 1)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(OSError, match='the disk is full; free about') as caught:
        make_synthetic_dataset(tmp_path / 'set', 2, 1)
    assert caught.value.errno == errno.ENOSPC


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train' / '000000.jpg').write_bytes(b'mine')
    with pytest.raises(ValueError, match='out_dir must be new, empty or an earlier synthetic dataset'):
        make_synthetic_dataset(tmp_path, 2, 1)
    assert contents(tmp_path) == {'train/000000.jpg': b'mine'}
    with pytest.raises(ValueError, match='out_dir must be a folder, got the file'):
        make_synthetic_dataset(tmp_path / 'train' / '000000.jpg', 2, 1)


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        (dict(num_train=0), 'num_train must be an integer of 1 or more, got 0'),
        (dict(num_val=-3), 'num_val must be an integer of 1 or more, got -3'),
        (dict(seed=-1), 'seed must be an integer of 0 or more, got -1'),
        (dict(workers=0), 'workers must be an integer of 1 or more, got 0'),
        (dict(num_train=2.5), r'num_train must be an integer of 1 or more, got 2\.5'),
    ],
)
def test_argument_errors(tmp_path, changes, text):
    with pytest.raises(ValueError, match=text):
        make_synthetic_dataset(**(dict(out_dir=tmp_path, num_train=1, num_val=1) | changes))
    assert not list(tmp_path.iterdir())


def test_the_tool_makes_it(tmp_path, monkeypatch, capsys):
    tool = ROOT / 'tools/dataset_converters/make_synthetic_dataset.py'
    arguments = [str(tmp_path / 'set'), '--num-train', '2', '--num-val', '1', '--seed', '3']
    monkeypatch.setattr(sys, 'argv', [str(tool), *arguments])
    runpy.run_path(str(tool), run_name='__main__')
    assert 'train: 2/2' in capsys.readouterr().out
    assert (tmp_path / 'set/annotations/person_keypoints_val.json').is_file()
