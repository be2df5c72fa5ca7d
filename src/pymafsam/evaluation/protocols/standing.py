"""Do people who stand upright stand upright in the reconstruction? Without labels of depth.

Gravity is the label: of somebody whose trunk and legs are vertical in the picture, most stand
upright in the world too. How far the body leans towards the camera is then an error, but for the
camera's own pitch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pymafsam.evaluation.cases import Answer, Case, Found
from pymafsam.evaluation.coco import Annotated
from pymafsam.evaluation.figures import Figure, figure
from pymafsam.evaluation.protocol import Data, Run
from pymafsam.evaluation.protocols import coco
from pymafsam.evaluation.skeletons import SETS, middle
from pymafsam.geometry.joints import COCO17
from pymafsam.geometry.rotation import from_axis_angle

MOST = 12.0  # degrees from vertical in the picture
SIDES = ("left", "right")
ORDER: Sequence[str] = COCO17
LIMBS = (("hip", "knee"), ("knee", "ankle"))
# The sets in which our body, standing straight, leans least (0.0 and 1.2 degrees).
MEASURED = {
    "trunk": (("coco17", "body24"), "hip", "shoulder"),
    "legs": (("body24", "coco17"), "ankle", "hip"),
}


def cases(data: Data) -> list[Case]:
    """The pictures with somebody who stands; everybody in them is shown."""
    chosen = coco.cases(replace(data, boxes=coco.GIVEN))
    return [case for case in chosen if any(map(stands, coco.labelled(case.truth)))]


def stands(person: Annotated) -> bool:
    """Shoulders, hips, knees and ankles are labelled; trunk, thighs and shins are vertical."""
    points = person.keypoints
    rows = [
        ORDER.index(f"{side}_{joint}")
        for side in SIDES
        for joint in ("shoulder", "hip", "knee", "ankle")
    ]
    if not (points[rows, 2] > 0).all():
        return False
    places = points[:, :2]
    limbs = [
        places[ORDER.index(f"{side}_{upper}")] - places[ORDER.index(f"{side}_{lower}")]
        for side in SIDES
        for upper, lower in LIMBS
    ]
    trunk = middle(places, "coco17", "shoulder") - middle(places, "coco17", "hip")
    return all(_from_vertical(limb) <= MOST for limb in [trunk, *limbs])


def _from_vertical(limb: Float[np.ndarray, "2"]) -> float:
    """Degrees between a limb, from its lower end to its upper, and the picture's up."""
    return float(np.degrees(np.arctan2(abs(limb[0]), -limb[1])))


def lean(found: Found, part: str) -> float:
    """How far ``trunk`` or ``legs`` lean towards the camera, degrees; NaN without joints."""
    sets, lower, upper = MEASURED[part]
    which = next((name for name in sets if name in found.joints and name in SETS), None)
    if which is None:
        return float("nan")
    joints = found.joints[which]
    _, y, z = middle(joints, which, upper) - middle(joints, which, lower)
    return float(np.degrees(np.arctan2(-z, -y)))


def figures(run: Run) -> list[Figure]:
    """Mean and deviation of both leans, and the median of their size."""
    out = []
    for part in MEASURED:
        rows = [(index, lean(found, part)) for index, found in _standing(run)]
        out += [
            figure(f"{part} lean, mean", "mesh", "mean", rows, unit="degrees", better="zero"),
            figure(
                f"{part} lean, deviation", "mesh", "deviation", rows, unit="degrees", better="less"
            ),
        ]
    sizes = [
        (index, float(np.mean([abs(lean(found, part)) for part in MEASURED])))
        for index, found in _standing(run)
    ]
    return [*out, figure("lean, size", "mesh", "mean", sizes, unit="degrees", better="less")]


def perfect(case: Case) -> Answer:
    """Everybody straight as a post."""
    return _posts(case, 0.0)


def perturbed(case: Case) -> Answer:
    """Everybody leaning towards the camera by 10 degrees."""
    return _posts(case, 10.0)


EXPECTED = {"trunk lean, mean": 10.0, "legs lean, mean": 10.0, "trunk lean, deviation": 0.0}


def _posts(case: Case, degrees: float) -> Answer:
    joints = np.zeros((len(COCO17), 3))
    for side in SIDES:
        joints[ORDER.index(f"{side}_shoulder")] = [0, -0.5, 0]
        joints[ORDER.index(f"{side}_ankle")] = [0, 0.9, 0]
    joints = joints @ from_axis_angle(np.radians([degrees, 0.0, 0.0])).T + [0, 0, 4]
    boxes = case.looks[0].boxes
    assert boxes is not None
    people = [
        Found(score=1.0, box=box, asked=number, joints={"coco17": joints})
        for number, box in enumerate(boxes)
    ]
    return Answer(people={coco.GIVEN: people})


shown = coco.shown


def _standing(run: Run) -> Iterator[tuple[int, Found]]:
    """Everybody who stands and was reconstructed."""
    for index, case, answer in run.each():
        for person, found in coco.pairs(answer, case.truth):
            if found is not None and stands(person):
                yield index, found
