"""The 2024 files: written for their reader, read by ours, drawn from like theirs."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.legacy import bank
from pymafsam.masks import saver2024


def blob(seed):
    rng = np.random.default_rng(seed)
    inside = np.zeros((224, 224), bool)
    x0, y0 = rng.integers(0, 150, 2)
    inside[y0 : y0 + rng.integers(25, 70), x0 : x0 + rng.integers(25, 70)] = True
    return inside & (rng.random((224, 224)) < 0.95)


def test_their_reader_reads_what_we_write_and_so_does_ours(tmp_path):
    inside = blob(1)
    fore, back = saver2024.save(inside, tmp_path, "im00001")
    assert (fore.name, back.name) == ("masks_fore1_im00001.npy", "masks_back1_im00001.npy")
    theirs = np.load(fore, allow_pickle=True).item()
    rows, columns = np.nonzero(inside)
    assert theirs == {
        "imgname": ["im00001"],
        "mask_fore_points_x": columns.tolist(),
        "mask_fore_points_y": rows.tolist(),
    }
    beside = np.load(back, allow_pickle=True).item()
    assert set(beside) == {"imgname", "mask_back_points_x", "mask_back_points_y"}
    assert len(beside["mask_back_points_x"]) == (~inside).sum()
    np.testing.assert_array_equal(saver2024.read(fore), inside)
    np.testing.assert_array_equal(saver2024.read(back), inside)


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_points_of_the_2024_policy_fill_both_squares(seed):
    points = bank.bank_points(blob(seed), Random(seed))
    assert points.shape == (441, 2)
    for part in (points[:400], points[400:]):
        np.testing.assert_allclose(part.min(axis=0), [-1, -1], atol=1e-12)
        np.testing.assert_allclose(part.max(axis=0), [1, 1], atol=1e-12)
    np.testing.assert_array_equal(points, bank.bank_points(blob(seed), Random(seed)))


def test_too_few_pixels_and_other_files_are_refused(tmp_path):
    small = np.zeros((224, 224), bool)
    small[:10, :10] = True
    with pytest.raises(BadInput, match="400 pixels inside the mask; there are 100"):
        bank.bank_points(small, Random(0))
    with pytest.raises(BadInput, match="41 pixels outside the mask; there are 0"):
        bank.bank_points(np.ones((224, 224), bool), Random(0))
    np.save(tmp_path / "a.npy", small)
    with pytest.raises(BadInput, match="not a 2024 mask file"):
        saver2024.read(tmp_path / "a.npy")
    with pytest.raises(BadInput, match="wanted mask_fore_points_x"):
        saver2024.inside_of({"imgname": ["a"]}, "it")
    places = {"mask_fore_points_x": [300], "mask_fore_points_y": [0]}
    with pytest.raises(BadInput, match="outside the 224 x 224 crop"):
        saver2024.inside_of(places, "it")
