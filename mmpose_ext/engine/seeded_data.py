"""Random numbers that depend on the place in the training alone, so that a resumed training draws the same ones.

The random numbers of a sample are derived from (seed, rank, epoch, position in the epoch), whichever worker loads it
and however long that worker has lived; those of a training step from (seed, rank, iteration). Nothing has to be stored.
"""

import hashlib
import random
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler
from torch.utils.data import get_worker_info as worker_info

__all__ = ['SeededBatches', 'SeededDataset', 'Slot', 'derive_seed', 'seed_generators', 'seeded_loader']

#: (epoch, position of the sample in the epoch, its index in the dataset)
Slot = tuple[int, int, int]

# samplers whose order of an epoch does not depend on the epochs before
_WITHOUT_MEMORY = (DefaultSampler, RandomSampler, SequentialSampler)


def derive_seed(*place: int | str) -> int:
    """A seed of 63 bits for a place in the training, e.g. ``derive_seed(seed, 'iteration', rank, 12)``."""
    digest = hashlib.blake2b(repr(place).encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'little') >> 1


def seed_generators(seed: int, cuda: bool = False) -> None:
    """Seed the generators that transforms and models draw from: Python's, NumPy's and torch's.

    Args:
        seed: Of up to 63 bits.
        cuda: Also seed torch's generators of all CUDA devices.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002, the generator that transforms draw from
    torch.default_generator.manual_seed(seed)
    if cuda and torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


class SeededDataset(Dataset[object]):
    """A dataset that seeds the generators before each sample; any other attribute is the wrapped dataset's.

    Args:
        dataset: Its index is an int; the index here is a :data:`Slot`.
        seed: The training's seed.
        rank: Number of this process among the processes of a distributed training.
    """

    def __init__(self, dataset: Dataset[object], seed: int, rank: int = 0) -> None:
        # __setattr__ below would give them to the wrapped dataset
        self.__dict__.update(dataset=dataset, seed=seed, rank=rank)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, slot: Slot) -> object:
        epoch, position, index = slot
        seed = derive_seed(self.seed, 'sample', self.rank, epoch, position)
        if worker_info() is not None:
            seed_generators(seed)
            return self.dataset[index]
        # the process of the training itself: it has its own random numbers
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        try:
            seed_generators(seed)
            return self.dataset[index]
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            torch.set_rng_state(before[2])

    def __getattr__(self, name: str) -> Any:
        # names with two underscores are how Python and torch ask what a class can do
        if name.startswith('__') or 'dataset' not in self.__dict__:
            raise AttributeError(f'{type(self).__name__} has no attribute {name!r}')
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.dataset, name, value)


class SeededBatches(Sampler[list[Slot]]):
    """The batches of a batch sampler, with slots in place of indices.

    Args:
        batches: The batch sampler.

    Attributes:
        epoch: Epoch of the next pass; it is counted on at the end of a pass.
        skip: Number of batches that the next pass leaves out at its start; 0 again afterwards.
    """

    def __init__(self, batches: BatchSampler) -> None:
        self.batches = batches
        # DistSamplerSeedHook looks here for set_epoch
        self.sampler: object = batches.sampler
        self.epoch = 0
        self.skip = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Slot]]:
        epoch, skip = self.epoch, self.skip
        self.skip = position = 0
        for number, batch in enumerate(self.batches):
            if number >= skip:
                yield [(epoch, position + offset, index) for offset, index in enumerate(batch)]
            position += len(batch)
        self.epoch = epoch + 1

    def pass_epochs(self, count: int) -> None:
        """Bring a sampler that remembers the epochs before to the start of epoch ``count``; no sample is loaded."""
        if type(self.batches) is BatchSampler and isinstance(self.sampler, _WITHOUT_MEMORY):
            return
        for epoch in range(count):
            if hasattr(self.sampler, 'set_epoch'):  # not all samplers have it; MMEngine asks in the same way
                self.sampler.set_epoch(epoch)
            for _ in self.batches:
                pass


class _WorkerStart:
    """The first call in a worker of a loader: restores the handling of SIGTERM that the worker inherited.

    Torch gives its workers a handler that ends them. When Slurm preempts a job, it sends SIGTERM to all processes, and
    the main process still needs the workers for the current step (see ``PreemptionHook``).
    """

    def __init__(self, then: Callable[[int], None] | None) -> None:
        self.then = then

    def __call__(self, worker: int) -> None:
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler):
            signal.signal(signal.SIGTERM, handler)
        if self.then is not None:
            self.then(worker)


def seeded_loader(loader: DataLoader[object], seed: int, rank: int = 0) -> DataLoader[object] | None:
    """The same loader with a :class:`SeededDataset` and :class:`SeededBatches`.

    Returns:
        The new loader; None for loaders whose samples have no index: of iterable datasets, without a batch sampler, or
        of a class of their own.
    """
    indexed = hasattr(loader.dataset, '__getitem__')  # torch's own test of a dataset with indices
    if type(loader) is not DataLoader or not isinstance(loader.batch_sampler, Sampler) or not indexed:
        return None
    return DataLoader(
        SeededDataset(loader.dataset, seed, rank),
        batch_sampler=SeededBatches(loader.batch_sampler),  # type: ignore[arg-type]
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=_WorkerStart(loader.worker_init_fn),
        multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
        pin_memory_device=loader.pin_memory_device,
    )
