"""Videos on the command line: what the options mean for one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pymafsam.errors import BadUsage

if TYPE_CHECKING:
    from pymafsam.cli.reconstruct import Reconstruct
    from pymafsam.clips import Clip, ClipOptions
    from pymafsam.files.frames import Source
    from pymafsam.pipeline import Reconstructor
    from pymafsam.records import Frame, Request


def clip_of(
    source: "Source",
    stem: str,
    options: "Reconstruct",
    formats: Sequence[str],
    reconstructor: "Reconstructor",
    ask: Callable[["Frame", str], "Request"],
) -> "Clip":
    """A video on its way; ``ask`` says who is meant in a frame. Raises BadUsage."""
    from pymafsam.clips import Clip

    return Clip(
        path=source.path,
        name=source.name,
        stem=stem,
        out=options.out,
        reconstructor=reconstructor,
        options=clip_options(options, formats),
        ask=lambda frame: ask(frame, frame.name),
    )


def clip_options(options: "Reconstruct", formats: Sequence[str]) -> "ClipOptions":
    """What the command line's options mean for a video.

    Raises BadUsage where no format is one of videos.
    """
    from pymafsam.clips import ClipOptions
    from pymafsam.clips.flow import FILMS
    from pymafsam.clips.following import Wanted
    from pymafsam.export.sequence import SEQUENCE_EXPORTERS

    known = {*FILMS, *SEQUENCE_EXPORTERS.names()}
    chosen = tuple(name for name in formats if name in known)
    if not chosen and not options.frames:
        raise BadUsage(
            f"--save {options.save}: a video is saved as {', '.join(sorted(known))}.\n"
            "  With --frames every frame is saved like a picture, too."
        )
    return ClipOptions(
        formats=chosen,
        per_frame=tuple(formats) if options.frames else (),
        smooth=options.smooth,
        every=options.every,
        mask_every=options.mask_every,
        with_masks=options.segmenter != "none",
        wanted=Wanted(least=options.min_track, tracks=options.track),
    )
