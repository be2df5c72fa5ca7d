"""Whatever is in the file, a frame is upright 8-bit RGB, or a sentence says why not."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pymafsam.errors import BadInput
from pymafsam.files import frames, made, pictures


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
