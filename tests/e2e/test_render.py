"""``render``: saved results drawn from every side, from the command line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymafsam.files import frames, video

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.network
@pytest.mark.usefixtures("networks")
def test_a_saved_photograph_is_drawn_from_every_side(run, tmp_path):
    results, out = tmp_path / "results", tmp_path / "out"
    photo = EXAMPLES / "kite.jpg"
    options = ("--save", "json", "--segmenter", "none")
    assert run("reconstruct", photo, "--out", results, *options)[0] == 0
    views = "overlay,front,side,top,silhouette,normals,turntable"
    code, said, _ = run(
        "render", results, "--views", views, "--pictures", EXAMPLES, "--out", out,
        "--height", "96", "--rate", "2",
    )  # fmt: skip
    assert code == 0
    assert "1 results" in said
    height = frames.read_picture(photo).size[1]
    for view in views.split(",")[:-1]:
        assert frames.read_picture(out / f"kite_{view}.png").size[1] in (96, height)
    assert run("render", results, "--views", "cutout,depth,parts,gif", "--out", out)[0] == 0
    with Image.open(out / "kite_depth.png") as depth, Image.open(out / "kite_cutout.png") as cut:
        metres, alpha = np.asarray(depth) / 1000, np.asarray(cut)[..., 3]
    assert 1 < np.median(metres[metres > 0]) < 50
    assert ((alpha > 128) == (metres > 0)).mean() > 0.99
    with Image.open(out / "kite_turntable.gif") as turning:
        assert turning.n_frames > 10
        assert max(turning.size) == 360
    camera = ("--camera", "azimuth=60,elevation=10", "--material", "clay", "--width", "100")
    assert run("render", results, *camera, "--height", "80", "--out", out / "placed")[0] == 0
    with Image.open(out / "placed" / "kite_cutout.png") as cut:
        assert (cut.size, cut.mode) == ((100, 80), "RGBA")
    film = list(video.frames(out / "kite_turntable.mp4", "kite", pytest.fail))
    assert len(film) == 8
    again = ("render", results, "--views", "turntable", "--out", out, "--height", "96")
    assert run(*again, "--rate", "2")[0] == 0  # its own file may be made anew
    assert not list(out.glob("*.part.*"))


def test_what_is_missing_is_said(run, tmp_path):
    code, said, error = run("render", tmp_path, "--out", tmp_path / "out")
    assert code != 0
    assert "no results" in said + error
    code, _, error = run("render", tmp_path, "--out", tmp_path / "out", "--views", "behind")
    assert code == 2
    assert "behind" in error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--camera", "azimuth=4", "--views", "overlay"), "overlay has a camera of its own"),
        (("--camera", "azimut=4"), 'did you mean "azimuth"'),
        (("--height", "9000"), "16 to 8192"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_drawn(run, tmp_path, words, told):
    code, said, error = run("render", tmp_path, "--out", tmp_path / "out", *words)
    assert code == 2
    assert told in said + error
