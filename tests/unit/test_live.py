"""Live: the causal filter's laws, and the page."""

import threading
import urllib.request
from contextlib import nullcontext
from dataclasses import replace
from http.server import ThreadingHTTPServer

import numpy as np
import pytest

from pymafsam.cli.live import Live, Screen
from pymafsam.cli.main import find_verb
from pymafsam.clips import live as clips_live
from pymafsam.files import video
from pymafsam.fitting.causal import Calmer
from pymafsam.geometry import rotation
from pymafsam.records import Body, Frame, Mesh, Person, Pose

NOTHING = Mesh(vertices=np.zeros((1, 3)), joints=np.zeros((24, 3)))


def body(vectors, where):
    pose = Pose(rotations=rotation.from_axis_angle(vectors), betas=np.zeros(10))
    person = Person(box=np.zeros(4), score=1.0, track=1)
    place = np.asarray(where, float)
    return Body(person=person, pose=pose, mesh=NOTHING, translation=place, score=1.0)


def test_who_stands_still_is_calmed_and_who_stays_stays():
    generator, calmer = np.random.default_rng(0), Calmer()
    raw, calm = [], []
    for k in range(60):
        noisy = body(generator.normal(0, 0.03, (24, 3)), [0, 0, 4 + generator.normal(0, 0.05)])
        raw.append(noisy.translation[2])
        calm.append(calmer.step(noisy, k / 30)[1][2])
    assert np.diff(calm[10:]).std() < np.diff(raw[10:]).std() / 3
    assert np.mean(calm[10:]) == pytest.approx(4, abs=0.05)
    still = body(np.full((24, 3), 0.2), [1, 2, 3])
    calmer = Calmer()
    for k in range(5):
        pose, where = calmer.step(still, k / 30)
    assert pose.rotations == pytest.approx(still.pose.rotations)
    assert where == pytest.approx(still.translation)


def test_a_quick_turn_lags_by_little():
    calmer, lag = Calmer(), []
    for k in range(30):
        vectors = np.zeros((24, 3))
        vectors[:, 1] = 3.0 * k / 30  # radians per second
        pose, _ = calmer.step(body(vectors, [0, 0, 4]), k / 30)
        lag.append(vectors[0, 1] - rotation.to_axis_angle(pose.rotations)[0, 1])
    assert 0 <= lag[-1] < 0.25


def test_after_a_pause_a_body_is_taken_as_it_is():
    calmer = Calmer()
    calmer.step(body(np.zeros((24, 3)), [0, 0, 4]), 0.0)
    _, where = calmer.step(body(np.zeros((24, 3)), [2, 0, 4]), 3.0)
    assert where.tolist() == [2, 0, 4]
    stranger = body(np.zeros((24, 3)), [5, 0, 4])
    stranger = replace(stranger, person=replace(stranger.person, track=2))
    assert calmer.step(stranger, 3.01)[1].tolist() == [5, 0, 4]


class Drawing:
    """Draws nobody."""

    def __init__(self, reconstructor):
        pass

    def draw(self, frame):
        return frame.pixels, None


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(143)])
@pytest.mark.parametrize("count", [0, 2])
def test_a_film_that_is_interrupted_is_kept_as_far_as_it_goes(
    tmp_path, monkeypatch, interruption, count
):
    def frames(number):
        for k in range(count):
            yield Frame(pixels=np.zeros((32, 48, 3), np.uint8), name="c", index=k, seconds=k / 9)
        raise interruption

    monkeypatch.setattr(clips_live, "camera_frames", frames)
    monkeypatch.setattr(clips_live, "Live", Drawing)
    monkeypatch.setattr(Live, "load", lambda self: None)
    film = tmp_path / "film.mp4"
    kept_going = count and isinstance(interruption, KeyboardInterrupt)
    with nullcontext() if kept_going else pytest.raises(type(interruption)):
        Live(record=film, port=0).run()
    assert len(list(video.frames(film, "film", pytest.fail)) if count else []) == count
    assert film.exists() == bool(count)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"] * bool(count)


def test_the_page_shows_the_newest_picture():
    screen = Screen()
    server = ThreadingHTTPServer(("127.0.0.1", 0), screen.handler())
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        screen.show(np.full((8, 8, 3), 200, np.uint8))
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with urllib.request.urlopen(f"{address}/", timeout=20) as page:
            assert b"stream" in page.read()
        with urllib.request.urlopen(f"{address}/stream", timeout=20) as stream:
            assert b"\xff\xd8" in stream.read(80)  # how a JPEG begins
            screen.show(np.zeros((8, 8, 3), np.uint8))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_to_reconstruct_a_camera_is_to_do_so_live():
    assert find_verb(["reconstruct", "--camera", "0"]) == ("live", ["--camera", "0"])
    assert find_verb(["reconstruct", "a.jpg"]) == ("reconstruct", ["a.jpg"])
