"""Rigs: what readers of BVH and glTF compute from the files is the body that was saved."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest

from pymafsam import body
from pymafsam.body import skin
from pymafsam.export import bvh, rigs, skinned
from pymafsam.geometry import rotation
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Motion, Pose, SequenceScene

MODEL = body.load("anny24")
FRAMES = 4


@pytest.fixture(scope="module")
def clip() -> SequenceScene:
    generator = np.random.default_rng(0)
    turns = generator.normal(size=(FRAMES, 24, 3)) * 0.4
    turns[:, 0] = [np.pi * 0.9, 0.3, 0.1]
    motion = Motion(
        track=7,
        frames=np.arange(FRAMES),
        rotations=rotation.from_axis_angle(turns),
        betas=np.tile(generator.normal(size=10) * 0.5, (FRAMES, 1)),
        translation=generator.normal(size=(FRAMES, 3)) + np.array([0.0, 0.0, 4.0]),
        boxes=np.tile(np.array([0.0, 0.0, 10.0, 10.0]), (FRAMES, 1)),
        scores=np.ones(FRAMES),
        filled=np.zeros(FRAMES, bool),
    )
    return SequenceScene(
        name="clip.mp4",
        seconds=np.arange(FRAMES) / 30,
        camera=picture_camera((640, 480)),
        motions=(motion,),
        body_name=MODEL.name,
        faces=MODEL.faces,
    )


@pytest.fixture(scope="module")
def rig(clip) -> rigs.Rig:
    (rig,) = rigs.of_sequence(clip, MODEL)
    return rig


def truth(clip: SequenceScene, frame: int):
    """Vertices and joints as pymafsam has them, turned to y up."""
    motion = clip.motions[0]
    pose = Pose(
        rotations=motion.rotations[frame].astype(np.float32),
        betas=motion.betas[frame].astype(np.float32),
    )
    mesh = skin(MODEL, pose)
    up = np.array([1.0, -1.0, -1.0])
    moved = motion.translation[frame]
    return (mesh.vertices + moved) * up, (mesh.joints + moved) * up


def test_the_skeleton_of_a_rig_is_the_bodys(clip, rig):
    for frame in range(FRAMES):
        _, places = rigs.world(rig, frame)
        assert np.allclose(places, truth(clip, frame)[1], atol=1e-5)


def read_bvh(text: str):
    """A plain reader of the format: joints (name, parent, offset, channels), frames of numbers."""
    words, joints, stack = text.split(), [], []
    k = words.index("HIERARCHY") + 1
    while words[k] != "MOTION":
        word = words[k]
        if word in ("ROOT", "JOINT"):
            joints.append([words[k + 1], stack[-1] if stack else -1, None, None])
            current, k = len(joints) - 1, k + 2
        elif word == "End":
            current, k = None, k + 2
        elif word == "{":
            stack.append(current)
            k += 1
        elif word == "}":
            stack.pop()
            k += 1
        elif word == "OFFSET":
            if current is not None:
                joints[current][2] = np.array([float(w) for w in words[k + 1 : k + 4]])
            k += 4
        else:
            assert word == "CHANNELS"
            count = int(words[k + 1])
            joints[current][3] = words[k + 2 : k + 2 + count]
            k += 2 + count
    count = int(words[k + 2])
    numbers = np.array([float(w) for w in words[k + 6 :]])
    return joints, numbers.reshape(count, -1), float(words[k + 5])


def turn_about(axis: str, degrees: float) -> np.ndarray:
    vector = np.zeros(3)
    vector["XYZ".index(axis)] = np.deg2rad(degrees)
    return rotation.from_axis_angle(vector)


def test_a_reader_of_bvh_finds_the_joints_where_they_are(clip, rig, tmp_path):
    path = tmp_path / "a.bvh"
    bvh.write_bvh(rig, path)
    joints, frames, seconds = read_bvh(path.read_text())
    assert seconds == pytest.approx(1 / 30, abs=1e-6)
    assert len(frames) == FRAMES
    for frame, row in enumerate(frames):
        values, world, places = iter(row), [], []
        for name, parent, offset, channels in joints:
            move, turn = np.array(offset), np.eye(3)
            for channel in channels:
                if channel.endswith("position"):
                    move["XYZ".index(channel[0])] += next(values)
                else:
                    turn = turn @ turn_about(channel[0], next(values))
            world.append(turn if parent < 0 else world[parent] @ turn)
            places.append(move if parent < 0 else places[parent] + world[parent] @ move)
            expected = truth(clip, frame)[1][rig.joint_names.index(name)]
            assert np.allclose(places[-1] / 100, expected, atol=1e-4)
    assert bvh.is_ours(path)


def read_glb(path):
    data = path.read_bytes()
    magic, version, length = struct.unpack("<4sII", data[:12])
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size = struct.unpack("<I", data[12:16])[0]
    document, blob = json.loads(data[20 : 20 + size]), data[28 + size :]

    def array(index: int) -> np.ndarray:
        accessor = document["accessors"][index]
        view = document["bufferViews"][accessor["bufferView"]]
        kind = {5126: "<f4", 5125: "<u4", 5123: "<u2"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        values = np.frombuffer(blob, kind, accessor["count"] * width, view["byteOffset"])
        return values.reshape(accessor["count"], width)

    return document, array


def matrix(translation, quaternion) -> np.ndarray:
    x, y, z, w = quaternion
    out = np.eye(4)
    out[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    out[:3, 3] = translation
    return out


def skinned_by_a_reader(path, frame, sets):
    """What a reader of glTF that knows so many sets of joints makes of a frame: y up, metres."""
    document, array = read_glb(path)
    animation, skin_ = document["animations"][0], document["skins"][0]
    poses = {
        node: [entry["translation"], entry["rotation"]]
        for node, entry in enumerate(document["nodes"])
        if "rotation" in entry
    }
    for channel in animation["channels"]:
        values = array(animation["samplers"][channel["sampler"]]["output"])[frame]
        at = ("translation", "rotation").index(channel["target"]["path"])
        poses[channel["target"]["node"]][at] = values
    world = {}
    for node in sorted(poses):  # parents come first
        own = matrix(*poses[node])
        above = [up for up in poses if node in document["nodes"][up].get("children", [])]
        world[node] = world[above[0]] @ own if above else own
    inverse = array(skin_["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    moves = np.stack([world[j] @ m for j, m in zip(skin_["joints"], inverse, strict=True)])
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    rest = np.pad(array(attributes["POSITION"]), ((0, 0), (0, 1)), constant_values=1.0)
    joints, weights = (
        np.hstack([array(attributes[f"{word}_{k}"]) for k in range(sets)])
        for word in ("JOINTS", "WEIGHTS")
    )
    blended = np.einsum("vk,vkij->vij", weights / weights.sum(axis=1)[:, None], moves[joints])
    return np.einsum("vij,vj->vi", blended, rest)[:, :3]


@pytest.mark.parametrize("frame", range(FRAMES))
def test_a_reader_of_gltf_skins_the_body_as_we_do(clip, rig, tmp_path, frame):
    path = tmp_path / "a.glb"
    skinned.write_glb([rig], path)
    posed = skinned_by_a_reader(path, frame, sets=2)
    assert np.linalg.norm(posed - truth(clip, frame)[0], axis=1).max() < 1e-5


@pytest.mark.parametrize("most", [skinned.MOST, skinned.SET])
def test_readers_of_four_joints_are_near_it(clip, rig, tmp_path, most):
    path = tmp_path / "a.glb"
    skinned.write_glb([rig], path, most)
    document, array = read_glb(path)
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    assert ("JOINTS_1" in attributes) == (most > skinned.SET)
    if most == skinned.SET:
        assert np.allclose(array(attributes["WEIGHTS_0"]).sum(axis=1), 1, atol=1e-6)
    posed = skinned_by_a_reader(path, 0, sets=1)
    off = np.linalg.norm(posed - truth(clip, 0)[0], axis=1)
    assert off.mean() < 1e-3
    assert np.percentile(off, 99) < 5e-3  # vertices of more than four joints


def test_quaternions_of_an_animation_never_take_the_long_way_round():
    angles = np.linspace(0, 4 * np.pi, 50)
    turns = rotation.from_axis_angle(angles[:, None] * np.array([0.0, 1.0, 0.0]))
    steps = skinned.continuous(skinned.quaternions(turns))
    assert ((steps[1:] * steps[:-1]).sum(axis=1) > 0).all()


def test_a_motion_knows_its_row_of_every_frame(clip):
    part = replace(clip.motions[0], frames=np.array([1, 2, 5, 6]))
    assert [part.row(frame) for frame in range(8)] == [None, 0, 1, None, None, 2, 3, None]
