"""Our rigs in Blender itself: a process of its own, since Blender is no dependency of ours.

Needs a Python with the package ``bpy`` (GPL): this one, or the one that PYMAFSAM_BPY names, as in

    python3.11 -m venv blender && blender/bin/pip install "bpy==4.5.*"
    PYMAFSAM_BPY=blender/bin/python pytest tests/e2e/test_blender.py
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body, export
from pymafsam.body import skin
from pymafsam.export import conversions
from pymafsam.export.rigs import of_sequence, world
from pymafsam.geometry.camera import project
from pymafsam.records import Prompt
from pymafsam.render.viewpoint import Viewpoint

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
from exhibited import clip_of, scene_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
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


def surface(clip, row):
    """The vertices of the clip's only person as pymafsam has them, y up."""
    (motion,) = clip.motions
    posed = skin(MODEL, motion.pose(row)).vertices + motion.translation[row]
    return posed * [1, -1, -1]


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
        away = np.linalg.norm(seen[row] - surface(clip, row), axis=1)
        assert away.max() < 0.01 * MILLIMETRE


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
        assert np.linalg.norm(seen[row] - surface(clip, row), axis=1).max() < 0.1 * MILLIMETRE


def program_of_the_docs():
    """What docs/exports.md tells users of Blender to run for the camera they have placed."""
    page = (DOCS / "exports.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(import json\n+import bpy\n.*?)```", page, re.DOTALL)
    return program


def test_a_camera_placed_in_blender_is_the_same_camera_here(blender, tmp_path):
    size = (640, 400)
    scene = scene_of(MODEL, [Prompt(box=np.array([10.0 + x, 5, 70 + x, 115])) for x in (0, 80)])
    glb = export.save(scene, tmp_path, ("glb",))["glb"]
    (tmp_path / "says.py").write_text(program_of_the_docs(), encoding="utf-8")
    script = Path(__file__).with_name("blender_films.py")
    command = [blender, script, glb, tmp_path / "says.py", tmp_path, *map(str, size)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    cameras = sorted(path.stem for path in tmp_path.glob("*.npz"))
    assert cameras == ["narrow", "photograph", "usual", "wide"]
    for name in cameras:
        here = Viewpoint.read(str(tmp_path / f"{name}.json")).of(scene, size)
        with np.load(tmp_path / f"{name}.npz") as there:
            for number, one in enumerate(here.bodies, start=1):
                metres = one.mesh.vertices + one.translation
                seen = there[f"person_{number}"]
                # Blender joins vertices in the glb's order; float32 cameras far from the origin.
                assert np.abs(seen[:, 2] - metres[:, 2]).max() < 1e-3
                before = metres[:, 2] > 0.5
                away = project(metres[before].astype(np.float64), here.camera) - seen[before, :2]
                assert np.abs(away).max() < 0.1
