"""What a student learns: the released loss, every kind of pair, joints by name, and what is refused."""

import numpy as np
import pytest
import torch
from helpers import pack_targets
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample
from small_models import HEADS, INPUT, JOINTS, distilled_config, maps_head, model_config

from mmpose_ext.functional import normalized_to_heatmap, render_gaussians
from mmpose_ext.registry import MODELS

DEEP = HEADS['regression'] | dict(dim=3, decoder=HEADS['regression']['decoder'] | dict(depth_range=2000.0))
pytestmark = pytest.mark.usefixtures('mmpose_scope')


def distiller(teacher, head='maps', **change):
    torch.manual_seed(0)
    model = MODELS.build(distilled_config(teacher, head, **change))
    model.init_weights()
    return model


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


def plain_losses(model, inputs, samples):
    """Of the student's head alone."""
    return model.head.loss(model.extract_feat(inputs), samples)


# ---------------------------------------------------------------------------------------------
# the loss


def test_the_released_loss(reference, trained):
    """Of the same maps, targets and weights, up to the official implementation's factor 1/2."""
    arrays = {name: torch.from_numpy(value) for name, value in reference('fpd_loss').items()}
    count, joints, rows, columns = arrays['student'].shape
    head = maps_head(joints, input_size=(4 * columns, 4 * rows))
    teacher = trained(head)
    model = distiller(teacher, head, alpha=float(arrays['alpha']), label_weights=True)
    model.head.forward = lambda feats: arrays['student'].float()
    teacher.head.forward = lambda feats: arrays['teacher'].float()
    samples = []
    for target, weight in zip(arrays['target'].float(), arrays['weight'].float(), strict=True):
        sample = PoseDataSample(metainfo=dict(flip_indices=[*range(joints)]))
        sample.gt_instances = InstanceData(keypoints_visible=weight[None].numpy())
        sample.gt_instance_labels = InstanceData(keypoint_weights=weight[None])
        sample.gt_fields = PixelData(heatmaps=target)
        samples.append(sample)
    losses = model.loss(torch.rand(count, 3, 4 * rows, 4 * columns), samples)
    alpha = float(arrays['alpha'])
    expected = dict(loss_pd=alpha * arrays['loss_pd'], loss_kpt=(1 - alpha) * arrays['loss_gt'])
    for name, value in expected.items():
        assert losses[name].item() / 2 == pytest.approx(value.item(), rel=1e-5), name
    assert total(losses).item() / 2 == pytest.approx(arrays['loss'].item(), rel=1e-5)


@pytest.mark.parametrize('alpha', [0.0, 0.25, 1.0])
def test_alpha_mixes(trained, batch, alpha):
    teacher = trained()
    model = distiller(teacher, alpha=alpha, alpha_unlabeled=alpha)
    inputs, samples = batch()
    labels = plain_losses(model.eval(), inputs, samples)
    losses = model.loss(inputs, samples)
    with torch.no_grad():
        square = (model._forward(inputs) - teacher._forward(inputs)).square().mean().item()
    assert total(losses).item() == pytest.approx((1 - alpha) * labels['loss_kpt'].item() + alpha * square)
    assert ('loss_pd' in losses) is (alpha > 0)
    assert ('loss_kpt' in losses) is (alpha < 1)
    if alpha < 1:
        assert losses['acc_pose'] == labels['acc_pose']  # only losses are mixed


def test_without_a_share_it_trains_as_the_plain_student(trained, batch):
    """From the same random numbers: those of the teacher's layers are not drawn from the student's."""
    inputs, samples = batch()
    torch.manual_seed(5)
    plain = MODELS.build(model_config())
    plain.init_weights()
    torch.manual_seed(5)
    model = MODELS.build(distilled_config(model_config('large maps'), alpha=0.0, alpha_unlabeled=0.0))
    model._teacher.loaded = True
    model.init_weights()
    for one in (plain, model):
        optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
        total(one.train().loss(inputs, samples)).backward()
        optimizer.step()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_the_student_is_asked_once_a_step(trained, batch):
    model = distiller(trained(), 'integral')
    calls = []
    for name in ('forward', 'postprocess'):
        method = getattr(model.head, name)
        setattr(model.head, name, lambda *given, name=name, method=method: (calls.append(name), method(*given))[1])
    model.loss(*batch())
    assert calls == ['forward', 'postprocess']
    model.loss(*batch())  # what was recorded is not kept
    assert calls == 2 * ['forward', 'postprocess']


def test_recording_leaves_the_head_as_it_was(trained, batch):
    model = distiller(trained())
    before = {*vars(model.head)}
    model.loss(*batch())
    assert {*vars(model.head)} == before
    inputs, samples = batch()
    del samples[0].gt_instances.transformed_keypoints
    with pytest.raises(ValueError, match='transformed_keypoints'):
        model.loss(inputs, samples)
    assert {*vars(model.head)} == before


@pytest.mark.parametrize('weighted', [False, True])
def test_joints_without_a_label(trained, batch, weighted):
    """They learn from the teacher, as the paper argues, or not, as in the official implementation."""
    teacher = trained()
    model = distiller(teacher, label_weights=weighted)
    inputs, samples = batch()  # one joint of the first sample has none
    outputs = []
    model.head.final_layer.register_forward_hook(
        lambda module, given, output: (output.retain_grad(), outputs.append(output))[0]
    )
    model.loss(inputs, samples)['loss_pd'].backward()
    seen = outputs[0].grad.flatten(2).abs().amax(-1) > 0
    expected = torch.ones(2, JOINTS, dtype=torch.bool)
    expected[0, 0] = not weighted
    assert seen.equal(expected)


def test_pictures_without_any_label(trained, batch):
    """They learn from the teacher alone: alpha is 1 there."""
    visible = np.ones((2, JOINTS), np.float32)
    visible[1] = 0
    teacher = trained()
    model = distiller(teacher, alpha=0.25).eval()
    inputs, samples = batch(visible=visible)
    losses = model.loss(inputs, samples)
    with torch.no_grad():
        squares = (model._forward(inputs) - teacher._forward(inputs)).square().flatten(1).mean(1)
    assert losses['loss_pd'].item() == pytest.approx((0.25 * squares[0] + squares[1]).item() / 2)


@pytest.mark.parametrize('share', [1.0, 0.5])
def test_zeros_for_joints_without_a_label(trained, batch, share):
    """As the hourglass is trained: they are labels too, but not of an image that nobody has labeled."""
    visible = np.ones((2, JOINTS), np.float32)
    visible[0, 0] = visible[1] = 0
    model = distiller(trained(), maps_head(unlabeled_weight=1.0), alpha=0.25, alpha_unlabeled=share).eval()
    inputs, samples = batch(visible=visible)
    losses = model.loss(inputs, samples)
    with torch.no_grad():
        maps = model._forward(inputs)
        targets = model.head.targets(samples, inputs.device)['heatmaps']
        squares = (maps - targets).square().flatten(1).mean(1)
    assert losses['loss_kpt'].item() == pytest.approx((0.75 * squares[0] + (1 - share) * squares[1]).item() / 2)


def test_data_without_any_label(trained, batch):
    """With alpha=1 nothing is asked of the samples at all."""
    model = distiller(trained(), alpha=1.0)
    losses = model.loss(batch()[0], [PoseDataSample(), PoseDataSample()])
    assert [*losses] == ['loss_pd']
    losses['loss_pd'].backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_cross_entropy_of_maps(trained, batch):
    loss = dict(type='mmpose_ext.HeatmapDistillationLoss', kind='cross_entropy', loss_weight=0.5)
    teacher = trained()
    model = distiller(teacher, loss_pd=loss, alpha=0.5).eval()
    inputs, samples = batch()
    with torch.no_grad():
        maps, targets = (one._forward(inputs).flatten(2).double().clamp(min=1e-4) for one in (model, teacher))
        p, q = (one / one.sum(-1, keepdim=True) for one in (targets, maps))
        expected = 0.5 * 0.5 * -(p * q.log()).sum(-1).mean()
    assert model.loss(inputs, samples)['loss_pd'].item() == pytest.approx(expected.item(), rel=1e-4)


# ---------------------------------------------------------------------------------------------
# stages


def hourglass(stacks, head='mmpose_ext.MultiStageHead', **change):
    stage = dict(type='mmpose_ext.HeatmapHead')
    config = dict(type=head, out_channels=JOINTS, head=stage, decoder=maps_head(input_size=(64, 64))['decoder'])
    backbone = dict(
        type='mmpose_ext.StackedHourglass',
        num_stacks=stacks,
        feat_channels=8,
        num_keypoints=JOINTS,
        stem_channels=(8, 8, 8),
        depth=2,
    )
    return dict(head=config | change, backbone=backbone)


def test_every_stage_learns_from_the_last_of_the_teacher(trained, batch):
    teacher = trained(**hourglass(3))
    model = distiller(teacher, **hourglass(2, loss_weights=(0.5, 1.0))).eval()
    inputs, samples = torch.randn(2, 3, 64, 64), batch()[1]
    for sample in samples:
        sample.set_metainfo(dict(input_size=(64, 64)))
    losses = model.loss(inputs, samples)
    with torch.no_grad():
        last = teacher._forward(inputs)[-1]
        squares = [(stage - last).square().mean().item() for stage in model._forward(inputs)]
    assert losses['stage0.loss_pd'].item() == pytest.approx(0.5 * 0.5 * squares[0], rel=1e-4)
    assert losses['stage1.loss_pd'].item() == pytest.approx(0.5 * squares[1], rel=1e-4)


def test_a_stage_without_weight_learns_nothing(trained, batch):
    model = distiller(trained(**hourglass(1)), **hourglass(2, loss_weights=(0.0, 1.0)))
    inputs, samples = torch.randn(2, 3, 64, 64), batch()[1]
    for sample in samples:
        sample.set_metainfo(dict(input_size=(64, 64)))
    assert {name for name in model.loss(inputs, samples) if 'loss' in name} == {'stage1.loss_kpt', 'stage1.loss_pd'}


# ---------------------------------------------------------------------------------------------
# pairs

PAIRS = {
    ('maps', 'maps'): 'maps',
    ('large maps', 'maps'): 'maps',
    ('maps', 'large maps'): 'maps',
    ("MMPose's maps", 'maps'): 'maps',
    ('maps', "MMPose's maps"): 'maps',
    ('maps', 'integral'): 'points',
    ('maps', 'RLE'): 'points',
    ('maps', 'H2'): 'points',
    ('maps', 'regression'): 'points',
    ("MMPose's maps", 'integral'): 'points',
    ('integral', 'maps'): 'points',
    ('H2', 'maps'): 'points',
    ('RLE', 'maps'): 'points',
    ('regression', 'integral'): 'points',
    ('RLE', 'RLE'): 'points',
    ("MMPose's SimCC", 'integral'): 'points',
    ("MMPose's SimCC", 'maps'): 'points',
}


@pytest.mark.parametrize(('teacher', 'student'), PAIRS)
def test_any_pair(trained, batch, teacher, student):
    model = distiller(trained(teacher), student)
    assert model.learn == PAIRS[teacher, student]
    inputs, samples = batch()
    if student.startswith('MMPose'):
        samples = pack_targets(samples, dict(HEADS[student]['decoder']))
    losses = model.loss(inputs, samples)
    distilled = [value for name, value in losses.items() if 'loss' in name and 'pd' in name]
    assert len(distilled) == 1
    assert distilled[0].isfinite()
    total(losses).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


def test_maps_of_another_size_are_resampled(trained, batch):
    """A teacher whose maps are Gaussians at twice the size wants the student's Gaussians at its own."""
    points = torch.tensor([[[0.25, 0.25], [0.5, 0.5], [0.5, 0.75], [0.75, 0.25]]]).repeat(2, 1, 1)
    teacher = trained('large maps')
    teacher.head.forward = lambda feats: render_gaussians(normalized_to_heatmap(points, (24, 32)), (24, 32), 3.0)
    model = distiller(teacher, alpha=1.0)
    model.head.forward = lambda feats: render_gaussians(normalized_to_heatmap(points, (12, 16)), (12, 16), 1.5)
    assert model.loss(*batch())['loss_pd'] < 1e-10


@pytest.mark.parametrize('student', ['integral', 'RLE', 'maps'])
def test_points_are_labels_of_the_students_own_loss(trained, batch, student):
    """Labels where the teacher sees the joints, and its confidence as weight: the same loss."""
    inputs, samples = batch(visible=np.ones((2, JOINTS), np.float32))
    keypoints = torch.from_numpy(np.concatenate([one.gt_instances.transformed_keypoints for one in samples]))
    confidence = torch.tensor([[1.0, 0.5, 0.25, 0.5], [1.0, 1.0, 0.5, 0.25]])
    teacher = trained('large maps')
    maps = render_gaussians(keypoints / 2, (24, 32), 2.0) * confidence[..., None, None]
    teacher.head.forward = lambda feats: maps
    model = distiller(teacher, student, alpha=0.5, learn='points').eval()
    losses = model.loss(inputs, samples)
    reading = model.head.postprocess(model._forward(inputs))
    targets = model.head.targets(samples, inputs.device)
    scores = teacher.head.forward(None).flatten(2).amax(-1)
    expected = model.head.losses(reading, dict(targets, keypoint_weights=0.5 * scores))
    for name, value in expected.items():
        assert losses[f'pd.{name}'].item() == pytest.approx(value.item(), rel=2e-2), name
    # without confidence as weight the two would differ by far more
    unweighted = model.head.losses(reading, dict(targets, keypoint_weights=torch.full((2, JOINTS), 0.5)))
    assert any(abs(losses[f'pd.{name}'].item() / value.item() - 1) > 0.1 for name, value in unweighted.items())


def test_a_joint_that_the_teacher_does_not_see_teaches_nothing(trained, batch):
    teacher = trained()
    teacher.head.forward = lambda feats: torch.zeros(2, JOINTS, 16, 12)
    losses = distiller(teacher, 'RLE', alpha=1.0).loss(*batch())
    assert losses['pd.loss_kpt'] == 0


def test_points_of_the_host_are_those_of_the_device(trained, batch):
    """MMPose's prediction of the same maps, which are asked for on the host."""
    inputs, samples = batch()
    ours = trained('RLE')
    model = distiller(ours, 'integral')
    points, _ = model._teacher.points(inputs, samples)
    theirs = trained(
        dict(type='RLEHead', in_channels=8, num_joints=JOINTS, decoder=dict(type='RegressionLabel', input_size=INPUT)),
        neck=dict(type='GlobalAveragePooling'),
    )
    theirs.load_state_dict(ours.state_dict())
    found, _ = distiller(theirs, 'integral')._teacher.points(inputs, samples)
    torch.testing.assert_close(found, points, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(('sigma', 'warned'), [(3.0, False), (1.5, True)])
def test_peaks_of_another_width(trained, caplog, sigma, warned):
    """In the image: as many cells of twice the number are half as wide. They are learned, and this is said."""
    head = maps_head(stride=2)
    teacher = trained(dict(head, decoder=dict(head['decoder'], sigma=sigma)))
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        distiller(teacher)
        assert ('not equally wide' in caplog.text) is warned
        distiller(teacher, learn='points')
        assert caplog.text.count('not equally wide') == warned
    finally:
        logger.removeHandler(caplog.handler)


# ---------------------------------------------------------------------------------------------
# images


def test_a_teacher_of_larger_pictures(trained, batch):
    teacher = trained(maps_head(input_size=(96, 128)))
    seen = []
    teacher.backbone.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    inputs, samples = batch()
    distiller(teacher).loss(inputs, samples)
    assert seen[0].shape == (2, 3, 128, 96)
    # every second pixel is one of the student's
    torch.testing.assert_close(seen[0][..., ::2, ::2], inputs)


@pytest.mark.parametrize('swap', [False, True])
def test_a_teacher_of_other_colours(trained, swap):
    """It sees what its own preprocessor makes of the images."""
    colours = dict(type='PoseDataPreprocessor', mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], bgr_to_rgb=not swap)
    teacher = trained(data_preprocessor=colours)
    model = distiller(teacher)
    raw = dict(inputs=[torch.randint(0, 256, (3, 64, 48), dtype=torch.uint8)], data_samples=[PoseDataSample()])
    expected = teacher.data_preprocessor(raw)['inputs']
    found = model._teacher.images(model.data_preprocessor(raw)['inputs'])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# joints


def metainfo(*names, dataset='animals'):
    infos = {n: dict(name=name, id=n, color=[0, 0, 0], type='', swap='') for n, name in enumerate(names)}
    ones = [1.0] * len(names)
    return dict(dataset_name=dataset, keypoint_info=infos, skeleton_info={}, joint_weights=ones, sigmas=ones)


def test_joints_are_matched_by_name(trained, batch):
    teacher = trained(maps_head(5), metainfo=metainfo('tail', 'nose', 'paw', 'ear', 'eye'))
    model = distiller(teacher, metainfo=metainfo('eye', 'nose', 'ear', 'tail'), alpha=1.0).eval()
    inputs, samples = batch()
    with torch.no_grad():
        expected = (model._forward(inputs) - teacher._forward(inputs)[:, [4, 1, 3, 0]]).square().mean()
    assert model.loss(inputs, samples)['loss_pd'].item() == pytest.approx(expected.item())


def test_joints_that_the_teacher_has_not(trained, batch):
    teacher, names = trained(maps_head(2), metainfo=metainfo('nose', 'paw')), metainfo('eye', 'nose', 'ear', 'paw')
    with pytest.raises(
        ValueError, match=r"'unmatched_joints' .* eye, ear .*nose, ear, paw\), the teacher 2 joints .*paw"
    ):
        distiller(teacher, metainfo=names)
    model = distiller(teacher, metainfo=names, unmatched_joints='labels', alpha=1.0).eval()
    inputs, samples = batch()
    with torch.no_grad():
        squares = (model._forward(inputs)[:, [1, 3]] - teacher._forward(inputs)).square().flatten(2).mean(-1)
    assert model.loss(inputs, samples)['loss_pd'].item() == pytest.approx(squares.sum().item() / (2 * JOINTS))
    with pytest.raises(ValueError, match='some joint must be left'):
        distiller(teacher, metainfo=metainfo('a', 'b', 'c', 'd'), unmatched_joints='labels')


def test_joints_of_the_teacher_are_those_of_its_data(trained):
    """Named by the dataset's class in MMPose, or by the config of the dataset."""
    teacher = dict(
        config=dict(model=model_config(maps_head(17)), train_dataloader=dict(dataset=dict(type='CocoDataset')))
    )
    assert distiller_joints(teacher, 17).names[:2] == ('nose', 'left_eye')
    wrapped = dict(type='RepeatDataset', dataset=dict(type='CocoDataset', metainfo=metainfo(*'abcd')))
    teacher = dict(config=dict(model=model_config(), val_dataloader=dict(dataset=wrapped)))
    assert distiller_joints(teacher, 4).names == (*'abcd',)
    teacher = dict(config=model_config(), metainfo=metainfo(*'wxyz'))
    assert distiller_joints(teacher, 4).names == (*'wxyz',)


def test_joints_of_a_data_sets_class(trained):
    """By the name of the class: LSP's joints among those of MPII."""
    teacher = dict(config=model_config(maps_head(16)), metainfo='MpiiDataset')
    model = MODELS.build(distilled_config(teacher, maps_head(14), metainfo='mmpose_ext.LspDataset'))
    names = model._teacher.joints.names
    assert [names[index] for index in model._teacher.selection.indices][:3] == [
        'right_ankle',
        'right_knee',
        'right_hip',
    ]
    assert [names[index] for index in model._teacher.selection.indices][-2:] == ['upper_neck', 'head_top']
    again = distilled_config(dict(config=distilled_config(teacher, maps_head(14), metainfo='mmpose_ext.LspDataset')))
    assert MODELS.build(again | dict(head=maps_head(14)))._teacher.joints.dataset == 'lsp'
    with pytest.raises(ValueError, match=r"'metainfo' must be meta information or the name .*got 'NoDataset'"):
        distiller(teacher, maps_head(16), metainfo='NoDataset')
    with pytest.raises(ValueError, match=r"'teacher.metainfo' must be meta information .*got 'NoDataset'"):
        distiller(dict(teacher, metainfo='NoDataset'), maps_head(16))


def distiller_joints(teacher, joints):
    return MODELS.build(distilled_config(teacher, maps_head(joints)))._teacher.joints


def test_joints_without_names(trained, batch):
    """As many are taken to be the same, but for those of another dataset."""
    teacher = trained(metainfo=metainfo(*'abcd'))
    inputs, samples = batch()
    distiller(teacher).loss(inputs, samples)
    samples[1].set_metainfo(dict(dataset_name='people'))
    with pytest.raises(ValueError, match=r"'metainfo' of the model .*samples of people and a teacher with .*animals"):
        distiller(teacher).loss(inputs, samples)
    distiller(teacher, metainfo=metainfo(*'dcba', dataset='people')).loss(inputs, samples)
    with pytest.raises(
        ValueError, match=r"'metainfo' of the model .*student has 5 joints .*teacher 4 joints \(animals"
    ):
        distiller(teacher, maps_head(5))


# ---------------------------------------------------------------------------------------------
# errors, all of them when the model is built


@pytest.mark.parametrize(
    ('teacher', 'student', 'change', 'message'),
    [
        ('maps', 'maps', dict(alpha=1.5), r"'alpha' must be a number from 0 to 1, got 1.5"),
        ('maps', 'maps', dict(alpha_unlabeled=None), r"'alpha_unlabeled' must be a number from 0 to 1, got None"),
        ('maps', 'maps', dict(learn='features'), r"'learn' must be one of .*, got 'features'"),
        (
            'maps',
            'RLE',
            dict(learn='maps'),
            r"'learn' must be 'points' .*student has a RLEHead .*teacher a HeatmapHead",
        ),
        ('RLE', "MMPose's maps", {}, r"'head' must be one of mmpose_ext .*MSRAHeatmap.*teacher a RLEHead"),
        ('maps', 'maps', dict(unmatched_joints='skip'), r"'unmatched_joints' must be one of .*, got 'skip'"),
        ('maps', 'RLE', dict(loss_pd=dict(type='KeypointMSELoss')), r"'loss_pd' must be None .*KeypointMSELoss"),
        (
            maps_head(input_size=(64, 64)),
            'maps',
            {},
            r"'teacher' must .*ratio of width to height, got \(64, 64\) for the teacher and \(48, 64\)",
        ),
        ('maps', DEEP, {}, r"'head' and 'teacher' must be of two axes, .*, got \[3, 2\]"),
        (DEEP, 'RLE', {}, r"'head' and 'teacher' must be of two axes, .*, got \[2, 3\]"),
    ],
)
def test_what_does_not_fit_is_refused(trained, teacher, student, change, message):
    with pytest.raises(ValueError, match=message):
        distiller(trained(teacher), student, **change)
