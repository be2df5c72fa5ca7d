"""Rigged people as binary glTF 2.0: skeleton, skin weights and, for clips, animation.

Khronos, glTF 2.0 specification, 3.7 (skins) and 3.11 (animations). Joints and weights stand in
sets of four, a vertex' strongest first. Readers need not know more than the first set
(3.7.2.1), so whoever takes the others away must raise its weights to one again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from pymafsam.export.glb import INDICES, VERTICES, Arrays, write
from pymafsam.export.rigs import Rig
from pymafsam.files import made
from pymafsam.geometry import rotation
from pymafsam.render import vertex_normals

MAKER = "export"
SET = 4  # joints in an attribute of glTF
MOST = 8  # joints that a vertex follows: two sets, as Blender and Babylon.js read
LEAST = 1e-6  # of a weight that is written
SKIN = (0.72, 0.62, 0.56)


def write_glb(people: Sequence[Rig], path: Path, most: int = MOST) -> None:
    """Everybody in one file, a skeleton and a mesh each; metres, y up.

    A vertex follows its ``most`` strongest joints.
    """
    arrays = Arrays()
    write(_document(people, arrays, most), arrays, path)


def _document(people: Sequence[Rig], arrays: Arrays, most: int) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    skins, meshes, animations, roots = [], [], [], []
    for number, rig in enumerate(people):
        first = len(nodes)
        nodes += _bones(rig, first)
        skins.append(_skin(rig, first, arrays))
        meshes.append(_mesh(rig, arrays, most))
        nodes.append({"name": rig.name, "mesh": number, "skin": number})
        roots += [first, len(nodes) - 1]
        if len(rig.rotations) > 1:
            animations.append(_animation(rig, first, arrays))
    document = {
        "asset": {"version": "2.0", "generator": made.mark(MAKER)},
        "scene": 0,
        "scenes": [{"nodes": roots}],
        "nodes": nodes,
        "skins": skins,
        "meshes": meshes,
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "baseColorFactor": [*SKIN, 1.0],
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.7,
                }
            }
        ],
        "accessors": arrays.accessors,
        "bufferViews": arrays.views,
        "buffers": [{"byteLength": len(arrays.data)}],
    }
    return document | ({"animations": animations} if animations else {})


def _bones(rig: Rig, first: int) -> list[dict[str, Any]]:
    """A node for every joint, in the pose of the first frame."""
    turns = quaternions(rig.rotations[0])
    nodes = []
    for joint, parent in enumerate(rig.parents):
        place = rig.places[0] if parent < 0 else rig.rest_joints[joint] - rig.rest_joints[parent]
        node: dict[str, Any] = {
            "name": f"{rig.name}_{rig.joint_names[joint]}",
            "translation": [float(v) for v in place],
            "rotation": [float(v) for v in turns[joint]],
        }
        below = (np.flatnonzero(rig.parents == joint) + first).tolist()
        nodes.append(node | ({"children": below} if below else {}))
    return nodes


def _skin(rig: Rig, first: int, arrays: Arrays) -> dict[str, Any]:
    inverse = np.tile(np.eye(4), (len(rig.parents), 1, 1))
    inverse[:, :3, 3] = -rig.rest_joints  # at rest no joint is turned
    columns = inverse.transpose(0, 2, 1)  # glTF's matrices go column by column
    return {
        "joints": list(range(first, first + len(rig.parents))),
        "inverseBindMatrices": arrays.add(columns, "<f4"),
        "skeleton": first,
    }


def _mesh(rig: Rig, arrays: Arrays, most: int) -> dict[str, Any]:
    vertices = rig.rest_vertices
    attributes = {
        "POSITION": arrays.add(vertices, "<f4", VERTICES),
        "NORMAL": arrays.add(vertex_normals(vertices, rig.faces), "<f4", VERTICES),
    }
    joints, weights = strongest(rig.weights, most)
    for number, first in enumerate(range(0, joints.shape[1], SET)):
        chosen = slice(first, first + SET)
        attributes |= {
            f"JOINTS_{number}": arrays.add(joints[:, chosen], "<u2", VERTICES),
            f"WEIGHTS_{number}": arrays.add(weights[:, chosen], "<f4", VERTICES),
        }
    faces = arrays.add(rig.faces.reshape(-1, 1), "<u4", INDICES)
    return {
        "name": rig.name,
        "primitives": [{"attributes": attributes, "indices": faces, "material": 0}],
    }


def _animation(rig: Rig, first: int, arrays: Arrays) -> dict[str, Any]:
    times = arrays.add(rig.seconds[:, None], "<f4")
    samplers = [{"input": times, "output": arrays.add(rig.places, "<f4")}]
    channels = [{"sampler": 0, "target": {"node": first, "path": "translation"}}]
    for joint in range(len(rig.parents)):
        turns = continuous(quaternions(rig.rotations[:, joint]))
        samplers.append({"input": times, "output": arrays.add(turns, "<f4")})
        target = {"node": first + joint, "path": "rotation"}
        channels.append({"sampler": len(samplers) - 1, "target": target})
    return {"name": rig.name, "samplers": samplers, "channels": channels}


def quaternions(turns: Float[np.ndarray, "*any 3 3"]) -> Float[np.ndarray, "*any 4"]:
    """Unit quaternions (x, y, z, w), glTF's order."""
    return np.roll(rotation.to_quaternion(turns), -1, axis=-1)


def continuous(turns: Float[np.ndarray, "frames 4"]) -> Float[np.ndarray, "frames 4"]:
    """The same rotations with signs such that neighbours never take the long way round."""
    flips = np.where((turns[1:] * turns[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    return turns * np.concatenate([[1.0], np.cumprod(flips)])[:, None]


def strongest(
    weights: Float[np.ndarray, "vertices joints"], most: int = MOST
) -> tuple[Int[np.ndarray, "vertices kept"], Float[np.ndarray, "vertices kept"]]:
    """Each vertex's strongest joints, ``most`` at most, and their weights, which sum to one.

    As many whole sets as the body needs.
    """
    needed = min(int((weights > LEAST).sum(axis=1).max()), most)
    count = -(-needed // SET) * SET
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    kept = np.take_along_axis(weights, joints, axis=1)
    kept[kept <= LEAST] = 0.0
    kept /= kept.sum(axis=1, keepdims=True)
    return np.where(kept > 0, joints, 0), kept  # joints without weight are named 0 (validator)
