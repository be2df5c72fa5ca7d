"""``export``: saved results to rigs, from the command line; nothing is overwritten."""

import json

import numpy as np
import pytest

from pymafsam import body, export
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Person, Pose, Scene


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    model, camera = body.load("anny24"), picture_camera((160, 120))
    rotations = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    pose = Pose(rotations=rotations, betas=np.zeros(10, np.float32))
    person = Person(box=np.array([10.0, 5, 80, 110]), score=0.9)
    one = body.place(model, pose, np.array([0.0, 0.0, 4.0]), camera, person, score=0.75)
    for name, bodies in (("a/one.jpg", (one,)), ("two.jpg", (one, one)), ("none.jpg", ())):
        scene = Scene(
            name=name, index=0, camera=camera, bodies=bodies, body_name="anny24", faces=model.faces
        )
        export.save(scene, folder, ("json",))
    return folder


def test_a_folder_of_results_becomes_rigs_and_the_empty_one_is_named(run, results, tmp_path):
    code, _, err = run("export", results, "--out", tmp_path)
    assert code == 1  # nobody is in one of them
    assert "nobody" in err
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert names == [
        "a/one_person_1.bvh",
        "a/one_rig.glb",
        "two_person_1.bvh",
        "two_person_2.bvh",
        "two_rig.glb",
    ]
    again, _, _ = run("export", results / "two.json", "--to", "bvh,glb", "--out", tmp_path)
    assert again == 0  # its own files may be made anew


def test_a_file_of_somebody_elses_is_left_as_it_is(run, results, tmp_path):
    (tmp_path / "two_person_1.bvh").write_text("HIERARCHY\nROOT hips\n")
    code, _, err = run("export", results / "two.json", "--to", "bvh", "--out", tmp_path)
    assert code == 1
    assert "did not make it" in err
    assert (tmp_path / "two_person_1.bvh").read_text() == "HIERARCHY\nROOT hips\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "fbx"), "fbx"),
        (("--body", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_is_said(run, results, tmp_path, words, said):
    code, out, err = run("export", results / "two.json", "--out", tmp_path, *words)
    assert code != 0
    assert said in out + err


def test_other_json_is_no_result(run, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"format": "else"}))
    code, out, err = run("export", tmp_path, "--out", tmp_path / "out")
    assert code != 0
    assert "no results" in out + err


def test_results_are_carried_to_another_body_and_the_distance_is_told(run, results, tmp_path):
    from dataclasses import replace

    from pymafsam.body import embedded

    model = body.load("anny24")
    taller = model.shape_dirs @ np.full(10, 0.3, np.float32)
    joints = model.joints_template + model.joints_dirs @ np.full(10, 0.3, np.float32)
    other = replace(model, name="other", template=model.template + taller, joints_template=joints)
    np.savez(tmp_path / "other.npz", **embedded.to_arrays(other, "a test"))
    code, out, err = run(
        "export",
        results / "two.json",
        "--body",
        tmp_path / "other.npz",
        "--to",
        "ply",
        "--out",
        tmp_path / "out",
    )
    assert code == 0, out + err
    assert "mm from the surface as it was" in out
    away = float(out.split(" mm from")[0].split()[-1])
    assert away < 10
