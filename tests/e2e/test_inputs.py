"""One run over many inputs: nothing is overwritten, ends a folder, or is done twice."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from standins import Boxes, Nobody

from pymafsam.cli import mask_save
from pymafsam.cli.reconstruct import GivenPeople, Reconstruct
from pymafsam.files import frames


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """Stands in for the networks; keeps what it was asked."""
    standin = Nobody()
    monkeypatch.setattr(Reconstruct, "load", lambda self: standin)
    monkeypatch.setattr(mask_save, "load_segmenter", lambda name, threads: Boxes())
    return standin


def picture(path, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def video(path, frames=3):
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(frames):
            pixels = np.full((48, 64, 3), 40 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def images(out):
    return sorted(json.loads(path.read_text())["image"] for path in out.rglob("*.json"))


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_no_two_inputs_share_a_result(run, tmp_path):
    names = "a.jpg a.png IMG.0001.jpg IMG.0002.jpg photo.v2.jpg clip/000001.jpg x/a.jpg x/a.gif"
    for name in names.split():
        picture(tmp_path / "in" / name)
    clip = video(tmp_path / "in" / "clip.mp4")
    picture(tmp_path / "one" / "b.jpg")
    picture(tmp_path / "two" / "b.jpg")
    others = [tmp_path / "one" / "b.jpg", tmp_path / "two" / "b.jpg", tmp_path / "one"]
    expected = [f"clip/{k:06d}" for k in (1, 2, 3)]
    for verb in (["mask", "save", "--box", "5,5,30,30"], ["reconstruct"]):
        out = tmp_path / f"out {verb[0]}"
        code, _, err = run(*verb, tmp_path / "in", *others, "--out", out, "--save", "json")
        assert code == 0, err
        (out / "prompts.json").unlink(missing_ok=True)
        both = ["one/b.jpg", "two/b.jpg"]
        assert images(out) == sorted([*names.split(), *expected, *both])
        # A video is reconstructed as a whole: that is tested where it is done.
        clip.unlink(missing_ok=True)
        expected = []


def test_masks_saved_from_a_clip_are_used_frame_by_frame(run, tmp_path):
    clip, masks = video(tmp_path / "clip.mp4"), tmp_path / "masks"
    assert run("mask", "save", clip, "--out", masks, "--box", "5,5,30,40")[0] == 0
    for folder in (masks, masks / "clip"):
        options = Reconstruct(paths=(clip,), masks=folder, out=tmp_path / "o")
        (source,) = options.find()
        given = GivenPeople(options=options, names=[source.name])
        asked = [given.request(frame, frame.name) for frame in frames.read_source(source)]
        assert [request.masks[0].inside.sum() for request in asked] == 3 * [25 * 35]


def test_masks_belong_to_their_own_pictures(run, tmp_path, nobody):
    widths = {"x/a.jpg": 10, "y/a.jpg": 11, "y/a.png": 12}
    for name in widths:
        picture(tmp_path / "in" / name)
    prompts = {"pictures": {name: [{"box": [0, 0, width, 10]}] for name, width in widths.items()}}
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    words = ["mask", "save", tmp_path / "in", "--prompts", tmp_path / "prompts.json"]
    assert run(*words, "--out", tmp_path / "m")[0] == 0
    words = ["reconstruct", tmp_path / "in", "--masks", tmp_path / "m"]
    code, _, err = run(*words, "--out", tmp_path / "o")
    assert code == 0, err
    assert {r.frame.name: r.masks[0].inside.any(0).sum() for r in nobody.asked} == widths


def test_a_name_that_could_mean_two_pictures_is_told_with_both(run, tmp_path):
    for name in ("x/a.jpg", "y/a.jpg"):
        picture(tmp_path / "in" / name)
    boxes = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    words = ["reconstruct", tmp_path / "in", "--boxes", tmp_path / "boxes.json"]
    code, _, err = run(*words, "--out", tmp_path / "o")
    assert code == 1
    assert '"a.jpg" could mean y/a.jpg and x/a.jpg' in err


def test_boxes_that_do_not_name_the_picture_are_told_so(run, tmp_path):
    photo = picture(tmp_path / "a.jpg")
    boxes = {"images": [{"id": 1, "file_name": "b.jpg"}], "annotations": []}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    words = ["reconstruct", photo, "--boxes", tmp_path / "boxes.json", "--out", tmp_path / "o"]
    code, _, err = run(*words)
    assert code == 1
    assert "does not name a.jpg" in err
    assert "nobody was found" not in err


def test_photographs_and_files_of_the_user_are_never_written_over(run, tmp_path):
    for name in ("x.jpg", "x_overlay.jpg", "y.jpg", "y_masks.jpg"):
        picture(tmp_path / name)
    for name in ("y.json", "prompts.json"):
        (tmp_path / name).write_text('{"images": [], "annotations": []}')
    before = contents(tmp_path)
    code, _, err = run("reconstruct", tmp_path, "--out", tmp_path)
    assert code == 1
    assert "x_overlay.jpg is left as it is" in err
    assert "y.json is left as it is: pymafsam did not make it" in err
    code, _, err = run("mask", "save", tmp_path, "--out", tmp_path, "--box", "1,1,20,20")
    assert code == 1
    assert "prompts.json is left as it is" in err
    assert before.items() <= contents(tmp_path).items()


def test_boxes_and_prompts_that_were_given_are_not_written_over(run, tmp_path):
    photo = picture(tmp_path / "a.jpg")
    run("mask", "save", photo, "--out", tmp_path, "--box", "1,1,20,20")
    before = contents(tmp_path)
    words = ["mask", "save", photo, "--out", tmp_path, "--prompts"]
    code, said, _ = run(*words, tmp_path / "prompts.json", "--save", "json,picture")
    assert code == 0
    assert "is left as it is" in said
    code, _, err = run(*words, tmp_path / "a.json", "--save", "json")
    assert code == 1
    assert "a.json is left as it is: it is one of the inputs" in err
    assert contents(tmp_path)["prompts.json"] == before["prompts.json"]


def test_results_in_the_folder_of_the_pictures_are_not_reconstructed(run, tmp_path, nobody):
    picture(tmp_path / "in" / "a.jpg")
    for _ in range(3):
        assert run("reconstruct", tmp_path / "in", "--out", tmp_path / "in" / "out")[0] == 0
        assert run("mask", "save", tmp_path / "in", "--out", tmp_path / "in" / "masks")[0] == 0
    assert [request.frame.name for request in nobody.asked] == 3 * ["a.jpg"]


def test_reconstruct_and_mask_save_keep_off_each_others_files(run, tmp_path):
    photo, out = picture(tmp_path / "a.jpg"), tmp_path / "o"
    save = ["mask", "save", photo, "--out", out, "--box", "1,1,20,20"]
    rebuild = ["reconstruct", photo, "--out", out, "--skip-existing"]
    assert run(*save)[0] == 0
    before = contents(out)
    code, _, err = run(*rebuild)
    assert code == 1
    assert "a.json is left as it is: `pymafsam mask save` made it" in err
    assert contents(out) == before
    shutil.rmtree(out)
    assert run(*rebuild)[0] == 0
    before = contents(out)
    assert run(*save, "--skip-existing")[0] == 1
    assert before.items() <= contents(out).items()
    bank = ["mask", "points", out, "--out", tmp_path / "bank.npy"]
    assert "holds no masks" in run(*bank)[2]


def test_whatever_one_picture_raises_the_others_are_done(run, tmp_path, monkeypatch, nobody):
    for name in ("a.jpg", "b.jpg", "bad.jpg", "c.jpg", "odd.jpg", "way.jpg", "z.jpg"):
        picture(tmp_path / "in" / name)
    read = frames.read_picture

    def broken(path, name=None):
        if path.name == "odd.jpg":
            raise AttributeError("mistyped EXIF")
        return read(path, name)

    monkeypatch.setattr(frames, "read_picture", broken)
    out = tmp_path / "o"
    (out / "way.json").mkdir(parents=True)
    words = ["reconstruct", tmp_path / "in", "--out", out, "--save", "json"]
    code, said, err = run(*words)
    assert code == 1
    assert "Traceback" not in err
    assert "4 pictures" in said
    for told in (
        "odd.jpg: something unexpected went wrong (AttributeError: mistyped EXIF)",
        "bad.jpg: something unexpected went wrong (ZeroDivisionError",
        "way.json is left as it is: it is a folder",
        "--debug",
    ):
        assert told in err
    assert {p.name for p in out.iterdir() if p.is_file()} == {f"{k}.json" for k in "abcz"}
    assert run(*words, "--debug")[0] == 1
    log = (out / "pymafsam-debug.log").read_text()
    assert "Traceback" in log
    assert "mistyped EXIF" in log


@pytest.mark.parametrize("name", ["ü" * 120, "x" * 250, "caf\udce9", "a\nb"])
def test_odd_names_are_done_or_told(run, tmp_path, name):
    path = tmp_path / "in" / f"{name}.jpg"
    try:
        picture(path)
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    picture(tmp_path / "in" / "z.jpg")
    words = ["reconstruct", tmp_path / "in", "--save", "obj,picture"]
    code, _, err = run(*words, "--out", tmp_path / "o")
    assert code == int(len(name.encode("utf-8", "surrogateescape")) > 240), err
    assert (tmp_path / "o" / "z.obj").exists()


def test_a_full_disk_is_told_and_leaves_nothing_by_halves(run, tmp_path, monkeypatch):
    from pymafsam.export import results

    def full(*_, **__):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(results.Path, "write_text", full)
    code, _, err = run("reconstruct", picture(tmp_path / "a.jpg"), "--out", tmp_path / "o")
    assert code == 1
    assert "a.json cannot be written (No space left on device)" in err
    assert not [p for p in (tmp_path / "o").iterdir() if p.name.startswith(".")]


def test_what_is_up_to_date_is_passed_over_and_what_is_stale_made_again(run, tmp_path, nobody):
    photo, out = picture(tmp_path / "a.jpg"), tmp_path / "o"
    words = ["reconstruct", photo, "--out", out, "--skip-existing"]

    def done(*more):
        nobody.asked.clear()
        code, said, err = run(*words, *more)
        assert code == 0, err
        assert ("1 pictures were there already" in said) == (not nobody.asked)
        return bool(nobody.asked)

    assert done()
    before = contents(out)
    assert not done()
    assert not done("--batch", "3")
    assert contents(out) == before
    assert done("--save", "json,glb"), "a format is missing"
    assert done("--min-score", "0.3"), "an option that matters has changed"
    assert not done("--min-score", "0.3")
    picture(photo, (32, 48))
    assert done("--min-score", "0.3"), "the picture has changed"
    os.utime(photo, (1, 1))
    assert done("--min-score", "0.3"), "it may have changed"
    (out / "a.json").unlink()
    assert done("--min-score", "0.3")


def test_masks_are_saved_again_when_the_prompts_have_changed(run, tmp_path):
    photo, out = picture(tmp_path / "a.jpg"), tmp_path / "o"
    words = ["mask", "save", photo, "--out", out, "--skip-existing"]
    two = ["--box", "1,1,20,20", "--box", "30,1,50,20"]
    assert run(*words, *two)[0] == 0
    assert "1 pictures were there already" in run(*words, *two)[1]
    assert (out / "a_person1.png").exists()
    assert "1 pictures, 1 masks" in run(*words, "--box", "1,1,20,20")[1]
    assert not (out / "a_person1.png").exists(), "nobody's mask is left of two people"
    (out / "a_person0.png").unlink()
    assert "there already" in run(*words, "--box", "1,1,20,20")[1]
    assert (out / "a_person0.png").exists(), "made from the json, without a segmenter"
    words = ["mask", "save", photo, "--out", tmp_path / "p", "--skip-existing", "--save", "png"]
    assert "there already" not in run(*words, *two)[1]
    assert "there already" in run(*words, *two)[1]


def test_resumed_masks_are_the_same_as_undisturbed_ones(run, tmp_path):
    for name in "abc":
        picture(tmp_path / "in" / f"{name}.jpg")
    words = ["--box", "1,1,20,20", "--skip-existing"]
    run("mask", "save", tmp_path / "in", "--out", tmp_path / "whole", *words)
    for part in (tmp_path / "in" / "b.jpg", tmp_path / "in"):
        run("mask", "save", part, "--out", tmp_path / "parts", *words)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    (tmp_path / "parts" / "prompts.json").unlink()
    run("mask", "save", tmp_path / "in", "--out", tmp_path / "parts", *words)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_one_picture_replayed_keeps_the_prompts_of_the_others(run, tmp_path):
    for name in "abc":
        picture(tmp_path / "in" / f"{name}.jpg")
    out = tmp_path / "o"
    run("mask", "save", tmp_path / "in", "--out", out, "--box", "1,1,20,20")
    shutil.copy(out / "prompts.json", tmp_path / "given.json")
    photo = tmp_path / "in" / "b.jpg"
    assert run("mask", "save", photo, "--out", out, "--prompts", tmp_path / "given.json")[0] == 0
    kept = json.loads((out / "prompts.json").read_text())["pictures"]
    assert sorted(kept) == ["a.jpg", "b.jpg", "c.jpg"]


def test_temporary_files_of_a_killed_run_are_swept_at_the_next(run, tmp_path):
    out = tmp_path / "o"
    out.mkdir()
    from pymafsam.files.atomic import PREFIX, _host

    (out / f"{PREFIX}{_host()}-99999999-abc.json").write_text("{")
    run("reconstruct", picture(tmp_path / "a.jpg"), "--out", out, "--save", "json")
    assert [path.name for path in out.iterdir()] == ["a.json"]
