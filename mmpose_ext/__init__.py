"""mmpose_ext: DARK, integral regression, RLE, stacked hourglasses and pose distillation, as a plugin of MMPose.

Importing this package is cheap: it checks the versions of the packages around it and lets torch's safe loader read the
checkpoints that mmengine writes. Models, codecs and datasets are imported when a config first names one of them.
``mmpose_ext.runtime`` needs none of this: it works where neither torch nor OpenMMLab is installed.

Alphabet of all shapes: B images, N people, K joints, D axes, H and W the height and width of a heatmap.
"""

from importlib.util import find_spec

from .config import config_path
from .version import __version__

__all__ = ['__version__', 'config_path']

if find_spec('mmpose') is not None:  # without it only the runtime is of use
    from .compat import allow_mmengine_checkpoints, check_versions

    check_versions()
    allow_mmengine_checkpoints()
