"""Visualizers that configs can name."""

from .pose_visualizer import PoseVisualizer

__all__ = ['PoseVisualizer']
