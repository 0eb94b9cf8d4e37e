"""mmpose_ext: heatmap codecs, heads and tools that plug into MMPose by their registered names.

Importing this package is cheap: it checks the versions around it and lets mmengine's own checkpoints pass torch's
safe loader. Models, codecs and datasets are imported when a config first names one of them.

Alphabet of all shapes: B images, N people, K joints, D axes, H and W the height and width of a heatmap.
"""

from .compat import allow_mmengine_checkpoints, check_versions
from .config import config_path
from .version import __version__

__all__ = ['__version__', 'config_path']

check_versions()
allow_mmengine_checkpoints()
