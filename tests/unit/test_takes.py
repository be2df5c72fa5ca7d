"""A clip made anew on the page is what `reconstruct --prompts` makes of it; how that is told."""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
from test_clips import clip, reconstructor, run, short_chunks, write

from pymafsam.clips import reconstruct
from pymafsam.clips.flow import QUIET
from pymafsam.clips.takes import Takes
from pymafsam.errors import BadInput
from pymafsam.export.sequence import load
from pymafsam.files import made
from pymafsam.masks.prompts import read_file, to_json, write_file
from pymafsam.records import Flip, Prompt, Request
from pymafsam.viewer.retake import Retake

__all__ = ["reconstructor", "short_chunks"]  # fixtures
SAID = Prompt(box=np.array([18.0, 12, 30, 52]), flips=(Flip(part="legs", way="sides"),))


def silent(stage, done, total):
    """Nobody is told."""


def same(one, other):
    """Whether two motions have the same bits, as far as files keep them."""
    names = ("frames", "rotations", "betas", "translation", "boxes", "scores", "filled")
    return all(
        np.array_equal(
            getattr(one, name), np.asarray(getattr(other, name), getattr(one, name).dtype)
        )
        for name in names
    )


def test_a_take_is_what_reconstruct_makes_of_the_same_prompts(tmp_path, reconstructor):
    path, said = write(tmp_path / "walk.mp4", 9), tmp_path / "said.json"
    takes = Takes(clip=clip(path, tmp_path, reconstructor, smooth=True), prompts=said)
    run(path, tmp_path / "plain", reconstructor, smooth=True)
    (saved,) = load(tmp_path / "plain" / "walk.npz").motions
    (taken,) = takes(silent).motions
    assert same(saved, taken)

    write_file(said, {"walk/000005": [to_json(SAID)]})

    def ask(frame):
        found = read_file(said).prompts(frame.name, frame.size)
        return Request(frame=frame, prompts=None if found is None else tuple(found))

    job = replace(clip(path, tmp_path / "led", reconstructor, smooth=True), ask=ask)
    reconstruct(job, made.origin(path, {}))
    (led,) = load(tmp_path / "led" / "walk.npz").motions
    (again,) = takes(silent).motions
    assert same(led, again)
    assert not same(led, taken)


def test_only_chunks_of_which_something_else_is_said_are_looked_at_again(tmp_path, reconstructor):
    path, said = write(tmp_path / "walk.mp4", 12), tmp_path / "said.json"
    takes = Takes(clip=clip(path, tmp_path, reconstructor), prompts=said)
    takes(silent)
    times = {file.name: file.stat().st_mtime_ns for file in sorted_looks(takes)}
    write_file(said, {"walk/000006": [to_json(replace(SAID, box=SAID.box + (2, 0, 2, 0)))]})
    takes(silent)
    changed = [f.name for f in sorted_looks(takes) if f.stat().st_mtime_ns != times[f.name]]
    assert changed == ["looks-000001.npz"]


def sorted_looks(takes):
    return sorted(takes.folder.glob("looks-*.npz"))


def test_what_is_wanted_while_a_take_is_under_way_is_taken_next():
    takes = []

    def load_take():
        def take(tell):
            tell("look", 1, 2)
            if not takes:
                retake.begin()
            takes.append(len(takes))
            return takes[-1]

        return take

    retake = Retake(load=load_take)
    retake.begin()
    retake.thread.join()
    assert (takes, retake.scene) == ([0, 1], 1)
    assert retake.state() == {
        "running": False,
        "stage": "frames are looked at, 1 of 2",
        "error": "",
    }


@pytest.mark.parametrize(
    ("error", "said"), [(BadInput("no film"), "no film"), (ValueError("odd"), "broke down.*odd")]
)
def test_a_take_that_fails_says_why_and_may_be_tried_again(error, said):
    def load_take():
        raise error

    retake = Retake(load=load_take)
    for _ in range(2):
        retake.begin()
        retake.thread.join()
        assert not retake.state()["running"]
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(retake.state()["error"])


def test_what_is_said_while_a_take_fails_is_taken_all_the_same():
    takes = []

    def take(tell):
        takes.append(len(takes))
        if len(takes) == 1:
            retake.begin()
            raise BadInput("a box beside the picture")
        return takes[-1]

    retake = Retake(load=lambda: take)
    retake.begin()
    retake.thread.join()
    assert (takes, retake.scene, retake.state()["error"]) == ([0, 1], 1, "")


def test_clips_that_overlap_leave_opencv_its_threads():
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        with ExitStack() as first, ExitStack() as second:
            first.enter_context(QUIET)
            second.enter_context(QUIET)
            first.close()
            while_the_second_works = cv2.getNumThreads()
        assert (while_the_second_works, cv2.getNumThreads()) == (1, 2)
    finally:
        cv2.setNumThreads(before)


def test_a_page_that_is_closed_ends_its_take():
    def take(tell):
        while True:
            tell("look", 1, 2)

    retake = Retake(load=lambda: take)
    retake.begin()
    retake.close()
    assert retake.scene is None
