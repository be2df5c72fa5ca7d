"""Saved results read again: joints in metres, angles, distances; no network is needed."""

from pathlib import Path

import numpy as np

from pymafsam import body, export
from pymafsam.geometry.joints import COCO17

scene = export.load(Path("out/tennis.json"), body.load("anny24"))
joints = scene.bodies[0].joints_3d["coco17"]


def place(name: str) -> np.ndarray:
    return joints[COCO17.index(name)]


thigh, shin = place("left_hip") - place("left_knee"), place("left_ankle") - place("left_knee")
cosine = thigh @ shin / np.linalg.norm(thigh) / np.linalg.norm(shin)
apart = np.linalg.norm(place("left_wrist") - place("right_wrist"))
print(f"the left knee is bent to {np.degrees(np.arccos(cosine)):.0f} degrees")
print(f"the wrists are {apart:.2f} m apart")
