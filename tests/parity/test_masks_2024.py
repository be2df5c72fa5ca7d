"""The 2024 selection of points, equal to the reference's to the last bit."""

from random import Random

import numpy as np

from pymafsam.legacy import bank


def test_the_2024_policy_draws_the_references_points(golden_file):
    golden = golden_file("mask_points.npz")
    points = bank.bank_points(golden["mask"], Random(int(golden["seed"])))
    np.testing.assert_array_equal(points, golden["points"])
