"""Somebody glanced at: what both networks would say, where only MoveNet was asked.

Between two frames of a video in which BlazePose looked at somebody its answers lie near the line
from the one to the other. Points on that line stand in for a look of its own: they are merged with
what MoveNet sees, as ever, and come nearer to the truth than looks at every frame do, because
their noise is a mean's (after Zeng et al., "DeciWatch", 2022; measured in docs/results/video.md).
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pymafsam.people.fusion import RELATIVE, Compared, merged
from pymafsam.people.looks import COCO, agreement
from pymafsam.records import Person

MOVENET, BLAZEPOSE = "coco17", "blazepose33"  # the layouts in which either answers


def glanced(person: Person, places: Float[np.ndarray, "17 3"]) -> Person:
    """Somebody described a moment ago as MoveNet sees them now (``places``, picture pixels).

    BlazePose's points are moved along with the points of MoveNet's that they belong to; metres
    stay, and the mask, which does not fit any more, is dropped.
    """
    landmarks = person.answers[BLAZEPOSE].astype(np.float64)
    landmarks[:, :2] += (places - person.answers[MOVENET])[RELATIVE, :2]
    return _answered(replace(person, mask=None), places, landmarks)


def between(person: Person, before: Person, after: Person, share: float) -> Person:
    """Somebody ``glanced`` at, BlazePose's answers on the line between two other frames' own.

    ``share`` of the way from ``before`` to ``after`` has passed, 0..1.
    """
    assert before.world is not None
    assert after.world is not None
    mix = lambda one, other: one + share * (other - one)  # noqa: E731
    landmarks = mix(before.answers[BLAZEPOSE], after.answers[BLAZEPOSE])
    person = replace(
        person,
        world=mix(before.world, after.world),
        presence=mix(before.presence or 0.0, after.presence or 0.0),
    )
    return _answered(person, person.answers[MOVENET], landmarks)


def unison(person: Person) -> float:
    """How far what is said to be BlazePose's answer lies on MoveNet's, 0..1."""
    landmarks = person.answers[BLAZEPOSE][COCO]
    return Compared.of(person.answers[MOVENET], landmarks, person.box).alike.item()


def _answered(
    person: Person, places: Float[np.ndarray, "17 3"], landmarks: Float[np.ndarray, "33 3"]
) -> Person:
    """The person with both answers, and what is merged of them."""
    keypoints = merged(places, landmarks, person.box)
    return replace(
        person,
        keypoints=keypoints,
        answers={MOVENET: places, BLAZEPOSE: landmarks},
        keypoint_score=agreement(keypoints[COCO, :2], keypoints[COCO, 2], person.box),
    )
