"""Trained models that come with the package, by name. README.md beside this file is their model card."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmpose_ext.config import config_path

__all__ = ['DEFAULT', 'MODELS', 'TrainedModel', 'find_model']

_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class TrainedModel:
    """A trained model of the package.

    Attributes:
        config: Name of its config below ``configs/``.
        file: Of its weights, in the folder of this module.
        sha256: Of the file.
        joints: Number of its joints.
        summary: What it is, in one line.
    """

    config: str
    file: str
    sha256: str
    joints: int
    summary: str


#: The models by name.
MODELS: Mapping[str, TrainedModel] = {
    'lsp14': TrainedModel(
        config='dark/dark_efficientnet-lite0_1xb32-32e_lspet-128x128',
        file='lsp14.pth',
        sha256='ba5bf2d7bc7d722664f624531d2fb9ae0f35e8f6ba5ee71bb3a1b2c07df3f60f',
        joints=14,
        summary='DARK with EfficientNet-Lite0 at 128x128, trained on LSPET',
    ),
    'lsp14-small': TrainedModel(
        config='fpd/fpd_efficientnet-lite0_1xb32-16e_lspet-96x96',
        file='lsp14-small.pth',
        sha256='b7d494461e17047dc567018ccdc94e41d8772075623ecb0a4f4a32fcff2b7f7e',
        joints=14,
        summary='EfficientNet-Lite0 up to stride 16 at 96x96, distilled from lsp14 on LSPET',
    ),
}

#: The model that predicts where none is named.
DEFAULT = 'lsp14'


def find_model(name: str = DEFAULT) -> tuple[str, str]:
    """Config and checkpoint of a model of the package, as MMPose's ``init_model`` takes them.

    Args:
        name: One of :data:`MODELS`.

    Returns:
        The paths of both files.

    Raises:
        ValueError: If there is no model of that name, or its file is missing or damaged.
    """
    if name not in MODELS:
        raise ValueError(
            f"'model' must be {' or '.join(MODELS)}, or 'weights' must be its checkpoint, got {name!r} alone"
        )
    model = MODELS[name]
    path = _FOLDER / model.file
    if not path.is_file():
        raise ValueError(f'the weights of {name!r} are missing: {path}; install the package again')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != model.sha256:
        raise ValueError(
            f'the weights of {name!r} are damaged or changed: the SHA-256 of {path} must be {model.sha256}, got '
            f'{digest}; install the package again'
        )
    return config_path(model.config), str(path)
