"""Hooks: memory format and threads, whole checkpoints, resuming without a trace, an orderly end on SIGTERM."""

from .checkpoint_hook import SafeCheckpointHook
from .compute_hook import ComputeHook
from .dump_hook import DumpPredictionsHook
from .preemption_hook import PreemptionHook
from .resume_hook import ResumeHook

__all__ = ['ComputeHook', 'DumpPredictionsHook', 'PreemptionHook', 'ResumeHook', 'SafeCheckpointHook']
