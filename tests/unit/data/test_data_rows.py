"""Tables of people: read, written, and refused when they are not what they should be."""

import zipfile

import numpy as np
import pytest

from pymafsam.data import rows
from pymafsam.errors import BadInput, PymafsamError


def arrays(count: int = 3) -> dict[str, np.ndarray]:
    return {
        "imgname": np.array([f"a/{k}.jpg" for k in range(count)]),
        "center": np.full((count, 2), 50.0),
        "scale": np.full(count, 0.5),
        "part": np.ones((count, 24, 3)),
    }


def saved(path, **content) -> rows.Rows:
    np.savez(path / "people.npz", **content)
    return rows.read(path / "people.npz")


def test_a_table_is_read_back_as_it_was_written(tmp_path):
    table = saved(tmp_path, **arrays(), gender=np.array(["m", "f", ""]), pose=np.zeros((3, 72)))
    rows.write(table, tmp_path / "again.npz")
    again = rows.read(tmp_path / "again.npz")
    assert set(again.columns()) == set(table.columns())
    for name, column in table.columns().items():
        np.testing.assert_array_equal(getattr(again, name), column)
    assert again.gender.tolist() == [0, 1, -1]


def test_every_pose_counts_where_no_has_smpl_says_otherwise(tmp_path):
    smpl = {"pose": np.zeros((3, 72)), "shape": np.zeros((3, 10))}
    assert all(saved(tmp_path, **arrays(), **smpl)[k].has_smpl for k in range(3))
    some = saved(tmp_path, **arrays(), **smpl, has_smpl=np.array([0, 1, 0]))
    assert [some[k].has_smpl for k in range(3)] == [False, True, False]
    assert some.counts()["smpl"] == 1


def test_joints_that_are_no_numbers_count_as_unknown(tmp_path):
    content = arrays()
    content["part"][1, 3, 0] = np.nan
    table = saved(tmp_path, **content)
    assert table[1].keypoints[3].tolist() == [0, 0, 0]
    assert (table[1].keypoints[:, 2] > 0).sum() == 23


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("center", np.nan, "not a number"),
        ("scale", 0.0, "no extent"),
        ("scale", np.inf, "not a number"),
        ("imgname", "", "no picture"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, key, value, reason):
    content = arrays()
    content[key][1] = value
    table = saved(tmp_path, **content)
    assert len(table) == 2
    (dropped,) = table.dropped
    assert dropped.index == 1
    assert reason in dropped.reason


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"part": np.ones((3, 14, 3))}, "part"),
        ({"center": np.ones(3)}, "center"),
        ({"scale": np.array(["a", "b", "c"])}, "scale"),
        ({"S": np.ones((2, 24, 4))}, "S"),
        ({"imgname": np.array(["a", 1, None], object)}, "imgname"),
        ({"part": np.array([{}, {}, {}], object)}, "part"),
    ],
)
def test_keys_of_another_shape_and_objects_are_refused_by_name(tmp_path, change, named):
    with pytest.raises(PymafsamError, match=named):
        saved(tmp_path, **(arrays() | change))


@pytest.mark.parametrize("lost", ["imgname", "center", "scale"])
def test_what_a_table_must_have_is_named_when_it_lacks(tmp_path, lost):
    content = arrays()
    del content[lost]
    with pytest.raises(BadInput, match=lost):
        saved(tmp_path, **content)


def test_tables_without_a_usable_row_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no row"):
        saved(tmp_path, **arrays(0))
    with pytest.raises(BadInput, match="no extent"):
        saved(tmp_path, **(arrays() | {"scale": np.zeros(3)}))


def test_damaged_archives_are_refused(tmp_path):
    path = tmp_path / "people.npz"
    saved(tmp_path, **arrays(200))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput):
        rows.read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("imgname.npy", b"nonsense")
        archive.writestr("center.npy", b"")
        archive.writestr("scale.npy", b"")
    with pytest.raises(BadInput, match="imgname"):
        rows.read(path)


def test_tables_joined_keep_what_each_has(tmp_path):
    one = saved(tmp_path, **arrays(2), S=np.ones((2, 24, 4)))
    other = saved(tmp_path, **arrays(1), pose=np.ones((1, 72)), shape=np.ones((1, 10)))
    both = rows.joined([one, other])
    assert [both[k].has_smpl for k in range(3)] == [False, False, True]
    assert both.counts() == {"rows": 3, "keypoints": 3, "joints_3d": 2, "smpl": 1}
