"""Videos end to end: films with sound, everybody's motion, who is meant."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pymafsam.export.sequence import load
from pymafsam.files import made, video

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
pytestmark = pytest.mark.usefixtures("networks")
QUICK = ["--segmenter", "none", "--detector", "fast"]


def write_video(path, frames, *, rate=10, sound=True):
    """A pan over a photograph, 256 x 256, with a tone."""
    photograph = np.asarray(Image.open(EXAMPLES / "tennis.jpg").resize((300, 300)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width = stream.height = 256
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        audio = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for k in range(frames):
            pixels = np.ascontiguousarray(photograph[20 : 20 + 256, 2 * k : 2 * k + 256])
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if audio is not None:
            tone = np.sin(np.arange(16_000 * frames // rate) / 9).astype(np.float32)
            wave = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            wave.sample_rate = 16_000
            container.mux(audio.encode(wave))
            container.mux(audio.encode())
    return path


def frames_of(path):
    return list(video.frames(path, "film", lambda index, why: pytest.fail(why)))


def test_a_video_becomes_films_with_its_times_and_sound_and_everybodys_motion(run, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 6)
    out = tmp_path / "out"
    code, _, err = run("reconstruct", clip, "--out", out, *QUICK)
    assert code == 0, err
    assert sorted(path.name for path in out.iterdir()) == [
        "clip.json",
        "clip.npz",
        "clip_overlay.mp4",
        "clip_side.mp4",
    ]
    overlay, original = frames_of(out / "clip_overlay.mp4"), frames_of(clip)
    assert [f.seconds for f in overlay] == pytest.approx([f.seconds for f in original])
    assert overlay[0].size == original[0].size == (256, 256)
    assert video.facts(out / "clip_overlay.mp4").has_sound
    assert made.read(out / "clip_side.mp4").maker == "reconstruct"
    (motion,) = load(out / "clip.npz").motions
    assert motion.track == 1
    assert motion.frames.tolist() == list(range(6))
    assert (motion.betas == motion.betas[0]).all()
    content = json.loads((out / "clip.json").read_text())
    assert content["format"] == "pymafsam-sequence/1"
    (track,) = content["tracks"]
    assert np.array(track["pose"]).shape == (6, 24, 3)
    assert track["filled"] == [0] * 6
    # The person is drawn: where they stand the film differs from the video.
    x0, y0, x1, y1 = motion.boxes[5].astype(int)
    change = np.abs(overlay[5].pixels.astype(int) - original[5].pixels)
    assert change[y0:y1, x0:x1].mean() > 2 * np.median(change)


def test_every_frame_has_its_own_files_on_request(run, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 3, sound=False)
    options = ["--save", "json", "--frames", "--no-smooth", *QUICK]
    code, _, err = run("reconstruct", clip, "--out", tmp_path / "o", *options)
    assert code == 0, err
    for name in ("000001", "000002", "000003"):
        content = json.loads((tmp_path / "o" / "clip" / f"{name}.json").read_text())
        assert len(content["people"]) == 1
        assert content["people"][0]["track"] == 1


def test_a_prompt_on_one_frame_says_who_is_followed(run, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 8, sound=False)
    said = tmp_path / "who.json"
    box = [70.0, 20, 190, 240]
    said.write_text(
        json.dumps({"format": "pymafsam-prompts/1", "pictures": {"clip/000005": [{"box": box}]}})
    )
    options = ["--save", "npz", "--prompts", said, *QUICK]
    code, _, err = run("reconstruct", clip, "--out", tmp_path / "o", *options)
    assert code == 0, err
    (motion,) = load(tmp_path / "o" / "clip.npz").motions
    assert motion.frames.tolist() == list(range(8))
