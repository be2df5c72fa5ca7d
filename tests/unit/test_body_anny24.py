"""The embedded body: its surface, its skeleton and its keypoints are what the docs say."""

from importlib.resources import files

import numpy as np
import pytest

from pymafsam import body
from pymafsam.geometry.joints import LAYOUTS, SMPL24, SMPL24_PARENTS, flip_permutation
from pymafsam.geometry.rotation import from_axis_angle
from pymafsam.records import Pose


@pytest.fixture(scope="module")
def anny24():
    return body.load("anny24")


def skinned(model, shape=(), **degrees):
    """Mesh with the named joints turned by (x, y, z) degrees."""
    vectors = np.zeros((24, 3))
    for name, value in degrees.items():
        vectors[SMPL24.index(name)] = np.radians(value)
    betas = np.zeros(10)
    betas[: len(shape)] = shape
    return body.skin(model, Pose(rotations=from_axis_angle(vectors), betas=betas))


def directed_edges(faces):
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def volume(vertices, faces):
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.sum(a * np.cross(b, c)) / 6)


def joint(mesh, name):
    return mesh.joints[SMPL24.index(name)]


def test_the_file_is_at_most_two_megabytes_and_holds_no_pickles():
    path = files("pymafsam.body") / "anny24.npz"
    assert len(path.read_bytes()) <= 2_000_000
    with np.load(str(path), allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.hasobject is False for name in arrays.files)
        assert any("CC0" in line for line in arrays["metadata"])


def test_every_edge_joins_exactly_two_faces_that_agree_on_the_outside(anny24):
    edges = directed_edges(anny24.faces)
    keys = edges[:, 0].astype(np.int64) * len(anny24.template) + edges[:, 1]
    back = edges[:, 1].astype(np.int64) * len(anny24.template) + edges[:, 0]
    assert len(np.unique(keys)) == len(keys)
    assert np.array_equal(np.sort(keys), np.sort(back))


def test_the_surface_is_one_piece_without_handles(anny24):
    count = len(anny24.template)
    assert np.array_equal(np.unique(anny24.faces), np.arange(count))
    assert count - len(directed_edges(anny24.faces)) // 2 + len(anny24.faces) == 2
    reached, front = {0}, {0}
    around = [set() for _ in range(count)]
    for a, b in directed_edges(anny24.faces).tolist():
        around[a].add(b)
    while front:
        front = set().union(*(around[v] for v in front)) - reached
        reached |= front
    assert len(reached) == count


def test_normals_point_outwards(anny24):
    assert 0.03 < volume(anny24.template, anny24.faces) < 0.12  # cubic metres of a person
    # Seen from far away in front, the first surface met faces the viewer.
    corners = anny24.template[anny24.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for axis in range(3):
        for sign in (1, -1):
            outermost = np.argmax(corners.mean(axis=1)[:, axis] * sign)
            assert normal[outermost, axis] * sign > 0


def test_the_template_is_exactly_symmetric_and_so_are_its_faces_and_weights(anny24):
    mirror = anny24.mirror
    assert mirror is not None
    assert np.array_equal(mirror[mirror], np.arange(len(mirror)))
    np.testing.assert_allclose(anny24.template[mirror] * [-1, 1, 1], anny24.template, atol=1e-6)
    swap = flip_permutation("smpl24")
    np.testing.assert_allclose(anny24.weights[mirror][:, swap], anny24.weights, atol=1e-6)
    flip = np.array([-1, 1, 1])[:, None]
    np.testing.assert_allclose(anny24.shape_dirs[mirror] * flip, anny24.shape_dirs, atol=1e-5)
    here = {tuple(np.roll(f, -np.argmin(f))) for f in anny24.faces}
    there = {tuple(np.roll(f, -np.argmin(f))) for f in mirror[anny24.faces][:, ::-1]}
    assert here == there


def test_there_are_no_needles_or_folds_at_rest(anny24):
    corners = anny24.template[anny24.faces]
    edges = np.linalg.norm(np.roll(corners, 1, axis=1) - corners, axis=-1)
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1
    )
    assert edges.min() > 2e-4
    assert edges.max() < 0.09
    assert np.mean(area < 0.05 * edges.max(axis=1) ** 2) < 0.01


def test_silhouettes_get_the_faces_and_not_head_and_hands(anny24):
    part = np.array([name.removeprefix("left_").removeprefix("right_") for name in SMPL24])
    of_face = part[anny24.part[anny24.faces[:, 0]] - 1]
    assert 6500 < len(anny24.template) < 7200
    assert len(anny24.template) != 6890
    assert np.mean(np.isin(of_face, ["head", "wrist", "hand"])) < 0.30
    assert np.mean(np.isin(of_face, ["hip", "knee", "ankle", "shoulder", "elbow"])) > 0.30


def test_weights_are_convex_and_few_per_vertex(anny24):
    assert anny24.weights.min() >= 0
    np.testing.assert_allclose(anny24.weights.sum(axis=1), 1, atol=1e-6)
    assert np.count_nonzero(anny24.weights, axis=1).max() <= 6


def test_the_skeleton_is_smpls_and_stands_in_a_t_pose(anny24):
    assert np.array_equal(anny24.parents, SMPL24_PARENTS)
    mesh = skinned(anny24)
    for side, sign in (("left", 1), ("right", -1)):
        for outer, inner in (("elbow", "shoulder"), ("wrist", "elbow"), ("hand", "wrist")):
            bone = joint(mesh, f"{side}_{outer}") - joint(mesh, f"{side}_{inner}")
            assert bone[0] * sign > 0.99 * np.linalg.norm(bone)
        for lower, upper in (("knee", "hip"), ("ankle", "knee")):
            bone = joint(mesh, f"{side}_{lower}") - joint(mesh, f"{side}_{upper}")
            assert -bone[1] > 0.99 * np.linalg.norm(bone)
        foot = joint(mesh, f"{side}_foot") - joint(mesh, f"{side}_ankle")
        assert foot[2] > 0.1
    assert joint(mesh, "head")[1] > joint(mesh, "pelvis")[1]
    np.testing.assert_allclose(anny24.joints_template[0], 0, atol=1e-6)
    np.testing.assert_allclose(anny24.joints_dirs[0], 0, atol=1e-6)


def test_thumbs_point_forward_and_palms_down(anny24):
    points = body.regress(anny24, anny24.template, "blazepose33")
    names = LAYOUTS["blazepose33"]
    for side in ("left", "right"):
        thumb, index, pinky, wrist = (
            points[names.index(f"{side}_{n}")] for n in ("thumb", "index", "pinky", "wrist")
        )
        assert thumb[2] > index[2] > pinky[2]
        assert thumb[1] < wrist[1] + 0.02


def test_joints_bend_the_way_the_conventions_say(anny24):
    ankle = skinned(anny24, left_knee=(90, 0, 0))
    assert joint(ankle, "left_ankle")[2] < joint(ankle, "left_knee")[2] - 0.3
    knee = skinned(anny24, left_hip=(-90, 0, 0))
    assert joint(knee, "left_knee")[2] > joint(knee, "left_hip")[2] + 0.3
    spread = skinned(anny24, left_hip=(0, 0, 30), right_hip=(0, 0, -30))
    rest = skinned(anny24)
    assert joint(spread, "left_ankle")[0] > joint(rest, "left_ankle")[0] + 0.2
    assert joint(spread, "right_ankle")[0] < joint(rest, "right_ankle")[0] - 0.2
    toes = skinned(anny24, left_ankle=(30, 0, 0))
    assert joint(toes, "left_foot")[1] < joint(rest, "left_foot")[1] - 0.05
    elbow = skinned(anny24, left_elbow=(0, -90, 0), right_elbow=(0, 90, 0))
    for side in ("left", "right"):
        assert joint(elbow, f"{side}_wrist")[2] > joint(elbow, f"{side}_elbow")[2] + 0.15
    lowered = skinned(anny24, left_shoulder=(0, 0, -75), right_shoulder=(0, 0, 75))
    for side in ("left", "right"):
        assert joint(lowered, f"{side}_wrist")[1] < joint(lowered, f"{side}_shoulder")[1] - 0.3
    bow = skinned(anny24, spine1=(40, 0, 0))
    assert joint(bow, "head")[2] > joint(rest, "head")[2] + 0.2
    look = skinned(anny24, neck=(0, 60, 0))
    nose = body.regress(anny24, look.vertices, "coco17")[0]
    assert nose[0] > 0.05


@pytest.mark.parametrize("layout", ["coco17", "feet6", "lsp14", "h36m17", "blazepose33"])
def test_regressor_rows_are_convex_and_within_the_mesh(anny24, layout):
    rows = anny24.regressors[layout]
    assert len(rows.weights) == len(LAYOUTS[layout])
    assert rows.weights.min() >= 0
    np.testing.assert_allclose(rows.weights.sum(axis=1), 1, atol=1e-5)
    assert rows.vertices.min() >= 0
    assert rows.vertices.max() < len(anny24.template)


def test_limb_keypoints_stay_near_their_joints_in_any_pose(anny24):
    generator = np.random.default_rng(5)
    names = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for _ in range(10):
        turns = from_axis_angle(generator.normal(0, 0.4, (24, 3)))
        mesh = body.skin(anny24, Pose(rotations=turns, betas=generator.normal(0, 1, 10)))
        for layout, most in (("coco17", 0.08), ("lsp14", 0.08), ("h36m17", 0.04)):
            points = body.regress(anny24, mesh.vertices, layout)
            for name in (f"{side}_{n}" for side in ("left", "right") for n in names):
                found = points[LAYOUTS[layout].index(name)]
                assert np.linalg.norm(found - joint(mesh, name)) < most, (layout, name)


def test_faces_feet_and_head_have_their_keypoints_in_the_right_places(anny24):
    points = body.regress(anny24, anny24.template, "coco17")
    nose, left_eye, right_eye, left_ear, right_ear = points[:5]
    assert nose[2] > left_eye[2] > left_ear[2]
    assert left_ear[0] > left_eye[0] > 0 > right_eye[0] > right_ear[0]
    big, small, heel = body.regress(anny24, anny24.template, "feet6")[:3]
    assert big[2] > small[2] > 0 > heel[2]
    assert small[0] > big[0]
    top = body.regress(anny24, anny24.template, "lsp14")[13]
    assert top[1] > anny24.template[:, 1].max() - 0.01


def test_anchors_cover_the_body_evenly_on_both_sides(anny24):
    chosen = anny24.anchors
    assert 420 <= len(chosen) <= 440
    assert len(np.unique(chosen)) == len(chosen)
    assert anny24.mirror is not None
    assert set(anny24.mirror[chosen].tolist()) == set(chosen.tolist())
    gaps = np.linalg.norm(anny24.template[:, None] - anny24.template[chosen][None], axis=-1)
    assert gaps.min(axis=1).max() < 0.06
    between = np.linalg.norm(anny24.template[chosen][:, None] - anny24.template[chosen], axis=-1)
    assert (between + np.eye(len(chosen))).min() > 0.015


def test_parts_and_uv_follow_the_weights(anny24):
    assert np.array_equal(np.unique(anny24.part), np.arange(1, 25))
    assert np.array_equal(anny24.part, anny24.weights.argmax(axis=1) + 1)
    assert anny24.uv.min() >= 0
    assert anny24.uv.max() <= 1
    for part in range(1, 25):
        assert np.ptp(anny24.uv[anny24.part == part], axis=0).min() > 0.3


def test_the_first_beta_goes_from_children_to_tall_adults(anny24):
    heights = [np.ptp(skinned(anny24, [beta]).vertices[:, 1]) for beta in (-3, -1.5, 0, 1)]
    assert heights == sorted(heights)
    assert heights[0] < 1.0
    assert heights[3] > 1.75
    child, adult = skinned(anny24, [-2]), skinned(anny24, [0.5])

    def head_share(mesh):
        return np.ptp(mesh.vertices[anny24.part == 16][:, 1]) / np.ptp(mesh.vertices[:, 1])

    assert head_share(child) > 1.1 * head_share(adult)
