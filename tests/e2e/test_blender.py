"""Our rigs in Blender itself: a process of its own, since Blender is no dependency of ours.

Needs a Python with the package ``bpy`` (GPL): this one, or the one that PYMAFSAM_BPY names, as in

    python3.11 -m venv blender && blender/bin/pip install "bpy==4.5.*"
    PYMAFSAM_BPY=blender/bin/python pytest tests/e2e/test_blender.py
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body
from pymafsam.body import skin
from pymafsam.export import conversions, skinned
from pymafsam.export.rigs import of_sequence, world

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
from exhibited import clip_of

MODEL = body.load("anny24")
MILLIMETRE = 1e-3


@pytest.fixture(scope="module")
def blender() -> str:
    """A Python in which Blender can be imported."""
    if named := os.environ.get("PYMAFSAM_BPY"):
        return named
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("no Python with Blender (bpy) is here; PYMAFSAM_BPY can name one")
    return sys.executable


def four_joints(rig, frame):
    """The surface as the file's four weights per vertex have it."""
    turns, places = world(rig, frame)
    joints, weights = skinned.strongest(rig.weights)
    posed = np.zeros_like(rig.rest_vertices)
    for joint, weight in zip(joints.T, weights.T, strict=True):
        inner = rig.rest_vertices - rig.rest_joints[joint]
        posed += weight[:, None] * ((turns[joint] @ inner[..., None])[..., 0] + places[joint])
    return posed


def seen_in_blender(blender, file, out, seconds):
    """What ``blender_reads.py`` saved, its axes turned: z up -> y up."""
    script = Path(__file__).with_name("blender_reads.py")
    times = ",".join(f"{moment:.6f}" for moment in seconds)
    command = [blender, str(script), str(file), str(out), times]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    with np.load(out.with_suffix(".npz")) as content:
        z_up = dict(content)
    return {
        name: np.stack([places[..., 0], places[..., 2], -places[..., 1]], axis=-1)
        for name, places in z_up.items()
    }


def converted(clip, name, folder):
    (file,) = conversions.convert(conversions.Saved(scene=clip, model=MODEL), name, folder, "clip")
    return file


def test_blender_poses_our_rigs_as_we_do(blender, tmp_path):
    clip = clip_of(MODEL)
    (rig,) = of_sequence(clip, MODEL)
    glb = converted(clip, "glb", tmp_path)
    seen = seen_in_blender(blender, glb, tmp_path / "seen.npz", rig.seconds)[rig.name]
    for row in range(len(rig.seconds)):
        assert np.abs(seen[row] - four_joints(rig, row)).max() < MILLIMETRE
        motion = clip.motions[0]
        whole = skin(MODEL, motion.pose(row)).vertices + motion.translation[row]
        away = np.linalg.norm(seen[row] - whole * [1, -1, -1], axis=1)
        assert away.mean() < 0.1 * MILLIMETRE
        assert np.mean(away < MILLIMETRE) > 0.99


def test_blender_finds_the_joints_of_our_bvh_where_they_are(blender, tmp_path):
    clip = clip_of(MODEL)
    (rig,) = of_sequence(clip, MODEL)
    file = converted(clip, "bvh", tmp_path)
    since = rig.seconds - rig.seconds[0]  # a bvh begins with its first frame
    seen = seen_in_blender(blender, file, tmp_path / "seen.npz", since)
    for row in range(len(rig.seconds)):
        _, places = world(rig, row)
        for name, place in zip(rig.joint_names, places, strict=True):
            if name in seen:
                assert np.abs(seen[name][row] - place).max() < MILLIMETRE
    assert len(set(rig.joint_names) & set(seen)) > 18


def test_blender_makes_an_fbx_of_our_glb_that_moves_alike(blender, tmp_path):
    clip = clip_of(MODEL)
    (rig,) = of_sequence(clip, MODEL)
    glb = converted(clip, "glb", tmp_path)
    seen = seen_in_blender(blender, glb, tmp_path / "clip.fbx", rig.seconds)[rig.name]
    for row in range(len(rig.seconds)):
        assert np.abs(seen[row] - four_joints(rig, row)).max() < 2 * MILLIMETRE
