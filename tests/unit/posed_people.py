"""A data set of posed bodies drawn on plain ground, and settings so small that a step is quick."""

from dataclasses import replace

import cv2
import numpy as np

from pymafsam import body, crops, points
from pymafsam.body import BodyModel
from pymafsam.data.samples import Sample
from pymafsam.errors import BadInput
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import CROP_FOCAL, CROP_SIDE
from pymafsam.records import Pose
from pymafsam.training import keypoints
from pymafsam.training.settings import (
    DataSettings,
    LossWeights,
    NetworkSettings,
    OptimiserSettings,
    Settings,
)

SIDE = 64
SMALL = Settings(
    network=NetworkSettings(
        backbone="tiny", pretrained=False, points="grid", widths=(16, 4), hidden=64, dropout=0.0
    ),
    data=DataSettings(workers=0, validation_people=8, synthetic=1.0),
    losses=LossWeights(part=0.0, coarse_part=0.0, uv=0.0, mask=1.0, known_camera=1.0),
    optimiser=OptimiserSettings(rate=1e-3, average=0.9, warm_up=2, clip=100.0),
    batch=4,
    steps=6,
    log_every=1,
    save_every=2,
    validate_every=3,
    pictures_every=3,
)


class PosedPeople:
    """``count`` people in poses of their own; those in ``unreadable`` cannot be read."""

    name = "posed"

    def __init__(self, model: BodyModel, count: int = 8, unreadable: tuple[int, ...] = ()):
        self.people, self.unreadable = [posed(model, index) for index in range(count)], unreadable

    def __len__(self) -> int:
        return len(self.people)

    def sample(self, index: int, random: np.random.Generator) -> Sample:
        if index in self.unreadable:
            raise BadInput(f"person {index} is torn")
        made = self.people[index]
        noise = random.normal(0, 0.05, made.pixels.shape).astype(np.float32)
        return replace(made, pixels=made.pixels + noise)


def posed(model: BodyModel, index: int) -> Sample:
    """Person ``index``: bent joints, some shape, seen by the crop's own camera."""
    random = np.random.default_rng([7, index])
    turns = rotation.from_axis_angle(random.normal(0, 0.25, (24, 3)))
    turns[0] = rotation.from_axis_angle(np.array([0, 0, random.normal(0, 0.6)])) @ np.diag(
        [1.0, -1.0, -1.0]
    )
    pose = Pose(
        rotations=turns.astype(np.float32), betas=random.normal(0, 0.5, 10).astype(np.float32)
    )
    mesh = body.skin(model, pose)
    camera = np.array([random.uniform(0.7, 0.9), *random.normal(0, 0.1, 2)], np.float32)
    rows = keypoints.regressor(model)
    spatial = np.einsum(
        "km,kmd->kd", rows.weights, np.concatenate([mesh.vertices, mesh.joints])[rows.vertices]
    )
    seen = seen_by(spatial, camera)
    outline = (seen_by(mesh.vertices, camera) + 1) / 2 * SIDE
    hull = cv2.convexHull(outline.astype(np.float32))[:, 0].astype(np.int32)
    canvas = np.full((SIDE, SIDE, 3), random.integers(60, 120), np.uint8)
    cv2.fillPoly(canvas, [hull], random.integers(130, 255, 3).tolist())
    for x, y in (seen[keypoints.DETECTED :] + 1) / 2 * SIDE:
        cv2.circle(canvas, (int(x), int(y)), 2, random.integers(0, 255, 3).tolist(), -1)
    known = np.ones((24, 1))
    annotated = spatial[keypoints.DETECTED :]
    return Sample(
        pixels=crops.normalise(canvas),
        points=points.grid(),
        keypoints=np.hstack([seen, np.ones((49, 1))]).astype(np.float32),
        smpl_2d=np.zeros((24, 3), np.float32),
        joints_3d=np.hstack([annotated - annotated[[2, 3]].mean(0), known]).astype(np.float32),
        rotations=pose.rotations,
        betas=pose.betas,
        camera=camera,
        mask=(canvas > 125).any(axis=2),
        has_smpl=True,
        has_joints_3d=True,
        has_camera=True,
        has_mask=True,
        to_frame=np.eye(2, 3),
        index=index,
    )


def seen_by(places: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Metres -> -1 to 1 of the crop, as ``network.geometry.project``."""
    depth = places[:, 2:] + 2 * CROP_FOCAL / (CROP_SIDE * camera[0])
    return 2 * CROP_FOCAL / CROP_SIDE * (places[:, :2] + camera[1:]) / depth
