"""What glances cost: people described in every frame or in every third, against exact truth.

    python benchmarks/glances.py --mocap MOCAP --out DIR

Clips of motion capture (DeepMimic's) are rendered as dressed people in a plain room, 30 frames a
second, 640 x 360; each is looked at with BlazePose in every frame, and as videos are (``glances``).
Printed for each clip, and as means over clips: the mean distance of joints around the pelvis from
the true ones (cm), of COCO's keypoints in the picture (per cent of the person's longer side),
jitter (m/s^3, the truth's last), and in what share of frames BlazePose was asked.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.clips.flow import Clip, ClipOptions
from pymafsam.clips.shelf import Shelf
from pymafsam.data.synthetic import drawing, outfit
from pymafsam.data.synthetic.motions import AXES, WIDTH, read
from pymafsam.data.synthetic.scenes import Stage
from pymafsam.data.synthetic.surface import Prints
from pymafsam.evaluation.sequence import jitter
from pymafsam.files import json, video
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import picture_camera, project
from pymafsam.people import Detector
from pymafsam.people.describe import Describer
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Motion, Person, Pixels, Pose, Request

SIZE, RATE = (640, 360), 30.0
CAMERA = picture_camera(SIZE)
AWAY = 5.0  # metres
# Clips, and by how many degrees they are turned from the camera.
CLIPS = {
    "dance_a": 20, "dance_b": -60, "stealthy_walk": 80, "run": -90, "kick": 45, "jump": 30,
    "dance_spin": 90, "getup_facedown": 60,
}  # fmt: skip
UPRIGHT = np.diag([1.0, -1.0, -1.0])  # axes with y up -> camera axes


@dataclass(frozen=True)
class Always:
    """A detector that cannot glance; counts its descriptions."""

    detector: Detector
    asked: list[int]

    def find(self, pixels: Pixels) -> list[Person]:
        return self.detector.find(pixels)

    def describe(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        self.asked.append(len(people))
        return self.detector.describe(pixels, people)


@dataclass(frozen=True)
class Glancing(Always):
    """One that can."""

    def glance(self, pixels: Pixels, people: Sequence[Person]) -> list[Person]:
        return self.detector.describer.glance(pixels, people)


@dataclass(frozen=True)
class Truth:
    """A rendered clip: joints in metres, COCO's keypoints in pixels, the person's longer side."""

    joints: np.ndarray
    coco: np.ndarray
    side: np.ndarray


def captured(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and places (y up, metres) of a clip, ``RATE`` times a second."""
    rows = json.read(path).at("Frames").array(None, WIDTH)
    begins = np.concatenate([[0], np.cumsum(rows[:-1, 0])])
    times = np.arange(int(begins[-1] * RATE)) / RATE
    chosen = np.searchsorted(begins, times + 1e-6, side="right") - 1
    places = rows[chosen, 1:4] @ AXES
    return read([path], every=1)[chosen], places - places[0]


def rendered(stage: Stage, path: Path, angle: float, seed: int, film: Path) -> Truth:
    """Write the clip as a film; the truth."""
    generator = np.random.default_rng(seed)
    turn = UPRIGHT @ rotation.from_axis_angle(np.array([0, np.deg2rad(angle), 0]))
    betas = generator.normal(0, 0.8, stage.model.shape_dirs.shape[2]).clip(-2, 2)
    betas[0] = 0.4
    clothes = outfit.draw(generator, child=False)
    grain = stage.noise[:128, :128, 0] * 0.25 + 0.5
    prints = Prints(cloth=stage.backgrounds.texture(generator), grain=grain)
    room = stage.backgrounds.draw(CAMERA, 0.0, generator)
    light = drawing.lamp(UPRIGHT, room, generator)
    encoder = video.Encoder(film, SIZE, RATE)
    joints, points, sides, begin = [], [], [], None
    for k, (rotations, place) in enumerate(zip(*captured(path), strict=True)):
        rotations[0] = turn @ rotations[0]
        pose = Pose(rotations=rotations.astype(np.float32), betas=betas.astype(np.float32))
        mesh = body.skin(stage.wardrobe.model, pose)
        begin = (0, 0, AWAY) - mesh.joints[0] if begin is None else begin
        where = begin + turn @ place
        figure = drawing.dressed(stage.wardrobe, pose, mesh, where, clothes, prints)
        pixels, seen = room.copy(), drawing.seen([figure], CAMERA)
        drawing.paint(pixels, [figure], seen, stage.wardrobe, light)
        encoder.write(drawing.exposed(pixels, stage.noise, np.random.default_rng(k)), k / RATE)
        rows, columns = np.nonzero(seen.owner == 0)
        joints.append(figure.joints)
        points.append(project(body.regress(stage.model, figure.naked, "coco17"), CAMERA))
        sides.append(max(np.ptp(rows), np.ptp(columns)))
    encoder.close()
    return Truth(np.stack(joints), np.stack(points), np.array(sides))


def motion_of(film: Path, out: Path, reconstructor: Reconstructor) -> Motion | None:
    """The motion of whoever is seen longest."""
    clip = Clip(
        path=film,
        name=film.name,
        stem=film.stem,
        out=out,
        reconstructor=reconstructor,
        options=ClipOptions(with_masks=False),
        ask=lambda frame: Request(frame=frame),
    )
    shelf = Shelf.open(out / f"{film.stem}.looks", {})
    shelf.remove()
    camera = clip.look(Shelf.open(shelf.folder, {}))
    motions = clip.fit(shelf, clip.follow(shelf, camera), camera).motions
    return max(motions, key=lambda motion: len(motion.frames), default=None)


def errors(motion: Motion, truth: Truth, model: BodyModel) -> tuple[float, float, float, float]:
    """Centimetres around the pelvis, per cent in the picture, jitter, the truth's jitter."""
    meshes = [body.skin(model, motion.pose(row)) for row in range(len(motion.frames))]
    joints = np.stack([m.joints for m in meshes]) + motion.translation[:, None]
    coco = np.stack([body.regress(model, m.vertices, "coco17") for m in meshes])
    places = np.stack(
        [project(p + t, CAMERA) for p, t in zip(coco, motion.translation, strict=True)]
    )
    true, frames = truth.joints[motion.frames], motion.frames
    around = (joints - joints[:, :1]) - (true - true[:, :1])
    beside = np.linalg.norm(places - truth.coco[frames], axis=2).mean(axis=1) / truth.side[frames]
    seconds = frames / RATE
    return (
        100 * float(np.linalg.norm(around, axis=2).mean()),
        100 * float(beside.mean()),
        jitter(joints, seconds),
        jitter(true, seconds),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mocap", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    whole = Reconstructor.load(segmenter="none")
    describer = replace(whole.observer.detector.describer, mirrored=False)
    assert isinstance(describer, Describer)
    detector = replace(whole.observer.detector, describer=describer)
    stage, found = Stage.of(whole.model), defaultdict(list)
    for seed, (name, angle) in enumerate(CLIPS.items()):
        film = options.out / f"{name}.mp4"
        truth = rendered(stage, options.mocap / f"humanoid3d_{name}.txt", angle, seed, film)
        for kind in (Always, Glancing):
            counting = kind(detector, [])
            observer = replace(whole.observer, detector=counting)
            motion = motion_of(film, options.out, replace(whole, observer=observer))
            if motion is None:
                print(f"{name} {kind.__name__}: nobody is seen", flush=True)
                continue
            row = (*errors(motion, truth, whole.model), sum(counting.asked) / len(truth.side))
            found[kind.__name__].append(row)
            told = "joints {:.2f} cm, keypoints {:.3f} %, jitter {:.0f} ({:.0f}), BlazePose {:.2f}"
            print(f"{name} {kind.__name__}: {told.format(*row)}", flush=True)
    for kind, rows in found.items():
        print(f"mean {kind}: {told.format(*np.mean(rows, axis=0))}")


if __name__ == "__main__":
    main()
