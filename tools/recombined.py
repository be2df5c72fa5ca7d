"""Rendered people put together of others, with what the keypoint networks would say of them.

Somebody gets the arms of one person and the legs of another who are seen from the same side; what
the networks were off by at these limbs (places in shares of the box, metres from the shoulder or
hip on, confidences) comes along. So many poses are learned from that nobody has rendered.
"""

from dataclasses import dataclass

import numpy as np

from pymafsam.body import BodyModel
from pymafsam.fitting.cameras import Cameras
from pymafsam.fitting.chain import Points, Skeleton, State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import ray_frames
from pymafsam.fitting.lifter import box_sides
from pymafsam.geometry import joints, rotation

ALIKE = 40  # people who are seen most from the same side, to choose limbs from
TREMBLE = 0.06  # radians by which all joints are turned beside that
NEAREST = 0.3  # metres
SMALLEST = 12.0  # pixels of a box's side
STEP = 2000
BLAZE, COCO = joints.BLAZEPOSE33, joints.COCO17
OF_COCO = [BLAZE.index(name) for name in COCO]
HIPS = [BLAZE.index(f"{side}_hip") for side in ("left", "right")]
SIDES = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class Limbs:
    """Both arms, or both legs: joints that turn, points that move, where they hang."""

    turning: tuple[str, ...]
    moving: tuple[str, ...]
    root: str
    carrier: str  # the joint whose direction says from which side they are seen

    @property
    def joints(self) -> list[int]:
        return [joints.SMPL24.index(f"{side}_{name}") for side in SIDES for name in self.turning]

    def points(self, layout: tuple[str, ...]) -> list[int]:
        """Rows of a layout."""
        names = {f"{side}_{name}" for side in SIDES for name in self.moving}
        return [row for row, name in enumerate(layout) if name in names]

    def roots(self) -> list[int]:
        """For every point of BlazePose's, the shoulder or hip of its side."""
        return [
            BLAZE.index(f"{BLAZE[row].partition('_')[0]}_{self.root}") for row in self.points(BLAZE)
        ]


ARMS = Limbs(
    turning=("collar", "shoulder", "elbow", "wrist", "hand"),
    moving=("elbow", "wrist", "pinky", "index", "thumb"),
    root="shoulder",
    carrier="spine3",
)
LEGS = Limbs(
    turning=("hip", "knee", "ankle", "foot"),
    moving=("knee", "ankle", "heel", "foot_index"),
    root="hip",
    carrier="pelvis",
)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Rendered people, and what the networks were off by."""

    table: dict[str, np.ndarray]
    picture: np.ndarray  # people 33 2, pixels
    blaze: np.ndarray  # people 33 2, errors in sides of the box
    coco: np.ndarray  # people 17 2
    metres: np.ndarray  # people 33 3, errors in the ray's frame
    alike: dict[str, np.ndarray]  # of a carrier: people ALIKE, rows

    @staticmethod
    def of(model: BodyModel, table: dict[str, np.ndarray]) -> "Answers":
        """From a table of tools/keypoint_answers.py."""
        points, world = _posed(model, table)
        frames = ray_frames(table["box"].astype(float), cameras_of(table))
        picture, side = _seen(points, table), box_sides(table["box"].astype(float))[:, None, None]
        return Answers(
            table=table,
            picture=picture,
            blaze=(table["said_blazepose33"][..., :2] - picture) / side,
            coco=(table["said_coco17"][..., :2] - picture[:, OF_COCO]) / side,
            metres=table["said_world"] - _around_hips(points, frames),
            alike={
                limbs.carrier: _alike(frames @ world[:, joints.SMPL24.index(limbs.carrier)])
                for limbs in (ARMS, LEGS)
            },
        )


def cameras_of(table: dict[str, np.ndarray]) -> Cameras:
    """Every row's pinhole."""
    return Cameras(
        focal=table["focal"].astype(np.float64),
        centre=table["centre"].astype(np.float64),
        size=table["size"].astype(np.float64),
    )


def recombined(
    model: BodyModel, known: Answers, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """As many rows as known, less those that would not be seen as their limbs were."""
    table, count = known.table, len(known.picture)
    new = {name: values.copy() for name, values in table.items() if len(values) == count}
    errors = {"blaze": known.blaze.copy(), "coco": known.coco.copy(), "metres": known.metres.copy()}
    which = generator.integers(0, 3, count)  # arms, legs, both
    beyond = _beyond(known.picture, table)
    fits = np.ones(count, bool)
    for limbs, others in ((ARMS, 1), (LEGS, 0)):
        rows = np.flatnonzero(which != others)
        choice = generator.integers(0, ALIKE, count)[rows]
        donors = known.alike[limbs.carrier][rows, choice]
        _hand_over(known, limbs, rows, donors, new, errors)
        moving = limbs.points(BLAZE)
        fits[rows] &= (beyond[donors][:, moving] == beyond[rows][:, moving]).all(1)
    tremble = rotation.from_axis_angle(generator.normal(0, TREMBLE, (count, 24, 3)))
    tremble[:, 0] = np.eye(3)
    new["rotations"] = new["rotations"].astype(float) @ tremble
    fits &= _described(model, known, new, errors)
    return {name: values[fits] for name, values in new.items()}


def _hand_over(
    known: Answers,
    limbs: Limbs,
    rows: np.ndarray,
    donors: np.ndarray,
    new: dict[str, np.ndarray],
    errors: dict[str, np.ndarray],
) -> None:
    """Limbs of ``donors`` and the errors at them become those of ``rows``."""
    table, blaze, coco = known.table, limbs.points(BLAZE), limbs.points(COCO)
    new["rotations"][np.ix_(rows, limbs.joints)] = table["rotations"][donors][:, limbs.joints]
    for name, points, own in (("blazepose33", blaze, "blaze"), ("coco17", coco, "coco")):
        errors[own][np.ix_(rows, points)] = getattr(known, own)[donors][:, points]
        said = f"said_{name}"
        new[said][np.ix_(rows, points, [2])] = table[said][donors][:, points, 2:]
    roots, metres = limbs.roots(), known.metres
    errors["metres"][np.ix_(rows, blaze)] = (
        metres[rows][:, roots] + metres[donors][:, blaze] - metres[donors][:, roots]
    )


def _described(
    model: BodyModel, known: Answers, new: dict[str, np.ndarray], errors: dict[str, np.ndarray]
) -> np.ndarray:
    """Writes what is said of the new poses; True for who is before the camera and of like size."""
    points, _ = _posed(model, new)
    picture = _seen(points, new)
    size = new["size"].astype(float)
    bounds = [
        np.concatenate([p.min(1).clip(0, size), p.max(1).clip(0, size)], axis=1)
        for p in (known.picture, picture)
    ]
    before = new["box"].astype(float)
    box = (before + bounds[1] - bounds[0]).clip(0, np.tile(size, 2))
    fits = (points[..., 2] > NEAREST).all(1) & (box[:, 2:] - box[:, :2] > SMALLEST).all(1)
    ratio = box_sides(box) / box_sides(before)
    new["box"], side = box, box_sides(box)[:, None, None]
    new["said_blazepose33"][..., :2] = picture + errors["blaze"] * side
    new["said_coco17"][..., :2] = picture[:, OF_COCO] + errors["coco"] * side
    frames = ray_frames(box, cameras_of(new))
    new["said_world"] = _around_hips(points, frames) + errors["metres"]
    return fits & (ratio > 0.5) & (ratio < 2)


def _posed(model: BodyModel, table: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """BlazePose's points of the bodies (metres, camera axes) and all joints' turns."""
    rows = model.regressors["blazepose33"]
    surface = Points.on_surface(model, rows.vertices, rows.weights)
    skeleton, points, world = Skeleton.of(model, ()), [], []
    for first in range(0, len(table["rotations"]), STEP):
        some = slice(first, first + STEP)
        state = State(
            rotations=table["rotations"][some].astype(float),
            betas=table["betas"][some].astype(float),
            translation=table["translation"][some].astype(float),
        )
        posed = forward_kinematics(skeleton, state)
        points.append(skinned_points(surface, posed, state.betas).sum(axis=1).transpose(0, 2, 1))
        world.append(posed.world)
    return np.concatenate(points), np.concatenate(world)


def _seen(points: np.ndarray, table: dict[str, np.ndarray]) -> np.ndarray:
    picture, _ = cameras_of(table).project(points.transpose(0, 2, 1))
    return picture.transpose(0, 2, 1)


def _beyond(picture: np.ndarray, table: dict[str, np.ndarray]) -> np.ndarray:
    return ((picture < 0) | (picture > table["size"][:, None])).any(-1)


def _around_hips(points: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """In the ray's frame, around the hips' middle, as BlazePose measures."""
    turned = points @ frames.transpose(0, 2, 1)
    return turned - turned[:, HIPS].mean(axis=1, keepdims=True)


def _alike(turns: np.ndarray) -> np.ndarray:
    """For everybody the rows of those whose turns are nearest."""
    flat = turns.reshape(len(turns), 9).astype(np.float32)
    most = min(ALIKE, len(flat) - 1)
    near = [
        np.argpartition(-flat[first : first + STEP] @ flat.T, most, axis=1)[:, :most]
        for first in range(0, len(flat), STEP)
    ]
    return np.concatenate(near)
