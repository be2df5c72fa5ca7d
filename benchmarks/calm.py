"""How calm bodies become over time, and what it costs: against fits of the same frames alone.

    python benchmarks/calm.py CLIP.mp4 --out DIR [--every 1 2 3 5]

Every frame is looked at once (kept in DIR); then bodies are fitted frame by frame, and over time,
with all looks and with every second, third and so on alone. Said of everybody who is often seen:
jitter (m/s^3), how far standing feet stray (cm), the largest deviation of a bone's length (mm), and
the mean distance between the body's keypoints and those seen in any frame, in shares of the box.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pymafsam import body
from pymafsam.clips.flow import Clip, ClipOptions
from pymafsam.clips.following import follow
from pymafsam.clips.looks import Look
from pymafsam.clips.motions import Studio
from pymafsam.clips.shelf import Shelf
from pymafsam.clips.sights import Sights
from pymafsam.config import EstimatorOptions
from pymafsam.evaluation.motions import calmness
from pymafsam.files import video
from pymafsam.fitting import keypoints
from pymafsam.fitting.sequence import SequenceFit
from pymafsam.geometry.camera import picture_camera, project
from pymafsam.geometry.joints import mapping
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Camera, Motion, Request, SequenceScene

OFTEN = 0.4  # share of a clip's frames that somebody must be in
CLEAR = 0.3  # confidence of a keypoint that counts


@dataclass(kw_only=True)
class Thinned(Shelf):
    """The looks of every so manieth frame; in the others nobody was looked for."""

    every: int = 1

    def look(self, index: int) -> Look:
        look = super().look(index)
        if index % self.every == 0:
            return look
        return replace(look, looked=False, sightings=(), singles=(), said=(), masks=())

    def all(self) -> Iterator[Look]:
        for look in super().all():
            yield self.look(look.index)


def looked_at(path: Path, out: Path) -> tuple[Path, Camera]:
    """The folder of a clip's looks, made now as far as they are not there; the clip's camera."""
    clip = Clip(
        path=path,
        name=path.name,
        stem=path.stem,
        out=out,
        reconstructor=Reconstructor.load(segmenter="none"),
        options=ClipOptions(with_masks=False),
        ask=lambda frame: Request(frame=frame),
    )
    folder = out / f"{path.stem}.looks"
    clip.look(Shelf.open(folder, {"clip": str(path.stat().st_mtime_ns)}))
    frame = next(video.frames(path, path.stem, lambda *_: None))
    return folder, picture_camera(frame.size)


def distance(motion: Motion, shelf: Shelf, model: body.BodyModel, camera: Camera) -> float:
    """Mean distance of a motion's keypoints from those seen of the person at its place."""
    found = []
    for row, frame in enumerate(motion.frames.tolist()):
        seen = [s.person for s in shelf.look(frame).sightings if s.person.keypoints is not None]
        who = min(seen, key=lambda p: np.abs(p.box - motion.boxes[row]).max(), default=None)
        if who is None or np.abs(who.box - motion.boxes[row]).max() > 30:
            continue
        mesh = body.skin(model, motion.pose(row))
        points = body.regress(model, mesh.vertices, "coco17") + motion.translation[row]
        wanted = who.keypoints[mapping(who.layout, "coco17")]
        clear = wanted[:, 2] > CLEAR
        away = np.linalg.norm(project(points, camera) - wanted[:, :2], axis=1)[clear]
        if clear.any():
            found.append(away.mean() / (who.box[2:] - who.box[:2]).max())
    return float(np.mean(found))


def measured(folder: Path, camera: Camera, every: int, smooth: bool) -> None:
    """Fit and print a line for everybody."""
    model = body.load("anny24")
    shelf, whole = Thinned(folder=folder, every=every), Shelf(folder=folder)
    followed = follow(shelf.all(), camera.size)
    single = keypoints.load(model, EstimatorOptions())
    sights = Sights(shelf=shelf, camera=camera, fit=single)
    studio = Studio(sights=sights, followed=followed, camera=camera)
    fit = SequenceFit(single) if smooth else None
    often = [c for c in followed.courses if len(c.frames) > OFTEN * len(followed.seconds) / every]
    for course in often:
        motion = studio.motion(course, fit)
        scene = SequenceScene(
            name=folder.name,
            seconds=followed.seconds,
            camera=camera,
            motions=(motion,),
            body_name=model.name,
            faces=model.faces,
        )
        told = calmness(scene, motion, model)
        away = distance(motion, whole, model, camera)
        if told is not None:
            print(
                f"every {every} {'over time' if smooth else 'each frame alone':16} track "
                f"{motion.track} frames {len(motion.frames)} jitter {told.jitter:.0f} feet "
                f"{100 * told.foot_sliding:.2f} cm bones {1000 * told.bone_length_variation:.4f} "
                f"mm distance {away:.5f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    folder, camera = looked_at(options.clip, options.out)
    measured(folder, camera, 1, smooth=False)
    for every in options.every:
        measured(folder, camera, every, smooth=True)


if __name__ == "__main__":
    main()
