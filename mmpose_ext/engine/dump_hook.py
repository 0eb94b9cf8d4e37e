"""All predictions of a test in one file, with any evaluator."""

from collections.abc import Sequence

from mmengine.evaluator import DumpResults
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mmpose_ext.registry import HOOKS

__all__ = ['DumpPredictionsHook']


@HOOKS.register_module()
class DumpPredictionsHook(Hook):  # type: ignore[misc]
    """Write all predictions of a test to a file, as MMEngine's ``DumpResults`` does.

    ``DumpResults`` is a metric and does not fit an evaluator that has one metric per dataset (MultiDatasetEvaluator).

    Args:
        path: File to write, ``.pkl`` or ``.pickle``.
    """

    def __init__(self, path: str) -> None:
        self._results = DumpResults(out_file_path=path)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: Sequence[BaseDataElement] = ()
    ) -> None:
        """Keep the predictions of a batch on the CPU."""
        self._results.process(data_batch, [sample.to_dict() for sample in outputs])

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gather the predictions of all processes, in the order of the dataset, and write them."""
        self._results.evaluate(len(runner.test_dataloader.dataset))
