"""A checkpoint of a training made small and safe to pass on: the weights alone."""

import hashlib
from pathlib import Path

import torch

from mmpose_ext.checkpoint import read_weights
from mmpose_ext.files import whole_file
from mmpose_ext.version import __version__

__all__ = ['publish']


def publish(checkpoint: str | Path, out: str | Path | None = None) -> Path:
    """Write the weights of a checkpoint, and nothing else of it: no optimizer, no log, no paths of a machine.

    The file holds tensors, numbers and text; ``torch.load(path, weights_only=True)`` reads it where nothing but torch
    is installed, and so do MMPose's programs.

    Args:
        checkpoint: File that a training wrote.
        out: File to write; default beside the checkpoint, with the first eight digits of the SHA-256 of its content in
            its name (``model-1a2b3c4d.pth``), as MMPose's published files have.

    Returns:
        The path of the file.

    Raises:
        ValueError: If the checkpoint cannot be read, or ``out`` is the checkpoint itself.
    """
    source = Path(checkpoint)
    if out is not None and Path(out).resolve() == source.resolve():
        raise ValueError(f"'out' must be another file than the checkpoint, got {str(out)!r}")
    weights = read_weights(str(source))
    # copies: a view would carry all of the tensor that it is a part of
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
    target = Path(out) if out is not None else source.with_name(f'{source.stem}-{_digest(tensors)}.pth')
    with whole_file(target) as part:
        torch.save(dict(state_dict=tensors, meta=dict(mmpose_ext_version=__version__)), part)
    return target


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    """Eight digits that depend on names and values of tensors alone."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:8]
