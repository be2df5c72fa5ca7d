"""What calms bodies, held against the truth: settings of the fit over time compared.

    python benchmarks/calm_truth.py --mocap MOCAP --videos DIR --calibration FILE --out DIR
        [--settings .6:100:20:2000 1:25:5:500]

Rendered motion capture (``glances.py``'s clips and six more) with what the keypoint networks see in
them; and one man before several calibrated cameras at 30 frames per second, each camera's bodies
against keypoints triangulated of the *other* cameras (smoothed over 11 frames of 60 per second).
A setting is ``Calm.pixel : acceleration across : along the view : turning``; "alone" is each frame
for itself. Printed, as means over clips: joints around the pelvis and after Procrustes (mm), the
same less each joint's mean error over the clip, true keypoints in the picture (rendered: per cent
of the person; cameras: pixels), jitter (m/s^3). Looks are made once and kept in --out.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.signal import savgol_filter

import glances
from pymafsam import body
from pymafsam.clips.flow import QUIET, Clip, ClipOptions
from pymafsam.clips.following import follow
from pymafsam.clips.motions import Studio
from pymafsam.clips.shelf import Shelf
from pymafsam.clips.sights import Sights
from pymafsam.config import EstimatorOptions
from pymafsam.data.synthetic.scenes import Stage
from pymafsam.evaluation import calibration
from pymafsam.evaluation.calibration import View
from pymafsam.evaluation.metrics import pa_mpjpe
from pymafsam.evaluation.protocols.views import BODY, SURE, Reel
from pymafsam.evaluation.sequence import jitter
from pymafsam.files.frames import Source
from pymafsam.fitting import keypoints
from pymafsam.fitting.sequence import SequenceFit
from pymafsam.fitting.temporal import Calm
from pymafsam.geometry.camera import project
from pymafsam.geometry.joints import COCO17, mapping
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Camera, Frame, Request

# Beside those of ``glances.py``: clips and by how many degrees they are turned from the camera.
MORE = (("walk", -70), ("jog", 60), ("spin", 0), ("punch", 30), ("zombie_walk", -20), ("walk", 10))
HIPS = [COCO17.index("left_hip"), COCO17.index("right_hip")]


@dataclass(frozen=True, kw_only=True)
class Filmed(Clip):
    """A clip whose frames are given."""

    given: tuple[Frame, ...] = ()

    def frames(self) -> Iterator[Frame]:
        return iter(self.given) if self.given else super().frames()


@dataclass(frozen=True, kw_only=True)
class Case:
    """Looks at somebody and the truth by frame: joints (metres), keypoints in the picture, and
    the length that distances in the picture are shares of.
    """

    shelf: Shelf
    camera: Camera
    joints: np.ndarray
    places: np.ndarray
    unit: np.ndarray
    coco: bool  # whether the joints are COCO's, seen from shoulders to ankles


def looked_at(path: Path, out: Path, whole: Reconstructor, given: tuple[Frame, ...] = ()) -> Case:
    """The looks, made where they are not there yet; no truth."""
    clip = Filmed(
        path=path, name=path.name, stem=path.stem, out=out, reconstructor=whole, given=given,
        options=ClipOptions(with_masks=False), ask=lambda frame: Request(frame=frame),
    )  # fmt: skip
    shelf = Shelf.open(out / f"{path.stem}.looks", {})
    with QUIET:
        camera = clip.look(shelf)
    nothing = np.zeros(0)
    return Case(
        shelf=shelf, camera=camera, joints=nothing, places=nothing, unit=nothing, coco=False
    )


def rendered(mocap: Path, out: Path, whole: Reconstructor) -> Iterator[Case]:
    """Motion capture as films."""
    stage = Stage.of(whole.model)
    for seed, (name, angle) in enumerate([*glances.CLIPS.items(), *MORE]):
        film = out / f"{seed:02d}_{name}.mp4"
        kept = film.with_suffix(".truth")
        if not kept.exists():
            source = mocap / f"humanoid3d_{name}.txt"
            truth = glances.rendered(stage, source, angle, seed, film)
            np.savez(kept.open("wb"), joints=truth.joints, coco=truth.coco, side=truth.side)
        true = np.load(kept)
        case = looked_at(film, out, whole)
        yield replace(case, joints=true["joints"], places=true["coco"], unit=true["side"] / 100)


def filmed(videos: Path, calibrated: Path, out: Path, whole: Reconstructor) -> Iterator[Case]:
    """Every camera's video, every second frame."""
    reels = [
        Reel(Source(path=videos / f"{v.name}.mp4", name=f"{v.name}.mp4"), v)
        for v in calibration.read(calibrated)
    ]
    pinholes = [_without_lens(reel.view) for reel in reels]
    count = min(reel.length() for reel in reels)
    seen = np.stack([_described(reel, count, out, whole) for reel in reels])
    for k, reel in enumerate(reels):
        others = [i for i in range(len(reels)) if i != k]
        joints = _in_room(seen[others], [pinholes[i] for i in others])
        joints = joints @ reel.view.rotation.T + reel.view.translation
        observer = replace(whole.observer, focal=reel.view.pinhole.focal)
        frames = tuple(
            replace(reel.read(n), index=n // 2, seconds=n / 60) for n in range(0, count, 2)
        )
        case = looked_at(reel.source.path, out, replace(whole, observer=observer), frames)
        places = np.stack([project(one, case.camera) for one in joints[::2]])
        yield replace(case, joints=joints[::2], places=places, unit=np.ones(len(places)), coco=True)


def _without_lens(view: View) -> View:
    """The camera of undistorted pictures."""
    pinhole = view.pinhole
    intrinsics = np.array(
        [[pinhole.focal, 0, pinhole.centre[0]], [0, pinhole.focal, pinhole.centre[1]], [0, 0, 1.0]]
    )
    return replace(view, intrinsics=intrinsics, distortion=np.zeros_like(view.distortion))


def _described(reel: Reel, count: int, out: Path, whole: Reconstructor) -> np.ndarray:
    """COCO's keypoints of whoever is largest in every frame, by all networks; frames 17 3."""
    kept = out / f"{reel.view.name}.keypoints"
    if not kept.exists():
        rows = []
        for number in range(count):
            pixels = reel.read(number).pixels
            found = whole.observer.detector.describe(pixels, whole.observer.detector.find(pixels))
            largest = max(found, key=lambda p: float(np.prod(p.box[2:] - p.box[:2])), default=None)
            if largest is None or largest.keypoints is None:
                rows.append(np.zeros((17, 3)))
            else:
                rows.append(largest.keypoints[mapping(largest.layout, "coco17")])
        np.save(kept.open("wb"), np.stack(rows))
    return np.load(kept)


def _in_room(seen: np.ndarray, views: list[View]) -> np.ndarray:
    """Keypoints triangulated in every frame; where they cannot be, on a line between frames."""
    sure = np.where(seen[..., 2] >= SURE, seen[..., 2], 0.0)
    frames = range(seen.shape[1])
    points = np.stack([calibration.triangulated(seen[:, k, :, :2], sure[:, k], views)[0]
                       for k in frames])  # fmt: skip
    for column in points.reshape(len(points), -1).T:
        there = np.flatnonzero(np.isfinite(column))
        if len(there):
            column[:] = np.interp(frames, there, column[there])
    points[:, BODY] = savgol_filter(points[:, BODY], 11, 2, axis=0)
    return points


def errors(case: Case, fit: SequenceFit | None, single: keypoints.KeypointFit) -> list[float]:
    """Around the pelvis, after Procrustes, less the mean error (mm); in the picture; jitter."""
    followed = follow(case.shelf.all(), case.camera.size)
    sights = Sights(shelf=case.shelf, camera=case.camera, fit=single)
    course = max(followed.courses, key=lambda one: len(one.frames))
    with QUIET:
        motion = Studio(sights=sights, followed=followed, camera=case.camera).motion(course, fit)
    meshes = [body.skin(single.model, motion.pose(row)) for row in range(len(motion.frames))]
    where = motion.translation[:, None]
    joints = np.stack([mesh.joints for mesh in meshes]) + where
    coco = np.stack([body.regress(single.model, m.vertices, "coco17") for m in meshes]) + where
    true, places = case.joints[motion.frames], case.places[motion.frames]
    beside = np.stack([project(one, case.camera) for one in coco]) - places
    if case.coco:
        mine, true = (p[:, BODY] - p[:, HIPS].mean(axis=1)[:, None] for p in (coco, true))
        beside = beside[:, BODY]
    else:
        mine, true = (p - p[:, :1] for p in (joints, true))
    away = mine - true
    told = np.linalg.norm(beside, axis=2).mean(axis=1) / case.unit[motion.frames]
    return [
        1000 * float(np.linalg.norm(away, axis=2).mean()),
        1000 * float(np.mean([pa_mpjpe(a, b) for a, b in zip(mine, true, strict=True)])),
        1000 * float(np.linalg.norm(away - away.mean(axis=0), axis=2).mean()),
        float(told.mean()),
        jitter(joints, followed.seconds[motion.frames]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--videos", type=Path, help="a video for each camera, called like it")
    parser.add_argument("--calibration", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--settings", nargs="+", default=[".6:100:20:2000", "1:25:5:500"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    whole = Reconstructor.load(segmenter="none")
    single = keypoints.load(whole.model, EstimatorOptions())
    sets: dict[str, list[Case]] = {}
    if options.mocap:
        sets["rendered"] = list(rendered(options.mocap, options.out, whole))
    if options.videos and options.calibration:
        sets["cameras"] = list(filmed(options.videos, options.calibration, options.out, whole))
    for setting in ("alone", *options.settings):
        fit = None
        if setting != "alone":
            pixel, across, along, turning = map(float, setting.split(":"))
            calm = Calm(pixel=pixel, acceleration=(across, across, along), turning=turning)
            fit = SequenceFit(single, calm)
        for name, cases in sets.items():
            rows = np.mean([errors(case, fit, single) for case in cases], axis=0)
            print(f"{setting:18} {name:9} " + " ".join(f"{x:9.2f}" for x in rows), flush=True)


if __name__ == "__main__":
    main()
