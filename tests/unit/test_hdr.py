"""High dynamic range: known light has known colours, and a real 10-bit file is read so."""

from fractions import Fraction

import av
import numpy as np
import pytest

from pymafsam.files import hdr, video


def codes_of(light, curve):
    """16-bit code values of light (white is 1), by looking the curve up backwards."""
    steps = np.arange(65536) / 65535
    return np.interp(light, curve(steps), steps * 65535).round().astype(np.uint16)


def srgb(light):
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("curve", [hdr.from_pq, hdr.from_hlg])
def test_what_a_photograph_shows_is_shown_as_it_would_show_it(curve):
    light = np.linspace(0, hdr.KNEE, 20)
    grey = np.repeat(codes_of(light, curve)[None, :, None], 3, axis=2)
    np.testing.assert_allclose(hdr.tone_mapped(grey, curve)[0, :, 1], srgb(light), atol=1)


@pytest.mark.parametrize("curve", [hdr.from_pq, hdr.from_hlg])
def test_what_is_brighter_stays_brighter_and_white_is_nearly_white(curve):
    light = np.array([0.3, 0.6, 1.0, 2.0, 3.7])
    grey = np.repeat(codes_of(light, curve)[None, :, None], 3, axis=2)
    shown = hdr.tone_mapped(grey, curve)[0, :, 0].astype(int)
    assert (np.diff(shown) > 0).all()
    assert 220 < shown[2] < 240


def test_reference_white_is_where_the_standards_have_it():
    assert hdr.from_pq(np.array([0.58])) == pytest.approx(1, abs=0.02)
    assert hdr.from_hlg(np.array([0.75])) == pytest.approx(1)


def test_an_ordinary_red_stays_red_among_wide_colours():
    wide = np.linalg.inv(hdr.TO_709) @ [0.5, 0.0, 0.0]
    red = codes_of(wide, hdr.from_pq)[None, None]
    assert hdr.tone_mapped(red, hdr.from_pq)[0, 0] == pytest.approx([srgb(0.5), 0, 0], abs=12)


@pytest.mark.parametrize(("number", "code"), [(16, 0.58), (18, 0.75)])
def test_a_phones_video_of_a_white_page_is_not_pale(tmp_path, number, code):
    if "libx265" not in av.codec.codecs_available:
        pytest.skip("this FFmpeg writes no 10-bit H.265")
    path = tmp_path / "page.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = number, 9, 9
        stream.options = {"x265-params": "log-level=none"}
        page = np.full((64, 96, 3), round(65535 * code), np.uint16)
        for k in range(2):
            picture = av.VideoFrame.from_ndarray(page, format="rgb48le")
            picture = picture.reformat(format="yuv420p10le")
            picture.pts, picture.time_base = k, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    shown = next(video.frames(path, "page", lambda *_: None)).pixels
    assert shown.min() > 220
    assert np.ptp(shown.reshape(-1, 3).mean(axis=0)) < 4
