"""Sequences as files: a clip's motions as json and npz; both read again.

``SEQUENCE_EXPORTERS`` maps a format's name to a ``SequenceExporter``; other packages add theirs
through the entry-point group ``pymafsam.sequence_exporters``. docs/formats.md has every field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from pymafsam.errors import BadInput
from pymafsam.files import json, made, npz
from pymafsam.files.pickles import read_npz
from pymafsam.geometry import rotation
from pymafsam.records import Camera, Motion, SequenceScene
from pymafsam.registry import Table

FORMAT = "pymafsam-sequence/1"
MAKER = "reconstruct"
PIXEL_DIGITS, METRIC_DIGITS, SCORE_DIGITS, TIME_DIGITS = 2, 6, 4, 6

# The arrays of a track: numpy's kinds, and the shape of a frame's row (None: any length).
MOTION: Mapping[str, tuple[str, tuple[int | None, ...]]] = {
    "frames": ("iu", ()),
    "rotations": ("f", (None, 3, 3)),
    "betas": ("f", (None,)),
    "translation": ("f", (3,)),
    "boxes": ("f", (4,)),
    "scores": ("f", ()),
    "filled": ("b", ()),
}

SEQUENCE_EXPORTERS = Table(
    kind="sequence exporter",
    rows={
        "json": "pymafsam.export.sequence:JSON",
        "npz": "pymafsam.export.sequence:NPZ",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceExporter:
    """One file per clip: ``write`` fills the path it is given, called ``<stem><ending>``."""

    ending: str
    write: Callable[[SequenceScene, Path], None]


def write_json(scene: SequenceScene, path: Path) -> None:
    """The motions as json: a list per quantity, an entry per frame of the track."""
    width, height = scene.camera.size
    content = {
        "format": FORMAT,
        "made": made.note(MAKER, scene.origin),
        "video": scene.name,
        "width": width,
        "height": height,
        "body": scene.body_name,
        "camera": {
            "focal": round(scene.camera.focal, 3),
            "centre": list(scene.camera.centre),
            "convention": "opencv",
        },
        "seconds": _rounded(scene.seconds, TIME_DIGITS),
        "cuts": scene.cuts.tolist(),
        "tracks": [_track(scene, motion) for motion in scene.motions],
    }
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.pieces(content))
        file.write("\n")


def _track(scene: SequenceScene, motion: Motion) -> dict[str, Any]:
    one_shape = bool((motion.betas == motion.betas[0]).all())
    return {
        "track": motion.track,
        "frames": motion.frames.tolist(),
        "seconds": _rounded(scene.seconds[motion.frames], TIME_DIGITS),
        "filled": motion.filled.astype(int).tolist(),
        "score": _rounded(motion.scores, SCORE_DIGITS),
        "box": _rows(motion.boxes, PIXEL_DIGITS),
        "betas": _rounded(motion.betas[0], METRIC_DIGITS)
        if one_shape
        else _rows(motion.betas, METRIC_DIGITS),
        "translation": _rows(motion.translation, METRIC_DIGITS),
        "pose": _rows(motion.rotations, METRIC_DIGITS, rotation.to_axis_angle),
    }


def write_npz(scene: SequenceScene, path: Path) -> None:
    """The motions as arrays: ``<quantity>_<track>``, a row per frame of the track; no pickles."""
    content = {
        "format": np.array(FORMAT),
        "video": np.array(scene.name),
        "body": np.array(scene.body_name),
        "size": np.array(scene.camera.size),
        "focal": np.array(scene.camera.focal),
        "centre": np.array(scene.camera.centre),
        "seconds": scene.seconds,
        "cuts": scene.cuts,
        "faces": scene.faces.astype(np.int32),
        "tracks": np.array([motion.track for motion in scene.motions], np.int64),
    }
    for motion in scene.motions:
        name = motion.track
        content |= {
            f"frames_{name}": motion.frames,
            f"rotations_{name}": np.asarray(motion.rotations, np.float32),
            f"betas_{name}": np.asarray(motion.betas, np.float32),
            f"translation_{name}": np.asarray(motion.translation, np.float64),
            f"boxes_{name}": np.asarray(motion.boxes, np.float64),
            f"scores_{name}": np.asarray(motion.scores, np.float64),
            f"filled_{name}": motion.filled,
        }
    npz.write(content, path, made.mark(MAKER, scene.origin))


JSON = SequenceExporter(ending=".json", write=write_json)
NPZ = SequenceExporter(ending=".npz", write=write_npz)


def load(path: Path) -> SequenceScene:
    """The sequence in an npz file. Raises BadInput for what is none, or holds no numbers."""
    read = _Reader(path, read_npz(path))
    if read.text("format") != FORMAT:
        raise BadInput(f'{path}: the format is "{read.text("format")}", not "{FORMAT}".')
    seconds, size = read.array("seconds", "f", 1), read.array("size", "iu", 1)
    centre, focal = read.array("centre", "iuf", 1), read.array("focal", "iuf", 0)
    faces, cuts = read.array("faces", "iu", 2), read.array("cuts", "iu", 1)
    if size.shape != (2,) or centre.shape != (2,) or faces.shape[1] != 3 or not focal > 0:
        raise BadInput(f"{path}: size, centre, focal or faces are not those of a camera and body.")
    return SequenceScene(
        name=read.text("video"),
        seconds=seconds,
        camera=Camera(
            focal=float(focal),
            centre=(float(centre[0]), float(centre[1])),
            size=(int(size[0]), int(size[1])),
        ),
        motions=tuple(
            read.motion(int(track), len(seconds)) for track in read.array("tracks", "iu", 1)
        ),
        body_name=read.text("body"),
        faces=faces,
        cuts=cuts,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Arrays of a file, checked on their way out. Every method raises BadInput."""

    path: Path
    arrays: Mapping[str, Any]

    def array(self, name: str, kinds: str, dimensions: int) -> Shaped[np.ndarray, "..."]:
        found = self.arrays[name]
        fits = isinstance(found, np.ndarray) and found.dtype.kind in kinds
        if not fits or found.ndim != dimensions or not np.isfinite(found).all():
            raise BadInput(f"{self.path}: {name} is not as pymafsam writes it.")
        return found

    def text(self, name: str) -> str:
        found = self.arrays[name]
        if not isinstance(found, np.ndarray) or found.dtype.kind != "U" or found.ndim:
            raise BadInput(f"{self.path}: {name} is not as pymafsam writes it.")
        return str(found)

    def motion(self, track: int, clip: int) -> Motion:
        found = {
            name: self.array(f"{name}_{track}", kinds, 1 + len(shape))
            for name, (kinds, shape) in MOTION.items()
        }
        frames = found["frames"]
        within = (
            frames.size and frames[0] >= 0 and frames[-1] < clip and (np.diff(frames) > 0).all()
        )
        alike = all(
            len(found[name]) == len(frames)
            and all(w in (None, h) for w, h in zip(shape, found[name].shape[1:], strict=True))
            for name, (_, shape) in MOTION.items()
        )
        if not within or not alike:
            raise BadInput(f"{self.path}: the arrays of track {track} do not belong together.")
        return Motion(track=track, **found)


def _rows(
    values: Shaped[np.ndarray, "..."],
    digits: int,
    turned: Callable[[Shaped[np.ndarray, "..."]], Shaped[np.ndarray, "..."]] = np.asarray,
) -> json.Rows:
    """``_rounded`` numbers, some rows at a time: as Python's own they take 4 kB per frame."""
    rows = lambda low, high: values[low:high].astype(np.float64)  # noqa: E731
    return json.Rows(len(values), lambda low, high: _rounded(turned(rows(low, high)), digits))


def _rounded(values: Shaped[np.ndarray, "..."], digits: int) -> list:
    # Adding 0 turns -0.0 into 0.0.
    return (np.round(values.astype(np.float64), digits) + 0.0).tolist()
