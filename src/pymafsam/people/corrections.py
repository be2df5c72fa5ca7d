"""What a visitor corrects in how somebody was described: keypoints put right, sides exchanged.

Applied to every answer that later steps read (merged keypoints, both networks' own, metres), so
masks, lifter and fit see what a network would have said that was not mistaken. Depths are turned
over where they are decided, in the fit.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from pymafsam.geometry.joints import LAYOUTS, mirrored
from pymafsam.records import Person

# What the names of a part's keypoints end in; its root (shoulders, hips) stays.
ENDS: Mapping[str, tuple[str, ...]] = {
    "whole": ("",),
    "arms": ("elbow", "wrist", "pinky", "index", "thumb"),
    "legs": ("knee", "ankle", "heel", "foot_index"),
}
CERTAIN = 1.0  # confidence of what a visitor says


def corrected(person: Person) -> Person:
    """The person with their prompt's ``pins`` and flips of ``sides``; nobody else changes."""
    said = person.prompt
    if said is None or person.keypoints is None:
        return person
    for flip in said.flips:
        if flip.way == "sides":
            person = exchanged(person, flip.part)
    return pinned(person, said.pins)


def shifts(described: Person, person: Person) -> dict[str, tuple[float, float]]:
    """How far the pins of a ``corrected`` person moved their keypoints, pixels."""
    if person.prompt is None or person.keypoints is None:
        return {}
    names = LAYOUTS[person.layout]
    flips = replace(person.prompt, pins={})
    before = corrected(replace(described, prompt=flips)).keypoints
    assert before is not None
    rows = {name: names.index(name) for name in person.prompt.pins if name in names}
    moved = {name: (person.keypoints[k] - before[k])[:2].tolist() for name, k in rows.items()}
    return {name: (x, y) for name, (x, y) in moved.items()}


def exchanged(person: Person, part: str) -> Person:
    """Left and right of a part change names.

    Somebody taken for facing the camera who turns their back (``whole``) is the same picture at
    opposite depths: metres along the ray change their sign.
    """
    assert person.keypoints is not None
    order = _order(person.layout, part)
    world = None if person.world is None else person.world[order]
    if world is not None and part == "whole":
        world = world * (1.0, 1.0, -1.0)
    return replace(
        person,
        keypoints=person.keypoints[order],
        world=world,
        answers={name: points[_order(name, part)] for name, points in person.answers.items()},
        features=None,  # of a network that took the sides for each other
    )


def pinned(person: Person, pins: Mapping[str, tuple[float, float]]) -> Person:
    """Keypoints moved to where they are said to be, for certain; their metres move along."""
    assert person.keypoints is not None
    names = LAYOUTS[person.layout]
    world = None if person.world is None else person.world.copy()
    for name, place in pins.items():
        if world is not None and name in names:
            row = names.index(name)
            world[row, :2] += (place - person.keypoints[row, :2]) * _metres_per_pixel(person)
    return replace(
        person,
        keypoints=_put(person.keypoints, names, pins),
        world=world,
        answers={
            name: _put(points, LAYOUTS[name], pins) for name, points in person.answers.items()
        },
    )


def shifted(person: Person, by: Mapping[str, tuple[float, float]]) -> Person:
    """Keypoints moved by so many pixels, as sure as they were; their metres stay.

    For a correction that is taken over from another frame, where it was said.
    """
    return replace(
        person,
        keypoints=None
        if person.keypoints is None
        else _moved(person.keypoints, LAYOUTS[person.layout], by),
        answers={name: _moved(said, LAYOUTS[name], by) for name, said in person.answers.items()},
    )


def _moved(
    points: Float[np.ndarray, "points 3"], names: list[str], by: Mapping[str, tuple[float, float]]
) -> Float[np.ndarray, "points 3"]:
    out = points.copy()
    for name, way in by.items():
        if name in names:
            out[names.index(name), :2] += way
    return out


def _order(layout: str, part: str) -> Int[np.ndarray, "points"]:
    """Rows in which the keypoints of a part have changed sides."""
    names = LAYOUTS[layout]
    ends = ENDS[part]
    return np.array(
        [names.index(mirrored(name) if name.endswith(ends) else name) for name in names]
    )


def _put(
    points: Float[np.ndarray, "points 3"],
    names: list[str],
    pins: Mapping[str, tuple[float, float]],
) -> Float[np.ndarray, "points 3"]:
    out = points.copy()
    for name, place in pins.items():
        if name in names:
            out[names.index(name)] = (*place, CERTAIN)
    return out


def _metres_per_pixel(person: Person) -> float:
    """How large a pixel is at the person, by the spread of their points in both."""
    assert person.keypoints is not None
    assert person.world is not None
    pixels = np.std(person.keypoints[:, :2], axis=0).sum()
    return float(np.std(person.world[:, :2], axis=0).sum() / max(pixels, 1e-6))
