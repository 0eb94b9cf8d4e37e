"""The teacher is in nothing but the loss: not in what is saved, trained, averaged, shared out or put to training."""

import copy
import io
import os
import pickle

import numpy as np
import pytest
import torch
import torch.distributed as dist
from helpers import can_autocast
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from small_models import INPUT, JOINTS, distilled_config, maps_head, model_config
from torch.utils.data import Dataset

from mmpose_ext import checkpoint as reading
from mmpose_ext.registry import MODELS

pytestmark = pytest.mark.usefixtures('mmpose_scope')


@pytest.fixture
def teacher_file(trained, tmp_path):
    """Checkpoint of a teacher, and its weights."""
    weights = trained().state_dict()
    torch.save(dict(state_dict=weights, meta=dict(epoch=3)), tmp_path / 'teacher.pth')
    return str(tmp_path / 'teacher.pth'), weights


def distiller(teacher, **change):
    return MODELS.build(distilled_config(teacher, **change))


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


# ---------------------------------------------------------------------------------------------
# what it is absent from


def test_it_is_no_part_of_the_model(trained):
    teacher = trained()
    model = distiller(teacher)
    plain = MODELS.build(model_config())
    assert [*model.state_dict()] == [*plain.state_dict()]
    for listed in ('named_parameters', 'named_buffers'):
        assert [name for name, _ in getattr(model, listed)()] == [name for name, _ in getattr(plain, listed)()]
    assert not {*teacher.modules()} & {*model.modules()}
    assert not {*map(id, teacher.parameters())} & {*map(id, model.parameters())}
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    model.requires_grad_(True)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_checkpoints_are_as_small_as_the_students(trained, tmp_path):
    for name, model in dict(plain=MODELS.build(model_config()), distilled=distiller(trained('large maps'))).items():
        torch.save(model.state_dict(), tmp_path / name)
    assert abs((tmp_path / 'plain').stat().st_size - (tmp_path / 'distilled').stat().st_size) < 1000


def test_it_stays_in_eval_mode_and_its_statistics_stay(trained, batch):
    teacher = trained()
    before = state_of(teacher)
    model = distiller(teacher).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        total(model.train().loss(*batch())).backward()
        optimizer.step()
    assert not any(module.training for module in teacher.modules())
    assert_same(teacher.state_dict(), before)
    assert all(parameter.grad is None for parameter in teacher.parameters())
    teacher.train()  # by someone who reached for it
    model.loss(*batch())
    assert_same(teacher.state_dict(), before)


def test_distributed_wrappers_do_not_see_it(trained, batch, tmp_path):
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        teacher = trained()
        model = distiller(teacher)
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        seen = {*map(id, wrapped.parameters()), *map(id, wrapped.buffers())}
        assert not seen & {*map(id, teacher.parameters()), *map(id, teacher.buffers())}
        total(wrapped(*batch(), mode='loss')).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
    finally:
        dist.destroy_process_group()


# ---------------------------------------------------------------------------------------------
# where it follows


def test_it_is_moved_with_the_model(trained):
    teacher = trained()
    model = distiller(teacher)
    model.to(torch.float64)
    assert all(parameter.dtype == torch.float64 for parameter in teacher.parameters())
    assert model._teacher.images.scale.dtype == torch.float64
    model.half()
    assert all(parameter.dtype == torch.float16 for parameter in teacher.parameters())
    model.to('meta')
    assert all(parameter.device.type == 'meta' for parameter in teacher.parameters())


@pytest.mark.cuda
def test_it_is_moved_to_the_gpu_and_back(trained, batch):
    inputs, samples = batch()
    model = distiller(trained()).eval()
    expected = total(model.loss(inputs, samples)).item()
    model.cuda()
    assert all(parameter.is_cuda for parameter in model.teacher.parameters())
    assert total(model.loss(inputs.cuda(), samples)).item() == pytest.approx(expected, rel=1e-3)
    copy.deepcopy(model).cpu()  # takes the shared network away
    assert total(model.loss(inputs.cuda(), samples)).item() == pytest.approx(expected, rel=1e-3)


def test_copies_share_it_and_pickles_carry_it(trained, batch):
    inputs, samples = batch()
    model = distiller(trained()).eval()
    expected = total(model.loss(inputs, samples)).item()
    copied = copy.deepcopy(model)
    assert copied.teacher is model.teacher
    assert total(copied.loss(inputs, samples)).item() == expected
    restored = pickle.loads(pickle.dumps(model))
    assert restored.teacher is not model.teacher
    assert total(restored.loss(inputs, samples)).item() == expected


@pytest.mark.parametrize('head', ['maps', 'RLE'])
def test_under_inference_mode(trained, batch, head):
    model = distiller(trained(), head=head).eval()
    with torch.inference_mode():
        expected = total(model.loss(*batch())).item()
    loss = total(model.loss(*batch()))
    assert loss.item() == pytest.approx(expected)
    loss.backward()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('head', ['maps', 'RLE'])
def test_under_autocast(trained, batch, head, dtype):
    if not can_autocast(dtype):
        pytest.skip(f'this torch does not train in {dtype} on the CPU')
    model = distiller(trained(), head=head).eval()
    expected = total(model.loss(*batch())).item()
    with torch.autocast('cpu', dtype):
        losses = model.loss(*batch())
    assert total(losses).dtype == torch.float32
    assert total(losses).item() == pytest.approx(expected, rel=0.05)
    total(losses).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


# ---------------------------------------------------------------------------------------------
# its checkpoint


def test_it_is_loaded_when_training_starts(teacher_file, batch):
    path, weights = teacher_file
    model = distiller(dict(config=model_config(), checkpoint=path))
    model.init_weights()
    assert_same(model.teacher.state_dict(), weights)


def test_it_is_loaded_at_the_first_step_of_a_loop_of_ones_own(teacher_file, trained, batch):
    path = teacher_file[0]
    model = distiller(dict(model_config(), checkpoint=path)).eval()
    expected = distiller(trained()).eval()
    expected.load_state_dict(model.state_dict())
    assert total(model.loss(*batch())) == total(expected.loss(*batch()))


def test_config_from_a_file(teacher_file, tmp_path):
    path, weights = teacher_file
    Config(dict(default_scope='mmpose', model=model_config())).dump(tmp_path / 'teacher.py')
    with DefaultScope.overwrite_default_scope('mmengine'):  # names are those of the file's own scope
        teacher = dict(config=str(tmp_path / 'teacher.py'), checkpoint=path)
        model = MODELS.build(dict(distilled_config(teacher), _scope_='mmpose'))
    model.init_weights()
    assert_same(model.teacher.state_dict(), weights)


def test_config_of_this_package(tmp_path, monkeypatch):
    """By its name below configs/, from whatever folder."""
    monkeypatch.chdir(tmp_path)
    name = 'dark/dark_res18_1xb32-10e_synthetic-128x96.py'
    codec = dict(maps_head(17)['decoder'], input_size=(96, 128), heatmap_size=(24, 32))
    for given in (name, name.removesuffix('.py')):
        model = MODELS.build(distilled_config(dict(config=given), maps_head(17, decoder=codec)))
        assert model.teacher.backbone.base_channels == 32
        assert model._teacher.joints.names[0] == 'nose'


def test_a_distilled_student_can_teach(teacher_file):
    path, weights = teacher_file
    model = distiller(dict(config=distilled_config(dict(config='no such file')), checkpoint=path))
    model.init_weights()
    assert_same(model.teacher.state_dict(), weights)
    assert type(model.teacher).__name__ == 'TopdownPoseEstimator'


def test_prefixes_of_wrapped_models(teacher_file, tmp_path):
    _, weights = teacher_file
    torch.save({f'module.{name}': value for name, value in weights.items()}, tmp_path / 'wrapped.pth')
    model = distiller(dict(config=model_config(), checkpoint=str(tmp_path / 'wrapped.pth')))
    model.init_weights()
    assert_same(model.teacher.state_dict(), weights)


def test_a_test_needs_no_checkpoint(batch):
    model = distiller(dict(config=model_config(), checkpoint='no such file')).eval()
    inputs, _ = batch()
    assert model._forward(inputs).shape == (2, JOINTS, 16, 12)
    model = distiller(dict(config=model_config()))
    for start in (model.init_weights, lambda: model.loss(*batch())):
        with pytest.raises(ValueError, match=r"'teacher.checkpoint' must be the file .*Topdown.* to train .*got None"):
            start()


def damaged(weights, kind):
    weights = dict(weights)
    if kind == 'missing':
        del weights['backbone.layer1.0.conv1.weight'], weights['head.final_layer.bias']
    elif kind == 'of another shape':
        weights['head.final_layer.bias'] = torch.zeros(9)
    elif kind == 'left over':
        weights['head.more'] = torch.zeros(9)
    elif kind == 'no weights':
        return [1, 2]
    return weights


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('missing', r"fit .*other\.pth' with no backbone\.layer1\.0\.conv1\.weight"),
        ('of another shape', r"fit .*other\.pth' with size mismatch for head\.final_layer\.bias: .*\[9\].*\[4\]"),
        ('left over', r"fit .*other\.pth' with head\.more, which"),
        ('no weights', r"be a checkpoint with a state dict, got '.*other\.pth' without one"),
    ],
)
def test_a_checkpoint_that_does_not_fit(teacher_file, tmp_path, kind, message):
    torch.save(damaged(teacher_file[1], kind), tmp_path / 'other.pth')
    model = distiller(dict(config=model_config(), checkpoint=str(tmp_path / 'other.pth')))
    with pytest.raises(ValueError, match=f"'teacher.checkpoint' must {message}"):
        model.init_weights()


def test_a_checkpoint_that_is_missing_or_none(tmp_path):
    model = distiller(dict(config=model_config(), checkpoint=str(tmp_path / 'none.pth')))
    with pytest.raises(ValueError, match=r"'teacher.checkpoint' must .*none\.pth', which does not exist"):
        model.init_weights()
    (tmp_path / 'none.pth').write_text('a page that says 404')
    with pytest.raises(ValueError, match=r"'teacher.checkpoint' must be a checkpoint of tensors, got .*none\.pth'"):
        model.init_weights()


class Trap:
    def __reduce__(self):
        return os.mkdir, ('trapped',)


@pytest.mark.parametrize('old', [False, True])
def test_nothing_in_a_checkpoint_is_run(teacher_file, tmp_path, monkeypatch, old):
    """Refused by torch's own loader; before that could read mmengine's checkpoints, all but tensors is skipped."""
    monkeypatch.chdir(tmp_path)
    if old:
        monkeypatch.setattr(reading, '_SAFE_SINCE', '99.0.0')
    weights = teacher_file[1]
    torch.save(dict(state_dict=weights, hub=[Trap(), np.float64(3), {'history': np.zeros(3)}]), 'trap.pth')
    model = distiller(dict(config=model_config(), checkpoint='trap.pth'))
    if old:
        model.init_weights()
        assert_same(model.teacher.state_dict(), weights)
    else:
        with pytest.raises(ValueError, match=r"'teacher.checkpoint' must be a checkpoint of tensors, got 'trap.pth'"):
            model.init_weights()
    assert not (tmp_path / 'trapped').exists()


@pytest.mark.parametrize(
    ('teacher', 'message'),
    [
        (3, r"'teacher' must be a config or a model, got int"),
        (dict(checkpoint='x.pth'), r"'teacher' must have a config, or be one of a model, got \['checkpoint'\]"),
        (
            dict(config='dark/dark_res18'),
            r"'teacher.config' must .* its name below .*, got 'dark/dark_res18', .*closest: dark/dark_res18_",
        ),
        (
            dict(config=dict(backbone=1)),
            r"'teacher.config' must be a whole config or one of a model, got \['backbone'\]",
        ),
        (dict(config=model_config(), weights='x'), r"'teacher' must have config, .*got \['weights'\] as well"),
        (dict(type='ResNet', depth=18), r"'teacher' must be a top-down estimator with a head, got ResNet"),
        (model_config(maps_head(decoder=None)), r"'teacher' must have a codec with an input size, got None"),
    ],
)
def test_settings_that_are_none(teacher, message):
    with pytest.raises(ValueError, match=message):
        distiller(teacher)


def test_it_builds_without_values():
    """On the meta device, where shapes are counted and no image comes."""
    with torch.device('meta'):
        model = distiller(dict(config=model_config()))
    assert all(parameter.is_meta for parameter in [*model.parameters(), *model.teacher.parameters()])


def test_config_is_left_alone(teacher_file):
    config = distilled_config(dict(config=dict(model=model_config()), checkpoint=teacher_file[0]))
    before = copy.deepcopy(config)
    MODELS.build(config)
    assert config == before


# ---------------------------------------------------------------------------------------------
# a run


class People(Dataset):
    """Images and samples as MMPose's pipelines hand them to a runner."""

    metainfo: dict = {}

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        picture = torch.randint(0, 256, (3, INPUT[1], INPUT[0]), dtype=torch.uint8, generator=generator)
        return dict(inputs=picture, data_samples=self.samples[index])


def run_config(work_dir, samples, model):
    return Config(
        dict(
            default_scope='mmpose',
            work_dir=str(work_dir),
            model=model,
            train_cfg=dict(by_epoch=False, max_iters=2),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2)),
            custom_hooks=[dict(type='EMAHook')],
            randomness=dict(seed=0),
            experiment_name=work_dir.name,
        )
    ), dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False), dataset=People(samples),
            collate_fn=dict(type='pseudo_collate'))  # fmt: skip


def test_two_steps_of_a_runner(teacher_file, batch, tmp_path):
    """As MMPose's own train script runs them, with averaged weights; then the checkpoint in the plain student."""
    path, weights = teacher_file
    samples = batch(4)[1]
    model = distilled_config(dict(config=model_config(), checkpoint=path), test_cfg=dict(flip_test=True))
    config, loader = run_config(tmp_path / 'run', samples, model)
    config.train_dataloader = loader | dict(dataset=None)
    runner = Runner.from_cfg(config)
    runner._train_dataloader = loader
    runner.train()
    assert_same(runner.model.teacher.state_dict(), weights)
    averaged = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model
    assert averaged.module.teacher is runner.model.teacher
    saved = reading.read_weights(str(tmp_path / 'run' / 'iter_2.pth'))
    plain = MODELS.build(model_config(test_cfg=dict(flip_test=True)))
    assert {*saved} == {*plain.state_dict()}
    plain.load_state_dict(saved)
    runner.model.load_state_dict(saved)
    for sample in samples:
        sample.set_metainfo(dict(input_center=np.array([50, 60]), input_scale=np.array([90, 120])))
        sample.gt_instances.bboxes = sample.gt_instances.bbox_scores = np.zeros((1, 4))
    data = dict(inputs=[loader['dataset'][n]['inputs'] for n in range(4)], data_samples=samples)
    found = [
        io.BytesIO(
            np.stack([one.pred_instances.keypoints for one in network.eval().test_step(copy.deepcopy(data))])
        ).read()
        for network in (plain, runner.model)
    ]
    assert found[0] == found[1]


def test_a_run_with_a_wrong_checkpoint_stops_before_the_first_step(teacher_file, batch, tmp_path):
    torch.save(damaged(teacher_file[1], 'missing'), tmp_path / 'other.pth')
    model = distilled_config(dict(config=model_config(), checkpoint=str(tmp_path / 'other.pth')))
    config, loader = run_config(tmp_path / 'run', batch(4)[1], model)
    config.train_dataloader = loader | dict(dataset=None)
    runner = Runner.from_cfg(config)
    runner._train_dataloader = loader
    with pytest.raises(ValueError, match=r"other\.pth' with no backbone"):
        runner.train()
    assert runner.iter == 0
