"""From prompts to masks with a stand-in for the networks: what is asked of them, what is made."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from pymafsam.masks.sam import SamSegmenter, Settings
from pymafsam.masks.view import around, cells, whole
from pymafsam.records import Prompt


class Disks:
    """An engine that finds a disk in the box (or about the clicks) and keeps the books."""

    is_local = False

    def __init__(self, radius=1.0):
        self.encoded, self.asked, self.radius = [], [], radius

    def encode(self, canvas, corner=(0, 0)):
        self.encoded.append(canvas)
        return len(self.encoded)

    def decode(self, embedding, points, labels, previous):
        self.asked.append((embedding, points, labels, previous))
        corners = points[labels >= 2] if (labels >= 2).any() else None
        if corners is None:
            places = points[labels == 1] if (labels == 1).any() else np.full((1, 2), 512.0)
            corners = np.stack([places.min(0) - 100, places.max(0) + 100])
        centre, half = corners.mean(0), (corners[1] - corners[0]) / 2
        grid = np.stack(np.meshgrid(np.arange(256), np.arange(256)), -1) * 4 + 2
        away = np.linalg.norm((grid - centre - 0.5) / half, axis=-1)
        field = (10 * (self.radius - away)).astype(np.float32)
        return np.stack([field] * 4), np.array([0.9, 0.2, 0.3, 0.8])


def picture(width=200, height=100):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


BOX = np.array([20.0, 10, 80, 90])


def disk(box, size):
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.hypot((columns - centre[0]) / half[0], (rows - centre[1]) / half[1]) < 1


def test_a_picture_is_encoded_once_for_all_its_people():
    engine = Disks()
    masks = SamSegmenter(engine).segment(picture(), [Prompt(box=BOX), Prompt(box=BOX + 100)])
    assert len(engine.encoded) == 1
    assert len(masks) == 2
    SamSegmenter(engine).segment(picture(), [Prompt(), Prompt()])
    assert len(engine.encoded) == 1, "nobody to segment: nothing to encode"


class Near(Disks):
    """Like ``Disks``, and local."""

    is_local = True

    def encode(self, canvas, corner=(0, 0)):
        self.encoded.append((corner, canvas.shape[2:]))
        return len(self.encoded)


def test_a_local_engine_is_shown_the_surroundings_of_who_is_meant():
    pixels, people = picture(640, 427), [Prompt(box=BOX * 2 + 200), Prompt(box=BOX * 1.8 + 150)]
    near, far = Near(), Disks()
    masks, expected = (SamSegmenter(one).segment(pixels, people) for one in (near, far))
    for one, other in zip(masks, expected, strict=True):
        np.testing.assert_array_equal(one.inside, other.inside)
    ((corner, (rows, columns)),) = near.encoded
    assert corner[0] > 0
    assert corner[1] > 0
    assert rows * columns < 0.6 * far.encoded[0][0, 0].size
    SamSegmenter(near).segment(pixels, people[::-1])
    assert near.encoded[1] == near.encoded[0], "in any order"


def test_who_has_no_box_is_looked_for_everywhere():
    pixels, boxed = picture(640, 427), Prompt(box=BOX * 2 + 200)
    for lost in (Prompt(clicks=np.array([[50.0, 50]])), Prompt(keypoints=np.ones((3, 3)))):
        engine = Near()
        SamSegmenter(engine).segment(pixels, [boxed, lost])
        ((corner, (rows, columns)),) = engine.encoded
        assert corner == (0, 0)
        assert rows * columns >= 1024 * 704


def test_clicks_beyond_the_box_are_seen():
    engine = Near()
    clicks = np.array([[630.0, 420]])
    SamSegmenter(engine).segment(picture(640, 427), [Prompt(box=BOX * 2 + 100, clicks=clicks)])
    ((corner, (rows, columns)),) = engine.encoded
    assert corner[1] + columns == 1024
    assert corner[0] + rows >= 420 * 1.6


def test_a_picture_asked_about_again_is_not_encoded_again():
    engine = Disks()
    segmenter = SamSegmenter(engine)
    first, other = picture(), picture()
    other[0, 0] = 255
    for pixels in (first, first.copy(), other, other):
        segmenter.segment(pixels, [Prompt(box=BOX)])
    assert len(engine.encoded) == 2


@pytest.mark.parametrize("size", [(200, 100), (90, 300), (2000, 1500)])
def test_masks_come_back_where_the_box_is(size):
    box = BOX / [200, 100, 200, 100] * [*size, *size]
    (mask,) = SamSegmenter(Disks()).segment(picture(*size), [Prompt(box=box)])
    assert mask is not None
    expected = disk(box, size)
    assert (mask.inside ^ expected).sum() < 0.03 * expected.sum() + 6


def test_a_closer_look_and_a_shared_canvas_give_the_same_place():
    expected = disk(BOX, (200, 100))
    closer = SamSegmenter(Disks(), Settings(small=1.0))
    (mask,) = closer.segment(picture(), [Prompt(box=BOX)])
    (_, shared) = SamSegmenter(Disks()).segment_together(
        [picture(), picture()], [[Prompt(box=BOX)], [Prompt(box=BOX)]]
    )
    for found in (mask, shared[0]):
        assert found is not None
        assert (found.inside ^ expected).sum() < 0.03 * expected.sum() + 6


def test_only_the_first_few_small_people_cost_an_encoding_of_their_own():
    engine = Disks()
    small = [Prompt(box=np.array([x, 10.0, x + 12, 30])) for x in range(0, 180, 20)]
    masks = SamSegmenter(engine, Settings(closer=3)).segment(picture(), small)
    assert len(engine.encoded) == 1 + 3
    for prompt, mask in zip(small, masks, strict=True):
        assert mask is not None
        assert prompt.box is not None
        expected = disk(prompt.box, (200, 100))
        assert (mask.inside ^ expected).sum() < 0.1 * expected.sum() + 6


def test_four_small_pictures_share_one_encoding():
    engine = Disks()
    results = SamSegmenter(engine).segment_together([picture()] * 5, [[Prompt(box=BOX)]] * 5)
    assert len(engine.encoded) == 2
    assert [len(one) for one in results] == [1] * 5


def test_box_corners_and_clicks_have_segment_anythings_labels():
    engine = Disks()
    prompt = Prompt(
        box=BOX, clicks=np.array([[30.0, 20], [50, 60]]), inside=np.array([True, False])
    )
    SamSegmenter(engine, Settings(rounds=1)).segment(picture(), [prompt])
    _, points, labels, previous = engine.asked[0]
    np.testing.assert_array_equal(labels, [1, 0, 2, 3])
    scale = 1024 / 200
    np.testing.assert_allclose(points[2] + 0.5, BOX[:2] * scale)
    np.testing.assert_allclose(points[1] + 0.5, np.array([50, 60]) * scale)
    assert previous is None


def test_a_prompt_without_a_box_is_padded_and_doubtful_keypoints_are_left_out():
    engine = Disks()
    keypoints = np.array([[30.0, 20, 0.9], [50, 60, 0.1]])
    SamSegmenter(engine).segment(picture(), [Prompt(keypoints=keypoints)])
    np.testing.assert_array_equal(engine.asked[0][2], [1, -1])


def test_a_rough_mask_reaches_the_decoder_where_it_was():
    engine = Disks()
    rough = np.zeros((100, 200), bool)
    rough[10:60, 100:150] = True
    SamSegmenter(engine).segment(picture(), [Prompt(box=BOX, mask=rough)])
    box_only, everything = engine.asked
    assert box_only[3] is None
    previous = everything[3]
    assert previous is not None
    rows, columns = np.nonzero(previous > 0)
    scale = 256 / 200
    np.testing.assert_allclose([columns.min(), columns.max() + 1], np.array([100, 150]) * scale)
    np.testing.assert_allclose([rows.min(), rows.max() + 1], np.array([10, 60]) * scale, atol=0.6)


def test_a_click_on_the_wrong_side_makes_it_decode_again():
    engine = Disks(radius=0.5)
    inside = Prompt(box=BOX, clicks=np.array([[50.0, 50]]))
    SamSegmenter(engine).segment(picture(), [inside])
    assert len(engine.asked) == 1
    beside = Prompt(box=BOX, clicks=np.array([[22.0, 12]]))
    SamSegmenter(engine).segment(picture(), [beside])
    assert len(engine.asked) == 3
    assert engine.asked[2][3] is not None


def test_people_who_overlap_get_disjoint_masks():
    prompts = [Prompt(box=BOX), Prompt(box=BOX + [30, 0, 30, 0]), Prompt(box=BOX + 60)]
    masks = SamSegmenter(Disks()).segment(picture(), prompts)
    assert np.sum([m.inside for m in masks if m is not None], axis=0).max() == 1
    assert all(m is not None and m.inside.any() for m in masks)


@pytest.mark.parametrize("size", [(640, 480), (100, 700), (1, 1), (3000, 10)])
def test_views_map_pictures_to_the_canvas_and_logits_back(size):
    views = [whole(size), around(np.array([0.2, 0.3, 0.9, 0.9]) * [*size, *size], size, 1.5)]
    for view in [*views, *cells([size] * 4, 2)]:
        x0, y0, x1, y1 = view.region
        corners = view.to_canvas(np.array([[x0, y0], [x1, y1]], float))
        assert corners.min() >= -1e-9
        assert corners.max() <= 1024 + 1e-9
        # A field linear in canvas pixels is known at every picture pixel.
        ramp = np.broadcast_to((np.arange(256) * 4 + 2.0)[None], (256, 256)).copy()
        back = view.to_picture(ramp)[y0:y1, x0:x1]
        columns = (np.arange(x0, x1) + 0.5) * view.scale + view.shift[0]
        held = np.broadcast_to(np.clip(columns, 2, 1022), back.shape)
        np.testing.assert_allclose(back, held, atol=0.2)


def test_many_pictures_do_not_grow_in_memory():
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("resident memory is read from Linux's /proc")
    segmenter = SamSegmenter(Forgetful())

    def resident():
        gc.collect()
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    # Large enough that one array kept per picture (2.4 MB and more) stands out of the noise.
    for k in range(60):
        segmenter.segment(picture(1000, 800), [Prompt(box=BOX), Prompt(box=BOX + 100)])
        if k == 20:
            before = resident()
    assert resident() - before < 60, "MB"


class Forgetful(Disks):
    """Like ``Disks`` without the books."""

    def encode(self, canvas, corner=(0, 0)):
        return canvas.copy()

    def decode(self, embedding, points, labels, previous):
        self.asked.clear()
        return super().decode(embedding, points, labels, previous)


def test_two_opinions_of_three_decide_however_sure_the_third_is():
    view, segmenter = whole((200, 100)), SamSegmenter(Disks())
    sure, others = np.full((256, 256), 20, np.float32), np.full((256, 256), -4, np.float32)
    prompt = Prompt(box=BOX)
    assert (segmenter.joined([sure, others, others], prompt, view) < 0).all()
    np.testing.assert_array_equal(segmenter.joined([sure], prompt, view), sure)


def test_a_rough_mask_breaks_a_tie_and_no_more():
    view, segmenter = whole((200, 100)), SamSegmenter(Disks())
    one = np.full((256, 256), 4, np.float32)
    marked = Prompt(box=BOX, mask=disk(BOX, (200, 100)))
    tie = view.to_picture(segmenter.joined([one, -one], marked, view)) > 0
    assert np.count_nonzero(tie ^ disk(BOX, (200, 100))) < 60  # the outline, within a pixel
    assert (segmenter.joined([one, one, -one], marked, view) > 0)[:128].all()
