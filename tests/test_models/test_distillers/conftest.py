"""Trained teachers, and a batch for them and their students."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import make_samples, random_keypoints

from mmpose_ext.registry import MODELS

sys.path.insert(0, str(Path(__file__).parent))  # for small_models.py
from small_models import INPUT, JOINTS, model_config


@pytest.fixture
def trained() -> Callable[..., Any]:
    """A model whose weights, and the statistics of its batch norms, are anything but those it started with."""

    def make(head: Any = 'maps', seed: int = 1, **change: Any) -> Any:
        model = MODELS.build(model_config(head, **change))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for value in model.state_dict().values():  # the colors of images are not in there
                if value.is_floating_point():
                    value.copy_(0.2 * torch.rand(value.shape, generator=generator) + 0.05)
        return model.eval()

    return make


@pytest.fixture
def batch() -> Callable[..., tuple[torch.Tensor, list[Any]]]:
    """Normalized images (B, 3, h, w) and samples; one joint of the first has no label."""

    def make(count: int = 2, joints: int = JOINTS, visible: Any = None) -> tuple[torch.Tensor, list[Any]]:
        generator = torch.Generator().manual_seed(3)
        if visible is None:
            visible = torch.ones(count, joints).index_put((torch.tensor(0), torch.tensor(0)), torch.tensor(0.0)).numpy()
        keypoints = random_keypoints(count, joints, INPUT, margin=8)
        return torch.randn(count, 3, INPUT[1], INPUT[0], generator=generator), make_samples(keypoints, visible, INPUT)

    return make
