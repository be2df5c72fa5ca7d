"""Results are known again, and nothing else is overwritten."""

import dataclasses
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pymafsam import export
from pymafsam.cli.inputs import Inputs, Run
from pymafsam.errors import BadInput
from pymafsam.files import atomic, made
from pymafsam.geometry.camera import picture_camera
from pymafsam.records import Origin, Scene

ORIGIN = Origin(options={"weights": "fit"}, size=10, modified=20)


@pytest.fixture
def scene():
    return Scene(
        name="a\nb \udce4.jpg",
        index=0,
        camera=picture_camera((64, 48)),
        bodies=(),
        body_name="anny24",
        faces=np.zeros((0, 3), int),
        pixels=np.zeros((48, 64, 3), np.uint8),
        origin=ORIGIN,
    )


def test_every_format_carries_the_mark_and_its_recipe(scene, tmp_path):
    for path in export.save(scene, tmp_path, export.EXPORTERS.names(), stem="a").values():
        found = made.read(path)
        assert found == made.Mark(maker="reconstruct", text=made.mark("reconstruct", ORIGIN)), path


def test_every_format_has_the_same_bytes_each_time(scene, tmp_path):
    once, again = (
        export.save(scene, tmp_path / name, export.EXPORTERS.names(), stem="a") for name in "ab"
    )
    for name, path in once.items():
        assert path.read_bytes() == again[name].read_bytes(), name


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(ORIGIN, options={"weights": "other"}),
        dataclasses.replace(ORIGIN, size=11),
        dataclasses.replace(ORIGIN, modified=21),
        None,
    ],
)
def test_what_was_made_otherwise_has_another_mark(other):
    assert made.mark("reconstruct", ORIGIN) != made.mark("reconstruct", other)


def test_files_of_others_have_no_mark(tmp_path):
    for name, content in {
        "a.json": b'{"images": [], "annotations": []}',
        "b.json": b'{"format": "pymafsam-prompts/1", "pictures": {}}',
        "c.npz": b"PK" + bytes(100_000),
        "d.txt": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert made.read(tmp_path / name) is None
    assert made.read(tmp_path / "nowhere") is None
    assert made.read(tmp_path) is None


def test_nothing_that_is_not_ours_is_written_over(scene, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x_overlay.jpg")
    before = (tmp_path / "x_overlay.jpg").read_bytes()
    with pytest.raises(
        BadInput, match=r"x_overlay\.jpg is left as it is: pymafsam did not make it"
    ):
        export.save(scene, tmp_path, ["json", "picture"], stem="x")
    assert (tmp_path / "x_overlay.jpg").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x_overlay.jpg"], "and nothing by halves"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_links_to_nowhere_and_pipes_are_left_as_they_are(tmp_path):
    outputs = made.Outputs(maker="reconstruct")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("loop", "nowhere"), ("gone", "nowhere"), ("pipe", "a pipe")):
        assert made.read(tmp_path / name) is None
        with pytest.raises(BadInput, match=why):
            outputs.claim([tmp_path / name], "a.jpg")


def test_a_run_keeps_off_its_inputs_and_other_pictures_results(scene, tmp_path):
    mine = export.save(scene, tmp_path, ["json"], stem="a")["json"]
    outputs = made.Outputs(maker="reconstruct", inputs=frozenset({mine.resolve()}))
    with pytest.raises(BadInput, match="one of the inputs"):
        outputs.claim([mine], "a.jpg")
    outputs.claim([tmp_path / "b.json"], "b.jpg")
    outputs.claim([tmp_path / "b.json"], "b.jpg")
    with pytest.raises(BadInput, match=r"holds the results of b\.jpg"):
        outputs.claim([tmp_path / "b.json"], "c.jpg")
    with pytest.raises(BadInput, match="`pymafsam reconstruct` made it"):
        made.Outputs(maker="mask save").claim([mine], "a.jpg")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(BadInput, match="it is a folder"):
        outputs.claim([tmp_path / "folder.json"], "folder.jpg")
    with pytest.raises(BadInput, match="cannot be written"):
        outputs.claim([tmp_path / ("x" * 300)], "x.jpg")


def killed_while_writing(path):
    code = (
        "import sys, os, pathlib; from pymafsam.files.atomic import writing\n"
        "with writing(pathlib.Path(sys.argv[1])) as t: os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)


def test_a_run_sweeps_where_its_clips_and_pictures_are_written(tmp_path):
    wanted = ["clip.npz", "clip/000000_overlay.jpg", "a/photo.json"]
    for name in wanted:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        killed_while_writing(tmp_path / name)
    assert len(list(tmp_path.rglob(f"{atomic.PREFIX}*"))) == len(wanted)
    sources = [
        SimpleNamespace(name="clip.mp4", path=tmp_path / "clip.mp4", is_video=True),
        SimpleNamespace(name="a/photo.jpg", path=tmp_path / "photo.jpg", is_video=False),
    ]
    options = Inputs(out=tmp_path)
    Run(options=options, maker="test", recipe={}, sources=sources).prepare()
    assert not list(tmp_path.rglob(f"{atomic.PREFIX}*"))


def test_temporary_files_of_killed_runs_are_swept_and_no_others(tmp_path):
    killed_while_writing(tmp_path / "a.obj")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(atomic.PREFIX)
    with atomic.writing(tmp_path / "b.obj") as under_way:
        (tmp_path / ".pymafsam-notes").write_text("mine")
        assert atomic.sweep(tmp_path) == 1
        assert not left.exists()
        assert under_way.exists()
    assert {p.name for p in tmp_path.iterdir()} == {"b.obj", ".pymafsam-notes"}


def test_a_full_disk_and_a_long_name_are_told_in_words(tmp_path):
    with pytest.raises(BadInput, match="No space left"), atomic.writing(tmp_path / "a.obj"):
        raise OSError(28, os.strerror(28))
    with pytest.raises(BadInput, match="too long"), atomic.writing(tmp_path / ("ü" * 200)):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="folder cannot be written"):  # noqa: SIM117
        with atomic.writing(tmp_path / "folder"):
            pass
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
