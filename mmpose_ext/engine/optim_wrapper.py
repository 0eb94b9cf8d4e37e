"""Training in bfloat16 on every device, CPUs too."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmpose_ext.registry import OPTIM_WRAPPERS

__all__ = ['BFloat16OptimWrapper']


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):  # type: ignore[misc]
    """MMEngine's ``OptimWrapper`` whose forward passes run in bfloat16 where torch's autocast says so.

    It is one line of a config::

        optim_wrapper = dict(type='mmpose_ext.BFloat16OptimWrapper')

    and ``tools/train.py --amp`` chooses it where there is no GPU, on which MMEngine's ``AmpOptimWrapper`` insists.
    Weights, gradients and the optimizer stay in float32, and so do checkpoints. bfloat16 has the range of float32, so
    that no loss has to be scaled. A CPU gains from it if it multiplies in bfloat16 (``avx512_bf16`` or ``amx_bf16``
    among the flags of ``lscpu``); others take longer. For evaluations, ``val_cfg`` and ``test_cfg`` of a config have
    ``fp16=True``, which on a CPU means bfloat16.

    Arguments are those of ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of a forward pass: that of ``OptimWrapper``, with autocast on the device of the weights.

        Args:
            model: The network.
        """
        device = next(model.parameters()).device
        with super().optim_context(model), torch.autocast(device.type, dtype=torch.bfloat16):
            yield
