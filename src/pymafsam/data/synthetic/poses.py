"""Where synthetic people's poses come from, and in which shares.

World axes: y up; the root's rotation is the whole body's in the world. Everyday poses are drawn
(``everyday``), motion capture and poses fitted to photographs are optional and recombined.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.data.synthetic import motions
from pymafsam.data.synthetic.everyday import everyday
from pymafsam.data.synthetic.limbs import AT, Pose
from pymafsam.geometry import mirror
from pymafsam.geometry.rotation import from_axis_angle, to_axis_angle

Generator = np.random.Generator
Poses = Float[np.ndarray, "frames 24 3 3"]

# Shares of the kinds: 45 % upright, 20 % seated or low, 35 % sport and anything.
SHARES: Mapping[str, float] = {
    "standing": 0.21,
    "walking": 0.09,
    "leaning": 0.04,
    "fitted upright": 0.11,
    "sitting": 0.09,
    "on the floor": 0.03,
    "crouching": 0.03,
    "kneeling": 0.02,
    "fitted low": 0.03,
    "lying": 0.02,
    "motion": 0.16,
    "fitted": 0.13,
    "loose": 0.04,
}
WITHOUT = {"fitted upright": "standing", "fitted low": "sitting", "fitted": "motion"}
UPPER = [
    AT[n]
    for n in AT
    if n not in ("pelvis",) and not any(part in n for part in ("hip", "knee", "ankle", "foot"))
]
LEGS = [AT[f"{side}_{n}"] for side in ("left", "right") for n in ("hip", "knee", "ankle")]
SPINE = [AT[n] for n in ("spine1", "spine2", "spine3")]
CAMERA_UP = np.diag([1.0, -1.0, -1.0])  # camera axes of a level camera <-> world axes
UPRIGHT = np.cos(np.deg2rad(25))
TRUSTED_ENERGY = 150.0
TRUSTED_SCORE = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Poses to choose from: motion capture, and fits (all, upright, seated or low)."""

    rest: Float[np.ndarray, "24 3"]
    motions: Poses
    fitted: Poses
    upright: Poses
    low: Poses

    @staticmethod
    def of(
        rest: Float[np.ndarray, "24 3"],
        mocap: Path | None = None,
        fits: Path | None = None,
        *,
        held_out: bool = False,
    ) -> "Library":
        """From a folder of DeepMimic's clips and an npz of fitted poses (tools/fit_poses.py).

        One fit in ten is ``held_out`` and given to test sets only.
        """
        nothing = np.zeros((0, 24, 3, 3))
        clips = motions.read(sorted(mocap.glob("*.txt")), every=2) if mocap else nothing
        fitted = _fitted(fits, held_out) if fits else nothing
        up = fitted[:, 0, 1, 1] if len(fitted) else np.zeros(0)
        bent = np.zeros(0)
        if len(fitted):
            hips = to_axis_angle(fitted[:, [AT["left_hip"], AT["right_hip"]]])[..., 0]
            bent = hips.mean(axis=1)
        return Library(
            rest=rest,
            motions=clips.astype(np.float64),
            fitted=fitted,
            upright=_straightened(fitted[(up > UPRIGHT) & (bent > -0.55)]),
            low=fitted[(up > 0.75) & (bent < -0.8)],
        )

    def draw(self, generator: Generator) -> tuple[Pose, str]:
        """A pose (root in world axes, facing anywhere) and what kind it is."""
        names = list(SHARES)
        kind = str(generator.choice(names, p=np.array(list(SHARES.values()))))
        has = {
            "fitted": self.fitted,
            "fitted upright": self.upright,
            "fitted low": self.low,
            "motion": self.motions,
        }
        while kind in has and not len(has[kind]):
            kind = WITHOUT.get(kind, "loose")
        pose = self._of(kind, generator)
        if generator.random() < 0.5:
            pose = mirror.rotations(pose)
        return pose, kind

    def _of(self, kind: str, generator: Generator) -> Pose:
        g = generator
        if kind == "loose":
            return _loose(self, g)
        if kind == "lying":
            base = everyday(str(g.choice(["standing", "sitting"])), self.rest, g)
            turn = np.array([[-np.pi / 2, 0, 0], [np.pi / 2, 0, 0], [0, 0, np.pi / 2]])
            over = turn[g.integers(3)] + g.normal(0, 0.15, 3)
            return _with_root(base, from_axis_angle(over))
        if kind == "motion":
            return _recombined(self.motions, g, chance=0.5)
        if kind == "fitted":
            return _recombined(self.fitted, g, chance=0.35)
        if kind == "fitted upright":
            return _recombined(self.upright, g, chance=0.4)
        if kind == "fitted low":
            return _recombined(self.low, g, chance=0.3)
        return everyday(kind, self.rest, g)


def _with_root(pose: Pose, turn: Float[np.ndarray, "3 3"]) -> Pose:
    out = pose.copy()
    out[0] = turn @ out[0]
    return out


def _recombined(poses: Poses, g: Generator, *, chance: float) -> Pose:
    """One of the poses, by ``chance`` with another's upper body, bent more or less, jittered."""
    pose = poses[g.integers(len(poses))].copy()
    if g.random() < chance:
        pose[UPPER] = poses[g.integers(len(poses))][UPPER]
    vectors = to_axis_angle(pose)
    vectors[1:] *= g.uniform(0.8, 1.2)
    vectors[1:] += g.normal(0, 0.05, (23, 3))
    vectors[SPINE] += g.normal(0, (0.05, 0.04, 0.03))
    vectors[0] = to_axis_angle(from_axis_angle(g.normal(0, (0.06, 0.0, 0.05))) @ pose[0])
    for name in ("left_foot", "right_foot", "left_hand", "right_hand"):
        vectors[AT[name]] = 0.0
    return from_axis_angle(vectors)


def _loose(library: Library, g: Generator) -> Pose:
    """An everyday pose with every joint shaken."""
    kind = str(g.choice(["standing", "walking", "sitting", "crouching", "leaning"]))
    vectors = to_axis_angle(everyday(kind, library.rest, g))
    spread = np.full((24, 3), 0.12)
    spread[[AT[n] for n in AT if "shoulder" in n]] = 0.45
    spread[[AT[n] for n in AT if "hip" in n]] = 0.25
    spread[0] = (0.3, 0.0, 0.25)
    vectors += g.normal(0, spread)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        knee, elbow = AT[f"{side}_knee"], AT[f"{side}_elbow"]
        vectors[knee] = (np.clip(vectors[knee, 0] + abs(g.normal(0, 0.4)), 0, 2.5), 0, 0)
        bend = np.clip(abs(vectors[elbow, 1]) + g.normal(0, 0.5), 0, 2.5)
        vectors[elbow] = (g.normal(0, 0.4), -sign * bend, 0)
    return from_axis_angle(vectors)


def _fitted(path: Path, held_out: bool) -> Poses:
    """Trusted fits, in world axes as if their cameras had been level."""
    with np.load(path, allow_pickle=False) as content:
        table = {name: content[name] for name in ("rotations", "energy", "keypoint_score", "id")}
    trusted = (table["energy"] < TRUSTED_ENERGY) & (table["keypoint_score"] > TRUSTED_SCORE)
    trusted &= (table["id"] % 10 == 0) == held_out
    poses = table["rotations"][trusted].astype(np.float64)
    poses[:, 0] = CAMERA_UP @ poses[:, 0]
    return poses


def _straightened(poses: Poses) -> Poses:
    """Fits of upright people hunch and lean; on average people stand straight.

    Their mean forward bend of every spine joint is taken out, and half of their lean.
    """
    if not len(poses):
        return poses
    vectors = to_axis_angle(poses)
    vectors[:, SPINE, 0] -= vectors[:, SPINE, 0].mean(axis=0) - 0.02
    out = from_axis_angle(vectors)
    up = poses[:, 0, :, 1]  # where the body's own up points
    axis = np.cross(up, np.array([0.0, 1.0, 0.0]))
    out[:, 0] = from_axis_angle(0.6 * axis) @ poses[:, 0]
    return out
