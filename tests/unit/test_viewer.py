"""The page's server and its documents, without a browser and without networks."""

import base64
import gc
import json
import socket
import threading
import time
import urllib.error
import urllib.request
import weakref
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exhibited import SIZE, clip_of, scene_of, write_clip, write_results
from PIL import Image

from pymafsam import body
from pymafsam.errors import BadInput, BadUsage
from pymafsam.masks.prompts import read_file
from pymafsam.records import Prompt
from pymafsam.viewer import desk as desk_module
from pymafsam.viewer import documents, exhibits, page, server, takeaway
from pymafsam.viewer import gallery as gallery_module
from pymafsam.viewer.book import Book, Outdated
from pymafsam.viewer.desk import Desk
from pymafsam.viewer.gallery import Gallery
from pymafsam.viewer.notebook import show
from pymafsam.viewer.remembering import Remembered

MODEL = body.load("anny24")
BOX = [10.0, 5.0, 70.0, 115.0]


@pytest.fixture
def folder(tmp_path):
    write_results(tmp_path, MODEL)
    return tmp_path


def gallery_of(*paths: Path, book: Path) -> Gallery:
    def load():
        return lambda frame, prompts: scene_of(
            MODEL, [Prompt(box=np.array(BOX))] if prompts is None else prompts, frame
        )

    return Gallery(
        exhibits=exhibits.find(paths), model=MODEL, desk=Desk(load=load, book=Book.open(book))
    )


@contextmanager
def serving(gallery):
    """The address of a server."""
    import uvicorn

    listener = server.listen("127.0.0.1", 0)
    app = server.app(gallery)
    running = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def served(folder):
    """Address of a server over the folder's results."""
    with serving(gallery_of(folder, book=folder / "said.json")) as address:
        yield address


def ask(address, content=None, kind="application/json", host=None):
    """(status, body) of an answer; json where it is."""
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(address, data=data)
    if data is not None:
        request.add_header("Content-Type", kind)
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def test_a_document_holds_the_body_before_the_camera_with_y_up():
    scene = scene_of(MODEL, [Prompt(box=np.array(BOX))])
    made = documents.of_scene(scene, MODEL, None)
    (person,) = made["people"]
    vertices = np.frombuffer(base64.b64decode(person["vertices"]), "<f4").reshape(-1, 3)
    (one,) = scene.bodies
    expected = (one.mesh.vertices + one.translation) * [1, -1, -1]
    assert np.allclose(vertices, expected, atol=1e-5)
    assert len(base64.b64decode(made["faces"])) == MODEL.faces.size * 4
    json.dumps(made, allow_nan=False)


def test_a_clips_document_poses_the_rig_as_the_body_is():
    clip = clip_of(MODEL)
    (person,) = documents.of_sequence(clip, MODEL, None)["people"]
    assert person["frames"] == [1, 2, 3]
    turns = np.frombuffer(base64.b64decode(person["turns"]), "<f4").reshape(3, 24, 4)
    assert np.allclose(np.linalg.norm(turns, axis=2), 1, atol=1e-5)
    # three.js takes four joints for a vertex.
    weights = np.frombuffer(base64.b64decode(person["weights"]), "<f4")
    assert np.allclose(weights.reshape(len(MODEL.template), 4).sum(axis=1), 1, atol=1e-5)


def test_results_come_with_their_photographs_where_those_are(folder):
    found = {one.name: one for one in exhibits.find([folder])}
    assert set(found) == {"one.jpg", "none.jpg"}
    assert found["one.jpg"].photograph == folder / "one.jpg"
    assert found["none.jpg"].photograph is None
    alone = exhibits.find([folder / "one.jpg"])
    assert (alone[0].results, alone[0].photograph) == (None, folder / "one.jpg")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"format": "pymafsam/7"}', "pymafsam/7"),
        ('{"other": 1}', "nothing to look at"),
        ("{", "not json"),
    ],
)
def test_what_cannot_be_looked_at_is_told(tmp_path, content, said):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(BadInput, match=said):
        exhibits.find([tmp_path / "x.json"])
    with pytest.raises(BadInput, match="nothing to look at"):
        exhibits.find([tmp_path])


def test_pictures_are_not_taken_anew(served):
    status, said = ask(f"{served}/exhibits/1/retake", {})
    assert status == 400
    assert "follow at once" in said["error"]


def test_results_of_a_body_that_is_not_here_are_told(folder):
    path = folder / "one.json"
    path.write_text(path.read_text().replace('"anny24"', '"my_smpl"'))
    room = gallery_of(path, book=folder / "said.json").room(0)
    with pytest.raises(BadInput, match="--body my_smpl, or its file"):
        room.document()


def test_a_photograph_that_was_lost_since_is_told(folder):
    gallery = gallery_of(folder, book=folder / "said.json")
    (folder / "one.jpg").unlink()
    room = gallery_of(folder, book=folder / "said.json").room(1)
    assert "--pictures" in room.document()["note"]
    with pytest.raises(BadInput, match="--pictures"):
        room.open(0)
    with pytest.raises(BadInput, match=r"one\.jpg"):  # gone while the page is open
        gallery.room(1).document()


def test_a_damaged_result_is_left_out_and_named(folder, caplog):
    text = (folder / "none.json").read_text()
    (folder / "none.json").write_text(text[: len(text) // 2])
    assert [one.name for one in exhibits.find([folder])] == ["one.jpg"]
    assert "none.json" in caplog.text


def test_the_page_answers_with_everything_it_needs(served):
    status, text = ask(served)
    assert status == 200
    assert b'"one.jpg"' in text
    for name in page.STATIC:
        assert ask(f"{served}/static/{name}")[0] == 200
    assert ask(f"{served}/static/../server.py")[0] == 404
    status, document = ask(f"{served}/exhibits/1/document")
    assert (status, len(document["people"])) == (200, 2)
    assert document["photograph"].startswith("data:image/jpeg")
    status, document = ask(f"{served}/exhibits/0/document")
    assert (status, document["people"]) == (200, [])
    assert "--pictures" in document["note"]
    assert ask(f"{served}/exhibits/9/document")[0] == 400


def test_a_correction_is_kept_replayed_and_undone(served, folder):
    desk = f"{served}/exhibits/1/desk/0"
    _, first = ask(desk)
    assert [row["box"] for row in first["rows"]] == [BOX, [90.0, 5.0, 150.0, 115.0]]
    rows = [{**first["rows"][0], "clicks": [[30, 40, 0]], "pins": {"left_wrist": [20, 30]}}]
    status, second = ask(desk, {"revision": first["revision"], "rows": rows})
    assert status == 200
    assert len(second["document"]["people"]) == 1
    assert second["document"]["people"][0]["mask"] != first["document"]["people"][0]["mask"]
    (said,) = read_file(folder / "said.json").prompts("one.jpg", SIZE)
    assert said.pins == {"left_wrist": (20.0, 30.0)}
    _, third = ask(f"{desk}/undo", {"revision": second["revision"]})
    assert third["rows"] == first["rows"]
    assert third["document"] == first["document"]


def test_of_two_windows_the_second_is_told_what_the_first_has_said(served):
    desk = f"{served}/exhibits/1/desk/0"
    _, first = ask(desk)
    one = {"revision": first["revision"], "rows": first["rows"][:1]}
    assert ask(desk, one)[0] == 200
    status, told = ask(desk, {**one, "rows": []})
    assert status == 409
    assert "another window" in told["error"]
    assert len(ask(desk)[1]["rows"]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"revision": 0, "rows": [{"box": [5, 5, 1, 1]}]}, "holds nothing"),
        ({"revision": 0, "rows": [{"pins": {"tail": [1, 1]}}]}, "tail"),
        ({"revision": 0, "rows": [{"mask": "/etc/passwd"}]}, "not named"),
        ({"revision": 0}, "rows"),
        ({"rows": []}, "revision"),
        ([], "object"),
    ],
)
def test_corrections_that_make_no_sense_change_nothing(served, folder, content, said):
    status, told = ask(f"{served}/exhibits/1/desk/0", content)
    assert status == 400
    assert said in told["error"]
    assert not (folder / "said.json").exists()


def test_other_sites_pages_get_no_answer(served):
    desk = f"{served}/exhibits/1/desk/0"
    assert ask(served, host="evil.example")[0] == 400
    assert ask(desk, {"revision": 0, "rows": []}, kind="text/plain")[0] == 400


def test_every_download_is_a_file(served):
    _, text = ask(served)
    content = text.split(b'id="content">')[1].split(b"</script>")[0]
    names = json.loads(content)["downloads"]["picture"]
    slow, of_smpl = {"result-picture", "result-side"}, {"amass"}
    for name in set(names) - slow - of_smpl:
        status, file = ask(f"{served}/exhibits/1/downloads/{name}")
        assert status == 200, file
    assert ask(f"{served}/exhibits/1/downloads/fbx")[0] == 400
    assert "SMPL" in ask(f"{served}/exhibits/1/downloads/amass")[1]["error"]
    assert "nobody" in ask(f"{served}/exhibits/0/downloads/glb")[1]["error"]


def test_a_browser_that_leaves_in_the_middle_loses_nothing(folder):
    """The answer is waited for by nobody; what was said is kept, and the next visitor sees it."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(frame, prompts):
        if prompts and prompts[0].clicks is not None:
            begun.set()
            go_on.wait(10)
        return scene_of(MODEL, [] if prompts is None else prompts, frame)

    gallery = Gallery(
        exhibits=exhibits.find([folder]),
        model=MODEL,
        desk=Desk(load=lambda: slow, book=Book.open(folder / "said.json")),
    )
    with serving(gallery) as address:
        desk = f"{address}/exhibits/1/desk/0"
        _, first = ask(desk)
        rows = [{**first["rows"][0], "clicks": [[30, 40, 0]]}]
        content = json.dumps({"revision": first["revision"], "rows": rows}).encode()
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as visitor:
            visitor.sendall(
                b"POST /exhibits/1/desk/0 HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
            )
            assert begun.wait(10)
        go_on.set()
        second = ask(desk)[1]
        for _ in range(50):
            if second["revision"] == 1:
                break
            time.sleep(0.1)
            second = ask(desk)[1]
        assert second["rows"][0]["clicks"] == [[30.0, 40.0, 0]]
    (said,) = read_file(folder / "said.json").prompts("one.jpg", SIZE)
    assert said.clicks.tolist() == [[30, 40]]


def test_a_port_in_use_is_said():
    taken = server.listen("127.0.0.1", 0)
    with taken, pytest.raises(BadUsage, match="--port"):
        server.listen("127.0.0.1", taken.getsockname()[1])


def test_a_clip_is_shown_with_its_film_and_a_frame_of_it_corrected(tmp_path):
    write_clip(tmp_path, MODEL)
    gallery = gallery_of(tmp_path, book=tmp_path / "said.json")
    (exhibit,) = gallery.exhibits
    assert exhibit.is_clip
    room = gallery.room(0)
    assert room.document()["film"] == "frames/{}.jpg"
    assert room.film.jpeg(3)[:2] == room.film.jpeg(0)[:2] == b"\xff\xd8"
    with pytest.raises(BadInput, match="no frame 9"):
        room.film.jpeg(8)
    opened = room.open(2)
    assert opened["rows"] == [{"box": [42.0, 10.0, 92.0, 110.0]}]
    room.change(2, 0, [{**opened["rows"][0], "clicks": [[60, 60, 1]]}])
    (said,) = read_file(tmp_path / "said.json").prompts("clip/000003", SIZE)
    assert said.clicks.tolist() == [[60, 60]]


def test_photographs_that_are_looked_at_are_not_all_held(tmp_path, monkeypatch):
    for number in range(gallery_module.OPEN + 3):
        pixels = np.full((120, 160, 3), 20 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(desk_module, "KEPT", 2)
    gallery = gallery_of(tmp_path, book=tmp_path / "said.json")
    read, held = gallery_module.frames.read_picture, []

    def noted(*arguments):
        frame = read(*arguments)
        held.append(weakref.ref(frame.pixels))
        return frame

    monkeypatch.setattr(gallery_module.frames, "read_picture", noted)
    for number in range(len(gallery.exhibits)):
        assert gallery.room(number).thumbnail[:2] == b"\xff\xd8"
        gallery.room(number).open(0)
    gc.collect()
    alive = sum(one() is not None for one in held)
    assert 0 < alive <= gallery_module.OPEN
    assert len(gallery.desk.done) == 2
    assert gallery.room(0).document()["photograph"] is not None


def test_photographs_of_one_name_are_two(tmp_path):
    places = [tmp_path / name / "one.png" for name in ("x", "y")]
    for grey, place in enumerate(places):
        place.parent.mkdir()
        Image.fromarray(np.full((120, 160, 3), grey, np.uint8)).save(place)
    gallery = gallery_of(*places, book=tmp_path / "said.json")
    assert [one.name for one in gallery.exhibits] == ["x/one.png", "y/one.png"]
    frames = [gallery.room(number).frame(0) for number in range(2)]
    alike = [replace(frame, name="one.png") for frame in frames]
    scenes = [gallery.desk.everybody(frame) for frame in alike]
    assert [scene.pixels.max() for scene in scenes] == [0, 1]


def test_the_page_as_one_file_holds_everything(folder, tmp_path):
    write_clip(folder, MODEL)
    text = takeaway.standalone(gallery_of(folder, book=tmp_path / "said.json"))
    content = json.loads(text.split('id="content">')[1].split("</script>")[0])
    assert [one["kind"] for one in content["exhibits"]] == ["clip", "picture", "picture"]
    assert "one_rig.glb" in content["files"][2]
    assert 'src="' not in text.split("<script>")[0]
    assert "<!-- head -->" not in text


def test_where_no_page_can_be_a_scene_is_shown_as_a_picture(tmp_path):
    from PIL import Image

    shown = show(scene_of(MODEL, [Prompt(box=np.array(BOX))]))
    assert 'id="still" alt="" hidden src="data:image/jpeg' in shown.text
    assert shown._repr_jpeg_()[:2] == b"\xff\xd8"
    assert "srcdoc" in shown._repr_html_()
    for name in ("a.png", "a.jpg"):
        with Image.open(shown.save(tmp_path / name)) as picture:
            assert picture.size == (shown.picture.shape[1], 480)
    assert shown.save(tmp_path / "a.html").read_text(encoding="utf-8") == shown.text


def test_a_prompts_file_of_another_kind_is_not_written_over(tmp_path):
    path = tmp_path / "said.json"
    path.write_text('{"mine": 1}')
    with pytest.raises(BadInput, match="not a prompts file"):
        Book.open(path)


def test_a_book_goes_on_with_what_was_said_before(tmp_path):
    book = Book.open(tmp_path / "said.json")
    book.change("a.jpg", 0, [{"box": BOX}])
    again = Book.open(tmp_path / "said.json")
    assert again.page("a.jpg").rows == [{"box": BOX}]
    again.change("b.jpg", 0, [])
    again.undo("a.jpg", 0)
    assert Book.open(tmp_path / "said.json").page("a.jpg").rows == [{"box": BOX}]
    with pytest.raises(Outdated):
        again.undo("a.jpg", 0)


def test_a_remembering_detector_says_the_same_and_looks_once():
    class Counting:
        looked = 0

        def find(self, pixels):
            return []

        def describe(self, pixels, people):
            self.looked += len(people)
            return people

    from pymafsam.records import Person

    behind = Counting()
    detector = Remembered(behind)
    pixels = np.zeros((4, 4, 3), np.uint8)
    one = Person(box=np.array(BOX), score=0.5)
    other = Person(box=np.array(BOX) + 1, score=0.5, track=2)
    first = detector.describe(pixels, [one, other])
    assert detector.describe(pixels, [one])[0].box.tolist() == first[0].box.tolist()
    assert behind.looked == 2
    detector.describe(pixels + np.uint8(1), [one])
    assert behind.looked == 3


def test_a_remembering_decoder_says_the_same_and_decodes_once():
    from pymafsam.viewer.remembering import RememberedEngine

    class Counting:
        decoded = 0
        is_local = False

        def encode(self, canvas, corner=(0, 0)):
            return canvas

        def decode(self, embedding, points, labels, previous):
            self.decoded += 1
            return np.full((4, 256, 256), points[0, 0], np.float32), np.zeros(4)

    behind = Counting()
    engine = RememberedEngine(behind)
    embedding, labels = engine.encode(np.zeros((1, 3, 1024, 1024))), np.ones(1)
    for x in (1.0, 2.0, 1.0):
        logits, _ = engine.decode(embedding, np.array([[x, 0.0]]), labels, None)
        assert logits[0, 0, 0] == x
    assert behind.decoded == 2
    engine.decode(embedding, np.array([[1.0, 0.0]]), labels, np.zeros((256, 256)))
    assert behind.decoded == 3
