"""Registries of mmpose_ext: children of MMPose's, and the only file that touches MMPose's.

MMEngine imports this module by itself as soon as a config names a type with the prefix ``mmpose_ext.``, so neither
``custom_imports`` nor a change of ``default_scope`` is needed. ``locations`` makes each registry import the package
that fills it at the first lookup, not before. A name may equal one of MMPose's (``HeatmapHead``): the prefix tells
them apart.
"""

from mmengine.registry import Registry
from mmpose import registry as mmpose_registry

__all__ = [
    'DATASETS',
    'HOOKS',
    'KEYPOINT_CODECS',
    'METRICS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'TRANSFORMS',
    'VISUALIZERS',
]


def _child(name: str, *locations: str) -> Registry:
    parent: Registry = getattr(mmpose_registry, name)
    return Registry(
        parent.name, parent=parent, scope='mmpose_ext', locations=[f'mmpose_ext.{location}' for location in locations]
    )


KEYPOINT_CODECS = _child('KEYPOINT_CODECS', 'codecs')
MODELS = _child('MODELS', 'models')
DATASETS = _child(
    'DATASETS',
    'datasets.crop_cache',
    'datasets.flic_dataset',
    'datasets.human36m_image_dataset',
    'datasets.lsp_dataset',
    'datasets.synthetic3d_dataset',
)
TRANSFORMS = _child('TRANSFORMS', 'datasets.transforms')
METRICS = _child('METRICS', 'evaluation')
HOOKS = _child('HOOKS', 'engine')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS', 'engine')
VISUALIZERS = _child('VISUALIZERS', 'visualization')
