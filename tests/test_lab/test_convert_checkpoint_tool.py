"""tools/convert_checkpoint.py as a user runs it; what it converts is tested with its function."""

from collections.abc import Callable
from pathlib import Path

import published_networks as published
import torch


def test_program(run_tool: Callable[..., str], tmp_path: Path) -> None:
    network = published.randomise(published.PrincetonNet(1, 8, 5, depth=1))
    torch.save(
        dict(state_dict={f'module.{name}': value for name, value in network.state_dict().items()}), tmp_path / 'in.pt'
    )
    printed = run_tool('tools/convert_checkpoint.py', 'princeton_hourglass', tmp_path / 'in.pt', tmp_path / 'out.pth')
    weights = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    assert torch.equal(weights['backbone.stem.conv.weight'], network.pre[0].conv.weight)
    assert f'{len(weights)} parameters and statistics' in printed
    assert "'feat_channels': 8" in printed
    assert 'pre.3.skip_layer.conv.weight' in printed
