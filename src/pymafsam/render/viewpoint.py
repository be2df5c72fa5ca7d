"""Where a picture of saved bodies is taken from, in the words of those who make pictures.

Two ways to say it. An orbit about everybody's middle, as in viewers: ``azimuth`` (degrees; 0 is
where the photographer stood, 90 at the right of the photograph), ``elevation`` (degrees above the
horizontal), ``roll`` (degrees, clockwise), ``distance`` (metres), ``target``. Or ``matrix``, the
camera's pose as pyrender, trimesh and Blender have it: 4 x 4, camera to world, the camera looking
along its -z with y up, in the world of the glb files (metres, y up; ``"up": "z"`` for Blender,
which turns them on import). Either with ``fov`` (degrees, of the height) or ``focal`` (pixels of
the picture that is drawn).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadUsage
from pymafsam.files import json
from pymafsam.geometry import rotation
from pymafsam.records import Camera, Mesh, Scene
from pymafsam.registry import closest

Y_UP = np.diag([1.0, -1.0, -1.0])  # OpenCV's camera axes <-> OpenGL's
AROUND = 0.08  # of the picture, left free on each side of everybody
# World axes -> those of the glb files, by which of them is up.
WORLDS: Mapping[str, Float[np.ndarray, "3 3"]] = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
}
RIGID = 1e-3  # how far a matrix may be from a rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """What was said of the camera; None: chosen so that everybody is seen."""

    azimuth: float = 0.0
    elevation: float = 0.0
    roll: float = 0.0
    distance: float | None = None
    target: tuple[float, float, float] | None = None  # metres, y up
    matrix: Float[np.ndarray, "4 4"] | None = None
    up: str = "y"  # of the matrix's world
    fov: float | None = None
    focal: float | None = None

    @staticmethod
    def read(said: str) -> "Viewpoint":
        """``azimuth=30,elevation=20`` or the name of a json file with the same words.

        Raises BadUsage or BadInput for what makes no camera.
        """
        if said.endswith(".json"):
            return _of(json.read(Path(said)))
        return _of(json.Field(dict(_word(part) for part in said.split(",")), "--camera"))

    def of(self, scene: Scene, size: tuple[int, int]) -> Scene:
        """The scene before this camera, in a picture of ``size`` (width, height).

        Only surfaces and places are turned (poses and keypoints stay the photograph's).
        """
        if not scene.bodies:
            return replace(scene, camera=self._camera(scene.camera, size))
        camera = self._camera(scene.camera, size)
        turn, eye = self._pose(scene, camera)
        bodies = []
        for body in scene.bodies:
            mesh = Mesh(
                vertices=(body.mesh.vertices @ turn.T).astype(np.float32),
                joints=(body.mesh.joints @ turn.T).astype(np.float32),
            )
            bodies.append(replace(body, mesh=mesh, translation=turn @ (body.translation - eye)))
        return replace(scene, camera=camera, bodies=tuple(bodies), pixels=None)

    def _camera(self, photograph: Camera, size: tuple[int, int]) -> Camera:
        """Without a word about it, the photograph's angle of view."""
        width, height = size
        focal = photograph.focal * height / photograph.size[1]
        if self.fov is not None:
            focal = height / 2 / np.tan(np.radians(self.fov) / 2)
        focal = focal if self.focal is None else self.focal
        return Camera(focal=float(focal), centre=(width / 2, height / 2), size=size)

    def _pose(
        self, scene: Scene, camera: Camera
    ) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
        """The turn from the photograph's camera axes to this one's, and where it stands there."""
        if self.matrix is not None:
            world = Y_UP @ WORLDS[self.up]
            return Y_UP @ (world @ self.matrix[:3, :3]).T, world @ self.matrix[:3, 3]
        every = np.concatenate([one.mesh.vertices + one.translation for one in scene.bodies])
        every = every.astype(np.float64)
        middle = (every.min(axis=0) + every.max(axis=0)) / 2
        target = middle if self.target is None else Y_UP @ np.array(self.target)
        about = lambda axis, degrees: rotation.from_axis_angle(  # noqa: E731
            np.radians(degrees) * np.array(axis, float)
        )
        # Whoever walks to the right sees the people turned to the other side.
        orbit = about([1, 0, 0], self.elevation) @ about([0, 1, 0], self.azimuth)
        turn = about([0, 0, 1], -self.roll) @ orbit
        away = self.distance
        if away is None:
            away = _far_enough((every - target) @ turn.T, camera)
        return turn, target - turn.T @ np.array([0.0, 0.0, away])


def resized(scene: Scene, size: tuple[int, int]) -> Scene:
    """The scene by its own camera, drawn ``size`` large; shown whole where shapes differ."""
    width, height = scene.camera.size
    zoom = min(size[0] / width, size[1] / height)
    shift = (np.array(size) - zoom * np.array([width, height])) / 2
    x, y = (zoom * np.array(scene.camera.centre) + shift).tolist()
    return replace(
        scene, camera=Camera(focal=zoom * scene.camera.focal, centre=(x, y), size=size), pixels=None
    )


def _far_enough(places: Float[np.ndarray, "vertices 3"], camera: Camera) -> float:
    """The least distance from which all places (around the target) are in the picture."""
    room = (1 - 2 * AROUND) * np.array(camera.size) / 2 / camera.focal
    return float((np.abs(places[:, :2]) / room - places[:, 2:]).max())


def _word(part: str) -> tuple[str, float | str]:
    name, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals:
        raise BadUsage(
            f'--camera: "{part}" says nothing.\n'
            "  Wanted: azimuth=30,elevation=20 (also distance, fov, focal, roll), or a json file."
        )
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _of(said: json.Field) -> Viewpoint:
    known = {field.name for field in fields(Viewpoint)}
    numbers: dict[str, Any] = {}
    for name, value in said.entries():
        if name not in known:
            raise BadUsage(f'A camera has no "{name}"{closest(name, known)}')
        numbers[name] = READERS.get(name, json.Field.number)(value)
    if "matrix" in numbers and set(numbers) & {
        "azimuth",
        "elevation",
        "roll",
        "distance",
        "target",
    }:
        raise BadUsage("A camera has a matrix, or an azimuth and elevation, not both.")
    if {"fov", "focal"} <= set(numbers):
        raise BadUsage("A camera has an angle of view (fov) or a focal length, not both.")
    return Viewpoint(**numbers)


def _matrix(value: json.Field) -> Float[np.ndarray, "4 4"]:
    matrix = value.array(4, 4)
    turn = matrix[:3, :3]
    if np.abs(turn @ turn.T - np.eye(3)).max() > RIGID or np.linalg.det(turn) < 0:
        value.wrong("a camera's pose: a rotation and a place, without scale")
    return matrix


def _place(value: json.Field) -> tuple[float, float, float]:
    x, y, z = value.array(3).tolist()
    return x, y, z


READERS: Mapping[str, Any] = {
    "matrix": _matrix,
    "target": _place,
    "fov": lambda value: value.between(1.0, 170.0),
    "focal": lambda value: value.between(1.0, 1e7),
    "distance": lambda value: value.between(0.01, 1e5),
    "up": lambda value: value.text() if value.value in WORLDS else value.wrong('"y" or "z"'),
}
