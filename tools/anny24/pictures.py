"""Pictures of the embedded body for the report, drawn with the package's own renderer."""

from pathlib import Path

import numpy as np

from pymafsam import body, render
from pymafsam.files.atomic import writing
from pymafsam.geometry.camera import picture_camera
from pymafsam.geometry.joints import SMPL24
from pymafsam.geometry.rotation import from_axis_angle
from pymafsam.records import Person, Pose, Scene

DISTANCE = 12.0  # metres, with a long lens
FLOOR = 1.05  # metres below the camera
ARMS_DOWN = {"shoulder": (0, 0, -72), "elbow": (0, -12, 0)}
SITTING = {"hip": (-85, 0, 8), "knee": (88, 0, 0), "shoulder": (0, -15, -68), "elbow": (0, -45, 0)}
POSES = {
    "front": {},
    "side": {"yaw": 90},
    "back": {"yaw": 180},
    "arms down": {**ARMS_DOWN, "yaw": 30},
    "arms up": {"shoulder": (0, 0, 55), "collar": (0, 0, 20), "yaw": 15},
    "sitting": {**SITTING, "yaw": 45},
    "lunge": {
        "left_hip": (-75, 0, 0),
        "left_knee": (80, 0, 0),
        "right_hip": (20, 0, 0),
        "right_knee": (55, 0, 0),
        "right_ankle": (-25, 0, 0),
        "shoulder": (0, -60, -25),
        "elbow": (0, -70, 0),
        "yaw": 60,
    },
}
# Averages of their ages on the first beta; the second and third make stout and slight.
PEOPLE = ((-3.6,), (-2.5,), (-1.2,), (0.4, 0, 0, 1), (0.6, -2, 0, -1), (0.4, 0, -2), (0.3, 2, 1))


def write(folder: Path, model: body.BodyModel) -> None:
    """``anny24.jpg`` (poses, then people of several ages) and ``anny24_betas.jpg``."""
    rows = [
        [(turns, ()) for turns in POSES.values()],
        [({**ARMS_DOWN, "yaw": 20}, betas) for betas in PEOPLE],
    ]
    _save(folder / "anny24.jpg", [_row(model, row, step=1.75, size=(1680, 330)) for row in rows])
    count = model.shape_dirs.shape[-1]
    ends = [
        [({**ARMS_DOWN, "yaw": 25}, np.eye(count)[k] * end) for k in range(count)]
        for end in (-2.0, 2.0)
    ]
    _save(
        folder / "anny24_betas.jpg", [_row(model, row, step=1.1, size=(1600, 330)) for row in ends]
    )


def _row(model: body.BodyModel, people: list, *, step: float, size: tuple[int, int]) -> np.ndarray:
    camera = picture_camera(size, focal=DISTANCE * size[0] / (step * len(people)))
    bodies = []
    for k, (turns, betas) in enumerate(people):
        place = np.array([(k + 0.5 - len(people) / 2) * step, 0.0, DISTANCE])
        mesh = body.skin(model, _pose(turns, betas, model)).vertices
        # Rest axes: y up; standing on one line whatever the size.
        place[1] += FLOOR - float(mesh[:, 1].max())
        person = Person(box=np.array([0.0, 0.0, 1.0, 1.0]), score=1.0)
        bodies.append(body.place(model, _pose(turns, betas, model), place, camera, person, 1.0))
    scene = Scene(
        name="",
        index=0,
        camera=camera,
        bodies=tuple(bodies),
        body_name=model.name,
        faces=model.faces,
    )
    return render.overlay(np.full((size[1], size[0], 3), 255, np.uint8), scene, opacity=1.0)


def _pose(turns: dict, betas, model: body.BodyModel) -> Pose:
    vectors = np.zeros((24, 3))
    for name, degrees in turns.items():
        if name == "yaw":
            continue
        both = (name,) if name in SMPL24 else (f"left_{name}", f"right_{name}")
        for joint in both:
            mirror = (1, -1, -1) if joint != name and joint.startswith("right") else (1, 1, 1)
            vectors[SMPL24.index(joint)] = np.radians(degrees) * mirror
    rotations = from_axis_angle(vectors)
    upright = from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    rotations[0] = upright @ from_axis_angle(np.array([0.0, np.radians(turns.get("yaw", 0)), 0]))
    shape = np.zeros(model.shape_dirs.shape[-1])
    shape[: len(betas)] = betas
    return Pose(rotations=rotations, betas=shape)


def _save(path: Path, rows: list[np.ndarray]) -> None:
    from PIL import Image

    picture = Image.fromarray(np.vstack(rows))
    with writing(path) as temporary:
        picture.save(temporary, quality=90, optimize=True)
