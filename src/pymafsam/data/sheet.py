"""Fitted rows drawn: each body over its picture (or on grey) with its annotation, and sideways."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from pymafsam import render
from pymafsam.body import BodyModel, place
from pymafsam.data.rows import Row, Rows
from pymafsam.files.frames import read_picture
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import picture_camera
from pymafsam.geometry.joints import mapping
from pymafsam.records import Person, Pixels, Pose, Scene

GREY = 110
TALL = 320  # pixels; smaller pictures are enlarged before they are drawn on


def best_median_worst(errors: Float[np.ndarray, "rows"], each: int) -> list[int]:
    """Rows with the smallest errors, those around the median, and those with the largest.

    NaN is passed over; with few rows nobody is shown twice.
    """
    order = np.argsort(errors, kind="stable")
    order = order[np.isfinite(errors[order])]
    each = min(each, len(order) // 3 or len(order))
    middle = max((len(order) - each) // 2, each)
    chosen = [
        *order[:each],
        *order[middle : middle + each],
        *order[max(middle + each, len(order) - each) :],
    ]
    return [int(index) for index in chosen]


def contact_sheet(
    model: BodyModel, rows: Rows, chosen: Sequence[int], images: Path | None, across: int = 8
) -> UInt8[np.ndarray, "height width 3"]:
    """Two tiles for each row: the body with its annotation, and the body from the side.

    ``images`` None: on grey, without photographs (which may not be shown).
    """
    tiles = [tile for index in chosen for tile in tiles_of(model, rows[index], images)]
    return render.contact_sheet(tiles, across, 200)


def tiles_of(model: BodyModel, row: Row, images: Path | None) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """A row's body over its picture and from the side. The row must have a pose and a camera."""
    assert row.size is not None
    zoom = max(1.0, TALL / max(row.size))
    pixels = _canvas(row, images, zoom)
    scene = _scene(model, row, pixels, zoom)
    seen = render.overlay(pixels, scene)
    if row.keypoints is not None:
        clicked = row.keypoints[mapping("j24", "lsp14")] * (zoom, zoom, 1)
        seen = render.draw_keypoints(seen, clicked, layout="lsp14")
    return [seen, render.side_view(scene)]


def _canvas(row: Row, images: Path | None, zoom: float) -> Pixels:
    import cv2

    assert row.size is not None
    size = (round(row.size[0] * zoom), round(row.size[1] * zoom))
    if images is None:
        return np.full((size[1], size[0], 3), GREY, np.uint8)
    return np.asarray(cv2.resize(read_picture(images / row.image).pixels, size))


def _scene(model: BodyModel, row: Row, pixels: Pixels, zoom: float) -> Scene:
    assert row.pose is not None
    assert row.betas is not None
    assert row.translation is not None
    camera = picture_camera((pixels.shape[1], pixels.shape[0]), zoom * (row.focal or 0.0))
    pose = Pose(
        rotations=rotation.from_axis_angle(row.pose.reshape(-1, 3).astype(np.float64)),
        betas=row.betas,
    )
    half = row.square.side * zoom / 2
    x, y = row.centre * zoom
    person = Person(box=np.array([x - half, y - half, x + half, y + half]), score=1.0)
    body = place(model, pose, row.translation.astype(np.float64), camera, person, 1.0)
    return Scene(
        name=row.image,
        index=0,
        camera=camera,
        bodies=(body,),
        body_name=model.name,
        faces=model.faces,
        pixels=pixels,
    )
