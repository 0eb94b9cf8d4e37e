"""tools/analysis_tools/get_flops.py against DARK's table 5 and against counting by hand."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from mmpose_ext import config_path
from mmpose_ext.lab.profiling.complexity import model_complexity, paper_multiply_adds

# network: parameters in millions, "GFLOPs", both of one digit (table 5, inputs of 128x96)
TABLE_5 = {
    'res50_2xb64-140e': (34.0, 2.3),
    'res101_2xb64-140e': (53.0, 3.1),
    'res152_2xb64-140e': (68.6, 3.9),
    'hrnet-w32_2xb64-210e': (28.5, 1.8),
    'hrnet-w48_2xb64-210e': (63.6, 3.6),
}


@pytest.mark.parametrize('network', TABLE_5)
def test_table_5(network: str) -> None:
    params, gflops = TABLE_5[network]
    depth, _, recipe = network.removeprefix('res').partition('_')
    deep = depth in ('101', '152')  # the config of ResNet-50 with another depth
    config = config_path(f'dark/dark_{f"res50_{recipe}" if deep else network}_coco-128x96')
    complexity = model_complexity(config, cfg_options={'model.backbone.depth': int(depth)} if deep else None)
    assert complexity.input_size == (96, 128)
    assert complexity.params / 1e6 == pytest.approx(params, abs=0.05)
    # ours round to 2.2 for R50 and to 3.7 for W48
    assert complexity.paper_multiply_adds / 2**30 == pytest.approx(gflops, abs=0.06)


def test_several_configs_are_a_table(run_tool: Callable[..., str], tiny_config: Path, tmp_path: Path) -> None:
    other = tmp_path / 'other.py'
    other.write_text(f"_base_ = '{tiny_config}'\nmodel = dict(head=dict(deconv_out_channels=(64, 64, 64)))\n")
    rows = run_tool('tools/analysis_tools/get_flops.py', tiny_config, other).strip().splitlines()[:4]
    names, sizes, *figures = zip(*[[cell.strip() for cell in row.split('|')[1:-1]] for row in rows[2:]], strict=True)
    assert (names, sizes) == ((str(tiny_config), str(other)), ('128x96', '128x96'))
    for path, params, adds, papers, fpds in zip((tiny_config, other), *figures, strict=True):
        one = model_complexity(str(path))
        counts = one.params / 1e6, one.multiply_adds / 1e9, one.paper_multiply_adds / 2**30
        assert (float(params), float(adds), float(papers)) == pytest.approx(counts, abs=0.0051)
        # FPD: two operations for each multiply-add, in units of 10^9
        assert float(fpds) == pytest.approx(2 * one.paper_multiply_adds / 1e9, abs=0.0051)
    assert figures[0][0] != figures[0][1]


def test_multiply_adds_by_hand() -> None:
    model = nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1, groups=2),  # 10x8 positions, 6 x 4/2 x 3 x 3 weights
        nn.BatchNorm2d(6),  # not counted
        nn.ConvTranspose2d(6, 5, 4, stride=2, padding=1),  # counted at the 20x16 positions of its output
        nn.Flatten(2),
        nn.Linear(20 * 16, 7),  # for each of 5 rows
    )
    expected = 10 * 8 * 6 * 2 * 9 + 20 * 16 * 6 * 5 * 16 + 5 * 20 * 16 * 7
    assert paper_multiply_adds(model, torch.zeros(1, 4, 10, 8)) == expected
    assert paper_multiply_adds(model.eval(), torch.zeros(3, 4, 10, 8)) == 3 * expected


def test_transposed_convolutions_are_truly_counted_at_their_input(tiny_config: Path) -> None:
    complexity = model_complexity(str(tiny_config))
    # 512 -> 8 -> 8 -> 8 channels, 4x4 kernels, from 4x3 cells to 32x24: the papers count 4 times as much
    deconvolutions = 16 * (4 * 3 * 512 * 8 + 8 * 6 * 8 * 8 + 16 * 12 * 8 * 8)
    surplus = complexity.paper_multiply_adds - complexity.multiply_adds
    # MMEngine's figure has the normalizations, too: one multiply-add or two for each of their outputs
    assert 0 < 3 * deconvolutions - surplus < 0.02 * complexity.multiply_adds


def test_twice_the_height_is_twice_the_cost(run_tool: Callable[..., str], tiny_config: Path) -> None:
    standard = model_complexity(str(tiny_config))
    printed = run_tool('tools/analysis_tools/get_flops.py', tiny_config, '--input-shape', 256, 96, '--show-table')
    assert re.search(r'height x width\): +256x96', printed)
    true = float(re.search(r'Multiply-adds: +([\d.]+) G', printed)[1])
    papers = float(re.search(r"papers' GFLOPs: +([\d.]+)", printed)[1])
    assert true == pytest.approx(2 * standard.multiply_adds / 1e9, abs=0.01)
    assert papers == pytest.approx(2 * standard.paper_multiply_adds / 2**30, abs=0.01)
    assert 'backbone.layer4' in printed


def test_without_codec_the_size_is_needed(tiny_config: Path) -> None:
    with tiny_config.open('a') as file:
        file.write('model = dict(head=dict(decoder=dict(_delete_=True)))\n')
    with pytest.raises(ValueError, match=r"'input_size' must be \(w, h\)"):
        model_complexity(str(tiny_config))
