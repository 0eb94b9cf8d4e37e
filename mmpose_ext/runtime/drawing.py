"""Draw people on an image with OpenCV: boxes, skeletons, scores, spread, and depth beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .people import People
from .skeleton import Skeleton

__all__ = ['DrawSettings', 'draw_people', 'draw_skeleton']

_FRACTION_BITS = 4  # OpenCV's drawing functions take fractions of a pixel as fixed point numbers
_LIMIT = 20_000.0  # pixels; farther points are not drawn, because OpenCV's fixed point numbers overflow
_BOX_COLOR = (60, 200, 240)
_RIM = (250, 250, 250)  # around joints
_BODY = 1600.0  # millimeters, about from the head to the ankles of a person
_PALETTE = ((60, 200, 240), (240, 170, 60), (80, 200, 80), (200, 100, 240), (60, 130, 250), (220, 220, 80))


@dataclass(frozen=True)
class DrawSettings:
    """What is drawn.

    Attributes:
        score_thr: Joints with a lower score are left out. Any number is allowed: the heads of this package have scores
            from about 0 to 1, and others, such as MMPose's SimCC, have larger ones.
        boxes: Draw the box of each person.
        scores: Write the score of each person, and the number where people are tracked, at the box.
        sigmas: Draw an ellipse of one standard deviation around each joint, of its covariance or, without one, of the
            sigmas on x and y, where the model predicts them.
        thickness: Of the lines in pixels; None: by the size of the person.
        depth: With joints in 3D, draw the people from the side and from above in a strip at the right.

    Raises:
        ValueError: If ``score_thr`` is not a number, or ``thickness`` less than 1.
    """

    score_thr: float = 0.3
    boxes: bool = True
    scores: bool = True
    sigmas: bool = True
    thickness: int | None = None
    depth: bool = True

    def __post_init__(self) -> None:
        if np.isnan(self.score_thr):
            raise ValueError(f"'score_thr' must be a number, got {self.score_thr!r}")
        if self.thickness is not None and self.thickness < 1:
            raise ValueError(f"'thickness' must be None, or 1 or more, got {self.thickness!r}")


def draw_people(
    image: np.ndarray, people: People, skeleton: Skeleton, settings: DrawSettings | None = None
) -> np.ndarray:
    """Draw people on a copy of an image; joints beyond the border are allowed, and the image keeps its size.

    Args:
        image: (H, W, 3) uint8, BGR.
        people: N people of K joints.
        skeleton: Of K joints.
        settings: What is drawn; default everything.

    Returns:
        (H, W, 3) uint8, BGR; with depth (H, W + H, 3).

    Raises:
        ValueError: If the people have another number of joints than the skeleton.
    """
    settings = settings or DrawSettings()
    if people.keypoints.shape[1] != len(skeleton.joint_names):
        raise ValueError(
            f"'skeleton' must have the people's {people.keypoints.shape[1]} joints, got {len(skeleton.joint_names)}"
        )
    canvas = np.ascontiguousarray(image).copy()
    for person in range(len(people)):
        if settings.boxes:
            _draw_box(canvas, people, person, settings)
        _draw_person(canvas, people, person, skeleton, settings)
    if settings.depth and people.keypoints.shape[-1] == 3:
        return np.hstack((canvas, _depth_views(people, skeleton, settings, canvas.shape[0])))
    return canvas


def _thickness(box: np.ndarray, settings: DrawSettings) -> int:
    if settings.thickness is not None:
        return settings.thickness
    side = float(np.hypot(*(box[2:] - box[:2])))
    return int(np.clip(round(side / 180), 1, 24)) if np.isfinite(side) else 1


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """A point as OpenCV's fixed point numbers; far beyond the image it is moved nearer."""
    x, y = np.round(np.clip(point[:2], -_LIMIT, _LIMIT) * (1 << _FRACTION_BITS)).astype(int)
    return int(x), int(y)


def _draw_box(canvas: np.ndarray, people: People, person: int, settings: DrawSettings) -> None:
    box = people.boxes[person]
    if not np.isfinite(box).all() or np.abs(box).max() > _LIMIT:
        return
    thickness = _thickness(box, settings)
    color = _BOX_COLOR if people.track_ids is None else _PALETTE[int(people.track_ids[person]) % len(_PALETTE)]
    x1, y1, x2, y2 = (round(float(side)) for side in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), color, max(1, thickness // 2), cv2.LINE_AA)
    if not settings.scores:
        return
    text = f'{people.instance_scores[person]:.2f}'
    if people.track_ids is not None and people.track_ids[person] >= 0:
        text = f'#{int(people.track_ids[person])} {text}'
    scale = 0.35 + 0.07 * thickness
    stroke = max(1, thickness // 3)
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    left = min(max(x1, 0), max(canvas.shape[1] - width - 2, 0))
    bottom = max(y1 - 2, height + base)
    cv2.rectangle(canvas, (left, bottom - height - base), (left + width + 2, bottom), color, cv2.FILLED)
    cv2.putText(
        canvas, text, (left + 1, bottom - base + 1), cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), stroke, cv2.LINE_AA
    )


def _shown(points: np.ndarray, scores: np.ndarray, settings: DrawSettings) -> np.ndarray:
    """(K,) whether a joint is drawn: confident enough, and not so far away that OpenCV could not draw it."""
    near = np.isfinite(points).all(-1) & (np.abs(np.nan_to_num(points)).max(-1) < _LIMIT)
    return near & (scores >= settings.score_thr)


def _draw_person(canvas: np.ndarray, people: People, person: int, skeleton: Skeleton, settings: DrawSettings) -> None:
    points = people.keypoints[person, :, :2]
    shown = _shown(points, people.scores[person], settings)
    thickness = _thickness(people.boxes[person], settings)
    joint_colors, link_colors = skeleton.colors()
    draw_skeleton(canvas, points, shown, skeleton.links, joint_colors, link_colors, thickness, rim=_RIM)
    if not settings.sigmas or (people.sigmas is None and people.covariances is None):
        return
    for joint in np.flatnonzero(shown).tolist():
        if people.covariances is not None:
            lengths, angle = _main_axes(people.covariances[person, joint, :2, :2])
        elif people.sigmas is not None:
            lengths, angle = people.sigmas[person, joint, :2], 0.0
        _draw_spread(canvas, points[joint], lengths, angle, joint_colors[joint], max(1, thickness // 3))


def draw_skeleton(
    canvas: np.ndarray,
    points: np.ndarray,
    shown: np.ndarray,
    links: Sequence[tuple[int, int]],
    joint_colors: Sequence[Sequence[int]],
    link_colors: Sequence[Sequence[int]],
    thickness: int = 1,
    rim: Sequence[int] | None = None,
) -> None:
    """Draw lines between joints, and a disk at each joint, into an image; in place.

    Args:
        canvas: (H, W, 3) uint8.
        points: (K, 2) x, y of the joints in pixels.
        shown: (K,) bool, which joints are drawn; a link is drawn where both its joints are.
        links: Pairs of indices of joints.
        joint_colors: Of the K joints, in the order of the image's channels.
        link_colors: Of the links.
        thickness: Of the lines in pixels; disks have a radius one pixel larger.
        rim: Color of a circle around each disk; None: there is none.
    """
    style = dict(lineType=cv2.LINE_AA, shift=_FRACTION_BITS)
    for (start, end), color in zip(links, link_colors, strict=True):
        if shown[start] and shown[end]:
            cv2.line(canvas, _fixed(points[start]), _fixed(points[end]), color, thickness, **style)
    radius = (thickness + 1) << _FRACTION_BITS
    for joint in np.flatnonzero(shown).tolist():
        place = _fixed(points[joint])
        cv2.circle(canvas, place, radius, joint_colors[joint], cv2.FILLED, **style)
        if rim is not None:
            cv2.circle(canvas, place, radius, rim, 1, **style)


def _main_axes(covariance: np.ndarray) -> tuple[np.ndarray, float]:
    """Standard deviations (2,) on the main axes of a covariance (2, 2), and the angle of the first from x in degrees.

    They are infinite where the covariance is not finite.
    """
    if not np.isfinite(covariance).all():
        return np.full(2, np.inf), 0.0
    variances, axes = np.linalg.eigh(covariance.astype(np.float64))
    return np.sqrt(np.maximum(variances, 0)), float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])))


def _draw_spread(
    canvas: np.ndarray, point: np.ndarray, lengths: np.ndarray, angle: float, color: Sequence[int], thickness: int
) -> None:
    """An ellipse of two half axes, the first of which is turned by an angle in degrees from x towards y."""
    if not np.isfinite(lengths).all() or lengths.max() > _LIMIT:
        return
    axes = _fixed(np.maximum(lengths, 0))
    cv2.ellipse(canvas, _fixed(point), axes, angle, 0, 360, color, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _depth_views(people: People, skeleton: Skeleton, settings: DrawSettings, side: int) -> np.ndarray:
    """People from the side (depth and y) above, and from above (x and depth), in a square of ``side`` pixels."""
    strip = np.full((side, side, 3), 255, np.uint8)
    if not len(people):
        return strip
    half = side // 2
    for row, (axes, title) in enumerate((((2, 1), 'from the side'), ((0, 2), 'from above'))):
        view = strip[row * half : (row + 1) * half]
        cv2.putText(view, title, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (90, 90, 90), 1, cv2.LINE_AA)
        width = side // len(people)
        for person in range(len(people)):
            shown = _shown(people.keypoints[person], people.scores[person], settings)
            if shown.sum() > 1:
                cell = np.ascontiguousarray(view[:, person * width : (person + 1) * width])
                points = _fitted(_in_millimeters(people.keypoints[person], shown)[:, axes], shown, cell.shape)
                draw_skeleton(cell, points, shown, skeleton.links, *skeleton.colors(), max(1, side // 300), _RIM)
                view[:, person * width : (person + 1) * width] = cell
    return strip


def _in_millimeters(points: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Points (K, 3) in pixels with depth in millimeters as millimeters, if the joints span a body's length."""
    span = np.ptp(points[shown, :2], axis=0).max()
    scale = _BODY / max(float(span), 1e-6)
    return points * np.array([scale, scale, 1])


def _fitted(points: np.ndarray, shown: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Points (K, 2) moved and scaled, by the same factor on both axes, into an image of ``shape`` (h, w, ...)."""
    low, high = points[shown].min(0), points[shown].max(0)
    size = np.array([shape[1], shape[0]])
    return (points - (low + high) / 2) * (0.8 * size / np.maximum(high - low, 1e-6)).min() + size / 2
