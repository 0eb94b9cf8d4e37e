"""Distillers: a student that learns from labels and from another network."""

from .pose_distiller import PoseDistiller

__all__ = ['PoseDistiller']
