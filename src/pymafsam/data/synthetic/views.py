"""Where cameras stand: lens, tilt, and how much of a person the picture shows.

World axes have y up; camera axes are OpenCV's (x right, y down, z forward); metres, radians.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pymafsam.geometry.camera import picture_camera, project
from pymafsam.geometry.rotation import from_axis_angle
from pymafsam.records import Camera

Generator = np.random.Generator

LEVEL = np.diag([1.0, -1.0, -1.0])  # world axes -> those of a level camera facing the person
ASPECTS = ((4, 3), (3, 4), (1, 1), (3, 2), (2, 3))
NEAREST = 0.35  # metres from the camera to the nearest part of anybody
CUT = 0.3  # share of people whom the picture cuts


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A camera, and the rotation from world axes into its own."""

    camera: Camera
    turn: Float[np.ndarray, "3 3"]
    tilt: float  # how far it looks down


def draw(side: tuple[int, int], generator: Generator) -> View:
    """A camera; the picture's longer side lies between the two values of ``side``, pixels."""
    g = generator
    longer = int(g.integers(side[0], side[1] + 1))
    across, down = ASPECTS[g.choice(len(ASPECTS), p=[0.3, 0.27, 0.15, 0.14, 0.14])]
    share = longer / max(across, down)
    size = (round(across * share), round(down * share))
    factor = g.uniform(0.9, 1.6) if g.random() < 0.75 else g.uniform(0.7, 2.5)
    tilt = g.normal(0.03, 0.14) if g.random() < 0.85 else g.uniform(-0.61, 0.61)
    roll = g.normal(0, 0.03 if g.random() < 0.9 else 0.15)
    turn = from_axis_angle(np.array([0, 0, roll])) @ from_axis_angle(np.array([tilt, 0, 0]))
    camera = picture_camera(size, factor * float(np.hypot(*size)))
    return View(camera=camera, turn=turn @ LEVEL, tilt=float(tilt))


def facing(generator: Generator) -> Float[np.ndarray, "3 3"]:
    """How far a person is turned from the camera: towards it more often than not."""
    yaw = generator.normal(0, 0.8) if generator.random() < 0.5 else generator.uniform(-np.pi, np.pi)
    return from_axis_angle(np.array([0.0, yaw, 0.0]))


def placed(
    vertices: Float[np.ndarray, "vertices 3"], camera: Camera, generator: Generator
) -> Float[np.ndarray, "3"]:
    """A translation that shows the person (camera axes, around their pelvis) whole or cut."""
    g = generator
    size = np.array(camera.size, float)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    whole = float(np.min(size / (high - low)[:2]))  # pixels per metre at which all just fits
    if g.random() >= CUT:
        fill = g.uniform(0.6, 0.97) if g.random() < 0.85 else g.uniform(0.35, 0.6)
        wanted = g.random(2)
        return _shown(vertices, camera, fill * whole, lambda box: (size - box) * wanted)
    fill = g.uniform(0.95, 2.3)
    top = g.uniform(-0.1, 0.25) if g.random() < 0.85 else g.uniform(-0.7, 0.2)
    left = g.uniform(0.0, 1.0) if g.random() < 0.7 else g.uniform(-0.5, 1.5)
    return _shown(
        vertices,
        camera,
        fill * whole,
        lambda box: np.array([(size[0] - box[0]) * left, top * size[1]]),
    )


def _shown(vertices, camera: Camera, scale: float, corner) -> Float[np.ndarray, "3"]:
    """The translation at which the person's box starts at ``corner(size of the box)``."""
    depth = max(camera.focal / scale, NEAREST - float(vertices[:, 2].min()))
    place = np.array([0.0, 0.0, depth])
    for _ in range(3):  # perspective: the box changes as it moves, less every time
        seen = project(vertices + place, camera)
        low, high = seen.min(axis=0), seen.max(axis=0)
        shift = corner(high - low) - low
        place[:2] += shift * depth / camera.focal
    return place
