"""What training and testing prepare in the same way: the config, the images to draw, the processes on CPUs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log

__all__ = ['load_config', 'process_group', 'set_visualization']


def load_config(
    config: str, cfg_options: Mapping[str, object] | None = None, work_dir: str | None = None, launcher: str = 'none'
) -> Config:
    """Read a config and apply what the command line says.

    Args:
        config: Path of the config.
        cfg_options: Values by dotted key, merged into the config before anything else is done to it.
        work_dir: Folder of the results; by default the config's own, or ``work_dirs/<name of the config>``.
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'.
    """
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(dict(cfg_options or {}))
    cfg.launcher = launcher
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(config).stem)
    return cfg


def set_visualization(
    cfg: Config, show: bool = False, show_dir: str | None = None, interval: int = 1, wait_time: float = 1.0
) -> None:
    """Let MMPose's visualization hook draw predictions, if a window or a folder is asked for.

    Args:
        cfg: Changed in place.
        show: Open a window.
        show_dir: Folder for the images, below the time-stamped folder of the run.
        interval: Draw one of so many samples.
        wait_time: Seconds that a window stays open.

    Raises:
        ValueError: If the config has no such hook.
    """
    if not show and show_dir is None:
        return
    if 'visualization' not in cfg.get('default_hooks', {}):
        raise ValueError(
            "'default_hooks' must have visualization=dict(type='PoseVisualizationHook') with --show or --show-dir, "
            f'got only {", ".join(cfg.get("default_hooks", {})) or "nothing"}'
        )
    cfg.default_hooks.visualization.update(
        enable=True, show=show, out_dir=show_dir, interval=interval, wait_time=wait_time if show else 0.0
    )


@contextmanager
def process_group(cfg: Config) -> Iterator[None]:
    """Open and close the process group of a distributed run, also where there is no CUDA device.

    MMEngine's launcher selects a CUDA device in every process and gives its number to the model's wrapper, so on a
    machine without one it cannot start. There the group is opened here with gloo (the config's 'nccl' needs CUDA
    devices), and the wrapper is told to stay on the CPU. The group is closed at the end, whoever opened it.

    Args:
        cfg: ``env_cfg`` and ``model_wrapper_cfg`` are changed in place for processes on CPUs.
    """
    if cfg.launcher == 'pytorch' and get_device() == 'cpu':
        settings = dict(cfg.get('env_cfg', {}).get('dist_cfg', {}))
        print_log(f'No CUDA device: the processes talk through gloo instead of {settings.pop("backend", "nccl")}')
        cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
        defaults = dict(
            type='MMDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
        cfg.model_wrapper_cfg = {**defaults, **cfg.get('model_wrapper_cfg', {}), 'device_ids': None}
        dist.init_process_group('gloo', **settings)
    try:
        yield
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
