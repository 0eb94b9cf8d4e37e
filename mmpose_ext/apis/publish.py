"""A checkpoint of a training made small and safe to pass on: the weights alone."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from mmpose_ext.checkpoint import read_weights
from mmpose_ext.files import whole_file
from mmpose_ext.version import __version__

__all__ = ['publish']


_HALF_ERROR = 2.0**-11  # relative error of a number that is rounded to 16 bits


def publish(checkpoint: str | Path, out: str | Path | None = None, half: bool = False) -> Path:
    """Write the weights of a checkpoint, and nothing else of it: no optimizer, no log, no paths of a machine.

    The file holds tensors and text; ``torch.load(path, weights_only=True)`` reads it where nothing but torch is
    installed, and so do MMPose's programs.

    Args:
        checkpoint: File that a training wrote.
        out: File to write; default beside the checkpoint, with the first eight digits of the SHA-256 of its content in
            its name (``model-1a2b3c4d.pth``), as MMPose's published files have.
        half: Whether to store kernels and matrices in 16 bits, which halves the file. Vectors (biases, parameters and
            statistics of normalization) keep their precision, and so do kernels whose numbers are too large or too
            small for 16 bits. ``load_state_dict`` turns the numbers into those of the model, which computes in 32 bits
            as before.

    Returns:
        The path of the file.

    Raises:
        ValueError: If the checkpoint cannot be read, has something else than tensors in its state dict, or ``out`` is
            the checkpoint itself.
    """
    source = Path(checkpoint)
    if out is not None and Path(out).resolve() == source.resolve():
        raise ValueError(f"'out' must be another file than the checkpoint, got {str(out)!r}")
    weights = read_weights(str(source))
    tensors = {name: _plain(name, value, source) for name, value in weights.items()}
    if half:
        tensors = {name: _halved(tensor) for name, tensor in tensors.items()}
    target = Path(out) if out is not None else source.with_name(f'{source.stem}-{_digest(tensors)}.pth')
    with whole_file(target) as part:
        torch.save(dict(state_dict=tensors, meta=dict(mmpose_ext_version=__version__)), part)
    return target


def _plain(name: str, value: object, source: Path) -> Tensor:
    """A copy of a weight that shares no memory: a view would carry all of the tensor that it is a part of."""
    if not isinstance(value, Tensor):
        raise ValueError(
            f"'checkpoint' must have a state dict of tensors, got {str(source)!r} with {type(value).__name__} "
            f'under {name!r}'
        )
    return value.detach().cpu().clone()


def _halved(tensor: Tensor) -> Tensor:
    """A tensor with two or more axes in 16 bits; unchanged if it has fewer, or if 16 bits cannot hold its numbers."""
    if tensor.ndim < 2 or not tensor.is_floating_point() or tensor.element_size() <= 2 or not tensor.numel():
        return tensor
    half = tensor.half()
    error = (half.to(tensor.dtype) - tensor).abs().max()
    return tensor if error > _HALF_ERROR * tensor.abs().max() else half


def _digest(tensors: dict[str, Tensor]) -> str:
    """Eight digits that depend on names and values of tensors alone."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:8]
