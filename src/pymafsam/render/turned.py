"""Scenes turned about their middle: what a viewer who walks around the people sees."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pymafsam.geometry import rotation
from pymafsam.records import Mesh, Pixels, Scene
from pymafsam.render.materials import COLOURS, Material
from pymafsam.render.side import side_view

SIDE = np.pi / 2  # what ``side_view`` turns by itself


def middle(scene: Scene) -> Float[np.ndarray, "3"]:
    """The middle of the box that holds everybody, camera axes, metres."""
    every = np.concatenate([body.mesh.vertices + body.translation for body in scene.bodies])
    return (every.min(axis=0) + every.max(axis=0)).astype(np.float64) / 2


def turned(scene: Scene, turn: Float[np.ndarray, "3 3"]) -> Scene:
    """The scene with everybody turned about the middle of all; only surfaces and places turn."""
    if not scene.bodies:
        return scene
    centre = middle(scene)
    bodies = []
    for body in scene.bodies:
        mesh = Mesh(
            vertices=(body.mesh.vertices @ turn.T).astype(np.float32),
            joints=(body.mesh.joints @ turn.T).astype(np.float32),
        )
        where = (body.translation - centre) @ turn.T + centre
        bodies.append(replace(body, mesh=mesh, translation=where))
    return replace(scene, bodies=tuple(bodies))


def about_vertical(angle: float) -> Float[np.ndarray, "3 3"]:
    """A turn about the camera's y axis, radians; positive: people turn to their left."""
    return rotation.from_axis_angle(np.array([0.0, angle, 0.0]))


def front_view(
    scene: Scene, size: tuple[int, int] | None = None, material: Material = COLOURS
) -> Pixels:
    """Everybody as the camera saw them, on the plain stage of ``side_view``."""
    return side_view(turned(scene, about_vertical(-SIDE)), size=size, material=material)


def top_view(
    scene: Scene, size: tuple[int, int] | None = None, material: Material = COLOURS
) -> Pixels:
    """Everybody seen from above, the photographer below."""
    down = rotation.from_axis_angle(np.array([np.pi / 2, 0.0, 0.0]))
    above = turned(scene, about_vertical(-SIDE) @ down)
    return side_view(above, size=size, material=material, standing=False)


def turntable(
    scene: Scene, frames: int, size: tuple[int, int], material: Material = COLOURS
) -> Iterator[Pixels]:
    """Once around everybody, beginning where the camera stood; all in one framing."""
    centre = middle(scene)
    every = np.concatenate([body.mesh.vertices + body.translation for body in scene.bodies])
    reach = np.abs(every - centre).max(axis=0)
    across = float(np.hypot(reach[0], reach[2]))  # whoever turns needs the room of the diagonal
    room = np.array([across, float(reach[1]), across])
    for k in range(frames):
        turn = about_vertical(-SIDE + 2 * np.pi * k / frames)
        within = (centre - room, centre + room)
        yield side_view(turned(scene, turn), size=size, within=within, material=material)
