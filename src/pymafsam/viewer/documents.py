"""Scenes as the page takes them: plain json with large arrays as base64.

Everything in space is metres with y up (camera axes turned by pi about x), everything in the
picture pixels of the whole picture. ``static/app.js`` reads these documents; nobody else does, so
their keys may change with it.
"""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Shaped

from pymafsam.body import BodyModel
from pymafsam.export import rigs, skinned
from pymafsam.export.obj import y_up
from pymafsam.geometry import joints, rotation
from pymafsam.records import Body, Camera, Inside, Motion, Pixels, Scene, SequenceScene
from pymafsam.render import colours_of
from pymafsam.render.shade import colour_of, to_srgb

LARGEST = 2000  # pixels of the longer side of a photograph as shown
QUALITY = 88
FILM_SIDE = 640  # the same of a film's frames in a file of their own
DIGITS = 5


def of_scene(
    scene: Scene, model: BodyModel, photograph: Pixels | None, *, note: str = ""
) -> dict[str, Any]:
    """A picture with its people. ``note``: what a visitor is to be told of it."""
    colours = colours_of(scene.bodies)
    return {
        **_frame(scene.name, scene.camera, scene.body_name, model, note),
        "kind": "picture",
        "photograph": None if photograph is None else jpeg(photograph),
        "people": [
            {**_person(body, number, model), "colour": _hex(colours[number])}
            for number, body in enumerate(scene.bodies)
        ],
    }


def of_sequence(
    scene: SequenceScene, model: BodyModel, film: Sequence[str] | str | None, *, note: str = ""
) -> dict[str, Any]:
    """A clip with everybody's motion. ``film``: addresses of its frames, or their pattern."""
    people = zip(scene.motions, rigs.of_sequence(scene, model), strict=True)
    return {
        **_frame(scene.name, scene.camera, scene.body_name, model, note),
        "kind": "clip",
        "photograph": None,
        "film": film,
        "seconds": _rounded(scene.seconds),
        "rate": scene.rate,
        "people": [_moving(motion, rig) for motion, rig in people],
    }


def _frame(
    name: str, camera: Camera, body_name: str, model: BodyModel, note: str
) -> dict[str, Any]:
    """What pictures and clips have in common."""
    return {
        "name": name,
        "size": list(camera.size),
        "camera": {"focal": camera.focal, "centre": list(camera.centre)},
        "body": body_name,
        "note": note,
        "faces": packed(model.faces.astype("<u4")),
        "parents": model.parents.tolist(),
        "joint_names": list(joints.SMPL24),
    }


def _person(body: Body, number: int, model: BodyModel) -> dict[str, Any]:
    person = body.person
    return {
        "name": f"person {number + 1}" if person.track is None else f"track {person.track}",
        "score": round(float(body.score), 3),
        "detection": round(float(person.score), 3),
        "box": _rounded(person.box),
        "pose": _rounded(rotation.to_axis_angle(body.pose.rotations.astype(np.float64))),
        "betas": _rounded(body.pose.betas),
        "translation": _rounded(body.translation),
        "vertices": packed(y_up(body.mesh.vertices + body.translation).astype("<f4")),
        "joints": _rounded(y_up(body.mesh.joints + body.translation)),
        "keypoints": _keypoints(body),
        "mask": None if body.mask is None else mask_png(body.mask.inside),
        "mask_source": None if body.mask is None else body.mask.source,
        "pins": {} if person.prompt is None else dict(person.prompt.pins),
    }


def _keypoints(body: Body) -> list[list[Any]]:
    """What was seen (name, x, y, confidence); of saved results, the body's own points."""
    person = body.person
    if person.keypoints is not None:
        shown = [*joints.COCO17, "left_heel", "right_heel", "left_foot_index", "right_foot_index"]
        names = joints.LAYOUTS[person.layout]
        rows = [(name, person.keypoints[names.index(name)]) for name in shown if name in names]
    else:
        points = body.keypoints_2d.get("coco17", np.zeros((0, 3)))
        rows = list(zip(joints.COCO17, points, strict=False))
    return [[name, *_rounded(row)] for name, row in rows]


def _moving(motion: Motion, rig: rigs.Rig) -> dict[str, Any]:
    """One person of a clip as a rig, to be skinned in the browser."""
    bones, weights = skinned.strongest(rig.weights, skinned.SET)
    turns = skinned.quaternions(rig.rotations)
    return {
        "name": f"track {motion.track}",
        "colour": _hex(colour_of(motion.track)),
        "frames": motion.frames.tolist(),
        "filled": motion.filled.astype(int).tolist(),
        "scores": _rounded(motion.scores),
        "boxes": _rounded(motion.boxes),
        "betas": _rounded(motion.betas.mean(axis=0)),
        "rest_vertices": packed(rig.rest_vertices.astype("<f4")),
        "rest_joints": _rounded(rig.rest_joints),
        "bones": packed(bones.astype("<u2")),
        "weights": packed(weights.astype("<f4")),
        "turns": packed(turns.astype("<f4")),
        "places": packed(rig.places.astype("<f4")),
    }


def packed(array: Shaped[np.ndarray, "..."]) -> str:
    """An array's bytes as base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def jpeg(pixels: Pixels, largest: int = LARGEST, quality: int = QUALITY) -> str:
    """A photograph as a data address, made smaller where it is larger than a screen."""
    return address("image/jpeg", jpeg_bytes(pixels, largest, quality))


def jpeg_bytes(pixels: Pixels, largest: int = LARGEST, quality: int = QUALITY) -> bytes:
    """A photograph as JPEG, at most ``largest`` pixels long."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((largest, largest))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def mask_png(inside: Inside) -> str:
    """A mask as a data address: white, opaque inside. Every pixel is kept."""
    from PIL import Image

    alpha = Image.fromarray(np.where(inside, 255, 0).astype(np.uint8))
    picture = Image.merge("LA", (Image.new("L", alpha.size, 255), alpha))
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return address("image/png", stream.getvalue())


def address(kind: str, content: bytes) -> str:
    """Bytes as a data address of that media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _hex(linear: Float32[np.ndarray, "3"]) -> str:
    return "#" + "".join(f"{value:02x}" for value in to_srgb(linear))


def _rounded(values: Float[np.ndarray, "..."]) -> list:
    return np.round(np.asarray(values, np.float64), DIGITS).tolist()
