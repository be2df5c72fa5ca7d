"""Whatever is in the file, a frame is upright 8-bit RGB, or a sentence says why not."""

import io
import struct
import zlib
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from pymafsam.errors import BadInput
from pymafsam.files import frames, limits, made, pictures


@pytest.fixture
def photograph():
    """A picture whose four quarters differ."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30] = [200, 30, 30]
    pixels[:20, 30:] = [30, 200, 30]
    pixels[20:, :30] = [30, 30, 200]
    pixels[20:, 30:] = [180, 180, 30]
    return pixels


def save(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def test_png_comes_back_exactly(tmp_path, photograph):
    frame = frames.read_picture(save(tmp_path / "ä b.png", photograph))
    np.testing.assert_array_equal(frame.pixels, photograph)
    assert frame.size == (60, 40)
    assert frame.name == "ä b.png"


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "RGBA"])
def test_every_mode_becomes_rgb(tmp_path, photograph, mode):
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    frame = frames.read_picture(save(path, photograph, mode))
    assert frame.pixels.shape == (40, 60, 3)
    grey = np.asarray(Image.fromarray(photograph).convert("L"), float)
    if mode != "1":
        assert np.abs(frame.pixels.mean(-1) - grey).mean() < 40


def test_transparency_is_laid_over_white(tmp_path, photograph):
    rgba = np.dstack([photograph, np.full((40, 60), 255, np.uint8)])
    rgba[:20, :, 3] = 0
    rgba[20:, 30:, 3] = 128
    frame = frames.read_picture(save(tmp_path / "a.png", rgba))
    assert (frame.pixels[:20] == 255).all()
    np.testing.assert_array_equal(frame.pixels[20:, :30], photograph[20:, :30])
    assert abs(int(frame.pixels[30, 45, 2]) - (30 * 128 + 255 * 127) // 255) <= 1


def test_sixteen_bits_keep_their_brightness(tmp_path):
    values = np.linspace(0, 65535, 60 * 40).astype(np.uint16).reshape(40, 60)
    frame = frames.read_picture(save(tmp_path / "a.png", values))
    np.testing.assert_allclose(frame.pixels[..., 0], values / 257, atol=1)


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_integers_up_to_255_are_no_black_pictures(tmp_path, kind):
    values = np.arange(240, dtype=kind).reshape(12, 20)
    frame = frames.read_picture(save(tmp_path / "a.tif", values))
    np.testing.assert_array_equal(frame.pixels[..., 0], values)


GREY = np.linspace(0, 1, 60).reshape(6, 10)
SPOILED = np.where(GREY == 1, np.inf, np.where(GREY == 0, np.nan, GREY))


@pytest.mark.parametrize(
    "values",
    [GREY, GREY * 1.02, GREY * 255, GREY * 65535, SPOILED],
    ids=["to 1", "just above 1", "to 255", "to 65535", "an infinity and a NaN"],
)
def test_floats_keep_their_brightness_whatever_their_range(tmp_path, values):
    values = values.astype(np.float32)
    read = frames.read_picture(save(tmp_path / "a.tif", values)).pixels
    np.testing.assert_allclose(read[..., 0], GREY * 255, atol=6)
    np.testing.assert_array_equal(frames.from_array(values).pixels, read)


def test_floats_beyond_every_range_are_refused():
    with pytest.raises(BadInput, match="values of"):
        frames.from_array(GREY * 1e9)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, photograph, orientation):
    # The stored picture, seen through its orientation, is the upright one.
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = Image.fromarray(photograph)
    stored = stored if undo is None else stored.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(frames.read_picture(tmp_path / "a.png").pixels, photograph)


@pytest.mark.parametrize("tag", [0x010F, 0x011A, 0x0132, 0x8769, 0x8825, 0xA405])
@pytest.mark.parametrize("wrong", [b"\xff\xfe", "text", 5, (1, 2, 3)])
def test_a_turned_picture_with_mistyped_exif_is_still_turned(tmp_path, photograph, tag, wrong):
    # Little-endian TIFF: orientation 6 as it should be, and a tag of another type than its own.
    stored = Image.fromarray(photograph).transpose(Image.Transpose.ROTATE_90)
    kinds = {bytes: (7, 2, b"\xff\xfe\0\0"), str: (2, 4, b"text"), int: (4, 1, b"\5\0\0\0")}
    kind, count, value = kinds.get(type(wrong), (5, 3, b"\x26\0\0\0"))
    entries = [(0x0112, 3, 1, b"\6\0\0\0"), (tag, kind, count, value)]
    directory = b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in sorted(entries))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + directory + bytes(4 + 24)
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(frames.read_picture(tmp_path / "a.png").pixels, photograph)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_only_the_formats_that_are_meant_are_opened(tmp_path, photograph, name):
    Image.fromarray(photograph).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / name)
    with pytest.raises(BadInput, match="not a picture in a known format"):
        frames.read_picture(tmp_path / name)


@pytest.mark.parametrize("error", [TypeError, RuntimeError, AssertionError, IndexError])
def test_whatever_a_decoder_raises_is_said_of_the_picture(tmp_path, photograph, monkeypatch, error):
    path = save(tmp_path / "a.png", photograph)
    monkeypatch.setattr(Image.Image, "convert", lambda *_: (_ for _ in ()).throw(error("what?")))
    with pytest.raises(BadInput, match=r"a\.png is damaged"):
        frames.read_picture(path)


def test_focal_length_comes_from_exif_unless_the_picture_was_cropped(tmp_path, photograph):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA405: 50, 0xA002: 6000, 0xA003: 4000})
    Image.fromarray(photograph).save(tmp_path / "a.jpg", exif=exif)
    expected = 50 / np.hypot(36, 24) * np.hypot(60, 40)
    assert frames.read_picture(tmp_path / "a.jpg").focal == pytest.approx(expected)
    Image.fromarray(photograph[:, :40]).save(tmp_path / "b.jpg", exif=exif)
    assert frames.read_picture(tmp_path / "b.jpg").focal is None
    Image.fromarray(photograph).save(tmp_path / "c.jpg")
    assert frames.read_picture(tmp_path / "c.jpg").focal is None


def test_of_an_animation_the_first_picture_is_read(tmp_path, photograph):
    first, second = Image.fromarray(photograph), Image.fromarray(255 - photograph)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    frame = frames.read_picture(tmp_path / "a.gif")
    assert np.abs(frame.pixels.astype(int) - photograph).mean() < 20


def test_one_pixel_is_a_picture(tmp_path):
    frame = frames.read_picture(save(tmp_path / "a.png", np.full((1, 1, 3), 7, np.uint8)))
    assert frame.pixels.tolist() == [[[7, 7, 7]]]


def test_a_truncated_jpeg_is_named(tmp_path, photograph):
    buffer = io.BytesIO()
    Image.fromarray(np.kron(photograph, np.ones((8, 8, 1), np.uint8))).save(buffer, "JPEG")
    (tmp_path / "half.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(BadInput, match=r"half\.jpg is damaged or cut off"):
        frames.read_picture(tmp_path / "half.jpg")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", bytes(1000)])
def test_a_file_that_is_no_picture_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.png"):
        frames.read_picture(tmp_path / "a.png")


def png_that_claims(width, height):
    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [13_400, 20_000])
def test_a_huge_picture_is_refused_before_decoding(tmp_path, side):
    (tmp_path / "huge.png").write_bytes(png_that_claims(side, side))
    with pytest.raises(BadInput, match="178 million"):
        frames.read_picture(tmp_path / "huge.png")


def test_missing_paths_and_empty_folders_are_named(tmp_path):
    with pytest.raises(BadInput, match="no file or folder"):
        frames.find([tmp_path / "nowhere"])
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadInput, match="holds no pictures"):
        frames.find([tmp_path])


def test_a_folder_is_read_in_order_and_bad_pictures_are_reported(tmp_path, photograph):
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "a.png", "sub/c.png", ".hidden.png"):
        save(tmp_path / name, photograph)
    (tmp_path / "bad.png").write_text("x")
    failures = []
    names = [f.name for f in frames.read(tmp_path, failed=lambda *args: failures.append(args))]
    assert names == ["a.png", "b.png", "sub/c.png"]
    assert [name for name, _ in failures] == ["bad.png"]
    with pytest.raises(BadInput):
        list(frames.read(tmp_path))


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4), np.int64), np.zeros((0, 4, 3), np.uint8)],
)
def test_arrays_of_other_shapes_are_refused(array):
    with pytest.raises(BadInput, match="shape"):
        frames.from_array(array)


def test_arrays_of_floats_and_greys_are_understood():
    np.testing.assert_array_equal(frames.from_array(np.ones((2, 3))).pixels, 255)
    np.testing.assert_array_equal(frames.from_array(np.zeros((2, 3, 4), np.uint8)).pixels, 255)


@pytest.fixture
def video(tmp_path):
    import av

    path = tmp_path / "walk.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(5):
            picture = np.full((48, 64, 3), 40 * k + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_a_video_gives_its_frames_in_order(video):
    read = list(frames.read(video))
    assert [f.name for f in read] == [f"walk/{k:06d}" for k in range(1, 6)]
    assert [f.index for f in read] == list(range(5))
    brightness = [f.pixels.mean() for f in read]
    np.testing.assert_allclose(brightness, [20, 60, 100, 140, 180], atol=4)
    np.testing.assert_allclose([f.seconds for f in read], np.arange(5) / 10)


def test_a_video_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(BadInput, match=r"a\.mp4"):
        list(frames.read(tmp_path / "a.mp4"))


def test_linked_folders_are_searched_and_circles_end(tmp_path):
    folder, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for path in (folder, elsewhere):
        path.mkdir()
    Image.new("RGB", (8, 8)).save(elsewhere / "a.png")
    (folder / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    assert [source.name for source in frames.find([folder])] == ["linked/a.png"]


def test_results_among_the_pictures_are_no_inputs(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg")
    pictures.write_jpeg(pixels, tmp_path / "a_overlay.jpg", made.mark("reconstruct"))
    pictures.write_png(pixels, tmp_path / "a_side.png", made.mark("reconstruct"))
    assert [source.name for source in frames.find([tmp_path])] == ["a.jpg"]
    named = frames.find([tmp_path / "a_overlay.jpg"])
    assert [source.name for source in named] == ["a_overlay.jpg"], "who is named is meant"


def test_the_frames_of_a_video_are_limited_like_pictures(video, monkeypatch):
    monkeypatch.setattr(limits, "MOST_PIXELS", 64 * 48 - 1)
    with pytest.raises(BadInput, match="not decoded"):
        list(frames.read(video))


def test_a_video_whose_frames_outgrow_its_header_is_refused(tmp_path, monkeypatch):
    import av

    path = tmp_path / "a.mpg"
    for side in (32, 128):
        encoder = av.CodecContext.create("mpeg1video", "w")
        encoder.width, encoder.height, encoder.pix_fmt = side, side, "yuv420p"
        encoder.framerate, encoder.time_base = 25, Fraction(1, 25)
        picture = av.VideoFrame.from_ndarray(np.zeros((side, side, 3), np.uint8), "rgb24")
        with path.open("ab") as file:
            file.writelines(bytes(p) for p in [*encoder.encode(picture), *encoder.encode()])
    monkeypatch.setattr(limits, "MOST_PIXELS", 32 * 32)
    with pytest.raises(BadInput, match="128 x 128"):
        list(frames.read(path))


def test_a_title_in_latin_1_spoils_no_video(video):
    import av

    titled = video.with_name("b.avi")
    with av.open(str(video)) as source, av.open(str(titled), "w", options={}) as target:
        target.metadata["title"] = "MARKED_TITLE"
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    titled.write_bytes(titled.read_bytes().replace(b"MARKED_TITLE", b"caf\xe9 \xff title"))
    assert len(list(frames.read(titled))) == 5


def test_a_playlist_named_like_a_video_opens_nothing(video):
    for content in (f"ffconcat version 1.0\nfile '{video}'\n", f"#EXTM3U\n#EXTINF:1,\n{video}\n"):
        lure = video.with_name("lure.mp4")
        lure.write_text(content)
        with pytest.raises(BadInput, match="cannot be read"):
            list(frames.read(lure))
