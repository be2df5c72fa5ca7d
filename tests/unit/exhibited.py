"""Results to be looked at, and a reconstruction that costs nothing: for the page's tests."""

from pathlib import Path

import numpy as np

from pymafsam import body, export
from pymafsam.files.atomic import writing
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Mask, Motion, Person, Pose, Scene, SequenceScene

SIZE = (160, 120)
TURN = np.diag([1.0, -1.0, -1.0]).astype(np.float32)


def pose(lift=0.0):
    """Facing the camera, the left arm lifted by ``lift`` radians."""
    from pymafsam.geometry import rotation

    rotations = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    rotations[0] = TURN
    rotations[16] = rotation.from_axis_angle(np.array([0.0, 0.0, lift])).astype(np.float32)
    return Pose(rotations=rotations, betas=np.zeros(10, np.float32))


def scene_of(model, prompts, frame=None, name="one.jpg"):
    """A body for every prompt, standing in the middle of its box; a pinned wrist lifts the arm."""
    camera = picture_camera(SIZE if frame is None else frame.size)
    bodies = []
    for prompt in prompts:
        box = prompt.box
        if box is None:
            box = np.concatenate([prompt.clicks[0] - 20, prompt.clicks[0] + 20])
        x = (box[0] + box[2] - camera.size[0]) / 2 * 4 / camera.focal
        person = Person(box=np.asarray(box, float), score=0.9, prompt=prompt)
        placed = body.place(
            model, pose(0.9 * len(prompt.pins)), np.array([x, 0.0, 4.0]), camera, person, 0.8
        )
        bodies.append(_seen(placed, prompt, camera.size))
    return Scene(
        name=name if frame is None else frame.name,
        index=0,
        camera=camera,
        bodies=tuple(bodies),
        body_name=model.name,
        faces=model.faces,
        pixels=None if frame is None else frame.pixels,
    )


def _seen(placed, prompt, size):
    """With keypoints where the body is, and a mask: the box, less what was clicked away."""
    from dataclasses import replace

    from pymafsam.geometry.joints import BLAZEPOSE33, COCO17

    keypoints = np.zeros((33, 3))
    for row, name in enumerate(BLAZEPOSE33):
        if name in COCO17:
            keypoints[row] = placed.keypoints_2d["coco17"][COCO17.index(name)]
            keypoints[row, 2] = 0.3 if name == "left_knee" else 0.9
        if name in prompt.pins:
            keypoints[row] = (*prompt.pins[name], 1.0)
    inside = np.zeros((size[1], size[0]), bool)
    x0, y0, x1, y1 = np.clip(placed.person.box, 0, [*size, *size]).astype(int)
    inside[y0:y1, x0:x1] = True
    for (u, v), kept in zip(
        [] if prompt.clicks is None else prompt.clicks,
        [] if prompt.inside is None else prompt.inside,
        strict=True,
    ):
        inside[int(v) - 8 : int(v) + 8, int(u) - 8 : int(u) + 8] = kept
    person = replace(placed.person, keypoints=keypoints)
    mask = Mask(inside=inside, score=0.9, source="mobilesam") if inside.any() else None
    return replace(placed, person=person, mask=mask)


def write_results(folder: Path, model) -> None:
    """``one.jpg`` with two people and its photograph, ``none.jpg`` with nobody, no photograph."""
    from PIL import Image

    from pymafsam.records import Prompt

    two = [Prompt(box=np.array([10.0, 5, 70, 115])), Prompt(box=np.array([90.0, 5, 150, 115]))]
    export.save(scene_of(model, two), folder, ("json",))
    export.save(scene_of(model, [], name="none.jpg"), folder, ("json",))
    Image.new("RGB", SIZE, (60, 120, 60)).save(folder / "one.jpg")


def clip_of(model, frames=4) -> SequenceScene:
    """Somebody who walks past in a clip, seen from its second frame on."""
    seen = np.arange(1, frames)
    poses = [pose(0.3 * k) for k in seen]
    motion = Motion(
        track=3,
        frames=seen,
        rotations=np.stack([one.rotations for one in poses]),
        betas=np.zeros((len(seen), 10), np.float32),
        translation=np.array([[0.1 * k, 0.0, 4.0] for k in seen]),
        boxes=np.array([[40.0 + k, 10, 90 + k, 110] for k in seen]),
        scores=np.full(len(seen), 0.8),
        filled=np.zeros(len(seen), bool),
    )
    return SequenceScene(
        name="clip.mp4",
        seconds=np.arange(frames) / 25,
        camera=picture_camera(SIZE),
        motions=(motion,),
        body_name=model.name,
        faces=model.faces,
    )


def write_clip(folder: Path, model, frames=4) -> None:
    """``clip.mp4`` and its results."""
    from pymafsam.export import sequence
    from pymafsam.files.video import Encoder

    clip = clip_of(model, frames)
    for exporter in (sequence.JSON, sequence.NPZ):
        with writing(folder / f"clip{exporter.ending}") as path:
            exporter.write(clip, path)
    encoder = Encoder(folder / "clip.mp4", SIZE, 25.0)
    for k in range(frames):
        encoder.write(np.full((SIZE[1], SIZE[0], 3), 40 * k, np.uint8), k / 25)
    encoder.close()
