"""Names and orders of joints and keypoints, and the maps between them.

``left`` and ``right`` are the person's own. ``FLIP`` gives, for an order, the permutation that a
mirrored picture needs.
"""

import numpy as np

from pymafsam.errors import BadUsage

SMPL24 = (
    "pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle spine3 "
    "left_foot right_foot neck left_collar right_collar head left_shoulder right_shoulder "
    "left_elbow right_elbow left_wrist right_wrist left_hand right_hand"
).split()
SMPL24_PARENTS = np.array(
    [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
)

COCO17 = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle"
).split()

LSP14 = (
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
    "right_shoulder left_shoulder left_elbow left_wrist neck head_top"
).split()

# Human3.6M's order as the reference's regressor has it: the person's left leg comes first.
H36M17 = (
    "pelvis left_hip left_knee left_ankle right_hip right_knee right_ankle spine neck jaw "
    "head_top left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist"
).split()

BODY25 = (
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear "
    "left_ear left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"
).split()

FEET6 = ("left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel").split()

# The 24 "ground truth" joints of SPIN-format rows.
J24 = (
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
    "right_shoulder left_shoulder left_elbow left_wrist neck head_top pelvis thorax spine jaw "
    "head nose left_eye right_eye left_ear right_ear"
).split()

BLAZEPOSE33 = (
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer "
    "left_ear right_ear mouth_left mouth_right left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_pinky right_pinky left_index right_index left_thumb "
    "right_thumb left_hip right_hip left_knee right_knee left_ankle right_ankle left_heel "
    "right_heel left_foot_index right_foot_index"
).split()

LAYOUTS = {
    "smpl24": SMPL24,
    "coco17": COCO17,
    "lsp14": LSP14,
    "h36m17": H36M17,
    "body25": BODY25,
    "feet6": FEET6,
    "j24": J24,
    "j49": [f"openpose_{n}" for n in BODY25] + J24,
    "blazepose33": BLAZEPOSE33,
}


def mirrored(name: str) -> str:
    """The name of the joint on the person's other side; unpaired joints keep theirs."""
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


def flip_permutation(layout: str) -> np.ndarray:
    """Indices that reorder a layout's points after its picture was mirrored."""
    names = LAYOUTS[layout]
    return np.array([names.index(mirrored(name)) for name in names])


def mapping(source: str, target: str) -> np.ndarray:
    """For every joint of ``target``, its index in ``source``.

    Raises BadUsage when the source lacks one of them.
    """
    names = LAYOUTS[source]
    missing = [name for name in LAYOUTS[target] if name not in names]
    if missing:
        raise BadUsage(
            f'The layout "{source}" has no {", ".join(missing)} (wanted for "{target}").'
        )
    return np.array([names.index(name) for name in LAYOUTS[target]])
