"""Every format against a small scene: names, contents, and what is said when it cannot be."""

import dataclasses
import json
import struct

import numpy as np
import pytest
from PIL import Image

from pymafsam import body, export
from pymafsam.errors import BadInput, BadUsage
from pymafsam.files.json import lines
from pymafsam.files.names import stem_of
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Mask, Person, Pose, Scene

SIZE = (160, 120)
UPRIGHT = np.diag([1.0, -1.0, -1.0]).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return body.load("anny24")


@pytest.fixture(scope="module")
def scene(model):
    camera = picture_camera(SIZE)
    rotations = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    rotations[0] = UPRIGHT
    pose = Pose(rotations=rotations, betas=np.zeros(10, np.float32))
    inside = np.zeros(SIZE[::-1], bool)
    inside[20:90, 33:71] = True
    people = [
        body.place(
            model,
            pose,
            np.array([x, 0.0, 4.0]),
            camera,
            Person(box=np.array([10.0, 5, 80, 110]), score=0.9),
            score=0.75,
            mask=mask,
        )
        for x, mask in ((-0.6, Mask(inside=inside, score=0.8, source="mobilesam")), (0.6, None))
    ]
    pixels = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    return Scene(
        name="a trip/grüße 1.jpg",
        index=0,
        camera=camera,
        bodies=tuple(people),
        body_name=model.name,
        faces=model.faces,
        pixels=pixels,
    )


@pytest.fixture
def empty(scene):
    return dataclasses.replace(scene, bodies=())


def test_files_are_named_after_their_picture(scene, tmp_path):
    written = export.save(scene, tmp_path, export.EXPORTERS.names())
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in written.items()} == {
        "picture": "a trip/grüße 1_overlay.jpg",
        "side": "a trip/grüße 1_side.png",
        "json": "a trip/grüße 1.json",
        "npz": "a trip/grüße 1.npz",
        "obj": "a trip/grüße 1.obj",
        "glb": "a trip/grüße 1.glb",
    }
    assert sorted(tmp_path.rglob("*.*")) == sorted(written.values())


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("beach.jpg", "beach"),
        ("clip/000012", "clip/000012"),
        ("/abs/x.png", "abs/x"),
        ("../../x.png", "x"),
        ("C:\\a\\b.JPEG", "C:/a/b"),
        ("Dr. Who", "Dr. Who"),
        ("IMG.0001.jpg", "IMG.0001"),
        ("IMG.0001", "IMG.0001"),
    ],
)
def test_a_stem_keeps_folders_and_stays_below_the_results(name, stem):
    assert stem_of(name) == stem


def test_a_scene_without_people_is_written_in_every_format(empty, tmp_path):
    written = export.save(empty, tmp_path, export.EXPORTERS.names(), stem="nobody")
    assert json.loads(written["json"].read_text())["people"] == []
    plain = np.asarray(Image.open(written["picture"])).astype(int)
    assert np.abs(plain - 90).max() <= 1
    with np.load(written["npz"]) as arrays:
        assert arrays["vertices"].shape[0] == 0
        assert arrays["pose"].shape == (0, 24, 3)


def test_the_json_keeps_its_contract(scene, tmp_path):
    path = export.save(scene, tmp_path, ["json"])["json"]
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["format"] == "pymafsam/1"
    assert (found["image"], found["width"], found["height"]) == (scene.name, *SIZE)
    assert found["camera"] == {"focal": 200.0, "centre": [80.0, 60.0], "convention": "opencv"}
    first, second = found["people"]
    assert np.shape(first["pose"]) == (24, 3)
    assert np.shape(first["betas"]) == (10,)
    assert np.shape(first["keypoints_2d"]["coco17"]) == (17, 3)
    assert {"coco17", "lsp14", "h36m17", "body24"} <= set(first["joints_3d"])
    assert set(first["weak_camera"]) == {"scale", "shift", "crop_box"}
    assert first["mask"]["size"] == [120, 160]
    assert second["mask"] is None
    assert first["score"] == 0.75
    assert first["translation"] == [-0.6, 0.0, 4.0]
    pelvis = np.array(first["joints_3d"]["body24"][0])
    expected = scene.bodies[0].mesh.joints[0] + scene.bodies[0].translation
    np.testing.assert_allclose(pelvis, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.pop("camera"), '"camera" is missing'),
        (lambda d: d["people"][1].pop("pose"), r'"people\[1\].pose" is missing'),
        (lambda d: d["people"][0]["pose"].pop(), r"people\[0\].pose.*not 24 x 3 numbers"),
        (lambda d: d["people"][0].update(betas="no"), r"people\[0\].betas.*not 10 numbers"),
        (lambda d: d["people"][0].update(score=None), r"people\[0\].score.*not a number"),
        (lambda d: d["people"][0]["mask"].update(size=[3, 4]), r"people\[0\].mask: The mask is"),
        (lambda d: d.update(format="pymafsam/9"), 'format is "pymafsam/9"'),
        (lambda d: d.update(body="smpl"), 'made with the body "smpl"'),
        (lambda d: d.update(people={}), '"people" is {}, not a list'),
        (lambda d: d.update(width=1.5), '"width" is 1.5, not a whole number'),
    ],
)
def test_a_damaged_json_names_the_field(scene, model, tmp_path, change, told):
    path = export.save(scene, tmp_path, ["json"])["json"]
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(BadInput, match=told):
        export.load(path, model)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"format": "pymafsam/1",\n  "width": ', "line 2, column"),
        (b'{"format": NaN}', "NaN"),
        (b"\xff\xfe", "is not json"),
        (b"[1]", 'an object with "format"'),
        (b"", "line 1, column 1"),
    ],
)
def test_what_is_not_our_json_is_refused_with_its_place(model, tmp_path, text, told):
    path = tmp_path / "x.json"
    path.write_bytes(text)
    with pytest.raises(BadInput, match=told):
        export.load(path, model)


def test_json_that_is_not_a_number_is_never_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines({"a": [float("nan")]})


def test_the_npz_holds_plain_arrays_that_agree_with_the_scene(scene, tmp_path):
    path = export.save(scene, tmp_path, ["npz"])["npz"]
    with np.load(path, allow_pickle=False) as arrays:
        found = dict(arrays)
    body0 = scene.bodies[0]
    assert str(found["format"]) == "pymafsam/1"
    np.testing.assert_allclose(
        found["vertices"][0], body0.mesh.vertices + body0.translation, atol=1e-6
    )
    np.testing.assert_array_equal(found["faces"], scene.faces)
    np.testing.assert_array_equal(found["has_mask"], [True, False])
    masks = np.unpackbits(found["masks"], axis=2, count=SIZE[0]).astype(bool)
    assert body0.mask is not None
    np.testing.assert_array_equal(masks[0], body0.mask.inside)
    np.testing.assert_array_equal(found["keypoints_2d_coco17"][0], body0.keypoints_2d["coco17"])
    np.testing.assert_array_equal(found["track"], [-1, -1])


def test_the_obj_is_the_scene_turned_upright_an_object_per_person(scene, tmp_path):
    text = export.save(scene, tmp_path, ["obj"])["obj"].read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines()]
    vertices = np.array([row[1:] for row in rows if row[0] == "v"], float)
    faces = np.array([[c.split("//")[0] for c in r[1:]] for r in rows if r[0] == "f"], int)
    assert [row[1] for row in rows if row[0] == "o"] == ["person_1", "person_2"]
    count = len(scene.bodies[0].mesh.vertices)
    expected = np.concatenate([b.mesh.vertices + b.translation for b in scene.bodies])
    np.testing.assert_allclose(vertices, expected * [1, -1, -1], atol=1e-6)
    np.testing.assert_array_equal(faces[len(scene.faces) :] - 1 - count, scene.faces)
    # Upright and outward: heads above feet, positive volume.
    assert vertices[:, 1].argmax() % count == scene.bodies[0].mesh.vertices[:, 1].argmin()
    corners = vertices[faces[: len(scene.faces)] - 1]
    assert np.einsum("fc,fc->", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2]) > 0


def test_the_obj_loads_in_another_library(scene, tmp_path):
    trimesh = pytest.importorskip("trimesh", reason="trimesh is not installed")
    path = export.save(scene, tmp_path, ["obj", "glb"])
    for kind in ("obj", "glb"):
        loaded = trimesh.load(path[kind], process=False)
        meshes = getattr(loaded, "geometry", {"all": loaded})
        assert sum(len(mesh.faces) for mesh in meshes.values()) == 2 * len(scene.faces)


def test_the_glb_is_what_the_specification_asks_for(scene, tmp_path):
    raw = export.save(scene, tmp_path, ["glb"])["glb"].read_bytes()
    magic, version, length = struct.unpack_from("<4sII", raw)
    assert (magic, version, length) == (b"glTF", 2, len(raw))
    size, kind = struct.unpack_from("<I4s", raw, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    document = json.loads(raw[20 : 20 + size])
    binary = raw[20 + size + 8 :]
    assert document["buffers"][0]["byteLength"] == len(binary)
    assert [node["name"] for node in document["nodes"]] == ["photograph", "person_1", "person_2"]
    part = document["meshes"][1]["primitives"][0]["attributes"]["POSITION"]
    view = document["bufferViews"][document["accessors"][part]["bufferView"]]
    found = np.frombuffer(binary, "<f4", view["byteLength"] // 4, view["byteOffset"])
    body1 = scene.bodies[1]
    expected = (body1.mesh.vertices + body1.translation) * [1, -1, -1]
    np.testing.assert_allclose(found.reshape(-1, 3), expected, atol=1e-6)


def test_a_picture_without_pixels_asks_for_them(scene, tmp_path):
    blind = dataclasses.replace(scene, pixels=None)
    with pytest.raises(BadUsage, match="comes without it"):
        export.save(blind, tmp_path, ["picture"])
    assert list(tmp_path.rglob("*.jpg")) == []
    export.save(blind, tmp_path, ["picture"], pixels=scene.pixels)


def test_an_unknown_format_is_refused_before_anything_is_written(scene, tmp_path):
    with pytest.raises(BadUsage, match='did you mean "json"'):
        export.save(scene, tmp_path, ["obj", "jsn"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(scene, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="Nothing can be written"):
        export.save(scene, tmp_path / "file" / "results", ["json"])
