"""Ordinary poses: people who stand, lean, walk, sit, crouch and kneel, and what their arms do.

Trunks are drawn around plausible angles; feet are put on the floor and hands where hands go, and
the limbs follow (``limbs.reach``). Rest axes: y up, facing +z, x to the person's left; radians.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pymafsam.data.synthetic.gestures import SIDES, move_arms
from pymafsam.data.synthetic.limbs import AT, Pose, Rest, Vector, collides, reach, stance
from pymafsam.geometry.rotation import from_axis_angle, to_axis_angle

Generator = np.random.Generator

ANKLE_HEIGHT = 0.072  # metres above the sole
TRIES = 5  # draws until nothing collides


@dataclass(frozen=True, slots=True, kw_only=True)
class Foot:
    """Where an ankle goes (metres from the pelvis), where the knee points, how the foot stands.

    ``toe_out`` turns the foot outwards, ``heel_up`` lifts the heel.
    """

    ankle: Vector
    pole: Vector
    toe_out: float = 0.0
    heel_up: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a kind of pose decides: the pelvis' turn, the spine's bend, both feet."""

    pelvis: Vector
    spine: Vector  # shared by the three joints
    feet: tuple[Foot, Foot]
    seated: bool = False
    swing: float = 0.0  # of the left arm forward, when walking


def everyday(kind: str, rest: Rest, generator: Generator) -> Pose:
    """A pose of a kind (a key of ``KINDS``); limbs that run through the body are drawn again."""
    pose = _posed(KINDS[kind](rest, generator), rest, generator)
    for _ in range(TRIES - 1):
        if not collides(stance(rest, pose)):
            break
        pose = _posed(KINDS[kind](rest, generator), rest, generator)
    return pose


def _posed(plan: Plan, rest: Rest, generator: Generator) -> Pose:
    vectors = np.zeros((24, 3))
    vectors[0] = plan.pelvis
    share = plan.spine / 3
    for name in ("spine1", "spine2", "spine3"):
        vectors[AT[name]] = share + generator.normal(0, (0.035, 0.04, 0.03))
    vectors[AT["neck"]] = generator.normal((0.1, 0, 0), (0.12, 0.18, 0.07))
    vectors[AT["head"]] = generator.normal((0.02, 0, 0), (0.12, 0.22, 0.08))
    for side, sign in SIDES:
        vectors[AT[f"{side}_collar"]] = generator.normal((0, 0, 0), (0.03, 0.06, 0.06))
        vectors[AT[f"{side}_wrist"]] = generator.normal(0, (0.2, 0.12, 0.2))
        vectors[AT[f"{side}_collar"]][1:] += sign * np.array([-0.03, 0.0])
    pose = from_axis_angle(vectors)
    for (side, _), foot in zip(SIDES, plan.feet, strict=True):
        _leg(pose, side, foot, rest)
    move_arms(pose, rest, generator, seated=plan.seated, swing=plan.swing)
    return pose


def _leg(pose: Pose, side: str, foot: Foot, rest: Rest) -> None:
    """Turn hip, knee and ankle so that the foot stands where it should."""
    sign = 1.0 if side == "left" else -1.0
    hip = pose[0] @ rest[AT[f"{side}_hip"]]
    thigh, shank = reach(rest, f"{side}_knee", hip, foot.ankle, foot.pole)
    pose[AT[f"{side}_hip"]] = pose[0].T @ thigh
    pose[AT[f"{side}_knee"]] = thigh.T @ shank
    sole = from_axis_angle(np.array([0.0, sign * foot.toe_out, 0.0])) @ from_axis_angle(
        np.array([foot.heel_up, 0.0, 0.0])
    )
    bend = to_axis_angle(shank.T @ sole)
    pose[AT[f"{side}_ankle"]] = from_axis_angle(np.clip(bend, (-0.55, -0.4, -0.3), (0.9, 0.4, 0.3)))


def _sided(side: float, x: float, y: float, z: float) -> Vector:
    return np.array([side * x, y, z])


def _leg_length(rest: Rest) -> float:
    hip, knee, ankle = (rest[AT[f"left_{name}"]] for name in ("hip", "knee", "ankle"))
    return float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))


def _standing(rest: Rest, generator: Generator) -> Plan:
    """Both feet on the floor, the weight often on one of them."""
    g = generator
    length = _leg_length(rest)
    relaxed = g.random() < 0.5
    weight = g.choice([-1.0, 1.0]) if relaxed else 0.0
    pelvis = g.normal((0.0, 0.0, 0.0), (0.05, 0.08, 0.02)) + [0, 0, weight * g.uniform(0, 0.1)]
    width = abs(g.normal(0.1, 0.05)) + 0.035
    floor = -length * g.uniform(0.975, 0.998)
    if g.random() < 0.06:
        width, floor = g.uniform(0.2, 0.4), -length * g.uniform(0.9, 0.96)
    feet = []
    stagger = g.normal(0, 0.05)
    for _, sign in SIDES:
        bears = sign * weight
        aside = sign * width - weight * 0.06 + (sign * g.uniform(0, 0.1) if bears < 0 else 0)
        ahead = -0.02 + sign * stagger + (g.uniform(0, 0.16) if bears < 0 else 0)
        out = g.normal(0.18, 0.13) + (0.15 if bears < 0 else 0)
        feet.append(
            Foot(
                ankle=np.array([aside, floor - 0.015, ahead]),
                pole=np.array([np.sin(sign * out * 0.8), 0.0, 1.0]),
                toe_out=out,
            )
        )
    spine = g.normal((0.02, 0.0, 0.0), (0.1, 0.1, 0.05)) - [0, 0, 0.8 * pelvis[2]]
    return Plan(pelvis=pelvis, spine=spine, feet=(feet[0], feet[1]))


def _leaning(rest: Rest, generator: Generator) -> Plan:
    """Standing, the trunk bent well forwards or aside: over a sink, a child, a ball."""
    plan = _standing(rest, generator)
    hinge = abs(generator.normal(0, 0.55)) + 0.1
    pelvis = plan.pelvis + [hinge, 0, generator.normal(0, 0.08)]
    spine = plan.spine + [generator.normal(0.2, 0.25), *generator.normal(0, (0.2, 0.15))]
    back = np.array([0.0, 0.0, 0.16 * hinge])
    feet = [
        Foot(ankle=foot.ankle + back, pole=foot.pole, toe_out=foot.toe_out) for foot in plan.feet
    ]
    return Plan(pelvis=pelvis, spine=spine, feet=(feet[0], feet[1]))


def _walking(rest: Rest, generator: Generator) -> Plan:
    """A moment of a step; six tenths of its time a foot is on the floor (Perry, 1992)."""
    g = generator
    length, step = _leg_length(rest), g.uniform(0.15, 0.7)
    phase = g.random()
    feet = []
    for k, (_, sign) in enumerate(SIDES):
        at = (phase + k / 2) % 1
        if at < 0.6:
            ahead, up = step * (0.5 - at / 0.6), 0.0
            heel = 0.9 * max(at - 0.4, 0) / 0.2 * step - 0.3 * max(0.1 - at, 0) / 0.1 * step
        else:
            swung = (at - 0.6) / 0.4
            ahead, up = step * (swung - 0.5), g.uniform(0.04, 0.16) * np.sin(np.pi * swung)
            heel = 0.9 * step * (1 - swung) - 0.2 * swung * step
        out = g.normal(0.1, 0.08)
        rise = 0.12 * max(heel, 0)
        place = np.array([sign * abs(g.normal(0.07, 0.03)), up + rise, ahead])
        feet.append(
            Foot(ankle=place, pole=np.array([sign * out, 0, 1.0]), toe_out=out, heel_up=heel)
        )
    drop = np.sqrt((0.995 * length) ** 2 - (step / 2) ** 2) + g.uniform(-0.02, 0.015)
    feet = [
        Foot(ankle=f.ankle - [0, drop, 0], pole=f.pole, toe_out=f.toe_out, heel_up=f.heel_up)
        for f in feet
    ]
    twist = (feet[1].ankle[2] - feet[0].ankle[2]) * 0.35
    pelvis = g.normal((0.05, twist * 0.4, 0.0), (0.04, 0.05, 0.03))
    spine = g.normal((0.05, -1.2 * twist, 0.0), (0.07, 0.06, 0.04))
    swing = (feet[1].ankle[2] - feet[0].ankle[2]) * g.uniform(0.3, 1.3)
    return Plan(pelvis=pelvis, spine=spine, feet=(feet[0], feet[1]), swing=float(swing))


def _sitting(rest: Rest, generator: Generator) -> Plan:
    """On a chair, stool, bench or sofa; feet on the floor, stretched, hanging, or crossed."""
    g = generator
    height = g.uniform(0.3, 0.6)
    pelvis = g.normal((-0.12, 0.0, 0.0), (0.2, 0.06, 0.04))
    spine = g.normal((0.28, 0.0, 0.0), (0.25, 0.15, 0.08)) - [0.4 * pelvis[0], 0, 0]
    spread, ahead = g.uniform(0.03, 0.2), g.uniform(0.22, 0.55)
    if g.random() < 0.12:
        ahead, height = g.uniform(0.5, 0.66), height * 0.8
    feet = []
    for _, sign in SIDES:
        aside = sign * (spread + g.normal(0, 0.03)) + (0.0 if spread > 0.06 else -sign * 0.0)
        place = np.array([aside, ANKLE_HEIGHT - height, ahead + g.normal(0, 0.06)])
        knee = np.array([sign * (g.normal(0.12, 0.18)), 0.7, 0.8])
        feet.append(Foot(ankle=place, pole=knee, toe_out=g.normal(0.1, 0.12), heel_up=0.0))
    if g.random() < 0.15:  # one leg over the other
        k = int(g.integers(2))
        sign = SIDES[k][1]
        over = np.array(
            [-sign * g.uniform(0.06, 0.16), g.uniform(-0.12, 0.02), g.uniform(0.34, 0.46)]
        )
        feet[k] = Foot(
            ankle=over, pole=np.array([sign * g.uniform(0.2, 1.2), 1.0, 0.6]), heel_up=0.4
        )
    return Plan(pelvis=pelvis, spine=spine, feet=(feet[0], feet[1]), seated=True)


def _on_floor(rest: Rest, generator: Generator) -> Plan:
    """Sitting on the floor: legs stretched, knees up, or cross-legged."""
    g = generator
    pelvis = g.normal((-0.15, 0.0, 0.0), (0.2, 0.05, 0.03))
    spine = g.normal((0.45, 0.0, 0.0), (0.25, 0.15, 0.08))
    manner = g.random()
    feet = []
    for _, sign in SIDES:
        if manner < 0.35:
            place = np.array([sign * g.uniform(0.05, 0.25), -0.04, g.uniform(0.55, 0.76)])
            knee = np.array([sign * 0.1, 1.0, 0.1])
        elif manner < 0.7:
            place = np.array([sign * g.uniform(0.05, 0.18), -0.04, g.uniform(0.25, 0.5)])
            knee = np.array([sign * g.normal(0.15, 0.2), 1.0, 0.5])
        else:
            place = np.array([-sign * g.uniform(0.0, 0.14), -0.03, g.uniform(0.22, 0.34)])
            knee = np.array([sign * 1.0, g.uniform(0.15, 0.6), 0.5])
        feet.append(Foot(ankle=place, pole=knee, toe_out=g.normal(0.3, 0.2), heel_up=0.2))
    return Plan(pelvis=pelvis, spine=spine, feet=(feet[0], feet[1]), seated=True)


def _crouching(rest: Rest, generator: Generator) -> Plan:
    """Squatting, or on one knee."""
    g = generator
    height = g.uniform(0.22, 0.62)
    pelvis = g.normal((0.35, 0.0, 0.0), (0.3, 0.08, 0.04))
    spine = g.normal((0.35, 0.0, 0.0), (0.3, 0.15, 0.08))
    wide = abs(g.normal(0.08, 0.08)) + 0.06
    heel = g.uniform(0, 0.7) if g.random() < 0.5 else 0.0
    feet = []
    for _, sign in SIDES:
        out = g.normal(0.3, 0.15)
        place = np.array([sign * wide, ANKLE_HEIGHT - height, g.normal(0.12, 0.07)])
        knee = np.array([sign * np.sin(out), 0.2, 1.0])
        feet.append(Foot(ankle=place, pole=knee, toe_out=out, heel_up=heel))
    if g.random() < 0.4:
        k = int(g.integers(2))
        sign = SIDES[k][1]
        height = max(height, 0.42)
        back = np.array([sign * 0.1, ANKLE_HEIGHT - height, -g.uniform(0.3, 0.45)])
        feet[k] = Foot(ankle=back, pole=np.array([0.0, -1.0, 0.5]), heel_up=1.2)
        front = feet[1 - k]
        feet[1 - k] = Foot(
            ankle=np.array([front.ankle[0], ANKLE_HEIGHT - height, g.uniform(0.2, 0.42)]),
            pole=front.pole,
            toe_out=front.toe_out,
        )
    return Plan(pelvis=pelvis, spine=spine, feet=(feet[0], feet[1]), seated=True)


def _kneeling(rest: Rest, generator: Generator) -> Plan:
    """On both knees, upright or sitting on the heels."""
    g = generator
    thigh = float(np.linalg.norm(rest[AT["left_knee"]] - rest[AT["left_hip"]]))
    shank = float(np.linalg.norm(rest[AT["left_ankle"]] - rest[AT["left_knee"]]))
    slope = g.uniform(0.0, 1.15)  # of the thighs forward
    feet = []
    wide = g.uniform(0.08, 0.2)
    for _, sign in SIDES:
        knee = np.array([sign * wide, -thigh * np.cos(slope), thigh * np.sin(slope)])
        ankle = knee - [0, g.uniform(-0.03, 0.03), 0.97 * shank]
        feet.append(Foot(ankle=ankle, pole=np.array([sign * 0.1, -0.6, 1.0]), heel_up=1.3))
    pelvis = g.normal((0.1, 0.0, 0.0), (0.2, 0.06, 0.03))
    spine = g.normal((0.2, 0.0, 0.0), (0.25, 0.15, 0.08))
    return Plan(pelvis=pelvis, spine=spine, feet=(feet[0], feet[1]), seated=True)


KINDS: Mapping[str, Callable[[Rest, Generator], Plan]] = {
    "standing": _standing,
    "leaning": _leaning,
    "walking": _walking,
    "sitting": _sitting,
    "on the floor": _on_floor,
    "crouching": _crouching,
    "kneeling": _kneeling,
}
