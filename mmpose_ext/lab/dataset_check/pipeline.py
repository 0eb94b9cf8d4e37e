"""The pipeline of a config against its head and codec; nothing is run."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from mmpose.utils.typing import ConfigType

from mmpose_ext.registry import KEYPOINT_CODECS, MODELS

from .findings import Finding, examples

__all__ = [
    'check_pipeline',
    'innermost_head',
    'is_mmposes',
    'predicted_joints',
    'registered',
    'type_name',
    'uses_weights',
]

_RANDOM = (
    *('RandomFlip', 'RandomHalfBody', 'RandomBBoxTransform'),
    *('Albumentation', 'PhotometricDistortion', 'RandomChannelScale'),
)
#: arguments of a codec that decoding alone uses
_DECODING_ONLY = ('decoding', 'blur_kernel_size', 'max_offset')

#: codecs that do not know UDP's convention of pixels
_PLAIN_CODECS = (
    *('DarkHeatmap', 'IntegralLabel', 'RegressionLabel', 'MSRAHeatmap', 'MegviiHeatmap'),
    *('IntegralRegressionLabel', 'SimCCLabel'),
)


class ClassRegistry(Protocol):
    """What is used of MMEngine's registries."""

    def switch_scope_and_registry(self, scope: str | None) -> 'AbstractContextManager[ClassRegistry]':
        """The registry of the config's scope."""

    def get(self, key: str) -> type | None:
        """A registered class."""


def type_name(config: ConfigType) -> str:
    """The registered name of a config without its scope: 'DarkHeatmap'."""
    kind = config.get('type')
    return (kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))).rpartition('.')[2]


def registered(registry: ClassRegistry, kind: str | type) -> type | None:
    """The class that a config's ``type`` names in the default scope, or None; a class is itself."""
    if not isinstance(kind, str):
        return kind
    # 'HeatmapHead' is MMPose's where the config's scope is, and ours where the registry is
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(kind)


def predicted_joints(head: ConfigType) -> int | None:
    """The number of joints that a head's config names, or None.

    UDP's codec with offsets has three maps for each joint.
    """
    name = next((name for name in ('out_channels', 'num_joints', 'num_keypoints') if name in head), None)
    if name is None or not isinstance(head[name], int):
        return None
    codec = head.get('decoder') or {}
    maps = 3 if type_name(codec) == 'UDPHeatmap' and codec.get('heatmap_type') == 'combined' else 1
    return int(head[name]) // (maps if name == 'out_channels' else 1)


def uses_weights(pipeline: Sequence[ConfigType]) -> bool:
    """Whether a pipeline weights targets by the 'joint_weights' of the metainfo."""
    return any(step.get('use_dataset_keypoint_weights', False) for step in pipeline)


def innermost_head(model: ConfigType) -> ConfigType:
    """The config of the head that predicts joints: MMPose's VisPredictHead wraps another head."""
    head = model.get('head') or {}
    return head.get('pose_cfg') or head


def is_mmposes(head: ConfigType) -> bool:
    """Whether a head is one of MMPose's own."""
    kind = registered(MODELS, head['type']) if head.get('type') else None
    return kind is not None and kind.__module__.startswith('mmpose.')


def check_pipeline(pipeline: Sequence[ConfigType], head: ConfigType, phase: str) -> list[Finding]:
    """Check the transforms of a top-down config.

    Args:
        pipeline: Configs of the transforms.
        head: Config of the head; its ``decoder`` is the codec.
        phase: 'train', 'val' or 'test'.
    """
    names = [type_name(step) for step in pipeline]
    findings = _check_order(names, phase)
    if phase != 'train':
        random = [name for name in names if name in _RANDOM]
        if random:
            what = f'the pipeline of {phase} changes images at random: {examples(random, 5)}'
            findings.append(Finding('warning', 'pipeline', phase, what, 'results differ from run to run'))
    codec = head.get('decoder') or {}
    for step, name in zip(pipeline, names, strict=True):
        if name == 'TopdownAffine' and 'input_size' in codec:
            cut, expected = _plain(step.get('input_size')), _plain(codec['input_size'])
            if cut != expected:
                what = f'TopdownAffine cuts out {cut} and the codec of the head expects {expected} (width, height)'
                advice = 'write the size once and use it for both; every joint is off by the ratio'
                findings.append(Finding('error', 'input-size', phase, what, advice))
        if name == 'TopdownAffine':
            findings += _check_convention(step, codec, phase)
        if name == 'GenerateTarget':
            findings += _check_encoder(step.get('encoder'), codec, phase)
    if phase == 'train' and 'GenerateTarget' not in names:
        findings += _check_targets_of_head(pipeline, names, head)
    if not findings:
        findings.append(Finding('ok', 'pipeline', phase, ' > '.join(names)))
    return findings


def _check_convention(crop: ConfigType, codec: ConfigType, phase: str) -> list[Finding]:
    """Whether the crop counts pixels as the codec does.

    TopdownAffine(use_udp=True) maps the box onto [0, w - 1], otherwise it maps it onto [0, w]. MMPose maps predictions
    back as for [0, w]; UDPHeatmap alone makes up for the difference, with use_udp=True.
    """
    udp, kind = bool(crop.get('use_udp', False)), type_name(codec) if codec.get('type') else ''
    if udp and kind in _PLAIN_CODECS:
        what = f"TopdownAffine(use_udp=True) cuts out in UDP's convention, and {kind} is not UDP's codec"
        advice = 'leave use_udp out, or take UDPHeatmap; every joint is off by up to a pixel of the input'
        return [Finding('warning', 'crop-convention', phase, what, advice)]
    if not udp and kind == 'UDPHeatmap':
        what = "UDPHeatmap decodes in UDP's convention, and TopdownAffine cuts out without use_udp=True"
        advice = 'set use_udp=True; every joint is off by up to a pixel of the input'
        return [Finding('warning', 'crop-convention', phase, what, advice)]
    return []


def _check_order(names: Sequence[str], phase: str) -> list[Finding]:
    findings = []
    if 'PackPoseInputs' not in names:
        what = 'the pipeline does not end with PackPoseInputs'
        findings.append(Finding('error', 'pipeline', phase, what, 'without it the model gets no samples'))
    if 'TopdownAffine' not in names:
        what = 'the pipeline has no TopdownAffine: nothing cuts the person out at the size of the network'
        findings.append(Finding('warning', 'pipeline', phase, what, 'right only if a transform of your own does it'))
    for first, second in (
        ('LoadImage', 'TopdownAffine'),
        ('GetBBoxCenterScale', 'TopdownAffine'),
        ('RandomFlip', 'TopdownAffine'),
        ('TopdownAffine', 'GenerateTarget'),
        ('TopdownAffine', 'PackPoseInputs'),
    ):
        if first == 'LoadImage':  # or one of MMCV's loaders
            first = next((name for name in names if name.startswith('LoadImage')), first)
        required = second == 'TopdownAffine' and first != 'RandomFlip'
        if second in names and (names.index(first) > names.index(second) if first in names else required):
            what = f'{first} must come before {second}, the pipeline is {" > ".join(names)}'
            findings.append(Finding('error', 'pipeline', phase, what))
    return findings


def _check_encoder(encoder: ConfigType | Sequence[ConfigType] | None, codec: ConfigType, phase: str) -> list[Finding]:
    """GenerateTarget's encoder against the head's decoder."""
    encoders = encoder if isinstance(encoder, list | tuple) else [encoder]
    if len(encoders) != 1 or not isinstance(encoders[0], Mapping) or not codec:
        return []
    encoder = encoders[0]
    if type_name(encoder) != type_name(codec):
        what = f'GenerateTarget draws with {type_name(encoder)}, the head decodes with {type_name(codec)}'
        return [Finding('warning', 'encoder', phase, what, 'is it meant? The head learns maps it does not read well')]
    names = sorted((set(encoder) | set(codec)) - {'type', *_DECODING_ONLY})
    differ = [
        f'{name}: {encoder.get(name, "default")} / {codec.get(name, "default")}'
        for name in names
        if _plain(encoder.get(name)) != _plain(codec.get(name))
    ]
    if not differ:
        return []
    sizes = any(name.startswith(('input_size', 'heatmap_size')) for name in differ)
    what = f"GenerateTarget's encoder and the head's decoder differ in {examples(differ, 5)}"
    advice = 'write the codec once: codec = dict(...), encoder=codec, decoder=codec'
    return [Finding('error' if sizes else 'warning', 'encoder', phase, what, advice)]


def _check_targets_of_head(pipeline: Sequence[ConfigType], names: Sequence[str], head: ConfigType) -> list[Finding]:
    """What a head needs that draws its own targets."""
    decoder = head.get('decoder')
    if is_mmposes(head):
        what = f"the head is MMPose's {type_name(head)}, and the pipeline has no GenerateTarget"
        advice = f'add GenerateTarget(encoder=<codec>) before PackPoseInputs, or take mmpose_ext.{type_name(head)}'
        return [Finding('error', 'targets', 'train', what, advice)]
    codec = registered(KEYPOINT_CODECS, decoder['type']) if decoder else None
    if decoder and codec is not None and not hasattr(codec, 'encode_batch'):
        what = f'the head shall draw its targets, and its codec {type_name(decoder)} has no encode_batch()'
        advice = 'take a codec of mmpose_ext, or add GenerateTarget(encoder=<codec>) to the pipeline'
        return [Finding('error', 'targets', 'train', what, advice)]
    packing = next((s for s, name in zip(pipeline, names, strict=True) if name == 'PackPoseInputs'), None)
    if packing is not None and not packing.get('pack_transformed', False):
        what = 'the head draws its targets, and PackPoseInputs does not pack the keypoints they are drawn from'
        advice = "end the training's pipeline with dict(type='PackPoseInputs', pack_transformed=True)"
        return [Finding('error', 'targets', 'train', what, advice)]
    return []


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else value
