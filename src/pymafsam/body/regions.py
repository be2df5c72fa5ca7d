"""Six regions of a body, as Leeds Sports Pose's part labels have them."""

import numpy as np
from jaxtyping import Int

from pymafsam.body.model import BodyModel
from pymafsam.errors import BadInput
from pymafsam.geometry.joints import SMPL24

REGIONS = ("head", "torso", "left arm", "right arm", "left leg", "right leg")  # the person's left
ARM, LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")


def regions(model: BodyModel) -> Int[np.ndarray, "vertices"]:
    """Each vertex's region, from 1 in the order of ``REGIONS``: that of the joint it follows most.

    Raises BadInput for a body without SMPL's 24 joints.
    """
    if len(model.parents) != len(SMPL24):
        raise BadInput(
            f"The body {model.name} has {len(model.parents)} joints; regions are known of bodies "
            f"with SMPL's {len(SMPL24)}."
        )
    of_joint = np.array([REGIONS.index(_region(name)) + 1 for name in SMPL24])
    return of_joint[model.weights.argmax(axis=1)]


def _region(joint: str) -> str:
    side, _, part = joint.partition("_")
    if joint in ("head", "neck"):
        return "head"
    if part in ARM:
        return f"{side} arm"
    return f"{side} leg" if part in LEG else "torso"
