"""The page in a real browser, headless: what is seen, and what a visitor's hands do.

Reconstruction is stood in for (it costs nothing); the last test is the real one.
"""

import io
import json
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body
from pymafsam.masks.prompts import read_file
from pymafsam.records import Prompt
from pymafsam.viewer import exhibits, server, takeaway
from pymafsam.viewer.book import Book
from pymafsam.viewer.desk import Desk
from pymafsam.viewer.gallery import Gallery
from pymafsam.viewer.notebook import show

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
from exhibited import SIZE, clip_of, scene_of, write_clip, write_results

MODEL = body.load("anny24")
SOFTWARE = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
GREEN = np.array([60, 120, 60])  # the photograph's only colour


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; the tests skip where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    with sync_api.sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=program, args=SOFTWARE)
        except sync_api.Error as error:
            pytest.skip(f"no Chromium can be started here ({str(error).splitlines()[0]})")
        yield running
        running.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("looked_at")
    write_results(folder, MODEL)
    write_clip(folder, MODEL)
    return folder


def reconstruct(frame, prompts):
    return scene_of(MODEL, [] if prompts is None else prompts, frame)


@pytest.fixture
def gallery(folder, tmp_path):
    desk = Desk(load=lambda: reconstruct, book=Book.open(tmp_path / "said.json"))
    return Gallery(
        exhibits=exhibits.find([folder]), model=MODEL, desk=desk, remake=lambda path, name: retaken
    )


def retaken(tell):
    """The clip as it follows what was said: the same under another number."""
    tell("look", 1, 4)
    clip = clip_of(MODEL)
    return replace(clip, motions=tuple(replace(one, track=9) for one in clip.motions))


@pytest.fixture
def address(gallery):
    uvicorn = pytest.importorskip("uvicorn")
    listener = server.listen("127.0.0.1", 0)
    config = uvicorn.Config(server.app(gallery), log_level="critical", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def opened(browser):
    """Opens an address in a window of its own; whatever goes wrong in it fails the test."""
    windows, wrong = [], []

    def window(address, number):
        page = browser.new_page(viewport={"width": 560, "height": 340})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        windows.append(page)
        page.goto(f"{address}#{number}")
        settle(page)
        assert page.evaluate("document.body.dataset.ready") == str(number)
        return page

    yield window
    for page in windows:
        page.close()
    assert wrong == []


def settle(page):
    """Wait until nothing is under way and two more frames were drawn."""
    page.bring_to_front()  # what lies behind another window is not drawn
    page.wait_for_function(
        "document.body.dataset.ready !== undefined && !document.body.dataset.busy", timeout=60_000
    )
    page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


def seen(page):
    """The page's pixels."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)


def at(page, u, v):
    """Where a pixel of the photograph is on the page."""
    return page.evaluate(f"pymafsam.onPage({u}, {v})")


def colour_at(page, u, v):
    x, y = at(page, u, v)
    return seen(page)[int(y), int(x)]


ONE = 2  # clip.mp4, none.jpg, one.jpg: by the names of their results
CHEST = (40, 52)  # on the left one of the two people


def test_a_body_stands_before_its_photograph_and_goes_with_its_switch(address, opened):
    page = opened(address, ONE)
    assert np.abs(colour_at(page, 3, 3) - GREEN).max() < 12
    blue = colour_at(page, *CHEST)
    assert blue[2] > blue[1] + 10
    page.locator(".person").first.locator("[data-toggle=mesh]").uncheck()
    settle(page)
    assert np.abs(colour_at(page, *CHEST) - GREEN).max() < 12


def test_the_view_from_the_side_is_another(address, opened):
    page = opened(address, ONE)
    through = seen(page)
    page.click("[data-view=side]")
    settle(page)
    assert np.mean(np.abs(seen(page) - through).max(axis=2) > 20) > 0.02


def test_nobody_and_no_photograph_are_told_in_words(address, opened):
    page = opened(address, 1)
    assert "--pictures" in page.locator("#note").inner_text()
    assert page.locator(".person").count() == 0


def test_a_clip_runs_and_can_be_wound(address, opened):
    page = opened(address, 0)
    assert page.evaluate("pymafsam.state.looks[0].there") is False  # seen from the second frame on
    page.locator("#frame").fill("3")
    settle(page)
    assert page.evaluate("pymafsam.state.looks[0].there") is True
    later = colour_at(page, 150, 60)
    page.locator("#frame").fill("0")
    settle(page)
    assert np.abs(colour_at(page, 150, 60) - later).max() > 20  # the film goes along
    page.click("#play")
    page.wait_for_function("pymafsam.state.frame !== 0")


def test_a_clip_follows_what_was_said_of_one_of_its_frames(address, opened):
    page = opened(address, 0)
    page.locator("#frame").fill("2")
    settle(page)
    page.click("#correct")
    settle(page)
    page.mouse.click(*at(page, 60, 60))
    settle(page)
    assert page.locator("#time").is_hidden()
    page.click("#correct")
    page.wait_for_function("document.querySelector('#note').innerText.includes('fitted anew')")
    assert page.evaluate("pymafsam.state.shown.people[0].name") == "track 9"
    assert page.evaluate("pymafsam.state.frame") == 2


def test_a_click_beside_changes_mask_and_body_and_undo_takes_it_back(address, opened, gallery):
    page = opened(address, ONE)
    page.click("#correct")
    settle(page)
    x, y = at(page, 18, 100)
    before = seen(page)
    page.keyboard.down("Shift")
    page.mouse.click(x, y)
    page.keyboard.up("Shift")
    settle(page)
    after = seen(page)
    near = (slice(int(y) - 15, int(y) + 15), slice(int(x) - 15, int(x) + 15))
    assert np.abs(after[near] - before[near]).max() > 40
    (one, _) = read_file(gallery.desk.book.path).prompts("one.jpg", SIZE)
    assert one.inside.tolist() == [False]
    assert np.abs(one.clicks[0] - (18, 100)).max() < 1
    page.click("#undo")
    settle(page)
    assert np.abs(seen(page)[near] - before[near]).max() < 12


def test_a_dragged_keypoint_is_pinned_and_the_body_follows(address, opened, gallery):
    page = opened(address, ONE)
    page.click("#correct")
    settle(page)
    row = "pymafsam.state.shown.people[0].keypoints.find((one) => one[0] === 'left_wrist')"
    u, v = page.evaluate(row)[1:3]
    (x0, y0), (x1, y1) = at(page, u, v), at(page, u + 5, v - 25)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=4)
    page.mouse.up()
    settle(page)
    (one, _) = read_file(gallery.desk.book.path).prompts("one.jpg", SIZE)
    assert np.abs(np.array(one.pins["left_wrist"]) - (u + 5, v - 25)).max() < 1
    assert page.evaluate("pymafsam.state.shown.people[0].pose[16][2]") == pytest.approx(0.9, 0.01)


def test_people_are_added_left_out_turned_and_their_boxes_moved(address, opened, gallery):
    page = opened(address, ONE)
    page.click("#correct")
    settle(page)
    page.locator("[data-act=remove]").nth(1).click()
    settle(page)
    page.click("#add")
    page.mouse.click(*at(page, 120, 60))
    settle(page)
    page.mouse.click(*at(page, 30, 60))  # somebody else's box: they are chosen
    page.locator("summary", has_text="wrong way round").first.click()
    page.click("[data-flip='left_arm depth']")
    settle(page)
    (x0, y0), (x1, y1) = at(page, 10, 5), at(page, 14, 9)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=3)
    page.mouse.up()
    settle(page)
    one, other = read_file(gallery.desk.book.path).prompts("one.jpg", SIZE)
    assert np.abs(one.box[:2] - (14, 9)).max() < 1
    assert [(flip.part, flip.way) for flip in one.flips] == [("left_arm", "depth")]
    assert np.abs(other.clicks[0] - (120, 60)).max() < 1


def test_two_windows_are_kept_apart_and_one_may_leave(address, opened, gallery):
    first, second = opened(address, ONE), opened(address, ONE)
    for page in (first, second):
        page.click("#correct")
        settle(page)
    first.mouse.click(*at(first, 30, 90))
    settle(first)
    second.mouse.click(*at(second, 50, 90))
    settle(second)
    assert "another window" in second.locator("#note").inner_text()
    first.close()
    settle(second)
    second.mouse.click(*at(second, 50, 90))
    second.wait_for_function("pymafsam.state.desk.rows[0].clicks.length === 2")
    (one, _) = read_file(gallery.desk.book.path).prompts("one.jpg", SIZE)
    assert len(one.clicks) == 2


def test_the_page_as_one_file_shows_the_same_without_a_server(gallery, opened, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(takeaway.standalone(gallery), encoding="utf-8")
    page = opened(path.as_uri(), ONE)
    blue = colour_at(page, *CHEST)
    assert blue[2] > blue[1] + 10
    assert not page.locator("#correct").is_visible()


def test_a_browser_that_draws_nothing_in_space_shows_the_picture(browser, tmp_path):
    scene = scene_of(MODEL, [Prompt(box=np.array([10.0, 5, 70, 115]))])
    path = show(scene).save(tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 560, "height": 340})
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(path.as_uri())
    assert "WebGL is missing" in page.locator("#note").inner_text()
    assert page.locator("#still").is_visible()
    assert page.locator("#still").evaluate("it => it.naturalHeight") == 480
    page.close()


def test_screenshots_and_files_can_be_taken_away(address, opened):
    page = opened(address, ONE)
    with page.expect_download() as shot:
        page.click("#screenshot")
    assert shot.value.suggested_filename == "one_camera.png"
    with page.expect_download() as file:
        page.select_option("#downloads", "glb")
    assert Path(file.value.path()).read_bytes()[:4] == b"glTF"


@pytest.mark.network
def test_what_was_corrected_is_reconstructed_again_bit_for_bit(run, photograph, networks):
    from pymafsam.cli.view import View
    from pymafsam.export.results import document
    from pymafsam.files.frames import read_picture

    path = photograph.parent / "said.json"
    desk = Desk(load=View(paths=(photograph,)).reconstruct, book=Book.open(path))
    frame = read_picture(photograph, photograph.name)
    page, first = desk.open(frame, None)
    rows = [{**page.rows[0], "clicks": [[66, 130, 0]], "pins": {"left_wrist": [400, 260]}}]
    page, _ = desk.change(frame, page.revision, rows)
    rows = [{**page.rows[0], "flips": [{"part": "left_arm", "way": "depth"}]}]
    _, scene = desk.change(frame, page.revision, rows)
    out = photograph.parent / "out"
    code, _, _ = run("reconstruct", photograph, "--prompts", path, "--out", out, "--save", "json")
    assert code == 0
    again = json.loads((out / "tennis.json").read_text())["people"]
    assert again == json.loads(json.dumps(document(scene)["people"]))
    assert again != json.loads(json.dumps(document(first)["people"]))


def test_prompts_are_kept_as_they_are_computed(gallery):
    room = gallery.room(ONE)
    answer = room.change(0, 0, [{"box": [10.123456, 5, 70, 115]}])
    assert answer["rows"] == [{"box": [10.12, 5.0, 70.0, 115.0]}]
    assert room.corrected[0].bodies[0].person.box.tolist() == [10.12, 5.0, 70.0, 115.0]
    assert isinstance(room.desk.book.page("one.jpg").rows, list)
