"""How well the keypoint fit recovers known bodies: motion capture, projected, with noise.

Poses the embedded body with motion-capture frames and random shapes, looks at it from a random
side, and hands the fit keypoints and metric landmarks with BlazePose-like errors (white noise, a
few wild points, flattened depth). There is no picture; masks are the rendered silhouettes.

    python tools/fit_synthetic.py MOCAP_FOLDER [--people 200] [--seed 0]
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.data.synthetic import motions
from pymafsam.evaluation.metrics import mpjpe, pa_mpjpe
from pymafsam.fitting import KeypointFit
from pymafsam.fitting.chain import Skeleton, State, forward_kinematics, skinned_points
from pymafsam.fitting.evidence import LANDMARKS, landmark_points
from pymafsam.geometry import camera, joints, rotation
from pymafsam.records import Camera, Mask, Person, Pose
from pymafsam.render import rasterise

SIZE = (640, 480)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A person as the detector might describe them, and the truth."""

    person: Person
    mask: Mask
    camera: Camera
    joints: np.ndarray  # 24 3, metres


def case(model: BodyModel, turns: np.ndarray, generator: np.random.Generator) -> Case:
    """One frame of motion (24, 3, 3), seen from a random side by a random lens."""
    view = camera.picture_camera(SIZE, float(np.hypot(*SIZE) * generator.uniform(0.7, 1.6)))
    yaw = rotation.from_axis_angle(np.array([0.0, generator.uniform(-np.pi, np.pi), 0.0]))
    pitch = rotation.from_axis_angle(np.array([np.pi + generator.normal() * 0.15, 0.0, 0.0]))
    turns = turns.copy()
    turns[0] = pitch @ yaw @ turns[0]
    betas = generator.normal(size=model.joints_dirs.shape[2])
    place = np.array([generator.uniform(-0.2, 0.2), generator.uniform(-0.02, 0.02), 1.0])
    depth = view.focal * generator.uniform(2.4, 3.6) / SIZE[1]
    state = State(rotations=turns[None], betas=betas[None], translation=(place * depth)[None])
    skeleton = Skeleton.of(model, ())
    at_origin = forward_kinematics(skeleton, replace(state, translation=np.zeros((1, 3))))
    state = replace(state, translation=state.translation - at_origin.places[:, 0])
    posed = forward_kinematics(skeleton, state)
    points = skinned_points(landmark_points(model), posed, state.betas).sum(axis=1)[0].T
    return _described(model, state, points, posed.places[0], view, generator)


def _described(model, state, points, places, view, generator) -> Case:
    seen = camera.project(points, view)
    low, high = seen.min(0), seen.max(0)
    box = np.concatenate([low, high])
    side = np.sqrt(np.prod(high - low))
    noise = generator.normal(size=seen.shape) * 0.012 * side
    noise[generator.random(len(noise)) < 0.05] *= 6
    middle = points[[LANDMARKS.index("left_hip"), LANDMARKS.index("right_hip")]].mean(0)
    metric = (points - middle) * np.array([1.0, 1.0, 0.85])
    metric += generator.normal(size=metric.shape) * np.array([0.03, 0.03, 0.07])
    names = joints.BLAZEPOSE33
    keypoints, world = np.zeros((33, 3)), np.zeros((33, 3))
    for row, name in enumerate(LANDMARKS):
        at = [names.index(n) for n in ALIASES.get(name, (name,))]
        keypoints[at, :2], keypoints[at, 2], world[at] = seen[row] + noise[row], 0.9, metric[row]
    mesh = body.skin(model, Pose(rotations=state.rotations[0], betas=state.betas[0]))
    vertices = mesh.vertices + state.translation[0]
    drawn = np.concatenate([camera.project(vertices, view), vertices[:, 2:]], axis=1)
    inside = rasterise(drawn.astype(np.float32), model.faces, SIZE).face >= 0
    person = Person(box=box, score=1.0, keypoints=keypoints, world=world)
    return Case(
        person=person,
        mask=Mask(inside=inside, score=1.0, source="mobilesam"),
        camera=view,
        joints=places,
    )


ALIASES = {
    f"{side}_{ours}": tuple(f"{side}_{theirs}" for theirs in names)
    for side in ("left", "right")
    for ours, names in (("big_toe", ("foot_index",)), ("hand", ("pinky", "index")))
}


def errors(fit: KeypointFit, cases: list[Case], *, lens: bool, masks: bool) -> dict[str, float]:
    """Mean errors in millimetres; with ``lens`` the fit knows the true focal length."""
    found = []
    for each in cases:
        view = each.camera if lens else camera.picture_camera(SIZE)
        mask = each.mask if masks else None
        state, _ = fit.solve([each.person], [mask], [view])
        found.append(forward_kinematics(fit.skeleton, state).places[0])
    one, true = np.stack(found), np.stack([each.joints for each in cases])
    one, true = one - one[:, :1], true - true[:, :1]
    return {
        "MPJPE": float(mpjpe(one, true).mean() * 1000),
        "PA-MPJPE": float(pa_mpjpe(one, true).mean() * 1000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mocap", type=Path)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    frames = motions.read(sorted(arguments.mocap.glob("*.txt")))
    model = body.load("anny24")
    chosen = generator.choice(len(frames), arguments.people)
    cases = [case(model, frames[index].astype(np.float64), generator) for index in chosen]
    fit = KeypointFit(model)
    for lens in (True, False):
        for masks in (True, False):
            row = errors(fit, cases, lens=lens, masks=masks)
            told = "true focal" if lens else "assumed focal"
            shown = "  ".join(f"{name} {value:6.1f} mm" for name, value in row.items())
            print(f"{told:14s} {'with masks' if masks else 'no masks':11s} {shown}")


if __name__ == "__main__":
    main()
