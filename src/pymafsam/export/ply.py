"""Stanford's PLY, binary: everybody in a picture as one coloured mesh; MeshLab, CloudCompare."""

from pathlib import Path

import numpy as np

from pymafsam.export.obj import y_up
from pymafsam.files import made
from pymafsam.records import Scene
from pymafsam.render import colours_of, vertex_normals
from pymafsam.render.shade import to_srgb

VERTEX = np.dtype(
    [*((name, "<f4") for name in "x y z nx ny nz".split()), *((c, "u1") for c in ("r", "g", "b"))]
)
FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
HEADER = """ply
format binary_little_endian 1.0
comment {mark}
comment metres, y up, the photograph's camera at the origin
element vertex {vertices}
property float x
property float y
property float z
property float nx
property float ny
property float nz
property uchar red
property uchar green
property uchar blue
element face {faces}
property list uchar int vertex_indices
end_header
"""


def write_ply(scene: Scene, path: Path) -> None:
    """Vertices with normals and colours, person after person."""
    count = len(scene.bodies[0].mesh.vertices) if scene.bodies else 0
    vertices = np.zeros((len(scene.bodies), count), VERTEX)
    for row, body, colour in zip(vertices, scene.bodies, colours_of(scene.bodies), strict=True):
        places = y_up(body.mesh.vertices + body.translation)
        normals = vertex_normals(places, scene.faces)
        for axis, name in enumerate("xyz"):
            row[name], row[f"n{name}"] = places[:, axis], normals[:, axis]
        row["r"], row["g"], row["b"] = to_srgb(colour)
    faces = np.zeros((len(scene.bodies), len(scene.faces)), FACE)
    faces["count"] = 3
    for number, row in enumerate(faces):
        row["corners"] = scene.faces + number * count
    header = HEADER.format(mark=made.mark("export"), vertices=vertices.size, faces=faces.size)
    path.write_bytes(header.encode("ascii") + vertices.tobytes() + faces.tobytes())
