"""What a visitor says of a person leads the fit: pins are held, depths are turned over.

A single picture does not say whether a limb leads towards the camera or away: both look the same.
Turning it over mirrors the limb's bones along the viewing ray, in everything that the fit believes
of depth: the pose it begins with, the bones, and the pose it thinks usual.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pymafsam.fitting.chain import forward_kinematics, skinned_points
from pymafsam.fitting.evidence import LINKS, landmark_of
from pymafsam.fitting.objective import Objective
from pymafsam.geometry import joints, rotation
from pymafsam.records import Person

PINNED = 30.0  # times as much as a sure keypoint
STRAIGHT = 0.1  # sine of the angle between two bones below which they are one line
# A limb's bones as joints of the skeleton: each turns, and leads to the next.
LIMBS: Mapping[str, tuple[str, ...]] = {
    f"{side}_{limb}": tuple(f"{side}_{joint}" for joint in chain)
    for side in ("left", "right")
    for limb, chain in {
        "arm": ("shoulder", "elbow", "wrist"),
        "leg": ("hip", "knee", "ankle"),
    }.items()
}
TRUNK = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")


def led_by_visitor(problem: Objective, people: Sequence[Person]) -> Objective:
    """The same problem, obeying the people's prompts."""
    for row, person in enumerate(people):
        if person.prompt is None:
            continue
        if person.prompt.pins:
            problem = _pinned(problem, row, list(person.prompt.pins))
        for flip in person.prompt.flips:
            if flip.way == "depth":
                problem = _turned_over(problem, row, flip.part)
    return problem


def limbs_of(part: str) -> tuple[str, ...]:
    """``arms`` are two limbs, ``whole`` is all of them."""
    if part in LIMBS:
        return (part,)
    return tuple(name for name in LIMBS if part == "whole" or f"{name}s".endswith(part))


def _pinned(problem: Objective, row: int, names: Sequence[str]) -> Objective:
    """The landmarks that were pinned count ``PINNED`` times; nothing makes them unsure."""
    evidence = problem.evidence
    weight, support = evidence.seen_weight.copy(), evidence.support.copy()
    for name in names:
        landmark = landmark_of(name)
        if landmark is not None:
            weight[row, landmark], support[row, landmark] = PINNED, 1.0
    return replace(problem, evidence=replace(evidence, seen_weight=weight, support=support))


def _turned_over(problem: Objective, row: int, part: str) -> Objective:
    if problem.first is None:
        return _bones_over(problem, row, part)
    first = problem.first
    rotations = first.rotations.copy()
    rotations[row] = over(problem, row, part)
    first = replace(first, rotations=rotations)
    posed = forward_kinematics(problem.skeleton, first)
    points = skinned_points(problem.landmarks, posed, first.betas).sum(axis=1)
    bones = problem.evidence.bones.copy()
    bones[row] = (problem.evidence.view[row] @ (points[row] @ problem.links)).T
    mean = problem.prior.mean.copy()
    mean[row] = rotation.to_axis_angle(rotations[row, problem.skeleton.free[1:]])
    return replace(
        problem,
        first=first,
        evidence=replace(problem.evidence, bones=bones),
        prior=replace(problem.prior, mean=mean),
    )


def _bones_over(problem: Objective, row: int, part: str) -> Objective:
    """Where nothing was lifted: the measured bones of the limbs, mirrored along the ray."""
    names = {joint for limb in limbs_of(part) for joint in LIMBS[limb]}
    bones = problem.evidence.bones.copy()
    for link, (start, end, _) in enumerate(LINKS):
        if part == "whole" or {start, end} <= names:
            bones[row, link, 2] *= -1
    return replace(problem, evidence=replace(problem.evidence, bones=bones))


def over(problem: Objective, row: int, part: str) -> Float[np.ndarray, "joints 3 3"]:
    """Local rotations of the first pose with the limbs' bones mirrored along the ray.

    Knees and elbows keep their own rotations, which stay possible: the joints above them turn.
    ``whole`` mirrors the trunk, too.
    """
    assert problem.first is not None
    skeleton = problem.skeleton
    state = problem.first.take(np.array([row]))
    posed = forward_kinematics(skeleton, state)
    places, local = posed.places[0], state.rotations[0].copy()
    ray = problem.evidence.view[row, 2]
    trunk = _trunk_turn(places, ray) if part == "whole" else np.eye(3)
    local[0] = trunk @ local[0]
    for limb in limbs_of(part):
        upper, middle, end = _rows(LIMBS[limb])
        turn = mirroring(places[middle] - places[upper], places[end] - places[middle], ray)
        above = trunk @ posed.world[0, skeleton.parents[upper]]
        local[upper] = above.T @ turn @ posed.world[0, upper]
    return local


def _rows(names: Sequence[str]) -> list[int]:
    skeleton: list[str] = list(joints.SMPL24)
    return [skeleton.index(name) for name in names]


def _trunk_turn(
    places: Float[np.ndarray, "joints 3"], ray: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "3 3"]:
    """The turn that takes hips and shoulders to their mirror image."""
    left_hip, right_hip, left_shoulder, right_shoulder = places[_rows(TRUNK)]
    up = left_shoulder + right_shoulder - left_hip - right_hip
    return mirroring(up, left_hip - right_hip, ray)


def mirroring(
    one: Float[np.ndarray, "3"], other: Float[np.ndarray, "3"], ray: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "3 3"]:
    """The rotation that takes two vectors to their mirror images along the unit vector ``ray``.

    Mirrored across their own plane first, they stay; two mirrorings are a rotation. Of one line
    (a straight limb) it is the one by the least angle.
    """
    normal = np.cross(one, other)
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    if np.linalg.norm(normal) < STRAIGHT * lengths:
        direction = one / np.linalg.norm(one)
        normal = ray - (ray @ direction) * direction
        if np.linalg.norm(normal) < STRAIGHT:
            normal = np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))])
    normal = normal / np.linalg.norm(normal)
    return _mirror(ray) @ _mirror(normal)


def _mirror(normal: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Householder's reflection."""
    return np.eye(3) - 2 * np.outer(normal, normal)
