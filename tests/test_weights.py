"""Models that come with the package: their names, their files, and what they find on photographs."""

import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from mmpose.models.pose_estimators import TopdownPoseEstimator
from scipy.io import loadmat

from mmpose_ext import config_path, weights
from mmpose_ext.apis.export import export_model
from mmpose_ext.apis.predict import build_model, predict
from mmpose_ext.weights import TrainedModel, find_model

ROOT = Path(__file__).resolve().parents[1]
IMAGE = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)


@pytest.fixture
def standin(trained: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny network takes the place of all models of the package; its file."""
    config, checkpoint = trained
    path = Path(checkpoint)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    model = TrainedModel(config, path.name, digest, joints=17, summary='a tiny network')
    monkeypatch.setattr(weights, 'MODELS', {weights.DEFAULT: model, 'other': replace(model, file='missing.pth')})
    monkeypatch.setattr(weights, '_FOLDER', path.parent)
    return path


@pytest.mark.parametrize('name', [None, weights.DEFAULT])
def test_predict_takes_a_name_or_none(name: str | None, standin: Path, trained: tuple[str, str]) -> None:
    found, expected = (predict(IMAGE, *model).frames[0].people for model in ((name,), trained))
    np.testing.assert_array_equal(found.keypoints, expected.keypoints)


def test_models_are_built_by_name(standin: Path, trained: tuple[str, str]) -> None:
    """By this package and by MMPose's own function."""
    ours, theirs = build_model(weights.DEFAULT), init_model(*find_model(weights.DEFAULT), device='cpu')
    expected = inference_topdown(init_model(*trained, device='cpu'), IMAGE)[0].pred_instances.keypoints
    for model in (ours, theirs):
        np.testing.assert_array_equal(inference_topdown(model, IMAGE)[0].pred_instances.keypoints, expected)


def test_export_takes_a_name(standin: Path, tmp_path: Path) -> None:
    pytest.importorskip('onnxruntime')
    report = export_model(weights.DEFAULT, out=tmp_path / 'model.onnx', images=IMAGE)
    assert report.is_met
    assert predict(IMAGE, weights=tmp_path / 'model.onnx').frames[0].people.keypoints.shape == (1, 17, 2)


@pytest.mark.parametrize('name', ['lsp', 'dark/dark_res18_1xb32-10e_synthetic-128x96'])
def test_unknown_names_are_answered_with_the_known_ones(name: str, standin: Path) -> None:
    for use in (predict, build_model):
        with pytest.raises(ValueError, match=f"'model' must be lsp14 or other, or 'weights' .* got '{name}' alone"):
            use(*(IMAGE, name) if use is predict else (name,))


def test_a_changed_file_is_refused(standin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(standin.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / standin.name).write_bytes(content)
    monkeypatch.setattr(weights, '_FOLDER', tmp_path)
    with pytest.raises(ValueError, match=r"weights of 'lsp14' are damaged or changed: the SHA-256 of .*model\.pth"):
        predict(IMAGE)
    with pytest.raises(ValueError, match=r"weights of 'other' are missing: .*missing\.pth"):
        predict(IMAGE, 'other')


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = 'dark/dark_efficientnet-lite0_1xb32-4e_lspet-96x96'
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ValueError, match=r"needs timm>=.*pip install 'mmpose_ext\[timm\]'"):
        build_model(config, 'not read')


# ---------------------------------------------------------------------------------------------
# the files of the package

FOLDER = Path(weights.__file__).parent


@pytest.mark.parametrize('name', weights.MODELS)
def test_files_are_safe_and_described(name: str) -> None:
    """No code in them, and the model card and the documentation have their figures."""
    model = weights.MODELS[name]
    _, path = find_model(name)
    content = torch.load(path, weights_only=True)
    assert all(type(value) is torch.Tensor for value in content['state_dict'].values())
    card = (FOLDER / 'README.md').read_text(encoding='utf-8')
    size = f'{Path(path).stat().st_size / 1e6:.1f} MB'
    assert f'`{name}`' in card and f'`{model.sha256}`' in card and size in card
    assert f'`{name}`' in (ROOT / 'docs' / 'predict.md').read_text(encoding='utf-8')


def test_files_are_few_and_small() -> None:
    files = sorted(FOLDER.glob('*.pth'))
    assert [file.name for file in files] == sorted(model.file for model in weights.MODELS.values())
    assert sum(file.stat().st_size for file in files) < 12e6
    assert weights.DEFAULT in weights.MODELS


def test_readme_starts_with_a_photograph_alone() -> None:
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    first = re.search(r'```bash\n(.*?)```', readme, re.DOTALL)[1].split()
    assert first == ['bash', 'tools/setup_env.sh', 'python', 'tools/predict.py', 'photograph.jpg']


def test_the_program_that_trains_them_again_knows_their_configs() -> None:
    program = (ROOT / 'tools' / 'train_weights.sh').read_text(encoding='utf-8')
    for name, model in weights.MODELS.items():
        folder, _, stem = model.config.partition('/')
        (variable,) = re.findall(rf'^(\w+)={re.escape(stem)}$', program, re.MULTILINE)
        epochs = Config.fromfile(config_path(model.config)).train_cfg.max_epochs
        assert f'tools/train.py "configs/{folder}/${variable}.py"' in program
        assert f'"work_dirs/${variable}/epoch_{epochs}.pth" --half --out work_dirs/weights/{name}.pth' in program


class People(NamedTuple):
    """People of LSPET that no training has seen: files (N,), joints (N, 14, 2), labeled (N, 14), torsos (N,)."""

    files: list[Path]
    joints: np.ndarray
    labeled: np.ndarray
    torsos: np.ndarray


@pytest.fixture(scope='module')
def people() -> tuple[People, People]:
    """Twenty people whose head is up and twenty who are upside down, all with both shoulders and hips labeled."""
    folder = ROOT.parent / 'shared' / 'data' / 'lsp' / 'lspet'
    if not folder.is_dir():
        pytest.skip('photographs not found: ../shared/data/lsp/lspet')
    entries = loadmat(folder / 'joints.mat')['joints'].transpose(2, 0, 1)
    numbers = np.arange(10, 10_001, 10)
    joints, labeled = entries[numbers - 1, :, :2] - 1, entries[numbers - 1, :, 2] > 0
    whole = labeled[:, [2, 3, 8, 9, 13]].all(1)
    down = joints[:, 13, 1] > joints[:, 2:4, 1].mean(1)
    torsos = np.linalg.norm(joints[:, 2] - joints[:, 9], axis=1)  # right hip to left shoulder

    def chosen(which: np.ndarray) -> People:
        index = np.flatnonzero(which)[:20]
        files = [folder / 'images' / f'im{numbers[one]:05d}.jpg' for one in index]
        return People(files, joints[index], labeled[index], torsos[index])

    return chosen(whole & ~down), chosen(whole & down)


def pck(found: np.ndarray, people: People, threshold: float = 0.2) -> float:
    """Share of the labeled joints that are found within a part of the torso."""
    right = total = 0
    for points, joints, labeled, torso in zip(found, people.joints, people.labeled, people.torsos, strict=True):
        for point, joint, is_labeled in zip(points, joints, labeled, strict=True):
            total += is_labeled
            right += is_labeled and np.hypot(*(point - joint)) <= threshold * torso
    return right / total


@pytest.mark.parametrize(('name', 'up', 'down'), [('lsp14', 0.5, 0.3), ('lsp14-small', 0.4, 0.25)])
def test_joints_of_photographs(name: str, up: float, down: float, people: tuple[People, People]) -> None:
    """Without boxes: the model has to find the person, too. Left and right are the upright person's.

    Of people upside down both models take one side for the other about as often as not, as the model card says.
    """
    mirrored = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
    for group, floor, upright in zip(people, (up, down), (True, False), strict=True):
        frames = predict([str(file) for file in group.files], name).frames
        found = np.array([frame.people.keypoints[0] for frame in frames])
        assert pck(found, group) > floor
        if upright:
            assert pck(found[:, mirrored], group) < pck(found, group) - 0.1


# joints of the skier in COCO's labels that LSP has too, in LSP's order
SKIER = [[396, 341], [367, 273], [393, 214], [424, 203], [429, 294], [466, 362],
         [309, 178], [341, 159], [358, 129], [399, 108], [433, 142], [449, 165]]  # fmt: skip


@pytest.mark.parametrize('name', [*weights.MODELS])
def test_joints_of_the_skier(name: str) -> None:
    """The photograph of the README, without a box."""
    found = predict([str(ROOT / 'docs/images/skier.jpg')], name).frames[0].people.keypoints[0, : len(SKIER)]
    people = People([], np.array([SKIER], float), np.ones((1, len(SKIER)), bool), np.array([110.0]))
    assert pck(found[None], people) >= 0.75


def test_a_student_predicts_without_its_teacher() -> None:
    """Its config trains with another network, which is neither built nor looked for."""
    config = Config.fromfile(find_model('lsp14-small')[0])
    assert config.model.type == 'mmpose_ext.PoseDistiller'
    config.model.teacher.config = 'no such file'
    model = build_model(config, find_model('lsp14-small')[1])
    assert type(model) is TopdownPoseEstimator
    assert config.model.type == 'mmpose_ext.PoseDistiller', "the caller's config stays as it is"
    named = build_model('lsp14-small')
    assert model.dataset_meta['keypoint_id2name'] == named.dataset_meta['keypoint_id2name']
    for (name, value), (other, expected) in zip(model.state_dict().items(), named.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(value, expected), name
