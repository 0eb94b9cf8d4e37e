"""Hooks and optimizer wrapper.

Memory format, threads and bfloat16, whole checkpoints, resuming without a trace, an orderly end on SIGTERM.
"""

from .checkpoint_hook import SafeCheckpointHook
from .compute_hook import ComputeHook
from .dump_hook import DumpPredictionsHook
from .optim_wrapper import BFloat16OptimWrapper
from .preemption_hook import PreemptionHook
from .resume_hook import ResumeHook

__all__ = [
    'BFloat16OptimWrapper',
    'ComputeHook',
    'DumpPredictionsHook',
    'PreemptionHook',
    'ResumeHook',
    'SafeCheckpointHook',
]
