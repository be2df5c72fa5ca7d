"""Videos in and out: frames whatever breaks on the way, H.264 with the frames' own times, sound.

Segments of a film are encoded on their own and joined without being encoded again, so that a film
can be made in pieces: the pieces of an interrupted run are the same bytes as an undisturbed one's.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files import hdr, limits
from pymafsam.records import Frame, Pixels

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

log = logging.getLogger(__name__)

TICKS = 90_000  # per second: the clock of MPEG, exact for all usual frame rates
# x264's constant rate factor. Without the tree below 23 looks as 20 does with it (the same error,
# 7 % more bytes): hardly to be told from the original.
QUALITY = "23"
# Twice as fast as its neighbour for a few per cent more bytes.
PRESET = "veryfast"
# FFmpeg's readers for plain containers. Others name further files and addresses to be opened
# (playlists); those named may open nothing either.
FORMATS = "mov,mp4,m4v,3gp,avi,matroska,webm,mpeg,mpegvideo,mpegts,ogg,asf,flv"
ONLY = {"format_whitelist": FORMATS, "protocol_whitelist": ""}
MOST_BROKEN = 10_000  # packets, after which a video is given up
Broken = Callable[[int, str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a video says of itself; ``frames`` is 0 where it does not say.

    ``bytes`` is what one of its pictures takes, decoded.
    """

    frames: int
    rate: float
    has_sound: bool
    bytes: int


@contextlib.contextmanager
def opened(path: Path) -> Iterator["InputContainer"]:
    """The container of a video. Raises BadInput for what is none, has no pictures, or is damaged.

    FFmpeg is given the open file and never its name: it may open nothing else.
    """
    import av

    try:
        with path.open("rb") as file, av.open(file, options=ONLY, **_any_encoding()) as container:
            if not container.streams.video:
                raise BadInput(f"{path} holds no video, only sound or subtitles.")
            yield container
    except BadInput:
        raise
    except Exception as error:  # FFmpeg's errors, and Python's on what damaged files announce
        log.debug("%s", path, exc_info=True)
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"The video {path} cannot be read ({reason}).") from error


def _any_encoding() -> dict[str, Any]:
    """Titles may be in any encoding; nobody reads them. PyAV 19 has no such argument any more."""
    import av

    return {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}


def facts(path: Path) -> Facts:
    """What a video says of itself, without decoding it."""
    with opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        frames = stream.frames or round(float(container.duration or 0) / 1e6 * rate)
        return Facts(
            frames=int(frames),
            rate=rate,
            has_sound=bool(container.streams.audio),
            bytes=3 * (stream.width or 0) * (stream.height or 0),
        )


def read(path: Path, name: str) -> Iterator[Frame]:
    """The frames as ``frames`` gives them; BadInput behind the last when some are missing."""
    missing: dict[int, str] = {}
    yield from frames(path, name, missing.setdefault)
    if missing:
        first, why = next(iter(missing.items()))
        raise BadInput(
            f"The video {path} cannot be read whole: from frame {first + 1} on some are damaged "
            f"({why}).\n  The others were read."
        )


def frames(path: Path, name: str, broken: Broken) -> Iterator[Frame]:
    """The frames that can be decoded, in order, upright, at times that rise: ``<name>/<6 digits>``.

    What cannot be decoded is told to ``broken`` (the frame's index, why) and left out: the frames
    around it keep their times, so the gap can be seen. Raises BadInput when there is no frame, and
    for frames larger than ``limits.MOST_PIXELS``.
    """
    count, last = 0, -np.inf
    with opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        limits.check_pixels(str(path), (stream.width or 0, stream.height or 0))
        step = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        for picture, why in _decoded(container, stream):
            if picture is None:
                broken(count, why)
                continue
            # Frames may be larger than the file announced.
            limits.check_pixels(str(path), (picture.width, picture.height))
            seconds = last + step if picture.time is None else float(picture.time)
            if seconds <= last:
                seconds = last + step / 2  # times that stand still or fall are damage, too
            last = max(seconds, 0.0) if count == 0 else seconds
            quarters = round(getattr(picture, "rotation", 0) / 90)
            pixels = np.ascontiguousarray(np.rot90(_pixels(picture), quarters))
            yield Frame(pixels=pixels, name=f"{name}/{count + 1:06d}", index=count, seconds=last)
            count += 1
    if count == 0:
        raise BadInput(f"The video {path} holds no frame that can be decoded.")


def _pixels(picture: "VideoFrame") -> Pixels:
    """A decoded picture's own pixels; those of high dynamic range tone-mapped."""
    curve = hdr.curve_of(picture)
    if curve is None:
        return picture.to_ndarray(format="rgb24")
    return hdr.tone_mapped(picture.to_ndarray(format="rgb48le"), curve)


def _decoded(
    container: "InputContainer", stream: "VideoStream"
) -> Iterator[tuple["VideoFrame | None", str]]:
    """Pictures, packet by packet, so that a damaged one spoils no other; or what was wrong."""
    import av.error

    packets, failed = container.demux(stream), 0
    while failed < MOST_BROKEN:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            pictures = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            failed += 1
            yield None, error.strerror or str(error)
            if not isinstance(error, av.error.InvalidDataError):
                return
            continue
        for picture in pictures:
            yield picture, ""


class Encoder:
    """Writes frames of one size, each shown at its own time, to an H.264 file.

    Odd sizes get a row or column repeated: H.264's colours come in pairs of pixels. The same
    frames give the same bytes on any number of cores.
    """

    def __init__(self, path: Path, size: tuple[int, int], rate: float):
        import av

        self._container = av.open(str(path), "w", format="mp4")
        self._stream: Any = self._container.add_stream(
            "libx264", rate=Fraction(rate).limit_denominator(1001)
        )
        self._stream.width, self._stream.height = (length + length % 2 for length in size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, TICKS)
        self._stream.codec_context.time_base = Fraction(1, TICKS)
        # Without frames that look ahead every segment can follow any other. Without the macroblock
        # tree the same frames are the same bytes: with AVX-512 the tree now and then adds up
        # otherwise while other threads compute, even on one thread of its own.
        self._stream.options = {
            "preset": PRESET, "crf": QUALITY, "bf": "0", "threads": "1", "mbtree": "0",
        }  # fmt: skip

    def write(self, pixels: Pixels, seconds: float) -> None:
        """Add a frame, shown from ``seconds`` on."""
        import av

        height, width = pixels.shape[:2]
        padded = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
        picture.pts, picture.time_base = round(seconds * TICKS), Fraction(1, TICKS)
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Finish the file."""
        self._container.mux(self._stream.encode())
        self._container.close()


def join(segments: Sequence[Path], path: Path, *, mark: str, sound: Path | None = None) -> None:
    """One film of segments that follow one another, with the sound of another video.

    Sound that cannot stand in an mp4 file is left out, which the log says. ``mark`` becomes the
    file's comment.
    """
    import av

    with av.open(str(path), "w", format="mp4") as film:
        film.metadata["comment"] = mark
        with opened(segments[0]) as first:
            pictures = film.add_stream_from_template(first.streams.video[0])
        parts = [_packets(segments, "video", pictures)]
        audio = None if sound is None else _sound(film, sound)
        if audio is not None and sound is not None:
            parts.append(_packets([sound], "audio", audio))
        # Sound lies beside its pictures: a page plays the film while it loads.
        for _, packet in merge(*parts, key=itemgetter(0)):
            film.mux(packet)


def _packets(paths: Sequence[Path], kind: str, to: "Stream") -> Iterator[tuple[float, "Packet"]]:
    """Seconds and packets of files that follow one another, of their first stream of a kind."""
    for path in paths:
        with opened(path) as source:
            for packet in source.demux(**{kind: 0}):
                if packet.dts is not None:
                    seconds = float(packet.dts * packet.time_base)
                    packet.stream = to
                    yield seconds, packet


def _sound(film: "OutputContainer", source: Path) -> "Stream | None":
    """A stream for the first sound of a video; None where there is none that mp4 can hold."""
    import av.error

    with opened(source) as container:
        if not container.streams.audio:
            return None
        try:
            return film.add_stream_from_template(container.streams.audio[0])
        except (av.error.FFmpegError, ValueError) as error:
            log.warning("The sound of %s cannot be kept in an mp4 file (%s).", source, error)
            return None
