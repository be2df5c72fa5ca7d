"""People are described whichever way the photograph is held."""

from pathlib import Path

import numpy as np
import pytest

from pymafsam import people
from pymafsam.files.frames import read_picture
from pymafsam.records import Person

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.network
@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photograph_gives_turned_keypoints(quarters):
    detector = people.load("nanodet")
    upright = read_picture(EXAMPLES / "kite.jpg").pixels[:, :200]
    box = np.array([60.0, 125, 195, 384])
    (expected,) = detector.describe(upright, [Person(box=box, score=1.0)])
    points, width = expected.keypoints[:, :2], upright.shape[1]
    corners = box.reshape(2, 2)
    height = upright.shape[0]
    for _ in range(quarters):  # numpy turns counter-clockwise: (x, y) -> (y, width - x)
        points = np.column_stack([points[:, 1], width - points[:, 0]])
        corners = np.column_stack([corners[:, 1], width - corners[:, 0]])
        width, height = height, width
    turned = np.ascontiguousarray(np.rot90(upright, quarters))
    given = np.concatenate([corners.min(0), corners.max(0)])
    (found,) = detector.describe(turned, [Person(box=given, score=1.0)])
    sure = (expected.keypoints[:, 2] > 0.8) & (found.keypoints[:, 2] > 0.5)
    assert sure.sum() >= 10
    apart = np.linalg.norm(found.keypoints[:, :2] - points, axis=1)[sure]
    assert np.median(apart) < 6
