"""What the keypoint networks say of rendered people beside what is true, kept in shards.

A lifter learns from such pairs how the networks err. Shards are npz files of a fixed number of
people, numbered by (seed, first index), so that a run can stop and go on anywhere.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pymafsam import body
from pymafsam.body import BodyModel
from pymafsam.data.synthetic.scenes import Rendered, Stage, Truth
from pymafsam.files.atomic import writing
from pymafsam.geometry.affine import around_box, between_centres
from pymafsam.people import Detector
from pymafsam.records import Inside, Mesh, Person

SHARD = 500  # people
MASK_SIDE, MASK_MARGIN = 64, 1.25  # of the mask as kept: a window around the box


def write(
    stage: Stage, detector: Detector, folder: Path, *, seed: int, shards: range, size: int = SHARD
) -> Iterator[Path]:
    """Renders and describes the shards that ``folder`` lacks; gives each path when it is whole."""
    for number in shards:
        path = folder / f"answers-{seed}-{number:05d}.npz"
        if path.exists():
            continue
        rows = [row(stage, detector, seed, number * size + k) for k in range(size)]
        columns: dict[str, Any] = {n: np.stack([one[n] for one in rows]) for n in rows[0]}
        folder.mkdir(parents=True, exist_ok=True)
        with writing(path) as fresh, fresh.open("wb") as stream:
            np.savez(stream, **columns)
        yield path


def row(stage: Stage, detector: Detector, seed: int, index: int) -> dict[str, np.ndarray]:
    """One rendered person: what was said (``said_*``) and what is true, by column name."""
    rendered = stage.picture(seed, index)
    truth = rendered.people[0]
    person = Person(box=truth.found, score=1.0)
    (person,) = detector.describe(rendered.frame.pixels, [person])
    return {
        "seed": np.array(seed),
        "index": np.array(index),
        **said(person, truth),
        **true(stage.model, rendered, truth),
    }


def said(person: Person, truth: Truth) -> dict[str, np.ndarray]:
    """The describer's answers: picture pixels and confidence, metres, scores, its mask."""
    assert person.keypoints is not None
    assert person.world is not None
    answers = {f"said_{layout}": points for layout, points in person.answers.items()}
    out = {
        **answers,
        "said_keypoints": person.keypoints,
        "said_world": person.world,
        "said_presence": np.array(person.presence),
        "said_score": np.array(person.keypoint_score),
    }
    floats = {name: values.astype(np.float32) for name, values in out.items()}
    if person.features is not None:
        floats["said_features"] = person.features
    if person.mask is not None:
        floats["said_mask"] = _packed(person.mask, truth)
    return floats


def true(model: BodyModel, rendered: Rendered, truth: Truth) -> dict[str, np.ndarray]:
    """The truth as arrays: metres in camera axes, picture pixels."""
    camera = rendered.camera
    mesh = body.skin(model, truth.pose)
    moved = Mesh(vertices=mesh.vertices + truth.translation, joints=truth.joints)
    columns = {
        "rotations": truth.pose.rotations,
        "betas": truth.pose.betas,
        "translation": truth.translation,
        "joints": truth.joints,
        "points_blazepose33": body.keypoints(model, moved, "blazepose33"),
        "points_coco17": body.keypoints(model, moved, "coco17"),
        "focal": np.array(camera.focal),
        "centre": np.array(camera.centre),
        "size": np.array(camera.size),
        "turn": rendered.turn,
        "box": truth.found,
        "box_exact": truth.box,
        "visible": np.array(truth.visible),
    }
    return {
        **{name: np.asarray(values).astype(np.float32) for name, values in columns.items()},
        "sight": truth.sight,
        "mask": _packed(truth.mask, truth),
        "kind": np.array(truth.kind, "U16"),
        "people": np.array(len(rendered.people)),
    }


def _packed(mask: Inside, truth: Truth) -> UInt8[np.ndarray, "512"]:
    """A mask's window around the box as bits, 64 x 64."""
    import cv2

    window = around_box(truth.found, MASK_MARGIN)
    small = cv2.warpAffine(
        mask.astype(np.float32),
        between_centres(window.to_frame(MASK_SIDE)),
        (MASK_SIDE, MASK_SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return np.packbits(np.asarray(small) > 0.5)
