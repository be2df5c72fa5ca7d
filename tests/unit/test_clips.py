"""The flow of a video with a detector and a fit that cost nothing: what breaks, what goes on."""

import errno
import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from pymafsam import body as bodies
from pymafsam.ahead import ahead
from pymafsam.body import place
from pymafsam.cli.main import main
from pymafsam.clips import Clip, ClipOptions, flow, looking, reconstruct, shelf
from pymafsam.clips.following import Wanted
from pymafsam.clips.shelf import Shelf
from pymafsam.errors import BadInput
from pymafsam.export.sequence import load
from pymafsam.files import made, rle, video
from pymafsam.geometry.boxes import bounds
from pymafsam.masks.plain import load_none
from pymafsam.observe import Observer
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Flip, Mask, Person, Pose, Prompt, Request

RED, SIZE = (200, 30, 30), (96, 64)
SHAPE = [(0.5, 0.05), *[(0.4 + 0.2 * (k % 2), 0.06 + 0.055 * k) for k in range(16)]]


class RedPeople:
    """Everything red and upright is a person, with keypoints at fixed shares of the box."""

    def find(self, pixels):
        red = (pixels[..., 0].astype(int) - pixels[..., 1] > 90).astype(np.uint8)
        people = []
        columns = np.flatnonzero(red.any(axis=0))
        for part in np.split(columns, np.flatnonzero(np.diff(columns) > 2) + 1):
            if len(part) > 4:
                inside = np.zeros(red.shape, bool)
                inside[:, part] = red[:, part]
                people.append(Person(box=bounds(inside), score=0.9))
        return people

    def describe(self, pixels, people):
        return [self._described(person) for person in people]

    def _described(self, person):
        low, size = person.box[:2], person.box[2:] - person.box[:2]
        points = low + np.array(SHAPE) * size
        keypoints = np.column_stack([points, np.full(17, 0.9)])
        return replace(person, keypoints=keypoints, layout="coco17", keypoint_score=0.9)


class Upright:
    """Everybody stands upright, as far away as they are high in the picture."""

    needs = frozenset({"keypoints"})

    def __init__(self, model):
        self.model = model
        rotations = np.tile(np.eye(3), (24, 1, 1))
        rotations[0] = np.diag([1.0, -1.0, -1.0])
        self.pose = Pose(rotations=rotations, betas=np.zeros(10))

    def estimate(self, observations, start=None):
        for seen in observations:
            yield [self._body(person, seen.camera) for person in seen.people]

    def _body(self, person, camera):
        x0, y0, x1, y1 = person.box
        depth = camera.focal * 1.7 / max(y1 - y0, 1)
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) - camera.centre
        where = np.array([*(middle * depth / camera.focal), depth])
        return place(self.model, self.pose, where, camera, person, 0.8, None)


@pytest.fixture(scope="module")
def reconstructor():
    model = bodies.load("anny24")
    observer = Observer(detector=RedPeople(), segmenter=load_none())
    return Reconstructor(model=model, observer=observer, estimator=Upright(model))


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    for module in (shelf, flow):
        monkeypatch.setattr(module, "CHUNK", 4)


def picture(k, people=1):
    pixels = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
    pixels[::8] = 140
    for person in range(people):
        x = 10 + 2 * k + 45 * person
        pixels[12:52, x : x + 12] = RED
    return pixels


def write(path, frames, *, people=1, times=None, tone=False):
    """A video of red people who walk to the right, at 10 frames a second or at ``times``."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=16_000, layout="mono") if tone else None
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(k, people), format="rgb24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(1000 * (k / 10 if times is None else times[k]))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio is not None:
            wave = np.sin(np.arange(1600 * frames) / 9).astype(np.float32)[None]
            sound = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            sound.sample_rate = 16_000
            container.mux(audio.encode(sound))
            container.mux(audio.encode())
    return path


def clip(path, out, reconstructor, **options):
    chosen = {"formats": ("npz",), "smooth": False, "with_masks": False, **options}
    return Clip(
        path=path,
        name=path.name,
        stem=path.stem,
        out=out,
        reconstructor=reconstructor,
        options=ClipOptions(**chosen),
        ask=lambda frame: Request(frame=frame),
    )


def run(path, out, reconstructor, progress=None, **options):
    job = clip(path, out, reconstructor, **options)
    telling = {} if progress is None else {"progress": progress}
    return reconstruct(job, made.origin(path, {}), **telling)


FILMS = {"formats": ("picture", "side", "json", "npz")}


def test_results_are_known_again_and_made_anew_where_they_are_stale(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 2)
    job, origin = clip(path, tmp_path, reconstructor, **FILMS), made.origin(path, {})
    assert not job.is_done(origin)
    reconstruct(job, origin)
    assert job.is_done(origin)
    assert not job.is_done(made.origin(path, {"detector": "fast"}))
    made.Outputs(maker="reconstruct").claim(job.files(), "walk.mp4")


def test_films_keep_size_times_and_sound(tmp_path, reconstructor):
    times = [0.0, 0.1, 0.15, 0.4, 0.5, 0.9]
    path = write(tmp_path / "walk.mp4", 6, times=times, tone=True)
    report = run(path, tmp_path, reconstructor, **FILMS)
    assert (report.frames, report.people, report.broken) == (6, 1, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "walk.json",
        "walk.mp4",
        "walk.npz",
        "walk_overlay.mp4",
        "walk_side.mp4",
    ]
    frames = list(video.frames(tmp_path / "walk_overlay.mp4", "walk", pytest.fail))
    assert [frame.seconds for frame in frames] == pytest.approx(times, abs=1e-3)
    assert frames[0].size == SIZE
    assert video.facts(tmp_path / "walk_side.mp4").has_sound
    assert load(tmp_path / "walk.npz").seconds == pytest.approx(times, abs=1e-3)


def test_sound_lies_beside_its_pictures_in_a_film(tmp_path):
    # FFmpeg by itself brings together what is up to ten seconds apart.
    times = np.arange(40) / 2.0
    path = write(tmp_path / "walk.mp4", 200, times=np.arange(200) / 10, tone=True)
    segments = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for segment, some in zip(segments, np.split(times, 2), strict=True):
        encoder = video.Encoder(segment, SIZE, 2.0)
        for k, seconds in enumerate(some):
            encoder.write(picture(k), float(seconds))
        encoder.close()
    video.join(segments, tmp_path / "film.mp4", mark="ours", sound=path)
    with av.open(str(tmp_path / "film.mp4")) as film:
        packets = [p for p in film.demux() if p.dts is not None]
        lain = sorted(packets, key=lambda packet: packet.pos)
        seconds = np.array([float(p.dts * p.time_base) for p in lain])
        kinds = {p.stream.type for p in lain}
    assert kinds == {"video", "audio"}
    assert np.abs(np.diff(seconds)).max() < 2.0


@pytest.mark.parametrize("stop", [("look", 6), ("draw", 3), ("draw", 7)])
def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, reconstructor, stop):
    path = write(tmp_path / "walk.mp4", 9, tone=True)

    def interrupt(stage, done, total):
        if (stage, done) == stop:
            raise KeyboardInterrupt

    run(path, tmp_path / "whole", reconstructor, **FILMS)
    with pytest.raises(KeyboardInterrupt):
        run(path, tmp_path / "broken", reconstructor, interrupt, **FILMS)
    assert (tmp_path / "broken" / "walk.work").is_dir()
    run(path, tmp_path / "broken", reconstructor, **FILMS)
    whole = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
    assert whole == {p.name: p.read_bytes() for p in (tmp_path / "broken").iterdir()}


def test_a_frame_that_failed_before_an_interruption_is_named_after_it(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 9)

    def ask(frame):
        if frame.index == 1:
            raise BadInput("nobody is meant in it")
        return Request(frame=frame)

    def interrupt(stage, done, total):
        if (stage, done) == ("look", 6):
            raise KeyboardInterrupt

    job = replace(clip(path, tmp_path / "out", reconstructor), ask=ask)
    with pytest.raises(KeyboardInterrupt):
        reconstruct(job, made.origin(path, {}), interrupt)
    assert (tmp_path / "out" / "walk.work" / "looks-000000.npz").exists()
    again = replace(clip(path, tmp_path / "out", reconstructor), ask=ask)
    assert reconstruct(again, made.origin(path, {})).broken == {1: "nobody is meant in it"}


def test_a_disk_that_is_full_at_a_films_end_leaves_no_pieces(tmp_path, reconstructor, monkeypatch):
    path = write(tmp_path / "walk.mp4", 2)

    def full(encoder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(video.Encoder, "close", full)
    with pytest.raises(BadInput, match="No space left"):
        run(path, tmp_path, reconstructor, **FILMS)
    assert not list((tmp_path / "walk.work").glob(".pymafsam-*"))


def test_what_was_made_otherwise_is_not_gone_on_with(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 9)

    def interrupt(stage, done, total):
        if stage == "draw":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(path, tmp_path / "o", reconstructor, interrupt, **FILMS)
    run(path, tmp_path / "o", reconstructor, every=3)
    run(path, tmp_path / "p", reconstructor, every=3)
    assert (tmp_path / "o" / "walk.npz").read_bytes() == (tmp_path / "p" / "walk.npz").read_bytes()


class Fading(RedPeople):
    """Hardly makes out people who have walked some way."""

    def _described(self, person):
        score = 0.9 if person.box[0] < 19 else 0.15
        return replace(super()._described(person), keypoint_score=score)


def test_a_calm_motion_ends_with_the_last_look_that_says_something(
    tmp_path, reconstructor, monkeypatch
):
    monkeypatch.setattr(looking, "FIND", 1)  # red people's boxes are right where they are found
    path = write(tmp_path / "walk.mp4", 9)
    observer = replace(reconstructor.observer, detector=Fading())
    fading = replace(reconstructor, observer=observer)
    for smooth, frames in ((True, 5), (False, 9)):
        run(path, tmp_path / str(smooth), fading, smooth=smooth)
        (motion,) = load(tmp_path / str(smooth) / "walk.npz").motions
        assert len(motion.frames) == frames


def test_a_damaged_frame_is_named_and_bridged(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 9)
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][4]
        where, size = packet.pos, packet.size
    content = bytearray(path.read_bytes())
    content[where : where + size] = b"\xff" * size
    path.write_bytes(content)
    report = run(path, tmp_path / "o", reconstructor)
    (motion,) = load(tmp_path / "o" / "walk.npz").motions
    assert len(motion.frames) >= 8
    assert report.broken or len(motion.frames) == 9


def test_a_phones_film_held_upright_is_upright(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 3)
    content = bytearray(path.read_bytes())
    # The track's matrix stands 44 bytes behind the name of its header: a quarter turn.
    matrix = content.index(b"tkhd") + 44
    quarter = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter)
    path.write_bytes(content)
    run(path, tmp_path / "o", reconstructor, **FILMS)
    (shown, *_) = video.frames(tmp_path / "o" / "walk_overlay.mp4", "walk", pytest.fail)
    assert shown.size == SIZE[::-1]
    assert load(tmp_path / "o" / "walk.npz").camera.size == SIZE[::-1]


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_videos_are_videos(tmp_path, reconstructor, frames):
    path = write(tmp_path / "walk.mp4", frames)
    report = run(path, tmp_path / "o", reconstructor, **{**FILMS, "smooth": True})
    assert report.frames == frames
    assert len(list(video.frames(tmp_path / "o" / "walk_side.mp4", "walk", pytest.fail))) == frames


def test_a_video_without_sound_makes_films_without(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 3)
    run(path, tmp_path / "o", reconstructor, **FILMS)
    for name in ("overlay", "side"):
        assert not video.facts(tmp_path / "o" / f"walk_{name}.mp4").has_sound


def test_chunks_too_large_to_be_held_are_streamed_to_the_same_motions(
    tmp_path, reconstructor, monkeypatch
):
    path = write(tmp_path / "walk.mp4", 9)
    run(path, tmp_path / "held", reconstructor)
    monkeypatch.setattr(flow, "HELD_BYTES", 0)
    run(path, tmp_path / "streamed", reconstructor)
    held, streamed = (tmp_path / name / "walk.npz" for name in ("held", "streamed"))
    assert held.read_bytes() == streamed.read_bytes()


def test_a_4k_video_keeps_its_size(tmp_path, reconstructor):
    path = tmp_path / "large.mp4"
    encoder = video.Encoder(path, (3840, 2160), 25.0)
    for k in range(2):
        encoder.write(np.kron(picture(k)[:54], np.ones((40, 40, 1), np.uint8)), k / 25)
    encoder.close()
    report = run(path, tmp_path / "o", reconstructor, formats=("picture", "npz"))
    assert (report.frames, report.people) == (2, 1)
    (motion,) = load(tmp_path / "o" / "large.npz").motions
    assert motion.boxes[0] == pytest.approx(40 * np.array([10, 12, 22, 52]), abs=40)
    film = next(video.frames(tmp_path / "o" / "large_overlay.mp4", "large", pytest.fail))
    assert film.size == (3840, 2160)


ONE_THREAD = """
from threadpoolctl import threadpool_info
from pymafsam.clips import flow

with flow.QUIET:
    import scipy.linalg  # as the fit over time does, in the midst of it

    threads = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
assert set(threads) == {1}, threads
"""


def test_libraries_that_are_imported_late_work_in_one_thread_too():
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", ONE_THREAD], check=True, env=environment)


def test_nobody_in_a_video_is_no_failure(tmp_path, reconstructor):
    path = write(tmp_path / "empty.mp4", 3, people=0)
    report = run(path, tmp_path / "o", reconstructor, **FILMS)
    assert report.people == 0
    assert load(tmp_path / "o" / "empty.npz").motions == ()


def test_of_two_people_the_one_meant_is_kept(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 7, people=2)
    everybody = clip(path, tmp_path / "all", reconstructor)
    assert reconstruct(everybody, made.origin(path, {})).people == 2
    second = {"wanted": Wanted(tracks=(2,))}
    run(path, tmp_path / "one", reconstructor, **second)
    (motion,) = load(tmp_path / "one" / "walk.npz").motions
    assert motion.track == 2
    with pytest.raises(BadInput, match=r"1 \(7 frames\), 2 \(7 frames\)"):
        run(path, tmp_path / "none", reconstructor, wanted=Wanted(tracks=(5,)))

    def ask(frame):
        box = np.array([10.0 + 45 + 6, 12, 10 + 45 + 18, 52])
        return Request(frame=frame, prompts=(Prompt(box=box),) if frame.index == 3 else None)

    said = replace(clip(path, tmp_path / "said", reconstructor), ask=ask)
    reconstruct(said, made.origin(path, {}))
    (motion,) = load(tmp_path / "said" / "walk.npz").motions
    assert motion.frames.tolist() == list(range(7))
    assert motion.boxes[3, 0] == pytest.approx(61, abs=3)


def test_corrections_of_a_frame_are_replayed_to_the_same_bytes(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 9)

    def ask(frame):
        said = Prompt(
            box=np.array([10.0 + 2 * 4, 12, 10 + 2 * 4 + 12, 52]),
            pins={"left_wrist": (40.0, 30.0)},
            flips=(Flip(part="legs", way="sides"),),
        )
        return Request(frame=frame, prompts=(said,) if frame.index == 4 else None)

    for name in ("one", "other"):
        job = clip(path, tmp_path / name, reconstructor, smooth=True, formats=("json", "npz"))
        reconstruct(replace(job, ask=ask), made.origin(path, {}))
    run(path, tmp_path / "plain", reconstructor, smooth=True)
    one, other, plain = (tmp_path / n / "walk.npz" for n in ("one", "other", "plain"))
    assert one.read_bytes() == other.read_bytes()
    (led,), (free,) = load(one).motions, load(plain).motions
    moved = np.abs(led.rotations - free.rotations).max(axis=(1, 2, 3))
    assert moved[4] > 0.1


def test_bodies_between_looks_are_bridged_and_not_called_filled(tmp_path, reconstructor):
    path = write(tmp_path / "walk.mp4", 9)
    run(path, tmp_path / "o", reconstructor, every=4)
    (motion,) = load(tmp_path / "o" / "walk.npz").motions
    assert motion.frames.tolist() == list(range(9))
    assert not motion.filled.any()
    assert np.diff(motion.translation[:, 0]).min() > 0


class RedPixels:
    """Segments everything red in a prompt's box, and counts how often it was asked."""

    def __init__(self):
        self.asked = 0

    def segment(self, pixels, prompts):
        self.asked += 1
        red = pixels[..., 0].astype(int) - pixels[..., 1] > 90
        masks = []
        for prompt in prompts:
            x0, y0, x1, y1 = np.asarray(prompt.box).astype(int)
            inside = np.zeros(red.shape, bool)
            inside[y0:y1, x0:x1] = red[y0:y1, x0:x1]
            masks.append(Mask(inside=inside, score=0.9, source="mobilesam"))
        return masks


@pytest.mark.parametrize(("mask_every", "asked"), [(1.0, 2), (0.0, 8)])
def test_masks_made_once_in_a_while_are_followed_in_between(
    tmp_path, reconstructor, monkeypatch, mask_every, asked
):
    monkeypatch.setattr(looking, "FIND", 1)  # red people's boxes are right where they are found
    segmenter = RedPixels()
    observer = replace(reconstructor.observer, segmenter=segmenter)
    path = write(tmp_path / "walk.mp4", 8)  # two chunks, each begins with a mask
    options = {"per_frame": ("json",), "with_masks": True, "mask_every": mask_every}
    run(path, tmp_path / "o", replace(reconstructor, observer=observer), **options)
    assert segmenter.asked == asked
    for frame in video.frames(path, "walk", pytest.fail):
        document = json.loads((tmp_path / "o" / "walk" / f"{frame.index + 1:06d}.json").read_text())
        inside = rle.decode(document["people"][0]["mask"], SIZE)
        red = frame.pixels[..., 0].astype(int) - frame.pixels[..., 1] > 90
        assert np.count_nonzero(inside & red) > 0.9 * np.count_nonzero(inside | red)


def test_a_stage_ahead_gives_the_same_and_tells_its_error():
    assert list(ahead(range(20), 3)) == list(range(20))

    def breaks():
        yield 1
        raise BadInput("no more")

    taken = ahead(breaks())
    assert next(taken) == 1
    with pytest.raises(BadInput, match="no more"):
        next(taken)


PLAYED = """
async (source) => {
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const ended = new Promise((done, failed) => {
    video.onended = done;
    video.onerror = () => failed(new Error(video.error.message));
  });
  video.src = source;
  await video.play();
  await ended;
  return {
    size: [video.videoWidth, video.videoHeight],
    seconds: video.currentTime,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    sound: video.webkitAudioDecodedByteCount,
  };
}
"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as running:
        try:
            # Where the tests run as root Chromium has no sandbox to put itself in.
            browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"Chromium cannot be started: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


def test_a_browser_plays_both_films_to_the_end_with_sound(tmp_path, reconstructor, browser):
    path = write(tmp_path / "walk.mp4", 9, tone=True)
    run(path, tmp_path, reconstructor, **FILMS)
    page = browser.new_page()
    (tmp_path / "page.html").write_text("<!doctype html><title>films</title>")
    page.goto((tmp_path / "page.html").as_uri())
    for name, size in (("walk_overlay.mp4", list(SIZE)), ("walk_side.mp4", None)):
        told = page.evaluate(PLAYED, (tmp_path / name).as_uri())
        assert told["size"] == size or size is None
        assert told["seconds"] == pytest.approx(0.9, abs=0.11)
        assert told["frames"] >= 5  # a busy machine shows fewer
        assert told["sound"] > 0


def test_saved_motions_have_figures(tmp_path, reconstructor, monkeypatch):
    # Red people's keypoints follow their box, so the box must follow the people.
    monkeypatch.setattr(looking, "FIND", 1)
    path = write(tmp_path / "walk.mp4", 7, people=2)
    run(path, tmp_path, reconstructor)
    rows = [
        f"{k + 1},{person + 1},{10 + 2 * k + 45 * person},12,12,40,1"
        for k in range(7)
        for person in range(2)
    ]
    (tmp_path / "gt.txt").write_text("\n".join(rows))
    words = [tmp_path / "walk.npz", "--tracks", tmp_path / "gt.txt", "--out", tmp_path / "e"]
    assert main(["evaluate", "sequence", *map(str, words)]) == 0
    (told,) = json.loads((tmp_path / "e" / "scores.json").read_text())
    assert (told["following"]["switches"], told["following"]["idf1"]) == (0, 1)
    assert len(told["tracks"]) == 2
    assert told["tracks"][0]["bone_length_variation"] < 1e-6


@pytest.mark.parametrize("name", ["notes.txt", "recipe.json"])
def test_a_folder_of_others_is_not_taken_for_intermediate_results(tmp_path, reconstructor, name):
    path = write(tmp_path / "walk.mp4", 3)
    theirs = tmp_path / "walk.work" / name
    theirs.parent.mkdir()
    theirs.write_text("{}")
    with pytest.raises(BadInput, match="pymafsam did not make it"):
        run(path, tmp_path, reconstructor)
    assert theirs.read_text() == "{}"


def test_what_others_put_beside_intermediate_results_stays(tmp_path):
    shelf = Shelf.open(tmp_path / "walk.work", {"options": "a"})
    (shelf.folder / "notes.txt").write_text("mine")
    Shelf.open(shelf.folder, {"options": "b"}).remove()
    assert [path.name for path in shelf.folder.iterdir()] == ["notes.txt"]


def test_a_playlist_named_like_a_video_opens_nothing(tmp_path):
    whole = write(tmp_path / "walk.mp4", 3)
    lure = tmp_path / "lure.mp4"
    lure.write_text(f"ffconcat version 1.0\nfile '{whole}'\n")
    for read in (video.facts, lambda path: list(video.frames(path, "lure", pytest.fail))):
        with pytest.raises(BadInput, match="cannot be read"):
            read(lure)
