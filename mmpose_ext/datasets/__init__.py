"""Datasets and transforms.

The registry ``DATASETS`` imports the modules of the registered classes, such as ``lsp_dataset``, at its
first look-up: a new one is named there, in `mmpose_ext.registry`. Nothing is imported here, so that the generator of
synthetic people, `mmpose_ext.synthetic`, starts without MMPose's datasets.
"""
