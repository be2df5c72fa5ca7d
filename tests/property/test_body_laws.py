"""Laws of skinning that hold for every pose and shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pymafsam import body
from pymafsam.geometry.joints import LAYOUTS, SMPL24, flip_permutation
from pymafsam.geometry.rotation import from_axis_angle
from pymafsam.records import Pose

angles = arrays(np.float64, (24, 3), elements=st.floats(-1.2, 1.2))
betas = arrays(np.float64, (10,), elements=st.floats(-3, 3))
turns = arrays(np.float64, (3,), elements=st.floats(-3, 3))


@pytest.fixture(scope="module")
def anny24():
    return body.load("anny24")


def skinned(model, vectors, shape):
    return body.skin(model, Pose(rotations=from_axis_angle(vectors), betas=shape))


@settings(max_examples=25, deadline=None)
@given(vectors=angles, shape=betas, turn=turns)
def test_turning_the_root_turns_the_body_about_its_pelvis(anny24, vectors, shape, turn):
    before = skinned(anny24, vectors, shape)
    rotation = from_axis_angle(turn)
    roots = from_axis_angle(vectors)
    roots[0] = rotation @ roots[0]
    after = body.skin(anny24, Pose(rotations=roots, betas=shape))
    pelvis = before.joints[0]
    for one, other in ((before.vertices, after.vertices), (before.joints, after.joints)):
        np.testing.assert_allclose((one - pelvis) @ rotation.T + pelvis, other, atol=5e-6)


@settings(max_examples=25, deadline=None)
@given(vectors=angles, shape=betas)
def test_the_mirrored_pose_gives_the_mirrored_mesh(anny24, vectors, shape):
    swap = flip_permutation("smpl24")
    reflected = vectors[swap] * [1, -1, -1]
    before, after = skinned(anny24, vectors, shape), skinned(anny24, reflected, shape)
    flip = np.array([-1, 1, 1])
    np.testing.assert_allclose(before.vertices[anny24.mirror] * flip, after.vertices, atol=5e-6)
    np.testing.assert_allclose(before.joints[swap] * flip, after.joints, atol=5e-6)


@settings(max_examples=15, deadline=None)
@given(vectors=angles, shape=betas, layout=st.sampled_from(["coco17", "h36m17", "blazepose33"]))
def test_mirrored_keypoints_are_the_keypoints_of_the_mirrored_mesh(anny24, vectors, shape, layout):
    mesh = skinned(anny24, vectors, shape).vertices
    reflected = mesh[anny24.mirror] * [-1, 1, 1]
    np.testing.assert_allclose(
        body.regress(anny24, reflected, layout),
        body.regress(anny24, mesh, layout)[flip_permutation(layout)] * [-1, 1, 1],
        atol=1e-5,
    )


@settings(max_examples=25, deadline=None)
@given(first=betas, second=betas, share=st.floats(0, 1))
def test_rest_joints_and_vertices_are_linear_in_the_betas(anny24, first, second, share):
    rest = np.zeros((24, 3))
    mixed = skinned(anny24, rest, share * first + (1 - share) * second)
    one, other = skinned(anny24, rest, first), skinned(anny24, rest, second)
    for name in ("vertices", "joints"):
        expected = share * getattr(one, name) + (1 - share) * getattr(other, name)
        np.testing.assert_allclose(getattr(mixed, name), expected, atol=5e-6)


@settings(max_examples=25, deadline=None)
@given(vectors=angles, shape=betas)
def test_bones_keep_their_length_in_every_pose(anny24, vectors, shape):
    rest = skinned(anny24, np.zeros((24, 3)), shape).joints
    posed = skinned(anny24, vectors, shape).joints
    child = np.arange(1, len(SMPL24))
    for_bone = anny24.parents[child]
    np.testing.assert_allclose(
        np.linalg.norm(posed[child] - posed[for_bone], axis=1),
        np.linalg.norm(rest[child] - rest[for_bone], axis=1),
        atol=3e-6,
    )


@settings(max_examples=25, deadline=None)
@given(vectors=angles, shape=betas)
def test_keypoints_lie_within_the_bounds_of_their_vertices(anny24, vectors, shape):
    mesh = skinned(anny24, vectors, shape).vertices
    for layout, rows in anny24.regressors.items():
        found = body.regress(anny24, mesh, layout)
        assert found.shape == (len(LAYOUTS[layout]), 3)
        own = np.where(rows.weights[..., None] > 0, mesh[rows.vertices], np.nan)
        assert np.all(found >= np.nanmin(own, axis=1) - 1e-5)
        assert np.all(found <= np.nanmax(own, axis=1) + 1e-5)
