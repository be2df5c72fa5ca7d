"""Joints as a table (csv): a row for every joint of everybody in every frame."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pymafsam.body import BodyModel, skin
from pymafsam.files import made
from pymafsam.geometry import joints
from pymafsam.records import Scene, SequenceScene

COLUMNS = ("frame", "seconds", "person", "joint", "x", "y", "z")
DIGITS = 6


def write_csv(scene: Scene | SequenceScene, model: BodyModel, path: Path) -> None:
    """The skeleton's joints, metres, camera axes (x right, y down, z forward), the camera at 0.

    The first line is a comment (#) that says who made the file; spreadsheets show it as a row.
    """
    with path.open("w", newline="", encoding="utf-8") as stream:
        stream.write(f"# {made.mark('export')}; metres, camera axes: x right, y down, z forward\n")
        rows = csv.writer(stream)
        rows.writerow(COLUMNS)
        for frame, seconds, person, places in _people(scene, model):
            for name, place in zip(joints.SMPL24, places, strict=False):
                rows.writerow([frame, seconds, person, name, *(f"{v:.{DIGITS}f}" for v in place)])


def _people(
    scene: Scene | SequenceScene, model: BodyModel
) -> Iterator[tuple[int, str, str, np.ndarray]]:
    """Frame, seconds, name and joints (joints 3) of everybody."""
    if isinstance(scene, Scene):
        for number, body in enumerate(scene.bodies, start=1):
            yield scene.index, "", f"person_{number}", body.mesh.joints + body.translation
        return
    for motion in scene.motions:
        for row, frame in enumerate(motion.frames.tolist()):
            places = skin(model, motion.pose(row), vertices=np.zeros(0, int)).joints
            seconds = f"{scene.seconds[frame]:.{DIGITS}f}"
            yield frame, seconds, f"person_{motion.track}", places + motion.translation[row]
