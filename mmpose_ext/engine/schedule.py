"""Schedules of a training that is resumed with another config."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from logging import WARNING
from typing import cast

from mmengine.logging import print_log
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.runner import Runner

__all__ = ['follow_schedule']

# what a scheduler counts; all its other attributes come from the config
_COUNTED = {'last_step', '_global_step', '_last_value', 'base_values', 'verbose', 'optimizer'}
_EPOCHS_IN_CONFIG = ('T_max', 'end', 'milestones')


def follow_schedule(runner: Runner, checkpoint: dict[str, object]) -> None:
    """Let the schedulers of a resumed training follow the config.

    MMEngine restores every attribute of a scheduler from the checkpoint, so that a change of the config (milestones,
    the last epoch) has no effect. Where the config differs, the schedule is run from the first step to the current one
    without training, and the learning rate (or momentum) in the checkpoint becomes the one that the config says.
    Where only the number of epochs has grown, a warning says what to set.

    Args:
        runner: Its schedulers are built and have not been loaded.
        checkpoint: Changed in place: 'param_schedulers' and 'optimizer'.
    """
    schedulers, saved = runner.param_schedulers, checkpoint.get('param_schedulers')
    if not isinstance(schedulers, list) or not isinstance(saved, list):
        return  # none, or one list per optimizer, which MMEngine handles as before
    if any(isinstance(scheduler, ReduceOnPlateauParamScheduler) for scheduler in schedulers):
        return  # it depends on the metrics, not on the number of epochs
    meta = cast('dict[str, int]', checkpoint['meta'])
    configs = _scheduler_configs(runner, len(schedulers))
    if len(schedulers) != len(saved) or not all(map(_same_settings, schedulers, saved, configs)):
        print_log(
            f'The schedule of the config is not the one in the checkpoint; after {meta["epoch"]} epochs and '
            f'{meta["iter"]} iterations the training goes on with the schedule of the config',
            logger='current',
            level=WARNING,
        )
        _run_schedule(runner, schedulers, meta['epoch'], meta['iter'])
        checkpoint['param_schedulers'] = [scheduler.state_dict() for scheduler in schedulers]
        for group, current in zip(_groups(checkpoint), runner.optim_wrapper.param_groups, strict=True):
            for name in {scheduler.param_name for scheduler in schedulers}:
                group[name] = current[name]
    elif schedulers:
        _warn_of_more_epochs(runner, checkpoint)


def _groups(checkpoint: Mapping[str, object]) -> list[dict[str, object]]:
    optimizer = cast('dict[str, object]', checkpoint['optimizer'])
    groups = [*cast('list[dict[str, object]]', optimizer['param_groups'])]
    if 'base_param_settings' in optimizer:
        # MMEngine may keep a group without parameters beside the optimizer's, as the last one
        groups.append(cast('dict[str, object]', optimizer['base_param_settings']))
    return groups


def _scheduler_configs(runner: Runner, count: int) -> Sequence[Mapping[str, object]]:
    """The config of each scheduler; empty ones if the runner was not built from a config."""
    configs = runner.cfg.get('param_scheduler') or []
    configs = [configs] if isinstance(configs, Mapping) else configs
    return configs if len(configs) == count else [{}] * count


def _same_settings(scheduler: _ParamScheduler, saved: Mapping[str, object], config: Mapping[str, object]) -> bool:
    settings = {name: value for name, value in vars(scheduler).items() if name not in _COUNTED}
    if 'end' not in config:
        # MMEngine sets it to the number of epochs; a cosine would rise again beyond its period
        settings.pop('end', None)
    return all(name in saved and _plain(saved[name]) == _plain(value) for name, value in settings.items())


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Counter) else value


def _run_schedule(runner: Runner, schedulers: list[_ParamScheduler], epochs: int, iterations: int) -> None:
    """Step schedulers in the order of a training of so many epochs and iterations."""
    per_epoch = len(runner.train_dataloader)
    with warnings.catch_warnings():
        # of schedulers that step while the optimizer does not
        warnings.simplefilter('ignore')
        for iteration in range(1, iterations + 1):
            ends_epoch = iteration % per_epoch == 0 and iteration // per_epoch <= epochs
            for scheduler in schedulers:
                if not scheduler.by_epoch:
                    scheduler.step()
            for scheduler in schedulers:
                if scheduler.by_epoch and ends_epoch:
                    scheduler.step()


def _warn_of_more_epochs(runner: Runner, checkpoint: dict[str, object]) -> None:
    hub = cast('dict[str, dict[str, object]]', checkpoint.get('message_hub') or {})
    before = hub.get('runtime_info', {}).get('max_epochs')
    if not isinstance(before, int) or not 0 < before < runner.max_epochs:
        return
    configs = _scheduler_configs(runner, len(runner.param_schedulers))
    options = [
        f'param_scheduler.{number}.{name}={_stretched(config[name], runner.max_epochs / before)}'
        for number, config in enumerate(configs)
        for name in _EPOCHS_IN_CONFIG
        if name in config and config.get('by_epoch', True)
    ]
    advice = f', e.g. --cfg-options {" ".join(options)}' if options else ''
    print_log(
        f'The training now has {runner.max_epochs} epochs instead of {before}, but the learning rate schedule is still '
        f'that of {before} epochs: the rate stays where it ends. To stretch the schedule, change param_scheduler'
        f'{advice}',
        logger='current',
        level=WARNING,
    )


def _stretched(epochs: object, factor: float) -> str:
    """A number of epochs, or a list of them, times a factor, as text for the command line."""
    if isinstance(epochs, Sequence):
        return f'[{",".join(_stretched(one, factor) for one in epochs)}]'
    return str(round(cast('int', epochs) * factor))
