"""Everything as numpy arrays (npz), people along the first axis; read with plain ``np.load``."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from pymafsam.export.exporter import Exporter, mark_of
from pymafsam.export.results import FORMAT
from pymafsam.files import npz
from pymafsam.geometry import rotation
from pymafsam.records import Scene


def write_npz(scene: Scene, path: Path) -> None:
    """Write the arrays of docs/formats.md; no pickles."""
    npz.write(arrays(scene), path, mark_of(scene))


NPZ = Exporter(ending=".npz", write=write_npz)


def arrays(scene: Scene) -> dict[str, np.ndarray]:
    """Name -> array; ``vertices`` and ``joints`` in camera axes, metres, translation included."""
    bodies = scene.bodies
    people = len(bodies)
    rotations = _stack([b.pose.rotations for b in bodies], (0, 24, 3, 3))
    out = {
        "format": np.array(FORMAT),
        "image": np.array(scene.name),
        "index": np.array(scene.index),
        "body": np.array(scene.body_name),
        "size": np.array(scene.camera.size),
        "focal": np.array(scene.camera.focal),
        "centre": np.array(scene.camera.centre),
        "box": _stack([b.person.box for b in bodies], (0, 4)),
        "score": np.array([b.score for b in bodies], np.float64),
        "track": np.array([-1 if b.person.track is None else b.person.track for b in bodies], int),
        "rotations": rotations,
        "pose": rotation.to_axis_angle(rotations),
        "betas": _stack([b.pose.betas for b in bodies], (0, 10)),
        "translation": _stack([b.translation for b in bodies], (0, 3)),
        "vertices": _stack(
            [b.mesh.vertices + b.translation for b in bodies], (0, 0, 3), np.float32
        ),
        "joints": _stack([b.mesh.joints + b.translation for b in bodies], (0, 24, 3), np.float32),
        "faces": scene.faces.astype(np.int32),
        "masks": _masks(scene),
        "has_mask": np.array([b.mask is not None for b in bodies], bool),
    }
    for name in _shared([set(b.keypoints_2d) for b in bodies]):
        out[f"keypoints_2d_{name}"] = np.stack([b.keypoints_2d[name] for b in bodies])
    for name in _shared([set(b.joints_3d) for b in bodies]):
        out[f"joints_3d_{name}"] = np.stack([b.joints_3d[name] for b in bodies])
    assert all(len(out[key]) == people for key in ("box", "vertices", "masks"))
    return out


def _stack(
    rows: list[Shaped[np.ndarray, "..."]], empty: tuple[int, ...], dtype: type = np.float64
) -> Shaped[np.ndarray, "people ..."]:
    return np.stack(rows).astype(dtype) if rows else np.zeros(empty, dtype)


def _masks(scene: Scene) -> np.ndarray:
    """Eight pixels of a row in a byte (``np.unpackbits(masks, axis=2, count=width)``)."""
    width, height = scene.camera.size
    packed = np.zeros((len(scene.bodies), height, -(-width // 8)), np.uint8)
    for row, body in zip(packed, scene.bodies, strict=True):
        if body.mask is not None:
            row[:] = np.packbits(body.mask.inside, axis=1)
    return packed


def _shared(names: list[set[str]]) -> list[str]:
    return sorted(set.intersection(*names)) if names else []
