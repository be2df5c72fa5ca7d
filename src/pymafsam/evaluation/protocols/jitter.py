"""How far does a body move when the box or the picture moves a little? Without labels.

Every change is undone on the joints before they are compared; what is left is the method's own
nervousness.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.evaluation.cases import Answer, Case, Look
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.metrics import mpjpe, pa_mpjpe
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import coco
from pymafsam.evaluation.skeletons import METRE, around_root, shared_set
from pymafsam.geometry.affine import Affine, apply, between_centres, rotation
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Frame

PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One disturbance. ``box``: shift (shares of the box's longer side) and scale of the box;
    ``picture``: shift (pixels), scale and turn (degrees, clockwise) of the picture with its boxes;
    ``focal``: factor of the focal length.
    """

    box_shift: tuple[float, float] = (0.0, 0.0)
    box_scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    turn: float = 0.0
    focal: float = 1.0

    @property
    def moves_picture(self) -> bool:
        """Whether pixels change."""
        return (self.shift, self.scale, self.turn) != ((0.0, 0.0), 1.0, 0.0)


CHANGES: Mapping[str, Change] = {
    "box 5 % right": Change(box_shift=(0.05, 0.0)),
    "box 5 % down": Change(box_shift=(0.0, 0.05)),
    "box 10 % larger": Change(box_scale=1.1),
    "box 10 % smaller": Change(box_scale=0.9),
    "picture 5, 3 pixels on": Change(shift=(5.0, 3.0)),
    "picture at 3/4": Change(scale=0.75),
    "picture turned 10 degrees left": Change(turn=-10.0),
    "picture turned 10 degrees right": Change(turn=10.0),
    "focal length 4/5": Change(focal=0.8),
    "focal length 5/4": Change(focal=1.25),
}


def cases(data: Data) -> list[Case]:
    """Every picture with annotated people, plain and with every change."""
    out = []
    for case in coco.cases(replace(data, boxes=coco.GIVEN))[:: data.every]:
        (look,) = case.looks
        if len(coco.labelled(case.truth)):
            plain = replace(look, name=PLAIN)
            size = case.truth.size
            changed = [_changed(look, size, name, change) for name, change in CHANGES.items()]
            out.append(replace(case, looks=(plain, *changed)))
    return out


def _changed(look: Look, size: tuple[int, int], name: str, change: Change) -> Look:
    assert look.boxes is not None
    boxes = moved_boxes(look.boxes, change)
    if change.moves_picture:
        boxes = np.array([_bounds(box, change, size) for box in boxes]).reshape(-1, 4)
    return Look(name=name, read=partial(_shown, look.read, change), boxes=boxes)


def moved_boxes(
    boxes: Float[np.ndarray, "people 4"], change: Change
) -> Float[np.ndarray, "people 4"]:
    """Boxes shifted and scaled about their middles."""
    middles, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    longer = 2 * halves.max(1, keepdims=True, initial=0)
    middles = middles + longer * np.array(change.box_shift)
    halves = halves * change.box_scale
    return np.concatenate([middles - halves, middles + halves], 1)


def map_of(change: Change, size: tuple[int, int]) -> Affine:
    """Where the picture's points go: turned and scaled about its middle, then shifted."""
    linear = change.scale * rotation(np.radians(change.turn))
    middle = np.array(size) / 2
    moved = middle * change.scale + change.shift
    return np.column_stack([linear, moved - linear @ middle])


def _bounds(
    box: Float[np.ndarray, "4"], change: Change, size: tuple[int, int]
) -> Float[np.ndarray, "4"]:
    """The moved box; of a turned one as wide and high as before, about the turned middle."""
    low, high = box[:2], box[2:]
    middle = apply(map_of(change, size), (low + high) / 2)
    half = change.scale * (high - low) / 2
    return np.concatenate([middle - half, middle + half])


def _shown(read: Callable[[], Frame], change: Change) -> Frame:
    """The disturbed picture, with the focal length that belongs to it."""
    import cv2

    frame = read()
    focal = picture_camera(frame.size, frame.focal).focal * change.focal
    if not change.moves_picture:
        return replace(frame, focal=focal) if change.focal != 1 else frame
    size = tuple(round(change.scale * side) for side in frame.size)
    matrix = between_centres(map_of(change, frame.size))
    way = cv2.INTER_AREA if change.scale < 1 else cv2.INTER_LINEAR
    pixels = (
        cv2.resize(frame.pixels, size, interpolation=way)
        if change.scale != 1
        else cv2.warpAffine(frame.pixels, matrix, size, flags=cv2.INTER_LINEAR)
    )
    return replace(frame, pixels=np.asarray(pixels, np.uint8), focal=focal * change.scale)


def undone(joints: Float[np.ndarray, "points 3"], change: Change) -> Float[np.ndarray, "points 3"]:
    """Joints around their root as they would stand in the undisturbed picture.

    Turning the picture clockwise turns the world so about the optical axis.
    """
    turned = joints.copy()
    turned[:, :2] = joints[:, :2] @ rotation(np.radians(-change.turn)).T
    return turned


def figures(run: Run) -> list[Figure]:
    """Mean distance from the undisturbed joints by change, around the hips and aligned."""
    out, together, aligned = [], [], []
    rest: dict[str, Any] = {"unit": "mm", "better": "less"}
    for name, change in CHANGES.items():
        rows = []
        for index, first, second in coco.twice(run, PLAIN, name):
            which = shared_set([first, second])
            if which is None:
                continue
            one = around_root(first.joints[which], which)
            other = undone(around_root(second.joints[which], which), change)
            rows.append((index, METRE * float(mpjpe(other, one))))
            aligned.append((index, METRE * float(pa_mpjpe(other, one))))
        together += rows
        out.append(figure(f"motion, {name}", "mesh", "mean", rows, **rest))
    return [
        figure("motion, mean", "mesh", "mean", together, **rest),
        figure("motion, median", "mesh", "median", together, **rest),
        figure("motion, mean, PA", "mesh", "mean", aligned, **rest),
        *out,
    ]


def perfect(case: Case) -> Answer:
    """Bodies that turn with their pictures and else stay as they are."""
    return _bodies(case, 0.0)


def perturbed(case: Case) -> Answer:
    """The same, with one of 24 joints 24 mm off in every disturbed look."""
    return _bodies(case, 0.024)


EXPECTED = {"motion, mean": 1.0}


def _bodies(case: Case, away: float) -> Answer:
    plain = np.random.default_rng(0).normal(size=(24, 3)) + [0, 0, 5]
    bodies = {}
    for look in case.looks:
        turn = rotation(np.radians(CHANGES.get(look.name, Change()).turn))
        bodies[look.name] = np.column_stack([plain[:, :2] @ turn.T, plain[:, 2]])
        bodies[look.name][-1, 2] += away if look.name != PLAIN else 0.0
    return coco.same_bodies(case, bodies)


shown = coco.shown
