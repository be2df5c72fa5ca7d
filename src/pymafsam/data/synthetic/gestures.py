"""What arms do: hang, swing, rest in pockets, on hips, laps and tables, hold, reach, wave.

A gesture says where the left wrist goes; the right one mirrors it. The arm follows in closed form.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pymafsam.data.synthetic.limbs import AT, Pose, Rest, Stance, Vector, reach, stance
from pymafsam.geometry.rotation import from_axis_angle

Generator = np.random.Generator
SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gesture:
    """Where a left hand's wrist goes, in the frame of a joint; ``pole``: where the elbow points."""

    frame: str
    wrist: tuple[float, float, float]
    spread: tuple[float, float, float]
    pole: tuple[float, float, float]
    chance: float
    seated_chance: float
    both: float = 0.5  # how often both hands do the same


GESTURES: Mapping[str, Gesture] = {
    "hip": Gesture(
        frame="pelvis",
        wrist=(0.21, 0.06, 0.04),
        spread=(0.015, 0.04, 0.04),
        pole=(1.0, 0.0, -0.6),
        chance=0.09,
        seated_chance=0.01,
    ),
    "pocket": Gesture(
        frame="pelvis",
        wrist=(0.21, -0.05, 0.06),
        spread=(0.015, 0.04, 0.05),
        pole=(0.5, 0.0, -1.0),
        chance=0.09,
        seated_chance=0.0,
        both=0.6,
    ),
    "behind": Gesture(
        frame="pelvis",
        wrist=(0.03, 0.02, -0.17),
        spread=(0.04, 0.05, 0.02),
        pole=(1.0, 0.0, -0.5),
        chance=0.03,
        seated_chance=0.0,
        both=0.9,
    ),
    "clasped": Gesture(
        frame="pelvis",
        wrist=(0.04, -0.02, 0.22),
        spread=(0.03, 0.08, 0.04),
        pole=(1.0, -0.3, -0.4),
        chance=0.09,
        seated_chance=0.1,
        both=0.9,
    ),
    "crossed": Gesture(
        frame="spine3",
        wrist=(-0.08, -0.07, 0.2),
        spread=(0.04, 0.04, 0.02),
        pole=(1.0, -0.8, 0.2),
        chance=0.05,
        seated_chance=0.05,
        both=1.0,
    ),
    "holding": Gesture(
        frame="spine3",
        wrist=(0.1, -0.03, 0.3),
        spread=(0.09, 0.1, 0.07),
        pole=(0.6, -1.0, -0.3),
        chance=0.15,
        seated_chance=0.17,
        both=0.4,
    ),
    "face": Gesture(
        frame="head",
        wrist=(0.08, -0.05, 0.16),
        spread=(0.04, 0.06, 0.04),
        pole=(0.8, -1.0, 0.2),
        chance=0.06,
        seated_chance=0.08,
        both=0.15,
    ),
    "crown": Gesture(
        frame="head",
        wrist=(0.13, 0.12, 0.02),
        spread=(0.03, 0.05, 0.05),
        pole=(1.0, 0.2, 0.0),
        chance=0.02,
        seated_chance=0.02,
    ),
    "table": Gesture(
        frame="spine3",
        wrist=(0.14, -0.2, 0.33),
        spread=(0.1, 0.05, 0.07),
        pole=(1.0, -0.4, -0.4),
        chance=0.03,
        seated_chance=0.2,
        both=0.7,
    ),
    "propped": Gesture(
        frame="pelvis",
        wrist=(0.3, -0.03, -0.12),
        spread=(0.06, 0.04, 0.1),
        pole=(0.4, 0.2, -1.0),
        chance=0.0,
        seated_chance=0.06,
    ),
}


def move_arms(pose: Pose, rest: Rest, generator: Generator, *, seated: bool, swing: float) -> None:
    """Give both arms something to do, in place; ``swing``: the left arm's forward, in a step."""
    for (side, sign), name in zip(SIDES, _chosen(generator, seated, bool(swing)), strict=True):
        if name == "hanging":
            _hang(pose, side, sign, swing * sign, generator)
        else:
            _reach_for(pose, side, sign, name, rest, generator)


def _chosen(generator: Generator, seated: bool, walking: bool) -> tuple[str, str]:
    """What the left and the right arm do."""
    names = (*GESTURES, "lap", "reaching", "hanging")
    chances = [g.seated_chance if seated else g.chance for g in GESTURES.values()]
    chances += [0.22, 0.06, 0.03] if seated else [0.0, 0.12, 0.0]
    if walking:
        chances = [0.35 * c for c in chances]
    chances[-1] += max(1.0 - sum(chances), 0.0)
    weights = np.array(chances) / sum(chances)
    first = str(generator.choice(names, p=weights))
    both = GESTURES[first].both if first in GESTURES else 0.6
    second = first if generator.random() < both else str(generator.choice(names, p=weights))
    return (first, second) if generator.random() < 0.5 else (second, first)


def _hang(pose: Pose, side: str, sign: float, swing: float, generator: Generator) -> None:
    """The arm hangs; ``swing`` forward."""
    g = generator
    down = g.normal((0.0, 0.0, -1.24), (0.2, 0.08, 0.12)) * [1, sign, sign]
    forward = from_axis_angle(np.array([-swing + g.normal(-0.05, 0.12), 0.0, 0.0]))
    pose[AT[f"{side}_shoulder"]] = forward @ from_axis_angle(down)
    bend = min(abs(g.normal(0.25, 0.2)) + 0.6 * max(swing, 0), 2.0)
    elbow = np.array([g.normal(0, 0.3), -sign * bend, 0.0])
    pose[AT[f"{side}_elbow"]] = from_axis_angle(elbow)


def _reach_for(
    pose: Pose, side: str, sign: float, name: str, rest: Rest, generator: Generator
) -> None:
    """The wrist goes where the gesture has it."""
    g = generator
    stood = stance(rest, pose)
    place = PLACES.get(name, _as_gesture)
    target, elbow = place(stood, side, np.array([sign, 1.0, 1.0]), name, g)
    pole = stood.turns[AT["spine3"]] @ elbow
    shoulder = stood.places[AT[f"{side}_shoulder"]]
    upper, fore = reach(rest, f"{side}_elbow", shoulder, target, pole)
    twist = from_axis_angle(np.array([g.normal(0, 0.4), 0.0, 0.0]))
    pose[AT[f"{side}_shoulder"]] = stood.turns[AT[f"{side}_collar"]].T @ upper
    pose[AT[f"{side}_elbow"]] = upper.T @ fore @ twist


def _as_gesture(
    stood: Stance, side: str, mirror: Vector, name: str, generator: Generator
) -> tuple[Vector, Vector]:
    """Where the wrist goes (world), and where the elbow points (the chest's axes)."""
    gesture = GESTURES[name]
    wrist = generator.normal(gesture.wrist, gesture.spread) * mirror
    joint = AT[gesture.frame]
    target = stood.places[joint] + stood.turns[joint] @ wrist
    return target, (np.array(gesture.pole) + generator.normal(0, 0.15, 3)) * mirror


def _on_lap(
    stood: Stance, side: str, mirror: Vector, name: str, generator: Generator
) -> tuple[Vector, Vector]:
    """On the thigh, anywhere between its middle and the knee."""
    hip, knee = stood.places[AT[f"{side}_hip"]], stood.places[AT[f"{side}_knee"]]
    over = stood.turns[AT[f"{side}_hip"]] @ np.array([0.0, 0.0, 0.115])
    target = hip + generator.uniform(0.35, 1.0) * (knee - hip) + over
    return target + generator.normal(0, 0.02, 3), np.array([0.8, -0.6, -0.6]) * mirror


def _anywhere(
    stood: Stance, side: str, mirror: Vector, name: str, generator: Generator
) -> tuple[Vector, Vector]:
    """Stretched out, rather forward and to the side."""
    toward = generator.normal((0.6, 0.1, 0.5), (0.5, 0.6, 0.5))
    toward *= generator.uniform(0.28, 0.465) / max(float(np.linalg.norm(toward)), 1e-6)
    target = stood.places[AT[f"{side}_shoulder"]] + stood.turns[AT["spine3"]] @ (toward * mirror)
    return target, np.array([0.3, -1.0, -0.5]) * mirror


PLACES = {"lap": _on_lap, "reaching": _anywhere}
