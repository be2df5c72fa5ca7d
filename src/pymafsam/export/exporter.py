"""What an exporter is, which there are, and writing a scene through some of them."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pymafsam.ahead import abreast
from pymafsam.files import made
from pymafsam.files.atomic import writing
from pymafsam.files.names import stem_of
from pymafsam.records import Pixels, Scene
from pymafsam.registry import Table

MAKER = "reconstruct"  # the verb that scenes are saved by
EXPORTERS = Table(
    kind="exporter",
    rows={
        "picture": "pymafsam.export.pictures:OVERLAY",
        "side": "pymafsam.export.pictures:SIDE",
        "json": "pymafsam.export.results:JSON",
        "npz": "pymafsam.export.arrays:NPZ",
        "obj": "pymafsam.export.obj:OBJ",
        "glb": "pymafsam.export.gltf:GLB",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """One file per scene: ``write`` fills the path it is given, called ``<stem><ending>``.

    ``write`` need not care for half files: the path is a temporary one in the same folder that
    is renamed when ``write`` returns. ``prepare`` loads what the first ``write`` would have to.
    """

    ending: str
    write: Callable[[Scene, Path], None]
    prepare: Callable[[], object] | None = None


def mark_of(scene: Scene) -> str:
    """The mark that every file of a scene carries (``files.made``)."""
    return made.mark(MAKER, scene.origin)


def save(
    scene: Scene,
    folder: Path | str,
    formats: Sequence[str],
    pixels: Pixels | None = None,
    stem: str | None = None,
) -> dict[str, Path]:
    """Write a scene in the named formats under ``folder``; format -> the file written.

    Files are called ``<stem><ending>``; without ``stem`` by the picture's name less its ending
    (folders in it are kept below ``folder``). ``pixels`` is the picture to draw on when the scene
    does not hold it. Raises BadUsage for an unknown format and for a picture without pixels,
    BadInput when the folder cannot be written and when a file that pymafsam did not make is in
    the way.
    """
    if pixels is not None:
        scene = dataclasses.replace(scene, pixels=pixels)
    chosen = {name: EXPORTERS.load(name) for name in formats}
    stem = stem_of(scene.name) if stem is None else stem
    written = paths(folder, stem, formats)
    made.Outputs(maker=MAKER).claim(written.values(), stem)

    def write(name: str) -> None:
        with writing(written[name]) as temporary:
            chosen[name].write(scene, temporary)

    # Two at a time: drawing and compressing leave the interpreter's lock alone.
    for _ in abreast(write, chosen, 2):
        pass
    return written


def prepare(formats: Sequence[str]) -> None:
    """Load what saving needs, in a thread, while the first scene is still being made."""

    def work() -> None:
        with contextlib.suppress(Exception):  # told by ``save``, of the scene that it concerns
            made_ready = [EXPORTERS.load(name).prepare for name in formats]
            for ready in dict.fromkeys(one for one in made_ready if one is not None):
                ready()

    # No daemon, for the same reason as networks.Opening: it may be in LLVM's code at the end.
    threading.Thread(target=work).start()


def paths(folder: Path | str, stem: str, formats: Sequence[str]) -> dict[str, Path]:
    """Where ``save`` writes each format. Raises BadUsage for an unknown one."""
    return {name: Path(folder) / f"{stem}{EXPORTERS.load(name).ending}" for name in formats}
