"""What the comparisons with MMPose's training and test loop share: cases, people, and the counterparts of configs."""

import json
import math
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config

from mmpose_ext.config import config_path

__all__ = ['CASES', 'TrainingCase', 'case_config', 'counterpart', 'machine', 'set_threads', 'write_people']

_PEOPLE, _PEOPLE_IN_IMAGE = 72, 3
_LONG = 200  # times that the people are repeated in an epoch


@dataclass(frozen=True)
class TrainingCase:
    """A config whose training is measured, with a batch for the CPU and changes by dotted key."""

    name: str
    config: str
    batch: int
    options: Mapping[str, Any] = field(default_factory=dict)


CASES = (
    TrainingCase('ResNet-18 128x96', 'dark/dark_res18_1xb32-10e_synthetic-128x96', 32),
    TrainingCase('ResNet-50 256x192', 'rle/rle_res50_8xb32-270e_coco-256x192_heatmap', 4),
    TrainingCase('HRNet-W32 256x192', 'dark/dark_hrnet-w32_4xb32-210e_coco-256x192', 2),
    TrainingCase('RLE ResNet-50 256x192', 'rle/rle_res50_8xb32-270e_coco-256x192', 4),
    TrainingCase(
        'hourglass 2x256, 128x96',
        'dark/dark_hourglass-4x256_1xb8-140e_coco-128x96',
        8,
        {'model.backbone.num_stacks': 2},
    ),
)


def write_people(root: Path, count: int = _PEOPLE) -> None:
    """Photograph-like images of 640x480 with ``count`` people or more at random, in COCO's format."""
    generator = np.random.default_rng(0)
    images: list[dict] = []
    people: list[dict] = []
    (root / 'images').mkdir(parents=True)
    for number in range(1, math.ceil(count / _PEOPLE_IN_IMAGE) + 1):
        coarse = generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image + generator.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(root / 'images' / f'{number}.jpg'), image)
        images.append(dict(id=number, file_name=f'{number}.jpg', width=640, height=480))
        for _ in range(_PEOPLE_IN_IMAGE):
            left, top = generator.uniform(0, (450, 180))
            points = generator.uniform((left, top), (left + 140, top + 280), (17, 2))
            keypoints = np.column_stack([points, np.full(17, 2)]).ravel().tolist()
            person = dict(id=len(people) + 1, image_id=number, category_id=1, iscrowd=0, num_keypoints=17)
            people.append(dict(person, bbox=[left, top, 140, 280], area=140 * 280, keypoints=keypoints))
    content = dict(images=images, annotations=people, categories=[dict(id=1, name='person')])
    (root / 'people.json').write_text(json.dumps(content))


def counterpart(config: Config) -> Config:
    """MMPose's own way to train the network of one of our configs: targets by the workers, its head and loss."""
    theirs = Config(config.to_dict())
    head, codec = theirs.model.head, theirs.model.head.decoder
    size = codec.input_size
    if head.type == 'mmpose_ext.RLEHead':
        encoder: dict[str, Any] = dict(type='RegressionLabel', input_size=size)
        theirs.model.neck = dict(type='GlobalAveragePooling')
        loss = dict(type='RLELoss', use_target_weight=True)
        theirs.model.head = dict(
            type='RLEHead', in_channels=head.in_channels, num_joints=head.num_joints, loss=loss, decoder=encoder
        )
    else:
        encoder = dict(type='MSRAHeatmap', input_size=size, heatmap_size=codec.heatmap_size, sigma=codec.sigma)
        encoder.update(unbiased=True)
        joints = head.out_channels
        if head.type == 'mmpose_ext.MultiStageHead':  # this network puts out maps, and no layer follows
            theirs.model.head = dict(type='CPMHead', in_channels=joints, out_channels=joints, final_layer=None)
            theirs.model.head.update(num_stages=theirs.model.backbone.num_stacks, loss=head.head.loss, decoder=encoder)
        else:
            theirs.model.head = dict(head.to_dict(), type='HeatmapHead', decoder=encoder)
    theirs.model.data_preprocessor.type = 'PoseDataPreprocessor'
    *steps, _ = theirs.train_dataloader.dataset.dataset.pipeline
    theirs.train_dataloader.dataset.dataset.pipeline = [
        *steps,
        dict(type='GenerateTarget', encoder=encoder),
        dict(type='PackPoseInputs'),
    ]
    return theirs


def case_config(case: TrainingCase, root: Path, workers: int) -> Config:
    """The config of a case with the people of :func:`write_people`."""
    config = Config.fromfile(config_path(case.config))
    config.merge_from_dict(dict(case.options))
    config.model.backbone.init_cfg = None
    dataset = dict(config.train_dataloader.dataset, data_root=f'{root}/', ann_file='people.json')
    dataset.update(type='CocoDataset', data_prefix=dict(img='images/'))
    config.train_dataloader = dict(
        batch_size=case.batch,
        num_workers=workers,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(type='RepeatDataset', times=_LONG, dataset=dataset),
    )
    return config


def machine(threads: int) -> str:
    """The GPU or CPU, the number of threads and the version of torch."""
    if torch.cuda.is_available():
        return f'{torch.cuda.get_device_name()}, torch {torch.__version__}'
    cpus = Path('/proc/cpuinfo')
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    names = [line.split(':')[1].strip() for line in lines if line.startswith('model name')]
    name, plural = names[0] if names else platform.machine(), '' if threads == 1 else 's'
    return f'{name}, {threads} thread{plural}, torch {torch.__version__}'


@contextmanager
def set_threads(count: int) -> Iterator[None]:
    """Torch's threads, and one of OpenCV."""
    kept = torch.get_num_threads()
    torch.set_num_threads(count)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(kept)
