"""Sequences as files: a clip's motions as json and npz; both read again.

``SEQUENCE_EXPORTERS`` maps a format's name to a ``SequenceExporter``; other packages add theirs
through the entry-point group ``pymafsam.sequence_exporters``. docs/formats.md has every field.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from pymafsam.errors import BadInput
from pymafsam.files import made
from pymafsam.geometry import rotation
from pymafsam.records import Camera, Motion, SequenceScene
from pymafsam.registry import Table

FORMAT = "pymafsam-sequence/1"
MAKER = "reconstruct"
PIXEL_DIGITS, METRIC_DIGITS, SCORE_DIGITS, TIME_DIGITS = 2, 6, 4, 6

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
    path.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")


def _track(scene: SequenceScene, motion: Motion) -> dict[str, Any]:
    vectors = rotation.to_axis_angle(motion.rotations.astype(np.float64))
    one_shape = bool((motion.betas == motion.betas[0]).all())
    return {
        "track": motion.track,
        "frames": motion.frames.tolist(),
        "seconds": _rounded(scene.seconds[motion.frames], TIME_DIGITS),
        "filled": motion.filled.astype(int).tolist(),
        "score": _rounded(motion.scores, SCORE_DIGITS),
        "box": _rounded(motion.boxes, PIXEL_DIGITS),
        "betas": _rounded(motion.betas[0] if one_shape else motion.betas, METRIC_DIGITS),
        "translation": _rounded(motion.translation, METRIC_DIGITS),
        "pose": _rounded(vectors, METRIC_DIGITS),
    }


def write_npz(scene: SequenceScene, path: Path) -> None:
    """The motions as arrays: ``<quantity>_<track>``, a row per frame of the track; no pickles."""
    content: dict[str, Any] = {
        "format": np.array(FORMAT),
        "made": np.array(made.mark(MAKER, scene.origin)),
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
            f"rotations_{name}": motion.rotations.astype(np.float32),
            f"betas_{name}": motion.betas.astype(np.float32),
            f"translation_{name}": motion.translation.astype(np.float64),
            f"boxes_{name}": motion.boxes.astype(np.float64),
            f"scores_{name}": motion.scores.astype(np.float64),
            f"filled_{name}": motion.filled,
        }
    with path.open("wb") as file:
        np.savez_compressed(file, **content)
    with zipfile.ZipFile(path, "a") as archive:
        # Among the compressed arrays nobody would find the mark.
        archive.comment = made.mark(MAKER, scene.origin).encode()


JSON = SequenceExporter(ending=".json", write=write_json)
NPZ = SequenceExporter(ending=".npz", write=write_npz)


def load(path: Path) -> SequenceScene:
    """The sequence in an npz file. Raises BadInput for what is none."""
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        if str(arrays["format"]) != FORMAT:
            raise BadInput(f'{path}: the format is "{arrays["format"]}", not "{FORMAT}".')
        return _sequence(arrays)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error}).") from error
    except (ValueError, KeyError, IndexError) as error:
        raise BadInput(f"{path} is no sequence that pymafsam wrote ({error}).") from error


def _sequence(arrays: dict[str, Shaped[np.ndarray, "..."]]) -> SequenceScene:
    width, height = arrays["size"].tolist()
    x, y = arrays["centre"].tolist()
    return SequenceScene(
        name=str(arrays["video"]),
        seconds=arrays["seconds"],
        camera=Camera(focal=float(arrays["focal"]), centre=(x, y), size=(width, height)),
        motions=tuple(_motion(arrays, track) for track in arrays["tracks"].tolist()),
        body_name=str(arrays["body"]),
        faces=arrays["faces"],
        cuts=arrays["cuts"],
    )


def _motion(arrays: dict[str, Shaped[np.ndarray, "..."]], track: int) -> Motion:
    return Motion(
        track=track,
        **{
            name: arrays[f"{name}_{track}"]
            for name in "frames rotations betas translation boxes scores filled".split()
        },
    )


def _rounded(values: Shaped[np.ndarray, "..."], digits: int) -> list:
    # Adding 0 turns -0.0 into 0.0.
    return (np.round(values.astype(np.float64), digits) + 0.0).tolist()
