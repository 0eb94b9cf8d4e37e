"""Synthetic people: 3D bodies drawn into images in COCO's format, for trying and testing without a download.

================================================================================  ======================================
`skeleton` (bones, joints), `poses`, `body_parts`, `mesh` (surface), `appearance`  one body
`scene_camera`, `person`, `props`, `background`, `scenery`, `textures`, `scene`    the world around it
`render`, `coco_annotations`, `image`                                              an image with its annotations
`writer`, `dataset`                                                                the files
================================================================================  ======================================

Call :func:`mmpose_ext.synthetic.dataset.make_synthetic_dataset`, which writes a whole dataset.

Frames and units. Body: x to the person's left, y up, z to the front. World: x right, y down, z away, the ground at
y = 0. Camera: x right, y down, z forward. All in meters. Pixels are (x, y); integers are the centers of pixels, pixel i
covers [i - 0.5, i + 0.5].
"""
