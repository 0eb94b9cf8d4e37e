"""Hooks: checkpoints that are always whole, resuming without a trace, an orderly end on SIGTERM."""

from .checkpoint_hook import SafeCheckpointHook
from .dump_hook import DumpPredictionsHook
from .preemption_hook import PreemptionHook
from .resume_hook import ResumeHook

__all__ = ['DumpPredictionsHook', 'PreemptionHook', 'ResumeHook', 'SafeCheckpointHook']
