"""Poses for the comparison: DeepMimic's motion files and random ones, as 24 rotations."""

import json
from pathlib import Path

import numpy as np

from pymafsam.geometry.joints import SMPL24
from pymafsam.geometry.rotation import from_axis_angle, to_axis_angle

# DeepMimic: x forward, y up, z to the right; arms hang at rest. Ours: z forward, x to the left.
AXES = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
COLUMNS = {
    "root": (4, 4),
    "chest": (8, 4),
    "neck": (12, 4),
    "right_hip": (16, 4),
    "right_knee": (20, 1),
    "right_ankle": (21, 4),
    "right_shoulder": (25, 4),
    "right_elbow": (29, 1),
    "left_hip": (30, 4),
    "left_knee": (34, 1),
    "left_ankle": (35, 4),
    "left_shoulder": (39, 4),
    "left_elbow": (43, 1),
}


def random_poses(count: int, spread: float, generator: np.random.Generator) -> np.ndarray:
    """(count, 24, 3, 3): each joint turned by normal angles of ``spread`` radians."""
    return from_axis_angle(generator.normal(0, spread, (count, 24, 3)))


def from_deepmimic(folder: Path, count: int, generator: np.random.Generator) -> np.ndarray:
    """(count, 24, 3, 3) frames drawn from all motions of a folder."""
    frames = [
        np.asarray(frame)
        for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.txt"))
        for frame in json.loads(path.read_text())["Frames"]
    ]
    chosen = generator.choice(len(frames), count, replace=False)
    return np.array([_pose(frames[i]) for i in chosen])


def _pose(frame: np.ndarray) -> np.ndarray:
    turns = np.tile(np.eye(3), (24, 1, 1))
    for name, (start, size) in COLUMNS.items():
        turn = AXES @ _rotation(frame[start : start + size]) @ AXES.T
        if name == "chest":
            third = from_axis_angle(to_axis_angle(turn) / 3)
            for spine in ("spine1", "spine2", "spine3"):
                turns[SMPL24.index(spine)] = third
            continue
        side = {"left": -1, "right": 1}.get(name.split("_")[0], 0)
        hanging = from_axis_angle(np.array([0.0, 0.0, side * np.pi / 2]))
        if name.endswith("shoulder"):
            turn = turn @ hanging
        elif name.endswith("elbow"):
            turn = hanging.T @ turn @ hanging
        turns[SMPL24.index("pelvis" if name == "root" else name)] = turn
    return turns


def _rotation(values: np.ndarray) -> np.ndarray:
    if len(values) == 1:
        return from_axis_angle(np.array([0.0, 0.0, float(values[0])]))
    quaternion = values / np.linalg.norm(values)
    sine = np.linalg.norm(quaternion[1:])
    angle = 2 * np.arctan2(sine, quaternion[0])
    return from_axis_angle(quaternion[1:] * (angle / sine if sine > 1e-9 else 2.0))
