"""Motion capture (DeepMimic's humanoid clips) as rotations of SMPL's 24 joints.

DeepMimic: x forward, y up, z to the right, arms hanging at rest; each frame holds duration, root
place and quaternion (w x y z), then chest, neck, right hip (4 each), right knee (1), right ankle,
right shoulder (4), right elbow (1), and the same of the left. Peng et al., 2018.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.files import json
from pymafsam.geometry import joints, rotation

WIDTH = 44  # numbers of a frame

# Columns of a frame: joint, first column, 4 for a quaternion or 1 for a hinge about z.
COLUMNS = (
    ("root", 4, 4),
    ("chest", 8, 4),
    ("neck", 12, 4),
    ("right_hip", 16, 4),
    ("right_knee", 20, 1),
    ("right_ankle", 21, 4),
    ("right_shoulder", 25, 4),
    ("right_elbow", 29, 1),
    ("left_hip", 30, 4),
    ("left_knee", 34, 1),
    ("left_ankle", 35, 4),
    ("left_shoulder", 39, 4),
    ("left_elbow", 43, 1),
)
# Columns: our axes (x left, y up, z forward) in DeepMimic's.
AXES = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
# DeepMimic's chest and neck bend several of our joints, in equal parts.
SHARED = {"chest": ("spine1", "spine2", "spine3"), "neck": ("neck", "head")}


def read(paths: Sequence[Path], every: int = 4) -> np.ndarray:
    """Rotations (frames, 24, 3, 3) of every ``every``-th frame; the root has y up.

    Raises BadInput for files that are no such clips.
    """
    frames = [json.read(path).at("Frames").array(None, WIDTH)[::every] for path in paths]
    return np.concatenate([_rotations(clip) for clip in frames])


def _rotations(clip: Float[np.ndarray, "frames columns"]) -> np.ndarray:
    local = {name: _local(clip[:, at : at + width]) for name, at, width in COLUMNS}
    out = np.broadcast_to(np.eye(3), (len(clip), 24, 3, 3)).copy()
    out[:, 0] = local.pop("root")
    for side, sign in (("left", -1.0), ("right", 1.0)):
        # From the T-pose to hanging arms; the arm's joints turn in the hanging frame.
        hang = rotation.from_axis_angle(np.array([0.0, 0.0, sign * np.pi / 2]))
        local[f"{side}_shoulder"] = local[f"{side}_shoulder"] @ hang
        local[f"{side}_elbow"] = hang.T @ local[f"{side}_elbow"] @ hang
    for name, turns in local.items():
        targets = SHARED.get(name, (name,))
        share = rotation.from_axis_angle(rotation.to_axis_angle(turns) / len(targets))
        for target in targets:
            out[:, joints.SMPL24.index(target)] = share
    return out


def _local(values: Float[np.ndarray, "frames width"]) -> np.ndarray:
    """Quaternions, or angles about DeepMimic's z, as matrices in our axes."""
    if values.shape[1] == 1:
        vectors = values * np.array([0.0, 0.0, 1.0])
    else:
        w, xyz = values[:, :1], values[:, 1:]
        length = np.maximum(np.linalg.norm(xyz, axis=1, keepdims=True), 1e-12)
        vectors = xyz / length * 2 * np.arctan2(length, w)
        turns = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = np.where(
            turns > np.pi, vectors * (1 - 2 * np.pi / np.maximum(turns, 1e-12)), vectors
        )
    return AXES.T @ rotation.from_axis_angle(vectors) @ AXES
