"""Inputs, rows and shards: the same inputs give the same shards, and rows lose nothing."""

import dataclasses
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.scale import engines, inputs, rows
from pymafsam.scale.inputs import Item
from pymafsam.scale.shards import Store, encoded, plan
from pymafsam.scale.work import Settings

pa = pytest.importorskip("pyarrow", reason="the extra [batch] is not installed")
pytest.importorskip("fsspec", reason="the extra [batch] is not installed")
import pyarrow.parquet  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a.jpg", "deep/c.png", ".hidden.jpg", "notes.md"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    return tmp_path / "in"


def names(*given, column="path"):
    return [item.name for item in inputs.find([str(one) for one in given], column)]


def test_a_folder_a_pattern_a_list_and_a_table_name_pictures(folder):
    assert names(folder) == ["a.jpg", "b.jpg", "deep/c.png"]
    assert names(f"{folder}/*.jpg") == ["a.jpg", "b.jpg"]
    assert names(folder / "b.jpg", folder / "b.jpg") == ["b.jpg"]
    (folder / "list.txt").write_text("# some\nb.jpg\n\ndeep/c.png\n/far/d.jpg\n")
    found = inputs.find([str(folder / "list.txt")])
    assert [item.name for item in found] == ["b.jpg", "deep/c.png", "d.jpg"]
    assert found[0].location == str(folder / "b.jpg")
    table = pa.table({"file": ["a.jpg", None, "https://host/e.jpg"]})
    pyarrow.parquet.write_table(table, folder / "t.parquet")
    assert names(folder / "t.parquet", column="file") == ["a.jpg", "e.jpg"]
    with pytest.raises(BadInput, match='column "path"'):
        names(folder / "t.parquet")


def test_what_is_not_there_or_holds_no_pictures_is_told(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "nothing", tmp_path / "empty", folder / "notes.md"):
        with pytest.raises(BadInput):
            names(wrong)
    with pytest.raises(BadInput):
        names("nowhere://x/y.jpg")


def test_a_url_of_fsspec_is_a_folder_too():
    import fsspec

    files = fsspec.filesystem("memory")
    files.pipe_file("/pictures/one.jpg", b"x")
    (item,) = inputs.find(["memory://pictures"])
    assert (item.name, item.location) == ("one.jpg", "memory:///pictures/one.jpg")
    store = Store(url="memory://out")
    store.write("deep/file", b"content")
    assert store.read("deep/file") == b"content"
    assert store.read("other") is None


@given(st.integers(0, 50), st.integers(1, 9), st.integers(1, 5))
def test_every_picture_is_in_one_shard_of_one_part(count, size, parts):
    items = [Item(location=str(k), name=str(k)) for k in range(count)]
    shards = [one for part in range(parts) for one in plan(items, size, (part, parts))]
    assert sorted(shard.number for shard in shards) == list(range(-(-count // size)))
    together = [item for shard in sorted(shards, key=lambda s: s.number) for item in shard.items]
    assert together == items
    assert all(len(shard.items) <= size for shard in shards)


def test_a_row_gives_back_the_json_document(scene):
    from pymafsam.export.results import document

    said = document(scene)
    content = encoded([rows.done("key", said), rows.failed("other", "other.jpg", "why")])
    assert content == encoded([rows.done("key", said), rows.failed("other", "other.jpg", "why")])
    one, other = pyarrow.parquet.read_table(pa.BufferReader(content)).to_pylist()
    back = rows.document(one)
    assert back == {**said, "made": {"by": said["made"]["by"]}}
    assert (other["status"], other["error"], other["people"]) == ("failed", "why", [])


@pytest.fixture
def scene():
    import numpy as np

    from pymafsam import body
    from pymafsam.geometry.camera import picture_camera
    from pymafsam.records import Mask, Person, Pose, Scene

    model, camera = body.load("anny24"), picture_camera((40, 30))
    rotations = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    pose = Pose(rotations=rotations, betas=np.zeros(10, np.float32))
    mask = Mask(inside=np.eye(30, 40, dtype=bool), score=0.5, source="given")
    person = Person(box=np.array([1.0, 2, 30, 29]), score=0.75)
    place = np.array([0.1, 0, 4])
    one = body.place(model, pose, place, camera, person, 0.5, mask)
    return Scene(
        name="a.jpg",
        index=0,
        camera=camera,
        bodies=(one, dataclasses.replace(one, mask=None)),
        body_name=model.name,
        faces=model.faces,
    )


def test_what_a_killed_worker_left_goes_when_its_shard_is_begun_anew(tmp_path):
    store, shards = Store(url=str(tmp_path)), plan([Item(location="a", name="a")] * 4, 2)
    left = [tmp_path / "_files" / shard.name / ".pymafsam-nowhere-1-00.jpg" for shard in shards]
    left.append(tmp_path / ".pymafsam-nowhere-1-00.parquet")
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half of it")
        os.utime(path, (0, 0))
    store.sweep(shards[:1])
    assert [path.exists() for path in left] == [False, True, False]


class Ray:
    """A cluster of 64 cores, which notes how many actors it is asked for."""

    def __init__(self):
        self.data, self.asked = self, 0

    def cluster_resources(self):
        return {"CPU": 64.0, "memory": 1e12}

    def from_items(self, items, override_num_blocks):
        return self

    def map(self, actor, **asked):
        self.asked = asked["concurrency"]
        return self

    def iter_rows(self):
        return iter(())


@pytest.mark.parametrize(("workers", "threads", "asked"), [(0, 4, 16), (3, 4, 3), (0, 100, 1)])
def test_on_a_cluster_as_many_work_as_have_room(monkeypatch, workers, threads, asked):
    ray = Ray()
    monkeypatch.setattr(engines, "_ray", lambda: ray)
    shards = plan([Item(location=f"{k}", name=f"{k}") for k in range(99)], 1)
    means = engines.Means(workers=workers, threads=threads)
    assert list(engines.OnRay().run(shards, Settings(flow={}, out="memory://"), means)) == []
    assert ray.asked == asked


def test_a_run_goes_on_where_it_stopped_and_not_in_anothers_folder(tmp_path):
    items = [Item(location=f"{k}.jpg", name=f"{k}.jpg") for k in range(5)]
    store, shards = Store(url=str(tmp_path)), plan(items, 2)
    store.prepare({"weights": "fit"}, items, 2)
    store.write_shard(shards[1], [rows.failed(i.location, i.name, "why") for i in shards[1].items])
    store.prepare({"weights": "fit"}, items, 2)
    assert [shard.number for shard in store.missing(shards)] == [0, 2]
    assert dict(store.failures(shards[1:2])) == {"2.jpg": "why", "3.jpg": "why"}
    for other in (({"weights": "net"}, items, 2), ({"weights": "fit"}, items[1:], 2)):
        with pytest.raises(BadInput, match="another run"):
            store.prepare(*other)
    (tmp_path / "_batch.json").write_text(json.dumps({"format": "theirs"}))
    with pytest.raises(BadInput, match="none of ours"):
        store.prepare({"weights": "fit"}, items, 2)
