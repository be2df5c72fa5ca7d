"""Binary glTF 2.0 (glb): a node per person in their colour, and the photograph's camera.

Written by hand from the specification (Khronos, glTF 2.0): a json chunk that describes the
arrays of a binary chunk.
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.export.exporter import Exporter, mark_of
from pymafsam.export.obj import y_up
from pymafsam.records import Scene
from pymafsam.render import colours_of, vertex_normals

FLOAT, UNSIGNED_INT = 5126, 5125
VERTICES, INDICES = 34962, 34963


@dataclass(frozen=True, slots=True)
class Buffer:
    """The binary chunk while it grows, with the json entries that describe it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, array: np.ndarray, target: int) -> int:
        """Append an array of float32 rows of three or uint32 numbers; its accessor's index."""
        vectors = array.ndim == 2
        self.views.append(
            {
                "buffer": 0,
                "byteOffset": len(self.data),
                "byteLength": array.nbytes,
                "target": target,
            }
        )
        self.data.extend(array.tobytes())  # both kinds are multiples of four bytes: aligned
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": FLOAT if vectors else UNSIGNED_INT,
            "count": len(array),
            "type": "VEC3" if vectors else "SCALAR",
        }
        if vectors:
            accessor["min"] = array.min(axis=0).tolist()
            accessor["max"] = array.max(axis=0).tolist()
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write_glb(scene: Scene, path: Path) -> None:
    """Meshes with normals, metres, y up, before the photograph's camera at the origin."""
    buffer = Buffer()
    document = _document(scene, buffer)
    text = json.dumps(document, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if buffer.data:
        chunks += struct.pack("<I4s", len(buffer.data), b"BIN\0") + buffer.data
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


GLB = Exporter(ending=".glb", write=write_glb)


def _document(scene: Scene, buffer: Buffer) -> dict[str, Any]:
    faces = buffer.add(scene.faces.astype("<u4").ravel(), INDICES) if scene.bodies else 0
    meshes = [_mesh(scene, number, faces, buffer) for number in range(len(scene.bodies))]
    width, height = scene.camera.size
    lens = {
        "aspectRatio": width / height,
        "yfov": 2 * float(np.arctan(height / 2 / scene.camera.focal)),
        "znear": 0.05,
    }
    people = [{"name": f"person_{k + 1}", "mesh": k} for k in range(len(meshes))]
    nodes = [{"name": "photograph", "camera": 0}, *people]
    document = {
        "asset": {"version": "2.0", "generator": mark_of(scene)},
        "scene": 0,
        "scenes": [{"name": scene.name, "nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "cameras": [{"type": "perspective", "perspective": lens}],
    }
    if meshes:
        document |= {
            "meshes": meshes,
            "materials": [_material(colour) for colour in colours_of(scene.bodies)],
            "accessors": buffer.accessors,
            "bufferViews": buffer.views,
            "buffers": [{"byteLength": len(buffer.data)}],
        }
    return document


def _mesh(scene: Scene, number: int, faces: int, buffer: Buffer) -> dict[str, Any]:
    body = scene.bodies[number]
    vertices = y_up(body.mesh.vertices + body.translation)
    normals = vertex_normals(vertices, scene.faces)
    attributes = {
        "POSITION": buffer.add(vertices.astype("<f4"), VERTICES),
        "NORMAL": buffer.add(normals.astype("<f4"), VERTICES),
    }
    part = {"attributes": attributes, "indices": faces, "material": number}
    return {"name": f"person_{number + 1}", "primitives": [part]}


def _material(colour: Float[np.ndarray, "3"]) -> dict[str, Any]:
    return {
        "pbrMetallicRoughness": {
            "baseColorFactor": [*(round(float(c), 4) for c in colour), 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.7,
        }
    }
