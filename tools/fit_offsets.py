"""Where the keypoint network's landmarks sit beside COCO's (SHIFTS of fitting/evidence.py).

    python tools/fit_offsets.py COCO_TRAIN_FOLDER PEOPLE_CACHE.npz

For every landmark: the shift, in the rest axes of the joint that carries it and the same mirrored
on both sides, that takes COCO's annotated place to the network's place, by robust least squares in
the picture over everybody whose keypoint is confident.
"""

import argparse
from pathlib import Path

import numpy as np

from fitted import Fitted, fitted
from pymafsam import body
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.chain import forward_kinematics
from pymafsam.fitting.evidence import landmarks_of
from pymafsam.geometry import joints

CARRIERS = {
    "nose": "head",
    "left_eye": "head",
    "left_ear": "head",
    "left_shoulder": "spine3",
    "left_elbow": "left_shoulder",
    "left_wrist": "left_elbow",
    "left_hip": "pelvis",
    "left_knee": "left_hip",
    "left_ankle": "left_knee",
}
SURE = 0.5
WIDTH = 0.04  # of the square root of the person's area


def equations(fit: KeypointFit, one: Fitted, name: str, mirrored: bool):
    """Two rows of (slope, residual) for a landmark, or None where it is not labelled or sure."""
    carrier = CARRIERS[name]
    side = np.diag([-1.0, 1.0, 1.0]) if mirrored else np.eye(3)
    if mirrored:
        name, carrier = joints.mirrored(name), joints.mirrored(carrier)
    row = joints.COCO17.index(name)
    seen = landmarks_of(one.person)
    if one.truth.keypoints[row, 2] <= 0 or seen.confidence[row] < SURE:
        return None
    point = fit.coco_points(one.state)[0, :, row]
    turn = forward_kinematics(fit.skeleton, one.state).world[0, joints.SMPL24.index(carrier)]
    flat = np.eye(3)[:2] - np.outer(point[:2] / point[2], [0.0, 0.0, 1.0])
    scale = np.sqrt(one.truth.area)
    slope = one.camera.focal / point[2] * flat @ turn @ side / scale
    return slope, (seen.picture[row] - one.truth.keypoints[row, :2]) / scale


def shift(rows: list) -> np.ndarray:
    """Robust least squares (Cauchy), metres."""
    slopes = np.stack([slope for slope, _ in rows])
    target = np.stack([residual for _, residual in rows])
    weight, found = np.ones(len(rows)), np.zeros(3)
    for _ in range(8):
        matrix = np.einsum("n,nai,naj->ij", weight, slopes, slopes)
        found = np.linalg.solve(matrix, np.einsum("n,nai,na->i", weight, slopes, target))
        away = np.sum((target - slopes @ found) ** 2, axis=1)
        weight = 1 / (1 + away / WIDTH**2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    arguments = parser.parse_args()
    fit = KeypointFit(body.load("anny24"))
    rows: dict[str, list] = {name: [] for name in CARRIERS}
    for one in fitted(fit, arguments.data / "person_keypoints.json", arguments.cache):
        for name, found in rows.items():
            sides = (False,) if joints.mirrored(name) == name else (False, True)
            made = [equations(fit, one, name, mirrored) for mirrored in sides]
            found += [pair for pair in made if pair is not None]
    for name, found in rows.items():
        x, y, z = shift(found)
        carrier = CARRIERS[name]
        print(f'    "{name}": ("{carrier}", ({x:.3f}, {y:.3f}, {z:.3f})),  # {len(found)}')


if __name__ == "__main__":
    main()
