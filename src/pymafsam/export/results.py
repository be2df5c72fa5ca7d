"""Our json: everything known of the people in a picture but the mesh; written, and read again.

The format is a contract (docs/formats.md). Numbers are rounded to what moves nothing in the
picture by a hundredth of a pixel.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.body import BodyModel, skin
from pymafsam.errors import BadInput
from pymafsam.export.exporter import MAKER, Exporter
from pymafsam.files import json, made, rle
from pymafsam.files.json import Field, lines
from pymafsam.geometry import rotation
from pymafsam.geometry.joints import LAYOUTS
from pymafsam.records import Body, Camera, Mask, Person, Pose, Scene, WeakCamera

FORMAT = "pymafsam/1"
PIXEL_DIGITS = 3
METRIC_DIGITS = 7  # metres, radians, shape coefficients
SCORE_DIGITS = 5


def document(scene: Scene) -> dict[str, Any]:
    """The contract's json document of a scene, as plain lists, numbers and strings."""
    width, height = scene.camera.size
    return {
        "format": FORMAT,
        "made": made.note(MAKER, scene.origin),
        "image": scene.name,
        "index": scene.index,
        "width": width,
        "height": height,
        "body": scene.body_name,
        "camera": {
            "focal": round(scene.camera.focal, PIXEL_DIGITS),
            "centre": _rounded(scene.camera.centre, PIXEL_DIGITS),
            "convention": "opencv",
        },
        "people": [_person(body) for body in scene.bodies],
    }


def save_json(scene: Scene, path: Path) -> None:
    """Write the document as strict json in UTF-8."""
    path.write_text(lines(document(scene)) + "\n", encoding="utf-8")


JSON = Exporter(ending=".json", write=save_json)


def load_json(path: Path) -> dict[str, Any]:
    """The document in a file. Raises BadInput for what is not json or not this format."""
    return _document(path).value


def _document(path: Path) -> Field:
    document = json.read(path)
    kind = document.at("format").text()
    if kind != FORMAT:
        raise BadInput(f'{path}: the format is "{kind}"; this version reads "{FORMAT}".')
    return document


def load(path: Path, model: BodyModel) -> Scene:
    """The scene in a json file, its meshes made again by the body ``model`` it was saved with.

    Keypoints of the detector and the photograph are not in the file.
    Raises BadInput when a field is missing or wrong, with its place in the file, and when the
    file was written with another body.
    """
    root = _document(path)
    name = root.at("body").text()
    if name != model.name:
        raise BadInput(
            f'{path}: made with the body "{name}", but "{model.name}" was given.\n'
            f"  Say where that body is: --body {name}, or its file."
        )
    size = (root.at("width").whole(), root.at("height").whole())
    camera = Camera(
        focal=root.at("camera").at("focal").number(),
        centre=tuple(root.at("camera").at("centre").array(2)),
        size=size,
    )
    return Scene(
        name=root.at("image").text(),
        index=root.at("index").whole() if root.has("index") else 0,
        camera=camera,
        bodies=tuple(_body(person, model, size) for person in root.at("people").items()),
        body_name=name,
        faces=model.faces,
    )


def _person(body: Body) -> dict[str, Any]:
    weak = body.weak_camera
    return {
        "box": _rounded(body.person.box, PIXEL_DIGITS),
        "score": round(float(body.score), SCORE_DIGITS),
        "detection_score": round(float(body.person.score), SCORE_DIGITS),
        "track": body.person.track,
        "mask": None if body.mask is None else rle.encode(body.mask.inside),
        "mask_score": None if body.mask is None else round(float(body.mask.score), SCORE_DIGITS),
        "mask_source": None if body.mask is None else body.mask.source,
        "pose": _rounded(_axis_angle(body.pose), METRIC_DIGITS),
        "betas": _rounded(body.pose.betas, METRIC_DIGITS),
        "translation": _rounded(body.translation, METRIC_DIGITS),
        "weak_camera": None
        if weak is None
        else {
            "scale": round(float(weak.scale), METRIC_DIGITS),
            "shift": _rounded(weak.shift, METRIC_DIGITS),
            "crop_box": _rounded(weak.crop_box, PIXEL_DIGITS),
        },
        "keypoints_2d": _sets(body.keypoints_2d, PIXEL_DIGITS),
        "joints_3d": _sets(body.joints_3d, METRIC_DIGITS - 1),
    }


def _axis_angle(pose: Pose) -> Float[np.ndarray, "joints 3"]:
    return rotation.to_axis_angle(pose.rotations.astype(np.float64))


def _sets(sets: Mapping[str, Float[np.ndarray, "_ _"]], digits: int) -> dict[str, list]:
    return {name: _rounded(points, digits) for name, points in sets.items()}


def _rounded(values: Iterable | Shaped[np.ndarray, "..."], digits: int) -> list:
    # Adding 0 turns -0.0 into 0.0.
    return (np.round(np.asarray(values, np.float64), digits) + 0.0).tolist()


def _body(person: Field, model: BodyModel, size: tuple[int, int]) -> Body:
    vectors = person.at("pose").array(len(model.parents), 3)
    # float32 is what the network and the fit give, and what skinning computes in.
    pose = Pose(
        rotations=rotation.from_axis_angle(vectors).astype(np.float32),
        betas=person.at("betas").array(model.shape_dirs.shape[-1]).astype(np.float32),
    )
    return Body(
        person=Person(
            box=person.at("box").array(4),
            score=person.at("detection_score").number()
            if person.has("detection_score")
            else person.at("score").number(),
            track=person.at("track").whole() if person.has("track") else None,
        ),
        pose=pose,
        mesh=skin(model, pose),
        translation=person.at("translation").array(3),
        score=person.at("score").number(),
        mask=_mask(person, size),
        keypoints_2d=_points(person.at("keypoints_2d")),
        joints_3d=_points(person.at("joints_3d")),
        weak_camera=_weak(person.at("weak_camera")) if person.has("weak_camera") else None,
    )


def _points(sets: Field) -> dict[str, Float[np.ndarray, "points 3"]]:
    """Keypoints or joints by their layouts, of which the known ones have as many as they name."""
    known = {name: len(points) for name, points in LAYOUTS.items()}
    return {name: field.array(known.get(name), 3) for name, field in sets.entries()}


def _mask(person: Field, size: tuple[int, int]) -> Mask | None:
    if not person.has("mask"):
        return None
    score = person.at("mask_score").number() if person.has("mask_score") else 1.0
    source = person.at("mask_source").text() if person.has("mask_source") else "unknown"
    inside = person.at("mask").decoded(lambda raw: rle.decode(raw, size))
    return Mask(inside=inside, score=score, source=source)


def _weak(at: Field) -> WeakCamera:
    return WeakCamera(
        scale=at.at("scale").number(),
        shift=tuple(at.at("shift").array(2).tolist()),
        crop_box=tuple(at.at("crop_box").array(4).tolist()),
    )
