"""Parameters and multiply-adds of the model of a config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from mmengine.analysis import FlopAnalyzer, get_model_complexity_info, parameter_count
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmpose_ext.registry import MODELS

__all__ = ['Complexity', 'complexity_table', 'model_complexity', 'paper_multiply_adds']

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Complexity:
    """Size and cost of a model for one image."""

    #: (w, h) of the image in pixels
    input_size: tuple[int, int]
    #: number of weights
    params: int
    #: multiply-adds as they are done: convolutions, transposed ones counted at their input, linear and norm layers
    multiply_adds: int
    #: multiply-adds as the tables of HRNet and DARK count them, see :func:`paper_multiply_adds`
    paper_multiply_adds: int
    #: MMEngine's figures by module, if asked for
    table: str = ''

    def __str__(self) -> str:
        width, height = self.input_size
        return (
            f'Input size (height x width): {height}x{width}\n'
            f'Parameters:                  {self.params / 1e6:.2f} M\n'
            f'Multiply-adds:               {self.multiply_adds / 1e9:.2f} G (10^9)\n'
            f"The papers' GFLOPs:          {self.paper_multiply_adds / 2**30:.2f} (2^30 multiply-adds, "
            'transposed convolutions counted at their output)\n'
            f"FPD's G:                     {2 * self.paper_multiply_adds / 1e9:.2f} (10^9 operations, two for each)"
        )


def complexity_table(results: Mapping[str, Complexity]) -> str:
    """Figures of several models, by name, as a table in Markdown; the columns are those of ``str(Complexity)``."""
    head = ('model', 'input', 'parameters / 10^6', 'multiply-adds / 10^9', "the papers' GFLOPs", "FPD's G")
    rows = [
        (
            name,
            'x'.join(map(str, reversed(result.input_size))),
            *(f'{number:.2f}' for number in (result.params / 1e6, result.multiply_adds / 1e9)),
            *(f'{result.paper_multiply_adds / unit:.2f}' for unit in (2**30, 1e9 / 2)),
        )
        for name, result in results.items()
    ]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in (head, ['---'] * len(head), *rows))


def paper_multiply_adds(model: nn.Module, inputs: Tensor) -> int:
    """Count multiply-adds in the way of the published tables of Simple Baselines, HRNet and DARK.

    These "GFLOPs" come from HRNet's model summary. It counts convolutions and linear layers only, with weights times
    positions of the *output* for each convolution, which is stride^2 times too much for a transposed one; and its
    giga is 2^30.

    Args:
        model: Anything that takes ``inputs``.
        inputs: (B, C, h, w).

    Returns:
        The number for the whole batch; divide by 2^30 for the papers' GFLOPs.
    """
    total = 0

    def count(module: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal total
        positions = prod(output.shape[2:]) if isinstance(module, _CONVOLUTIONS) else prod(output.shape[1:-1])
        total += len(output) * module.get_parameter('weight').numel() * positions

    handles = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, (*_CONVOLUTIONS, nn.Linear))
    ]
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return total


def model_complexity(
    config: str,
    input_size: Sequence[int] | None = None,
    cfg_options: Mapping[str, Any] | None = None,
    show_table: bool = False,
    show_arch: bool = False,
) -> Complexity:
    """Count the parameters and multiply-adds of a config's model for one image. No weights are loaded.

    Args:
        config: Path of the config.
        input_size: (w, h) in pixels; by default what the codec of the head says.
        cfg_options: Values by dotted key, merged into the config.
        show_table: Also make MMEngine's table of all modules.
        show_arch: Also print MMEngine's figures into the network's modules, instead of a table.

    Raises:
        ValueError: If no size is given and the head has no codec.
    """
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(cfg_options or {}))
    if input_size is None:
        input_size = cfg.model.get('head', {}).get('decoder', {}).get('input_size')
        if input_size is None:
            raise ValueError("'input_size' must be (w, h), as 'model.head.decoder' of this config has none; got None")
    width, height = input_size
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    model = MODELS.build(cfg.model).eval()
    # the plain network, without samples
    model.forward = model._forward
    inputs = torch.zeros(1, 3, height, width)
    table = ''
    if show_table or show_arch:
        info = get_model_complexity_info(model, inputs=(inputs,), show_table=not show_arch, show_arch=show_arch)
        table = info['out_arch' if show_arch else 'out_table']
    # operations that MMEngine cannot count cost no multiply-adds here: additions, pooling
    analyzer = FlopAnalyzer(model, (inputs,)).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return Complexity(
        input_size=(width, height),
        params=parameter_count(model)[''],
        multiply_adds=int(analyzer.total()),
        paper_multiply_adds=paper_multiply_adds(model, inputs),
        table=table,
    )
