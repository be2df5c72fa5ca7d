"""The tool that makes the embedded body: its surface keeps its promises on any symmetric shape."""

import importlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    """Import one of the tool's modules."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module


def sphere(rounds):
    """A subdivided octahedron: exactly symmetric, with a closed line of vertices on x = 0."""
    points = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    for _ in range(rounds):
        known, points, finer = {}, list(points), []
        for a, b, c in faces:
            middle = []
            for pair in ((a, b), (b, c), (c, a)):
                key = tuple(sorted(pair))
                if key not in known:
                    known[key] = len(points)
                    mean = (points[key[0]] + points[key[1]]) / 2
                    points.append(mean / np.linalg.norm(mean))
                middle.append(known[key])
            ab, bc, ca = middle
            finer += [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
        faces = finer
    return np.array(points), np.array(faces)


@pytest.mark.parametrize("wanted", [600, 250, 100])
@pytest.mark.parametrize("stretch", [(1.0, 1.0, 1.0), (0.4, 1.5, 0.6)])
def test_a_simplified_surface_stays_closed_symmetric_outward_and_near(tool, wanted, stretch):
    surface = tool("anny24.surface")
    points, faces = sphere(4)
    points = points * stretch
    mirror = surface.mirror_of(points)
    half = faces[points[faces].mean(axis=1)[:, 0] > 0]
    shapes = np.stack([points, points * [1.0, 0.7, 1.2]])
    work = surface.Collapser(shapes, half, np.ones(len(half)), np.full(len(points), 0.01))
    surface.simplify(work, wanted)
    skin = surface.mirrored(work, mirror)
    kept = points[skin.vertices]

    assert wanted - 2 <= len(kept) <= wanted
    edges = [(f[i], f[i - 2]) for f in skin.faces.tolist() for i in range(3)]
    assert len(set(edges)) == len(edges)
    assert {(b, a) for a, b in edges} == set(edges)
    assert len(kept) - len(edges) // 2 + len(skin.faces) == 2
    np.testing.assert_array_equal(kept[skin.mirror], kept * [-1, 1, 1])
    corners = kept[skin.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.all(np.sum(normal * corners.mean(axis=1), axis=1) > 0)
    gap = surface.distance_to_surface(points, kept, skin.faces)
    assert gap.max() < 8.0 / wanted


def test_distance_to_a_surface_is_that_to_its_nearest_face(tool):
    surface = tool("anny24.surface")
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    faces = np.tile([[0, 1, 2]], (25, 1))
    asked = np.array([[0.2, 0.2, 0.5], [-3, 0, 4], [0.5, -2, 0], [1, 1, 0], [0.3, 0.3, 0]])
    found = surface.distance_to_surface(asked, corners, faces)
    np.testing.assert_allclose(found, [0.5, 5, 2, np.sqrt(0.5), 0], atol=1e-12)


def test_principal_components_have_unit_variance_and_rebuild_the_population(tool):
    shape, skeleton = tool("anny24.shape"), tool("anny24.skeleton")
    generator = np.random.default_rng(0)
    points = skeleton.Linear(
        template=generator.normal(size=(30, 3)), blend=generator.normal(size=(4, 30, 3))
    )
    people = generator.normal(size=(500, 4)) * [3, 2, 1, 0.5] + 1
    basis = shape.components(points, people, 4)
    offset = (points.at(people) - basis.template).reshape(len(people), -1)
    betas = np.linalg.lstsq(basis.blend.reshape(4, -1).T, offset.T, rcond=None)[0].T
    np.testing.assert_allclose(np.cov(betas, rowvar=False, bias=True), np.eye(4), atol=1e-5)
    np.testing.assert_allclose(basis.at(betas), points.at(people), atol=1e-9)


def test_the_same_arrays_give_the_same_file_at_any_time(tool, tmp_path):
    build_body = tool("build_body")
    arrays = {"a": np.arange(5.0), "names": np.array(["x", "yy"])}
    for name in ("one.npz", "two.npz"):
        build_body.write_npz(tmp_path / name, arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.npz") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
    with np.load(tmp_path / "one.npz", allow_pickle=False) as back:
        np.testing.assert_array_equal(back["a"], arrays["a"])


def test_arms_and_legs_are_turned_into_a_t_pose_by_rotations(tool):
    skeleton = tool("anny24.skeleton")
    heads = {
        "upperarm01": [0.17, 0.5, 0.0],
        "lowerarm01": [0.31, 0.35, 0.0],
        "wrist": [0.43, 0.25, 0.17],
        "finger3-1": [0.46, 0.19, 0.25],
        "finger2-1": [0.45, 0.2, 0.26],
        "finger5-1": [0.47, 0.17, 0.21],
        "upperleg01": [0.11, 0.05, 0.0],
        "lowerleg01": [0.16, -0.37, 0.03],
        "foot": [0.22, -0.75, 0.0],
    }
    both = {f"{n}.L": np.array(p) for n, p in heads.items()}
    both |= {f"{n}.R": np.array(p) * [-1, 1, 1] for n, p in heads.items()}
    turns = skeleton.t_pose_turns(both)
    np.testing.assert_allclose(
        turns @ turns.swapaxes(1, 2), np.tile(np.eye(3), (24, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    for side, sign, name in (("L", 1, "left"), ("R", -1, "right")):
        fore = both[f"wrist.{side}"] - both[f"lowerarm01.{side}"]
        turned = turns[skeleton.SMPL24.index(f"{name}_elbow")] @ fore
        np.testing.assert_allclose(turned, [sign * np.linalg.norm(fore), 0, 0], atol=1e-12)
        swung = turns[skeleton.SMPL24.index(f"{name}_knee")] @ (
            both[f"foot.{side}"] - both[f"lowerleg01.{side}"]
        )
        assert -swung[1] > 0.99 * np.linalg.norm(swung)
