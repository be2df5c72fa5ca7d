"""Binary glTF 2.0 (glb): a node per person in their colour, and the photograph's camera."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pymafsam.export.exporter import Exporter, mark_of
from pymafsam.export.glb import INDICES, VERTICES, Arrays, write
from pymafsam.export.obj import y_up
from pymafsam.records import Scene
from pymafsam.render import colours_of, vertex_normals


def write_glb(scene: Scene, path: Path) -> None:
    """Meshes with normals, metres, y up, before the photograph's camera at the origin."""
    buffer = Arrays()
    write(_document(scene, buffer), buffer, path)


GLB = Exporter(ending=".glb", write=write_glb)


def _document(scene: Scene, buffer: Arrays) -> dict[str, Any]:
    faces = buffer.add(scene.faces.reshape(-1, 1), "<u4", INDICES) if scene.bodies else 0
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


def _mesh(scene: Scene, number: int, faces: int, buffer: Arrays) -> dict[str, Any]:
    body = scene.bodies[number]
    vertices = y_up(body.mesh.vertices + body.translation)
    normals = vertex_normals(vertices, scene.faces)
    attributes = {
        "POSITION": buffer.add(vertices, "<f4", VERTICES),
        "NORMAL": buffer.add(normals, "<f4", VERTICES),
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
