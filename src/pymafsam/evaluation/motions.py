"""The figures of saved motions: how calm they are, and how well people were followed."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.body import BodyModel
from pymafsam.evaluation import sequence
from pymafsam.evaluation.sequence import Present
from pymafsam.fitting.chain import Points, Skeleton, State, forward_kinematics, skinned_points
from pymafsam.fitting.contacts import ROWS, standing
from pymafsam.fitting.evidence import landmark_points
from pymafsam.geometry.camera import project
from pymafsam.records import Motion, SequenceScene

LEAST = 4  # frames: a third derivative needs so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Calmness:
    """One track's figures: jitter m/s^3, root acceleration m/s^2, lengths in metres.

    ``foot_sliding`` counts stances that are seen as such in the picture: a foot point that hardly
    moves there (``fitting.contacts``), so what slides along the ray is caught.
    """

    track: int
    frames: int
    filled: float
    jitter: float
    root_acceleration: float
    bone_length_variation: float
    foot_sliding: float


def calmness(scene: SequenceScene, motion: Motion, model: BodyModel) -> Calmness | None:
    """A track's figures over its longest run without a gap; None where that is too short."""
    run = longest_run(motion)
    if len(run) < LEAST:
        return None
    places, feet = _places(motion, run, model)
    seconds = scene.seconds[motion.frames[run]]
    seen = np.concatenate([project(feet, scene.camera), np.ones((*feet.shape[:2], 1))], axis=2)
    height = float(np.median(motion.boxes[run, 3] - motion.boxes[run, 1]))
    stands = standing(seen, seconds, height, np.ones(len(run) - 1, bool))
    return Calmness(
        track=motion.track,
        frames=len(run),
        filled=float(motion.filled[run].mean()),
        jitter=sequence.jitter(places, seconds),
        root_acceleration=sequence.root_acceleration(places[:, 0], seconds),
        bone_length_variation=sequence.bone_length_variation(places, np.asarray(model.parents)),
        foot_sliding=sequence.foot_sliding(feet, stands),
    )


def longest_run(motion: Motion) -> np.ndarray:
    """The rows of the longest stretch of consecutive frames."""
    runs = np.split(np.arange(len(motion.frames)), np.flatnonzero(np.diff(motion.frames) > 1) + 1)
    return max(runs, key=len)


def presents(scene: SequenceScene) -> dict[int, Present]:
    """Who is where, as metrics of following take it; filled rows are nobody's sighting."""
    rows: dict[int, list[tuple[int, np.ndarray]]] = {k: [] for k in range(len(scene.seconds))}
    for motion in scene.motions:
        for row, frame in enumerate(motion.frames.tolist()):
            if not motion.filled[row]:
                rows[frame].append((motion.track, motion.boxes[row]))
    return {
        frame: Present(
            numbers=np.array([number for number, _ in people], np.int64),
            boxes=np.array([box for _, box in people], np.float64).reshape(-1, 4),
        )
        for frame, people in rows.items()
    }


def figures(
    scene: SequenceScene, model: BodyModel, annotated: dict[int, Present] | None
) -> dict[str, Any]:
    """Everything that can be said of a clip, as plain values; ``annotated`` says who was where."""
    tracks = [calmness(scene, motion, model) for motion in scene.motions]
    out: dict[str, Any] = {
        "video": scene.name,
        "frames": len(scene.seconds),
        "tracks": [asdict(one) for one in tracks if one is not None],
    }
    if annotated is not None:
        out["following"] = asdict(sequence.following(annotated, presents(scene)))
    return out


def _places(
    motion: Motion, run: Shaped[np.ndarray, "frames"], model: BodyModel
) -> tuple[Float[np.ndarray, "frames joints 3"], Float[np.ndarray, "frames feet 3"]]:
    """Joints and foot points in camera axes, metres."""
    skeleton = Skeleton.of(model, ())
    state = State(
        rotations=motion.rotations[run].astype(np.float64),
        betas=motion.betas[run].astype(np.float64),
        translation=motion.translation[run].astype(np.float64),
    )
    posed = forward_kinematics(skeleton, state)
    landmarks: Points = landmark_points(model)
    points = skinned_points(landmarks, posed, state.betas).sum(axis=1)
    return posed.places, points.transpose(0, 2, 1)[:, ROWS]
