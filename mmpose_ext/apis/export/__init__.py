"""From a checkpoint to one graph: crops in, keypoints out."""

from .comparison import ExportReport
from .graph import PoseGraph, export_program
from .model_export import export_model

__all__ = ['ExportReport', 'PoseGraph', 'export_model', 'export_program']
