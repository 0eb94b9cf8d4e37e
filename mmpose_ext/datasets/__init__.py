"""Data sets and transforms.

Nothing is registered here so far: the configs use MMPose's data sets and transforms. The generator of synthetic people
is in `mmpose_ext.datasets.synthetic` and is not imported here.
"""
