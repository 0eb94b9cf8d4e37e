"""Distillers: a student that learns from labels and from another network."""

from .pose_distiller import PoseDistiller
from .teacher import without_teacher

__all__ = ['PoseDistiller', 'without_teacher']
