"""Synthetic people: 3D bodies drawn into COCO-format pictures, for trying and testing without a download.

Body: `skeleton` (bones, joints), `poses`, `body_parts` and `mesh` (surface), `appearance` (clothing). World: `camera`,
`people`, `props`, `background`, `backdrop`, `textures`, `scene` (what stands where). Picture: `render`, `labels`,
`picture`. Files: `writer`; the whole of it is called through `mmpose_ext.synthetic.dataset`.

Frames and units. Body: x to the person's left, y up, z to the front. World: x right, y down, z away, the ground at
y = 0. Camera: x right, y down, z forward. All in metres. Pixels are (x, y); integers are the centres of pixels, pixel i
covers [i - 0.5, i + 0.5].
"""
