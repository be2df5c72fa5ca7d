"""One reconstructor serves several threads, and travels to other processes."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pymafsam.files import frames
from pymafsam.pipeline import Reconstructor
from pymafsam.records import Frame, Scene

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def reconstructor(networks) -> Reconstructor:
    return Reconstructor.load(detector="fast", segmenter="detector")


@pytest.fixture(scope="module")
def pictures() -> list[Frame]:
    """One person at four sizes: what is another's result shows."""
    whole = frames.read_picture(EXAMPLES / "tennis.jpg")
    return [
        frames.from_array(np.ascontiguousarray(whole.pixels[::k, ::k]), f"{k}") for k in range(1, 5)
    ]


def numbers(scene: Scene) -> bytes:
    return b"".join(b.mesh.vertices.tobytes() + b.translation.tobytes() for b in scene.bodies)


def reconstructed(pickled: bytes, pixels: np.ndarray) -> bytes:
    return numbers(pickle.loads(pickled).scene(frames.from_array(pixels)))


def test_threads_that_share_a_reconstructor_get_what_one_gets(reconstructor, pictures):
    alone = [numbers(reconstructor.scene(picture)) for picture in pictures]
    assert len(set(alone)) == len(pictures)
    assert all(alone)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: numbers(reconstructor.scene(p)), pictures * 3))
    assert together == alone * 3


def test_a_pickled_reconstructor_gives_the_same_in_a_spawned_process(reconstructor, pictures):
    pickled = pickle.dumps(reconstructor)
    assert len(pickled) < 20_000_000
    here = numbers(reconstructor.scene(pictures[-1]))
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        assert pool.submit(reconstructed, pickled, pictures[-1].pixels).result() == here


def test_segment_anything_shared_by_threads_gives_the_same_masks(networks, pictures):
    from pymafsam.masks import load_segmenter
    from pymafsam.records import Prompt

    segmenter = pickle.loads(pickle.dumps(load_segmenter("mobilesam")))
    seen = pictures[2].pixels
    height, width = seen.shape[:2]
    boxes = [np.array([0.2 * width, 0.1 * height, width - k, height - k]) for k in (1.0, 40.0)]

    def mask(box: np.ndarray) -> bytes:
        (found,) = segmenter.segment(seen, [Prompt(box=box)])
        assert found is not None
        return found.inside.tobytes()

    alone = [mask(box) for box in boxes]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(mask, boxes)) == alone
