"""A user's mistake prints one paragraph and the right exit code, never a traceback."""

import struct
import zlib

import pytest
from PIL import Image

from pymafsam.cli import main


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["reconstrct", "a.jpg"], 2, 'did you mean "reconstruct"'),
        (["reconstruct", "--out", "o"], 2, "Which pictures"),
        (["reconstruct", "nowhere.jpg", "--out", "o"], 1, "no file or folder"),
        (["reconstruct", "{photo}", "--out", "o", "--save", "jsn"], 2, 'did you mean "json"'),
        (["reconstruct", "{photo}", "--out", "o", "--body", "anny"], 2, 'did you mean "anny24"'),
        (["reconstruct", "{photo}", "--out", "o", "--detector", "nano"], 2, "nanodet"),
        (["reconstruct", "{photo}", "--out", "o", "--segmenter", "mobile"], 2, "mobilesam"),
        (["reconstruct", "{photo}", "--out", "{photo}/o"], 1, "Nothing can be written"),
        (["reconstruct", "{folder}/empty", "--out", "o"], 1, "holds no pictures"),
        (["evaluate", "--out", "o"], 2, "evaluate coco"),
    ],
)
def test_wrong_use_is_explained(run, photograph, tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    filled = [word.format(photo=photograph, folder=tmp_path) for word in words]
    got, _, err = run(*filled)
    assert said in err
    assert got == code
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("mask show m --pictures p --out o --first 0", "--first must be at least 1; 0 was"),
        ("mask show m --pictures p --out o --side 9999999999", "--side must be 1 to 4096"),
        ("mask points m --out o.npy --first -1", "--first must be at least 1"),
        ("batch a.jpg --out o --gpus nan", "--gpus must be at least 0; nan"),
        ("batch a.jpg --out o --threads 99999999999", "--threads must be 0 to 4096"),
        ("batch a.jpg --out o --workers 99999999999999999999", "--workers must be 0 to"),
        ("reconstruct a.jpg --out o --workers 99999", "--workers must be 1 to"),
        ("reconstruct a.jpg --out o --workers 0", "--workers must be 1 to"),
        ("reconstruct a.jpg --out o --min-score nan", "--min-score must be 0 to 1; nan"),
        ("reconstruct a.jpg --out o --weights n.onnx --workers 2 --batch 0", "--batch must be at"),
        ("reconstruct a.mp4 --out o --mask-every nan", "--mask-every must be at least 0; nan"),
        ("reconstruct a.mp4 --out o --every 0", "--every must be at least 1"),
        ("batch a.jpg --out o --batch 0", "--batch must be at least 1"),
        ("batch a.jpg --out o --min-score 50", "--min-score must be 0 to 1; 50"),
        ("mask save a.jpg --out o --min-score -1", "--min-score must be 0 to 1; -1"),
        ("mask save a.jpg --out o --threads -2", "--threads must be 0 to 4096; -2"),
        ("fit t.npz --images . --out o.npz --rate inf", "--rate must be at least 0; inf"),
        ("fit t.npz --images . --out o.npz --limit 0", "--limit must be at least 1"),
        ("evaluate coco --images . --annotations a.json --out o --draws 0", "--draws must be"),
        ("evaluate views --images . --calibration c --out o --every 0", "--every must be"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(run, tmp_path, monkeypatch, words, option):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*words.split())
    assert (code, option in err) == (2, True), err


@pytest.mark.parametrize("verb", ["render", "export"])
def test_results_that_cannot_be_read_are_named_where_errors_go(run, tmp_path, verb):
    (tmp_path / "a.json").write_text('{"format": "pymafsam/1"}')
    code, _, err = run(verb, tmp_path / "a.json", "--out", tmp_path / "o")
    assert code == 1
    assert err.startswith("failed: ")


@pytest.mark.parametrize("verb", [[], ["reconstruct"], ["evaluate", "coco"], ["mask", "save"]])
def test_help_is_printed(run, verb):
    code, out, _ = run(*verb, "--help")
    assert code == 0
    assert "pymafsam" in out


def test_the_version_is_printed(run):
    from pymafsam import __version__

    assert run("--version") == (0, f"pymafsam {__version__}\n", "")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "o/a.json"), "No space left on device: 'o/a.json'"),
        (MemoryError("Unable to allocate 9 GiB"), "memory does not suffice (Unable to allocate"),
        (ValueError("x" * 9000), "unexpected went wrong (ValueError: xxx"),
    ],
)
def test_what_nobody_thought_of_is_one_paragraph_too(run, monkeypatch, error, told):
    def fail(words):
        raise error

    monkeypatch.setattr(main, "find_verb", fail)
    code, _, err = run("reconstruct", "a.jpg")
    assert code == 1
    assert told in err
    assert "Traceback" not in err
    assert len(err) < 1000


def png_that_claims(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")


@pytest.mark.network
@pytest.mark.usefixtures("networks")
def test_odd_pictures_are_read_or_named_and_the_rest_goes_on(run, photograph, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    player = Image.open(photograph)
    player.convert("L").save(folder / "grey.jpg")
    player.convert("CMYK").save(folder / "cmyk.jpg")
    player.convert("RGBA").save(folder / "rgba.png")
    Image.new("RGB", (1, 1)).save(folder / "one.png")
    (folder / "huge.png").write_bytes(png_that_claims(20_000, 20_000))
    (folder / "text.jpg").write_text("not a picture")
    code, _, err = run(
        "reconstruct", folder, "--out", tmp_path / "o", "--save", "json", "--segmenter", "none"
    )
    assert code == 1
    assert {p.name for p in (tmp_path / "o").iterdir()} == {
        f"{name}.json" for name in ("grey", "cmyk", "rgba", "one")
    }
    assert "huge.png: " in err
    assert "text.jpg: " in err
    assert "one.png: nobody was found" in err
