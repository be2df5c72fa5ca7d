"""Things between the camera and a person: boxes, tables, poles, covered with pictures or paint."""

import numpy as np
from jaxtyping import Bool, Float

from pymafsam.data.synthetic.backgrounds import Backgrounds
from pymafsam.geometry.camera import project
from pymafsam.records import Camera, Pixels
from pymafsam.render.shade import to_srgb

Generator = np.random.Generator


def lay(
    pixels: Pixels,
    box: Float[np.ndarray, "4"],
    backgrounds: Backgrounds,
    generator: Generator,
) -> Bool[np.ndarray, "height width"]:
    """Put one or two things before the person in ``box`` (pixels), in place; where they are."""
    covered = np.zeros(pixels.shape[:2], bool)
    for _ in range(1 + (generator.random() < 0.25)):
        _one(pixels, covered, box, backgrounds, generator)
    return covered


def seat(
    pixels: Pixels,
    pelvis: Float[np.ndarray, "3"],
    forward: Float[np.ndarray, "3"],
    turn: Float[np.ndarray, "3 3"],
    camera: Camera,
    generator: Generator,
) -> None:
    """A box to sit on under a pelvis, at times with a back, in place.

    ``pelvis`` in metres, ``forward`` where the person faces, both in camera axes; ``turn`` takes
    world axes there.
    """
    import cv2

    g = generator
    up = turn @ np.array([0.0, 1.0, 0.0])
    ahead = forward - (forward @ up) * up
    ahead /= max(float(np.linalg.norm(ahead)), 1e-6)
    aside = np.cross(up, ahead)
    half = np.array([g.uniform(0.2, 0.7), g.uniform(0.2, 0.3)])
    middle = pelvis - g.uniform(0.09, 0.13) * up + 0.05 * ahead
    low = middle - g.uniform(0.12, 0.5) * up
    colour = g.beta(0.9, 1.3, 3)
    blocks = [(low, middle, half)]
    if g.random() < 0.5:
        back = middle - (half[1] + 0.06) * ahead
        blocks.insert(0, (low, back + g.uniform(0.25, 0.8) * up, np.array([half[0], 0.03])))
    for bottom, top, size in blocks:
        base = bottom + (top - bottom) @ ahead * ahead
        square = [
            size[0] * x * aside + size[1] * z * ahead
            for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        corners = np.array([c + offset for c in (base, top) for offset in square])
        if corners[:, 2].min() < 0.2:
            return
        seen = project(corners, camera)
        sides = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7)]
        for side in sorted(sides, key=lambda s: -corners[list(s), 2].mean()):
            shade = to_srgb(np.clip(colour * g.uniform(0.6, 1.1), 0, 1)[None])[0]
            shape = np.rint(seen[list(side)]).astype(np.int32)
            cv2.fillConvexPoly(pixels, shape, tuple(int(v) for v in shade), cv2.LINE_AA)


def _one(pixels, covered, box, backgrounds: Backgrounds, generator: Generator) -> None:
    import cv2

    g = generator
    height, width = covered.shape
    corners = _corners(box, (width, height), g)
    shape = np.zeros((height, width), np.uint8)
    cv2.fillPoly(shape, [np.rint(corners).astype(np.int32)], 1)
    inside = shape > 0
    if g.random() < 0.55:
        texture = backgrounds.texture(g)
        picture = np.asarray(cv2.resize(texture, (width, height)))
    else:
        picture = np.broadcast_to(g.beta(0.9, 1.3, 3), (height, width, 3))
    above, below = g.uniform(0.6, 1.2, 2)
    light = np.linspace(above, below, height)[:, None, None]
    pixels[inside] = to_srgb(np.clip(picture * light, 0, 1))[inside]
    covered |= inside


def _corners(
    box: Float[np.ndarray, "4"], size: tuple[int, int], g: Generator
) -> Float[np.ndarray, "4 2"]:
    """A table or counter across the lower part, a pole, or a box somewhere; slightly askew."""
    x0, y0, x1, y1 = box
    wide, high = x1 - x0, y1 - y0
    manner = g.random()
    if manner < 0.4:
        top = y0 + high * g.uniform(0.45, 0.9)
        left, right = x0 - wide * g.uniform(0, 1.5), x1 + wide * g.uniform(0, 1.5)
        if g.random() < 0.4:
            left = x0 + wide * g.uniform(0, 0.6)
        bottom = size[1] if g.random() < 0.7 else top + high * g.uniform(0.05, 0.4)
    elif manner < 0.6:
        left = x0 + wide * g.uniform(0.05, 0.85)
        right = left + wide * g.uniform(0.05, 0.3)
        top, bottom = (0, size[1]) if g.random() < 0.5 else (y0 + high * g.uniform(0, 0.6), size[1])
    else:
        middle = np.array([x0 + wide * g.uniform(-0.05, 1.05), y0 + high * g.uniform(0.1, 1.0)])
        half = np.array([wide, high]) * g.uniform(0.08, 0.3, 2)
        (left, top), (right, bottom) = middle - half, middle + half
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return corners + g.normal(0, 0.02 * max(wide, high), (4, 2))
