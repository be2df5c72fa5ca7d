"""Limbs that reach for a place: the closed-form chain of two bones and a hinge, and its checks.

Places in metres, y up, x to the person's left, z forward: the axes of the body at rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pymafsam.body import BodyModel
from pymafsam.geometry.joints import SMPL24, SMPL24_PARENTS

Vector = Float[np.ndarray, "3"]
Matrix = Float[np.ndarray, "3 3"]
Pose = Float[np.ndarray, "24 3 3"]
Rest = Float[np.ndarray, "24 3"]  # joints of the body at rest, pelvis at the origin

AT = {name: index for index, name in enumerate(SMPL24)}
# The axis about which a limb bends at rest: knees about x, elbows about -y (left) and y (right).
HINGES: Mapping[str, tuple[float, float, float]] = {
    "left_knee": (1.0, 0.0, 0.0),
    "right_knee": (1.0, 0.0, 0.0),
    "left_elbow": (0.0, -1.0, 0.0),
    "right_elbow": (0.0, 1.0, 0.0),
}
REACH = (0.35, 0.998)  # shortest and longest distance, per length of the stretched limb


@dataclass(frozen=True, slots=True)
class Stance:
    """World rotations and places of all joints."""

    turns: Pose
    places: Float[np.ndarray, "24 3"]


def stance(rest: Rest, pose: Pose) -> Stance:
    """The posed skeleton, its pelvis at the origin."""
    turns, places = pose.copy(), np.zeros((24, 3))
    for joint in range(1, 24):
        parent = SMPL24_PARENTS[joint]
        turns[joint] = turns[parent] @ pose[joint]
        places[joint] = places[parent] + turns[parent] @ (rest[joint] - rest[parent])
    return Stance(turns, places)


def rest_joints(model: BodyModel) -> Rest:
    """The average body's joints at rest, pelvis at the origin."""
    return (model.joints_template - model.joints_template[0]).astype(np.float64)


def reach(
    rest: Rest, middle: str, start: Vector, target: Vector, pole: Vector
) -> tuple[Matrix, Matrix]:
    """World rotations of a limb's two bones, whose end comes to ``target``.

    ``middle`` names the knee or elbow, ``start`` is where hip or shoulder is, ``pole`` the
    direction in which the middle points. Targets out of reach are approached.
    """
    upper, joint, end = SMPL24_PARENTS[AT[middle]], AT[middle], AT[middle] + 3
    if "elbow" in middle:
        end = AT[middle] + 2
    first, second = rest[joint] - rest[upper], rest[end] - rest[joint]
    one, two = np.linalg.norm(first), np.linalg.norm(second)
    line = target - start
    distance = float(np.clip(np.linalg.norm(line), REACH[0] * (one + two), REACH[1] * (one + two)))
    along = _unit(line)
    aside = _unit(pole - (pole @ along) * along)
    forward = (one**2 - two**2 + distance**2) / (2 * distance)
    out = np.sqrt(max(one**2 - forward**2, 0.0))
    bend = forward * along + out * aside
    axis = cross(aside, along)
    hinge = np.array(HINGES[middle])
    rest_of = distance * along - bend
    return _turn(first, hinge, bend, axis), _turn(second, hinge, rest_of, axis)


def _turn(bone: Vector, hinge: Vector, new_bone: Vector, new_hinge: Vector) -> Matrix:
    """Takes ``bone`` to ``new_bone``'s direction, and the hinge as near as it can be."""
    return _frame(new_bone, new_hinge) @ _frame(bone, hinge).T


def _frame(bone: Vector, hinge: Vector) -> Matrix:
    first = _unit(bone)
    third = _unit(cross(hinge, first))
    return np.stack([first, cross(third, first), third], axis=1)


def cross(a: Vector, b: Vector) -> Vector:
    """a x b. numpy's own takes 50 us for one pair, and poses need dozens."""
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def _unit(vector: Vector) -> Vector:
    return vector / max(float(vector @ vector) ** 0.5, 1e-9)


TRUNK = np.array([0.155, 0.12])  # metres; half axes across and in depth
SEGMENTS = {
    "left_arm": ("left_elbow", "left_hand"),
    "right_arm": ("right_elbow", "right_hand"),
    "left_thigh": ("left_hip", "left_knee"),
    "right_thigh": ("right_hip", "right_knee"),
    "left_shank": ("left_knee", "left_ankle"),
    "right_shank": ("right_knee", "right_ankle"),
}
# Pairs of limbs and the least distance of their axes, metres; flesh may be pressed.
APART = (
    ("left_arm", "left_thigh", 0.085),
    ("left_arm", "right_thigh", 0.085),
    ("right_arm", "left_thigh", 0.085),
    ("right_arm", "right_thigh", 0.085),
    ("left_arm", "right_arm", 0.035),
    ("left_shank", "right_shank", 0.07),
    ("left_thigh", "right_shank", 0.08),
    ("right_thigh", "left_shank", 0.08),
)


def collides(stood: Stance) -> bool:
    """Whether forearms run through trunk or head, or limbs through limbs (axes and radii only)."""
    line = np.linspace(0, 1, 6)[:, None]
    points = {
        name: stood.places[AT[a]] * (1 - line) + stood.places[AT[b]] * line
        for name, (a, b) in SEGMENTS.items()
    }
    arms = np.concatenate([points["left_arm"], points["right_arm"]])
    for joint, low, high in (("pelvis", -0.08, 0.12), ("spine2", -0.1, 0.12), ("spine3", 0.0, 0.1)):
        local = (arms - stood.places[AT[joint]]) @ stood.turns[AT[joint]]
        within = (local[:, 1] > low) & (local[:, 1] < high)
        middle = local[:, [0, 2]] - [0.0, 0.025]
        if (within & (((middle / TRUNK) ** 2).sum(axis=1) < 0.85)).any():
            return True
    head = (arms - stood.places[AT["head"]]) @ stood.turns[AT["head"]]
    if (np.linalg.norm(head - [0.0, 0.04, 0.02], axis=1) < 0.105).any():
        return True
    return any(
        np.linalg.norm(points[a][:, None] - points[b][None], axis=2).min() < least
        for a, b, least in APART
    )
