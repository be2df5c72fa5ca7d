"""Find where annotators and networks see a body's keypoints, beside its anatomical ones.

    python tools/fit_rows.py coco.npz --layout coco17
    python tools/fit_rows.py lsp.npz --layout lsp14
    python tools/fit_rows.py --write src/pymafsam/body/anny24.npz

People are what tools/annotated_people.py wrote. Their bodies are fitted; the offset of a keypoint,
fixed to the joint before it, is the robust least-squares answer to where it is seen from all sides
(the left one of each pair; right ones are mirrored). Printed are metres for ``MARKED`` of
tools/anny24/annotators.py (annotators; how far points lie from there before and after) and for
``SHIFTS`` of fitting/evidence.py (networks). ``--write`` puts ``MARKED`` into a body.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anny24.annotators import marked
from build_body import write_npz
from pymafsam import body
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.chain import State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import LANDMARKS, landmark_points, landmarks_of
from pymafsam.fitting.lifter import Lifter
from pymafsam.geometry import camera, joints
from pymafsam.people.fusion import merged
from pymafsam.records import Camera, Person

# Keypoint -> the joint in whose axes its offset is told.
CARRIED = {
    "hip": "pelvis",
    "knee": "left_hip",
    "ankle": "left_knee",
    "shoulder": "left_collar",
    "elbow": "left_shoulder",
    "wrist": "left_elbow",
    "hand": "left_elbow",
    "heel": "left_ankle",
    "big_toe": "left_ankle",
}
LIMBS = tuple(CARRIED)[:6]  # what annotators mark
SURE = 0.6  # of networks' points
WIDTH = 0.04  # metres: Cauchy's width of the least squares
GROUP = 16
NEGLIGIBLE = 0.003  # metres


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Fitted people: joints' turns, anatomical landmarks, where landmarks are seen."""

    turns: np.ndarray  # people joints 3 3
    points: np.ndarray  # people 3 landmarks
    places: np.ndarray  # people landmarks 2
    known: np.ndarray  # people landmarks, bool
    cameras: list[Camera]


def offset(seen: Seen, name: str) -> tuple[np.ndarray, float, float]:
    """The left keypoint's offset, and the median distance before and after it, metres."""
    slopes, misses = [], []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        point = LANDMARKS.index(f"{side}_{name}")
        joint = joints.SMPL24.index(CARRIED[name].replace("left", side))
        for person in np.flatnonzero(seen.known[:, point]):
            view, place = seen.cameras[person], seen.points[person, :, point]
            metres = place[2] / view.focal
            miss = seen.places[person, point] - camera.project(place[None], view)[0]
            axes = seen.turns[person, joint] * [sign, 1, 1]
            slopes.append(axes[:2] - np.outer(place[:2] / place[2], axes[2]))
            misses.append(miss * metres)
    slope, miss = np.array(slopes), np.array(misses)
    found = np.zeros(3)
    for _ in range(20):
        left = miss - slope @ found
        weight = 1 / (1 + np.sum(left**2, axis=1) / WIDTH**2)
        matrix = np.einsum("n,nij,nik->jk", weight, slope, slope) + 1e-6 * np.eye(3)
        found = np.linalg.solve(matrix, np.einsum("n,nij,ni->j", weight, slope, miss))
    far = [float(np.median(np.linalg.norm(m, axis=1))) for m in (miss, miss - slope @ found)]
    return found, far[0], far[1]


def described(table: dict[str, np.ndarray]) -> tuple[list[Person], list[Camera]]:
    """Everybody as the detector would describe them, before the default cameras."""
    found, views = [], []
    for row in range(len(table["box"])):
        box, coco, blaze = (table[k][row].astype(float) for k in ("box", "coco", "blaze"))
        person = Person(
            box=box,
            score=1.0,
            keypoints=merged(coco, blaze, box),
            world=table["world"][row].astype(float),
            presence=float(table["presence"][row]),
            answers={"coco17": coco, "blazepose33": blaze},
        )
        found.append(person)
        views.append(camera.picture_camera(tuple(int(v) for v in table["size"][row])))
    return found, views


def fitted(people: list[Person], cameras: list[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """Joints' turns and anatomical landmarks of everybody's fitted body."""
    model = body.load("anny24")
    fit, anatomy = KeypointFit(model, lifter=Lifter.of(model)), landmark_points(model)
    turns, points = [], []
    for first in range(0, len(people), GROUP):
        some = slice(first, first + GROUP)
        state: State = fit.solve(people[some], [None] * len(people[some]), cameras[some])[0]
        posed = forward_kinematics(fit.skeleton, state)
        turns.append(posed.world)
        points.append(skinned_points(anatomy, posed, state.betas).sum(axis=1))
    return np.concatenate(turns), np.concatenate(points)


def report(path: Path, layout: str) -> None:
    """Prints offsets of annotators' and networks' keypoints."""
    with np.load(path, allow_pickle=False) as content:
        table = dict(content)
    people, cameras = described(table)
    turns, points = fitted(people, cameras)
    said = [landmarks_of(person) for person in people]
    annotated = Seen(
        turns=turns,
        points=points,
        places=table["seen"],
        known=table["weight"] > 0,
        cameras=cameras,
    )
    network = Seen(
        turns=turns,
        points=points,
        places=np.stack([one.picture for one in said]),
        known=np.stack([one.confidence for one in said]) > SURE,
        cameras=cameras,
    )
    for title, seen, names in ((layout, annotated, LIMBS), ("networks", network, CARRIED)):
        print(title)
        for name in names:
            found, before, after = offset(seen, name)
            if np.linalg.norm(found) > NEGLIGIBLE:
                told = ", ".join(f"{value:.3f}" for value in found)
                print(f'    "left_{name}": ({told}),  # {before:.3f} -> {after:.3f}')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("people", type=Path, nargs="?")
    parser.add_argument("--layout", choices=("coco17", "lsp14"), default="coco17")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.people is not None:
        report(options.people, options.layout)
    if options.write is not None:
        with np.load(options.write, allow_pickle=False) as content:
            write_npz(options.write, marked(dict(content)))


if __name__ == "__main__":
    main()
