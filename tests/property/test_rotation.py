"""Laws of rotations."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pymafsam.geometry import rotation

unit = st.floats(-1, 1, allow_nan=False)


@st.composite
def axis_angles(draw):
    """Vectors with angles anywhere in [0, pi], often at the ends."""
    axis = draw(arrays(np.float64, 3, elements=unit).filter(lambda v: np.linalg.norm(v) > 1e-3))
    angle = draw(
        st.one_of(
            st.floats(0, np.pi), st.floats(0, 1e-6), st.floats(np.pi - 1e-6, np.pi), st.just(0.0)
        )
    )
    return axis / np.linalg.norm(axis) * angle


@given(axis_angles())
def test_axis_angle_gives_a_rotation(vector):
    matrix = rotation.from_axis_angle(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) > 0


@given(axis_angles())
def test_axis_angle_round_trip_through_matrices(vector):
    matrix = rotation.from_axis_angle(vector)
    again = rotation.from_axis_angle(rotation.to_axis_angle(matrix))
    np.testing.assert_allclose(again, matrix, atol=1e-8)


@given(axis_angles())
def test_small_and_large_angles_keep_their_length(vector):
    back = rotation.to_axis_angle(rotation.from_axis_angle(vector))
    assert abs(np.linalg.norm(back) - np.linalg.norm(vector)) < 1e-7


@given(st.lists(axis_angles(), min_size=1, max_size=5))
def test_six_numbers_carry_a_rotation_in_any_batch_size(vectors):
    matrices = rotation.from_axis_angle(np.stack(vectors))
    np.testing.assert_allclose(rotation.from_6d(rotation.to_6d(matrices)), matrices, atol=1e-9)
    one_by_one = np.stack([rotation.from_6d(rotation.to_6d(m)) for m in matrices])
    np.testing.assert_allclose(rotation.from_6d(rotation.to_6d(matrices)), one_by_one, atol=1e-12)


@given(axis_angles())
def test_rotating_a_vector_turns_it_about_the_axis(vector):
    angle = np.linalg.norm(vector)
    axis = vector / angle if angle > 0 else np.array([1.0, 0, 0])
    probe = np.cross(axis, [0.3, -0.5, 0.8])
    turned = rotation.from_axis_angle(vector) @ probe
    expected = probe * np.cos(angle) + np.cross(axis, probe) * np.sin(angle)
    np.testing.assert_allclose(turned, expected, atol=1e-9)
