"""The whole picture's camera and the crop's weak camera show the same body."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.geometry.camera import picture_camera, project, translation_of, weak_camera


@given(
    st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(1, 20)),
    st.floats(20, 400),
    st.floats(0, 640),
    st.floats(0, 480),
)
def test_weak_camera_and_translation_are_inverse(translation, half, x, y):
    camera = picture_camera((640, 480))
    box = (x - half, y - half, x + half, y + half)
    weak = weak_camera(np.array(translation), box, camera)
    np.testing.assert_allclose(translation_of(weak, camera), translation, atol=1e-9)


@pytest.mark.parametrize("focal", [0.0, -5.0, 1e11, np.nan, np.inf])
def test_a_focal_length_that_no_camera_has_is_refused(focal):
    with pytest.raises(BadInput, match="focal length"):
        picture_camera((640, 480), focal)


def test_a_flat_body_is_seen_alike_by_both_cameras():
    camera = picture_camera((640, 480), focal=900.0)
    translation = np.array([0.4, -0.2, 5.0])
    body = np.array([[0.3, 0.8, 0.0], [-0.5, -0.1, 0.0]])
    box = (250.0, 60.0, 490.0, 300.0)
    weak = weak_camera(translation, box, camera)
    half = (box[2] - box[0]) / 2
    centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    in_crop = weak.scale * (body[:, :2] + np.array(weak.shift))
    np.testing.assert_allclose(centre + half * in_crop, project(body + translation, camera))
