"""The overlay on the photograph (jpg) and the view from the side (png)."""

from dataclasses import replace
from pathlib import Path

from pymafsam import render
from pymafsam.errors import BadUsage
from pymafsam.export.exporter import Exporter, mark_of
from pymafsam.files import pictures
from pymafsam.records import Scene

LEAST_DRAWN = 0.35  # of a body's score: below it most bodies are hands, reflections or half people


def drawn(scene: Scene) -> Scene:
    """The scene without bodies that cannot be trusted; they stay in json, npz and meshes."""
    return replace(scene, bodies=tuple(b for b in scene.bodies if b.score >= LEAST_DRAWN))


def write_overlay(scene: Scene, path: Path) -> None:
    """The bodies over the photograph, in its own size. Raises BadUsage without its pixels."""
    if scene.pixels is None:
        raise BadUsage(
            f'The picture format draws on the photograph, and "{scene.name}" comes without it.\n'
            "  Give its pixels: save(scene, folder, formats, pixels=...)."
        )
    pixels = render.overlay(scene.pixels, drawn(scene))
    pictures.write_jpeg(pixels, path, mark_of(scene), quality=93)


def write_side(scene: Scene, path: Path) -> None:
    """The bodies seen from the side."""
    pictures.write_png(render.side_view(drawn(scene)), path, mark_of(scene), level=4)


OVERLAY = Exporter(ending="_overlay.jpg", write=write_overlay, prepare=render.prepare)
SIDE = Exporter(ending="_side.png", write=write_side, prepare=render.prepare)
