"""People who walk before a plain camera, with exact truth: rendered, with what a detector says.

A walker is the embedded body swinging arms and legs; who is hidden by more than half is not
detected, as a detector of people would have it.
"""

from dataclasses import dataclass

import numpy as np

from pymafsam import body as bodies
from pymafsam.body import skin
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import picture_camera, project
from pymafsam.geometry.joints import SMPL24
from pymafsam.records import Body, Frame, Person, Pose
from pymafsam.render.draw import silhouette

SIZE = (320, 240)
RATE = 25.0
CAMERA = picture_camera(SIZE)
NOISE = 0.006  # of a box's height: keypoints and box corners
METRIC_NOISE = 0.03  # metres: landmarks around the hips


@dataclass(frozen=True)
class Walker:
    """Who: their place (metres from the camera) at a time in seconds, and what they wear."""

    path: object
    shirt: tuple[int, int, int]
    trousers: tuple[int, int, int]


@dataclass(frozen=True)
class Truth:
    """A frame with everybody's true body (metres), and who was detected: walker's index, person."""

    frame: Frame
    bodies: list[Body]
    detected: list[tuple[int, Person]]


def walking_pose(model, seconds, facing=1.0):
    """A stride: thighs and arms swing in opposite phase, once per second."""
    swing = np.sin(2 * np.pi * seconds)
    vectors = np.zeros((24, 3))
    side = {"left": 1.0, "right": -1.0}
    for name, sign in side.items():
        vectors[SMPL24.index(f"{name}_hip"), 0] = -0.15 - 0.45 * sign * swing
        vectors[SMPL24.index(f"{name}_knee"), 0] = 0.35 + 0.3 * sign * swing
        vectors[SMPL24.index(f"{name}_shoulder"), 2] = -1.2 * sign
        vectors[SMPL24.index(f"{name}_elbow"), 1] = -0.5 * sign
        vectors[SMPL24.index(f"{name}_shoulder"), 1] = 0.4 * swing
    rotations = rotation.from_axis_angle(vectors)
    turned = rotation.from_axis_angle(np.array([0.0, facing * np.pi / 2, 0.0]))
    rotations[0] = np.diag([1.0, -1.0, -1.0]) @ turned
    return Pose(rotations=rotations, betas=np.zeros(10))


def passing_by(seconds):
    """Every frame's ``Truth`` of somebody who walks by before the camera."""
    walker = Walker(lambda t: (-0.6 + t, 0.0, 4.0), (180, 40, 40), (60, 60, 60))
    return list(film([walker], seconds, np.random.default_rng(0)))


def film(walkers, seconds, generator):
    """A ``Truth`` for every frame of a clip."""
    model = bodies.load("anny24")
    ground = generator.integers(90, 160, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8)
    ground = np.kron(ground, np.ones((8, 8, 1), np.uint8))
    for index in range(round(seconds * RATE)):
        time = index / RATE
        standing = [_body(model, walker, time) for walker in walkers]
        yield _seen(model, walkers, standing, ground, index, generator)


def _body(model, walker, time):
    place, later = np.array(walker.path(time)), np.array(walker.path(time + 0.01))
    facing = 1.0 if later[0] >= place[0] else -1.0
    pose = walking_pose(model, time, facing)
    person = Person(box=np.zeros(4), score=1.0)
    return Body(person=person, pose=pose, mesh=skin(model, pose), translation=place, score=1.0)


def _seen(model, walkers, standing, ground, index, generator):
    pixels = ground.copy()
    masks = [silhouette(body, model.faces, CAMERA) for body in standing]
    depth = [body.translation[2] for body in standing]
    seen = [mask.copy() for mask in masks]
    for k in sorted(range(len(walkers)), key=lambda k: -depth[k]):
        for behind in range(len(walkers)):
            if depth[behind] > depth[k]:
                seen[behind] &= ~masks[k]
        rows = np.flatnonzero(masks[k].any(axis=1))
        if len(rows):
            waist = rows[0] + (rows[-1] - rows[0]) // 2
            upper = np.arange(SIZE[1])[:, None] < waist
            pixels[masks[k] & upper] = walkers[k].shirt
            pixels[masks[k] & ~upper] = walkers[k].trousers
    detected = []
    for k, body in enumerate(standing):
        whole = np.count_nonzero(masks[k])
        if whole > 600 and np.count_nonzero(seen[k]) > 0.5 * whole:
            detected.append((k, _person(model, body, masks[k], generator)))
    frame = Frame(pixels=pixels, name=f"film/{index:06d}", index=index, seconds=index / RATE)
    return Truth(frame=frame, bodies=standing, detected=detected)


def _person(model, body, mask, generator):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
    coco = model.regressors["coco17"]
    corners = body.mesh.vertices[coco.vertices] + body.translation
    metric = (corners * coco.weights[..., None]).sum(axis=1)
    points = project(metric, CAMERA)
    spread = NOISE * (box[3] - box[1])
    points = points + generator.normal(0, spread, points.shape)
    keypoints = np.column_stack([points, np.full(len(points), 0.9)])
    box = box + generator.normal(0, spread, 4)
    world = metric - metric[11:13].mean(axis=0) + generator.normal(0, METRIC_NOISE, metric.shape)
    return Person(
        box=box,
        score=0.8,
        keypoints=keypoints,
        world=world,
        layout="coco17",
        keypoint_score=0.8,
    )
