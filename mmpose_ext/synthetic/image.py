"""One image with its annotations, from a seed, a split and a number alone."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .background import cast_shadows, draw_background
from .coco_annotations import annotate, camera_entry
from .render import Rendered, render
from .scene import Scene, SceneOptions, compose, scene_surfaces
from .textures import grain

__all__ = ['SPLITS', 'DrawnImage', 'draw_image', 'draw_scene']

Pixels = npt.NDArray[np.uint8]

SPLITS = ('train', 'val')


@dataclass(frozen=True)
class DrawnImage:
    """A finished image.

    Attributes:
        pixels: (H, W, 3) uint8, blue, green, red.
        annotations: See `labels.annotate`; not empty.
        camera: The camera's entry for the annotation file.
    """

    pixels: Pixels
    annotations: list[dict]
    camera: dict[str, list[float]]


def draw_image(seed: int, split: str, index: int, options: SceneOptions) -> DrawnImage:
    """The image number `index` of a split.

    It depends on the arguments alone, so that any process may draw any image in any order.

    Args:
        seed: 0 or more.
        split: 'train' or 'val'.
        index: 0 or more.
        options: Size and difficulty.
    """
    if split not in SPLITS:
        raise ValueError(f'split must be one of {SPLITS}, got {split!r}')
    if seed < 0 or index < 0:
        raise ValueError(f'seed and index must be 0 or more, got {seed} and {index}')
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    size = (options.width, options.height)
    while True:  # a scene in which nobody can be seen is composed again
        scene = compose(rng, options)
        pixels, rendered = draw_scene(rng, scene, options)
        annotations = annotate(rendered, scene.camera, scene.people, size)
        if annotations:
            return DrawnImage(pixels, annotations, camera_entry(scene.camera))


def draw_scene(rng: np.random.Generator, scene: Scene, options: SceneOptions) -> tuple[Pixels, Rendered]:
    """The pixels of a scene, (H, W, 3), and what each of them shows; `rng` is for the background and the sensor."""
    size = (options.width, options.height)
    image = draw_background(rng, scene.camera, scene.room, size)
    bones = np.concatenate([person.bones for person in scene.people])
    cast_shadows(image, scene.camera, bones, scene.light.to_light, 0.35 + 0.3 * scene.light.diffuse)
    rendered = render(scene_surfaces(scene), scene.camera, scene.light, size)
    share = rendered.pixels[..., 3]
    rest = cv2.bitwise_not(cv2.merge([share, share, share]))
    image = cv2.add(cv2.multiply(image, rest, scale=1 / 255.0), np.ascontiguousarray(rendered.pixels[..., :3]))
    return _expose(rng, image, options), rendered


def _expose(rng: np.random.Generator, image: Pixels, options: SceneOptions) -> Pixels:
    """Uneven light, lens blur, exposure, contrast and sensor noise."""
    field = cv2.resize(
        rng.uniform(105, 145, (3, 4)).astype(np.uint8), image.shape[1::-1], interpolation=cv2.INTER_CUBIC
    )
    image = cv2.multiply(image, cv2.merge([field, field, field]), scale=1 / 128.0)
    image = cv2.GaussianBlur(image, (5, 5), max(rng.uniform(*options.blur), 0.05))
    gamma, gain, offset = rng.uniform(0.85, 1.2), rng.uniform(0.85, 1.12), rng.uniform(-8, 14)
    curve = (np.arange(256) / 255.0) ** gamma * 255 * gain + offset
    image = cv2.LUT(image, np.clip(curve, 0, 255).astype(np.uint8))
    noise = grain()
    top, left = (
        int(rng.integers(0, limit - used + 1)) for limit, used in zip(noise.shape, image.shape[:2], strict=False)
    )
    cut = noise[top : top + image.shape[0], left : left + image.shape[1]]
    return cv2.addWeighted(image, 1.0, cut, rng.uniform(*options.noise) / 32, 0, dtype=cv2.CV_8U)
