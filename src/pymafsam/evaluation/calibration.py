"""Calibrations of several cameras: Qualisys' .qca.txt, and toml as Pose2Sim and Anipose write it.

All become OpenCV's: a world point X is at R X + t in the camera (x right, y down, z forward,
metres), seen at K of that after the lens' distortion.
"""

import sys
import xml.etree.ElementTree as xml
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.errors import BadInput
from pymafsam.files.limits import LARGEST_TEXT, check_file
from pymafsam.records import Camera, Pixels

QUALISYS_STEPS = 64.0  # per pixel, of Qualisys' focal lengths and centres
MILLIMETRE = 1e-3
PADDED = 16  # pixels: coders work in blocks of as many
# Qualisys' cameras look along -z with y up; OpenCV's along z with y down.
TURNED = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One camera of several; ``size`` (width, height) in pixels, ``distortion`` OpenCV's."""

    name: str
    size: tuple[int, int]
    intrinsics: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, "coefficients"]
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    @property
    def pinhole(self) -> Camera:
        """The camera after ``undistorted``: no distortion, centre in the middle."""
        focal = float(self.intrinsics[0, 0] + self.intrinsics[1, 1]) / 2
        return Camera(focal=focal, centre=(self.size[0] / 2, self.size[1] / 2), size=self.size)

    def fitted(self, size: tuple[int, int]) -> "View":
        """The camera of pictures of that size, which may lack what a coder had padded.

        Raises BadInput where the difference is more than that.
        """
        lacking = [mine - theirs for mine, theirs in zip(self.size, size, strict=True)]
        if not all(0 <= pixels < PADDED for pixels in lacking):
            raise BadInput(
                f"The camera {self.name} was calibrated for {self.size[0]} x {self.size[1]} "
                f"pixels; its pictures have {size[0]} x {size[1]}."
            )
        return replace(self, size=size)

    def undistorted(self, pixels: Pixels) -> Pixels:
        """The picture as ``pinhole`` would have taken it."""
        import cv2

        ideal = np.diag([self.pinhole.focal, self.pinhole.focal, 1.0])
        # OpenCV counts from the centre of the first pixel, the calibration too.
        ideal[:2, 2] = np.array(self.pinhole.centre) - 0.5
        return np.asarray(cv2.undistort(pixels, self.intrinsics, self.distortion, None, ideal))


def read(path: Path) -> list[View]:
    """The cameras of a calibration, in the file's order.

    Raises BadInput for another kind of file and for what is missing in it.
    """
    try:
        check_file(path, LARGEST_TEXT)
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInput(f"The calibration {path} cannot be read ({error.strerror}).") from error
    try:
        views = _toml(text, path) if path.suffix == ".toml" else _qualisys(text)
    except BadInput:
        raise
    except Exception as error:  # of the parsers, and of what stands where numbers were wanted
        raise BadInput(
            f"{path} is no calibration that can be read ({type(error).__name__}: {error}).\n"
            "  Known: Qualisys' .qca.txt, and .toml with a table per camera (name, size, matrix, "
            "distortions, rotation, translation)."
        ) from error
    if len(views) < 2:
        raise BadInput(f"{path} holds {len(views)} cameras; views are compared from two on.")
    return views


def _qualisys(text: str) -> list[View]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # nothing that could grow when it is read
        raise ValueError("it declares entities")
    root = xml.fromstring(text.encode("utf-8"))
    return [_qualisys_camera(node) for node in root.iterfind(".//cameras/camera")]


def _qualisys_camera(node: xml.Element) -> View:
    parts = {name: _attributes(node, name) for name in ("fov_video", "transform", "intrinsic")}
    seen, place, lens = parts["fov_video"], parts["transform"], parts["intrinsic"]
    size = (
        round(seen["right"] - seen["left"]) + 1,
        round(seen["bottom"] - seen["top"]) + 1,
    )
    intrinsics = np.array(
        [
            [lens["focalLengthU"], 0, lens["centerPointU"]],
            [0, lens["focalLengthV"], lens["centerPointV"]],
            [0, 0, QUALISYS_STEPS],
        ]
    )
    intrinsics /= QUALISYS_STEPS
    intrinsics[:2, 2] -= (seen["left"], seen["top"])
    # The rows are the camera's axes in the world.
    axes = np.array([[place[f"r{row}{column}"] for column in (1, 2, 3)] for row in (1, 2, 3)])
    rotation = TURNED @ axes
    centre = MILLIMETRE * np.array([place[axis] for axis in "xyz"])
    names = "radialDistortion1 radialDistortion2 tangentalDistortion1 tangentalDistortion2".split()
    distortion = [lens.get(name, 0.0) for name in names] + [lens.get("radialDistortion3", 0.0)]
    return View(
        name=node.get("serial", ""),
        size=size,
        intrinsics=intrinsics,
        distortion=np.array(distortion),
        rotation=rotation,
        translation=-rotation @ centre,
    )


def _attributes(node: xml.Element, name: str) -> Mapping[str, float]:
    found = node.find(name)
    if found is None:
        raise KeyError(name)
    return {key: float(value) for key, value in found.attrib.items() if _is_number(value)}


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _toml(text: str, path: Path) -> list[View]:
    document = _parsed(text)
    tables = {k: v for k, v in document.items() if isinstance(v, dict) and "matrix" in v}
    fisheyes = [name for name, table in tables.items() if table.get("fisheye")]
    if fisheyes:
        raise BadInput(f"{path}: {', '.join(fisheyes)} are fisheye lenses, which are not read.")
    return [_toml_camera(name, table) for name, table in tables.items()]


def _parsed(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(text)
    import tomli

    return tomli.loads(text)


def _toml_camera(name: str, table: Mapping[str, Any]) -> View:
    import cv2

    vector = np.asarray(table["rotation"], np.float64).reshape(3)
    width, height = (round(float(side)) for side in table["size"])
    return View(
        name=str(table.get("name", name)),
        size=(width, height),
        intrinsics=np.asarray(table["matrix"], np.float64).reshape(3, 3),
        distortion=np.asarray(table.get("distortions", [0.0] * 4), np.float64),
        rotation=np.asarray(cv2.Rodrigues(vector)[0], np.float64),
        translation=np.asarray(table["translation"], np.float64).reshape(3),
    )


def triangulated(
    places: Float[np.ndarray, "views points 2"],
    weights: Float[np.ndarray, "views points"],
    views: list[View],
) -> tuple[Float[np.ndarray, "points 3"], Float[np.ndarray, "points"]]:
    """World points from their places in undistorted pictures, and their residual in pixels.

    Linear (Hartley & Zisserman, "Multiple View Geometry", 12.2), every view weighted. The residual
    is the root mean square distance to where the views saw the point; NaN for points that fewer
    than two views saw.
    """
    matrices = np.stack([_projection(view) for view in views])
    points = np.full((places.shape[1], 3), np.nan)
    residuals = np.full(places.shape[1], np.nan)
    for k in range(places.shape[1]):
        seen = weights[:, k] > 0
        if seen.sum() >= 2:
            rows = places[seen, k, :, None] * matrices[seen, 2:] - matrices[seen, :2]
            rows *= weights[seen, k, None, None] / np.linalg.norm(rows, axis=-1, keepdims=True)
            found = np.linalg.svd(rows.reshape(-1, 4))[2][-1]
            points[k] = found[:3] / found[3]
            back = matrices[seen] @ np.append(points[k], 1.0)
            away = back[:, :2] / back[:, 2:] - places[seen, k]
            residuals[k] = np.sqrt((away**2).sum(-1).mean())
    return points, residuals


def _projection(view: View) -> Float[np.ndarray, "3 4"]:
    camera = view.pinhole
    intrinsics = np.diag([camera.focal, camera.focal, 1.0])
    intrinsics[:2, 2] = camera.centre
    return intrinsics @ np.column_stack([view.rotation, view.translation])
