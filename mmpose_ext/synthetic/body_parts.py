"""Measures of the body parts: the rings of which every part's surface is made.

A part is a stack of elliptic rings along one axis of its bone's frame. A ring is (s, a, b, u, v): its place `s` along
the axis, its half widths `a` (to the side) and `b` (to the front), and the shift (u, v) of its center in the same two
directions. `s` is a fraction of the bone's length for limbs and meters elsewhere; the rest is meters, for a person of
1.71 m. Limbs run down (-y) from their joint, feet forward (+z), everything else up (+y).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ['DECALS', 'PARTS', 'Decal', 'Part']

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One part of the body.

    Attributes:
        bone: The bone it hangs on; of the left side where `sided`.
        axis: 'up', 'down' or 'front': where `s` runs.
        sides: Facets around.
        rings: (R, 5), see the module's docstring.
        sided: There is one on the left and one on the right.
        length: What `s` is multiplied by: 'bone' (the bone's length) or a number of meters.
        size: Which proportion of the body widens it: 'trunk', 'limb' or 'head'.
        second: Further bone whose movement the surface follows as well, or None.
        blend: From which to which `s` the second bone takes over.
        optional: Not drawn unless the clothing asks for it.
        two_sided: Its inner side can be seen (cloth, hair).
    """

    bone: str
    axis: str
    sides: int
    rings: tuple[tuple[float, ...], ...]
    sided: bool = False
    length: str | float = 1.0
    size: str = 'limb'
    second: str | None = None
    blend: tuple[float, float] = (0.0, 1.0)
    optional: bool = False
    two_sided: bool = False


# fmt: off
_TRUNK = (
    (-.11, .03, .04, 0, 0), (-.09, .09, .08, 0, 0), (-.05, .155, .110, 0, -.010), (0, .172, .122, 0, -.015),
    (.05, .165, .115, 0, -.010), (.09, .152, .105, 0, -.004), (.13, .144, .099, 0, 0), (.17, .142, .099, 0, .003),
    (.21, .145, .102, 0, .005), (.25, .150, .106, 0, .007), (.29, .156, .111, 0, .008), (.33, .161, .114, 0, .008),
    (.37, .165, .115, 0, .006), (.41, .168, .111, 0, .003), (.45, .163, .099, 0, -.004), (.48, .137, .084, 0, -.010),
    (.50, .105, .073, 0, -.013), (.525, .064, .060, 0, -.010), (.53, .0, .0, 0, -.010))

_HEAD = (
    (-.028, .0, .0, 0, .055), (-.025, .026, .026, 0, .060), (-.012, .045, .052, 0, .040), (.012, .057, .071, 0, .026),
    (.035, .063, .082, 0, .018), (.060, .069, .088, 0, .014), (.085, .073, .093, 0, .011), (.110, .075, .096, 0, .009),
    (.135, .075, .097, 0, .006), (.158, .071, .091, 0, .003), (.178, .062, .079, 0, .001), (.195, .047, .059, 0, 0),
    (.207, .026, .034, 0, 0), (.211, .0, .0, 0, 0))

# fmt: on


def _swell(rings: tuple[tuple[float, ...], ...], by: float, first: int = 0) -> tuple[tuple[float, ...], ...]:
    """The same rings, moved outwards by `by` meters."""
    lift = (0, *[0] * (len(rings) - 2), by)
    return tuple((s + up, a + by, b + by, u, v) for (s, a, b, u, v), up in zip(rings, lift, strict=True))[first:]


# fmt: off
PARTS: dict[str, Part] = {
    'trunk': Part('pelvis', 'up', 24, _TRUNK, size='trunk', second='chest', blend=(.04, .20)),
    'neck': Part('neck', 'up', 12, (
        (-.05, .075, .066, 0, -.006), (-.02, .060, .060, 0, 0), (.01, .053, .056, 0, .002), (.05, .050, .054, 0, .008),
        (.09, .048, .054, 0, .014), (.12, .044, .05, 0, .018)), size='limb', second='head', blend=(.02, .10)),
    'head': Part('head', 'up', 20, _HEAD, size='head'),
    'hair': Part('head', 'up', 20, _swell(_HEAD, .009, 2), size='head'),
    'long_hair': Part('head', 'up', 16, (
        (-.20, .055, .020, 0, -.070), (-.19, .072, .034, 0, -.068), (-.12, .086, .045, 0, -.055),
        (-.04, .088, .060, 0, -.034), (.04, .086, .074, 0, -.022), (.11, .084, .082, 0, -.014),
        (.15, .060, .06, 0, -.01)), size='head', optional=True, two_sided=True),
    'bun': Part('head', 'up', 12, (
        (.135, 0, 0, 0, -.108), (.142, .026, .026, 0, -.110), (.165, .040, .038, 0, -.112),
        (.190, .036, .034, 0, -.110), (.205, .020, .020, 0, -.106), (.210, 0, 0, 0, -.104)),
        size='head', optional=True),
    'brim': Part('head', 'up', 16, (
        (.128, .080, .100, 0, .006), (.126, .092, .150, 0, .028), (.120, .070, .178, 0, .040),
        (.119, 0, .160, 0, .044)), size='head', optional=True, two_sided=True),
    'ear': Part('head', 'up', 6, (
        (.055, 0, 0, .068, .010), (.062, .010, .009, .074, .010), (.080, .011, .015, .077, .009),
        (.100, .013, .018, .079, .006), (.115, .010, .013, .079, .004), (.122, 0, 0, .077, .004)),
        sided=True, size='head'),
    'nose': Part('head', 'up', 6, (
        (.060, .010, .006, 0, .100), (.066, .018, .018, 0, .106), (.076, .016, .022, 0, .108),
        (.090, .012, .017, 0, .104), (.110, .009, .012, 0, .100), (.124, .006, .004, 0, .100)), size='head'),
    'upper_arm': Part('upper_arm', 'down', 12, (
        (-.20, 0, 0, 0, 0), (-.175, .026, .026, 0, 0), (-.10, .048, .048, 0, 0), (0, .058, .058, 0, 0),
        (.12, .057, .058, 0, 0), (.26, .051, .054, 0, .002), (.40, .047, .051, 0, .003), (.54, .044, .048, 0, .003),
        (.68, .042, .044, 0, .001), (.82, .040, .041, 0, 0), (.93, .039, .040, 0, 0), (1.0, .039, .040, 0, 0),
        (1.07, .034, .035, 0, 0), (1.12, .018, .018, 0, 0), (1.135, 0, 0, 0, 0)), sided=True, length='bone'),
    'forearm': Part('forearm', 'down', 12, (
        (-.15, 0, 0, 0, 0), (-.13, .018, .018, 0, 0), (-.07, .035, .035, 0, 0), (0, .040, .040, 0, 0),
        (.12, .043, .041, 0, 0), (.28, .043, .039, 0, 0), (.44, .039, .035, 0, 0), (.60, .034, .030, 0, 0),
        (.76, .030, .026, 0, 0), (.90, .027, .024, 0, 0), (1.0, .027, .023, 0, 0), (1.06, .02, .018, 0, 0),
        (1.07, 0, 0, 0, 0)), sided=True, length='bone'),
    'hand': Part('hand', 'down', 10, (
        (-.03, 0, 0, 0, 0), (0, .019, .024, 0, 0), (.035, .018, .035, 0, .002), (.075, .017, .041, 0, .003),
        (.105, .015, .040, 0, .002), (.135, .012, .034, 0, 0), (.165, .009, .024, 0, -.002), (.178, 0, 0, 0, -.002)),
        sided=True),
    'thumb': Part('hand', 'down', 6, (
        (.012, 0, 0, -.004, .024), (.022, .013, .013, -.005, .030), (.050, .013, .013, -.008, .047),
        (.080, .011, .011, -.010, .057), (.098, .007, .008, -.010, .060), (.104, 0, 0, -.010, .060)), sided=True),
    'thigh': Part('thigh', 'down', 14, (
        (-.20, 0, 0, 0, -.01), (-.17, .042, .048, 0, -.01), (-.10, .070, .080, 0, -.012), (-.02, .083, .094, 0, -.012),
        (.08, .085, .094, -.002, -.006), (.20, .082, .089, -.004, 0), (.32, .077, .083, -.004, .003),
        (.44, .071, .077, -.003, .005), (.56, .066, .071, -.002, .005), (.68, .061, .066, 0, .004),
        (.80, .057, .061, 0, .002), (.91, .053, .058, 0, .002), (1.0, .052, .056, 0, .003), (1.06, .045, .050, 0, .003),
        (1.10, .028, .030, 0, .002), (1.115, 0, 0, 0, 0)), sided=True, length='bone'),
    'shank': Part('shank', 'down', 14, (
        (-.12, 0, 0, 0, .003), (-.10, .026, .028, 0, .004), (-.05, .044, .047, 0, .005), (0, .051, .055, 0, .004),
        (.09, .051, .054, 0, -.003), (.19, .054, .058, 0, -.011), (.29, .056, .059, 0, -.015),
        (.40, .053, .056, 0, -.014), (.51, .047, .050, 0, -.011), (.62, .042, .044, 0, -.008),
        (.73, .037, .039, 0, -.006), (.84, .034, .036, 0, -.004), (.94, .033, .036, 0, -.002), (1.02, .033, .037, 0, 0),
        (1.08, .024, .026, 0, 0), (1.10, 0, 0, 0, 0)), sided=True, length='bone'),
    'foot': Part('foot', 'front', 12, (
        (-.068, 0, 0, 0, -.036), (-.062, .024, .028, 0, -.038), (-.045, .034, .042, 0, -.032),
        (-.015, .039, .053, 0, -.024), (.020, .041, .053, 0, -.026), (.050, .043, .044, 0, -.034),
        (.085, .046, .034, 0, -.043), (.120, .048, .028, 0, -.048), (.155, .045, .023, 0, -.053),
        (.180, .034, .018, 0, -.057), (.194, .018, .010, 0, -.061), (.198, 0, 0, 0, -.062)), sided=True),
    'skirt': Part('pelvis', 'up', 20, (
        (-.50, .235, .190, 0, -.01), (-.40, .228, .180, 0, -.01), (-.30, .218, .170, 0, -.01),
        (-.20, .206, .158, 0, -.012), (-.10, .194, .144, 0, -.014), (-.02, .182, .131, 0, -.015),
        (.05, .170, .119, 0, -.010), (.085, .158, .109, 0, -.005)),
        size='trunk', second='thigh', blend=(.02, -.34), optional=True, two_sided=True),
    'backpack': Part('chest', 'up', 12, (
        (-.075, .07, .05, 0, -.165), (-.07, .115, .075, 0, -.165), (-.02, .128, .088, 0, -.172),
        (.08, .130, .092, 0, -.176), (.18, .126, .086, 0, -.172), (.26, .112, .070, 0, -.160),
        (.30, .07, .045, 0, -.150), (.305, 0, 0, 0, -.150)), size='trunk', optional=True),
}
# fmt: on


@dataclass(frozen=True)
class Decal:
    """Small quads lying on the front of a part: eyes, mouth, buttons, a tie.

    Attributes:
        host: The part whose bones they follow.
        quads: (n, 4, 2), (x, y) of the corners in the host bone's frame, meters; z is the host's surface.
        optional: Not drawn unless the clothing asks for it.
        lift: Meters above the surface.
    """

    host: str
    quads: Array
    optional: bool = False
    lift: float = 0.003


def _box(x: float, y: float, half_x: float, half_y: float) -> list[tuple[float, float]]:
    return [(x - half_x, y - half_y), (x + half_x, y - half_y), (x + half_x, y + half_y), (x - half_x, y + half_y)]


def _rhomb(x: float, y: float, half_x: float, half_y: float) -> list[tuple[float, float]]:
    return [(x - half_x, y), (x - half_x * 0.2, y - half_y), (x + half_x, y), (x + half_x * 0.2, y + half_y)]


def _lens(x: float, y: float, half_x: float, half_y: float) -> list[tuple[float, float]]:
    return [(x - half_x, y), (x, y - half_y), (x + half_x, y), (x, y + half_y)]


# fmt: off
DECALS: dict[str, Decal] = {
    'eye_white': Decal('head', np.array([_lens(side * .031, .115, .018, .011) for side in (-1, 1)])),
    'iris': Decal('head', np.array([_box(side * .031, .115, .0065, .0075) for side in (-1, 1)]), lift=.005),
    'brow': Decal('head', np.array([
        [(side * .014, .133), (side * .014, .139), (side * .050, .139), (side * .050, .131)] for side in (-1, 1)])),
    'mouth': Decal('head', np.array([_lens(0, .033, .026, .0085)])),
    'buttons': Decal('trunk', np.array([_box(0, .08 + .055 * i, .0095, .0095) for i in range(7)]), optional=True),
    'tie': Decal('trunk', np.array([
        [(-.014, .465), (.014, .465), (.017, .435), (-.017, .435)],
        [(-.015, .435), (.015, .435), (.022, .32), (-.022, .32)],
        [(-.022, .32), (.022, .32), (.027, .19), (-.027, .19)],
        [(-.027, .19), (.027, .19), (.001, .15), (-.001, .15)]]),
        optional=True, lift=.006),
    'buckle': Decal('trunk', np.array([_box(0, .052, .022, .016)])),
}
# fmt: on
