"""Transforms; none of our own so far, the configs use MMPose's."""
