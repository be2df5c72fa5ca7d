"""``render``: pictures and films of saved results, from any side; no network is needed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from pymafsam.cli.inputs import read_names, report_failures
from pymafsam.errors import BadInput, BadUsage, PymafsamError

if TYPE_CHECKING:
    import numpy as np

    from pymafsam.records import Scene
    from pymafsam.render.materials import Material
    from pymafsam.render.viewpoint import Viewpoint

MAKER = "render"
SPIN = 4.0  # seconds of a turntable
GIF = 360  # pixels of a gif's longer side
LEAST, MOST = 16, 8192  # pixels of a side


@dataclass(kw_only=True)
class Render:
    """Draw saved results again: over the photograph, from every side, as a film that turns.

    RESULTS are json files of `pymafsam reconstruct`, or folders of them.

    Examples:
      pymafsam render results/tennis.json --views front,side,top --out pictures
      pymafsam render results --views turntable --material clay --out films
      pymafsam render results --views overlay --pictures photos --out pictures
      pymafsam render results --views cutout,depth,normals,parts --out maps
      pymafsam render results --camera azimuth=40,elevation=20 --height 4320 --out large
    """

    results: tyro.conf.Positional[tuple[Path, ...]]
    """Json files of pictures, or folders."""
    out: Path
    """Folder for the pictures; made when missing."""
    views: str | None = None
    """Separated by commas: overlay, front, side, top, turntable (mp4), gif (the same), and by the
    photograph's own camera or --camera silhouette, cutout (transparent ground), depth (millimetres,
    16 bits), normals, parts (1 + the joint of SMPL's that moves it). When not given: front,side, or
    with --camera cutout."""
    camera: Annotated[str | None, tyro.conf.arg(metavar="WORDS|FILE.json")] = None
    """Another camera: azimuth=30,elevation=20 in degrees around everybody's middle (also distance
    in metres, roll, fov in degrees or focal in pixels), or a json file with the same words, or with
    a camera-to-world "matrix" as pyrender, trimesh and Blender have it (docs/exports.md)."""
    material: Literal["colours", "skin", "clay"] = "colours"
    """What bodies are made of in views with light."""
    pictures: Path | None = None
    """Folder of the photographs, for overlay."""
    body: str = "anny24"
    """The body the results were made with: a name or a file."""
    height: int | None = None
    """Pixels, up to 8192; as the photograph when not given."""
    width: int | None = None
    """Pixels, up to 8192; by the photograph's shape when not given."""
    rate: int = 25
    """Frames per second of a turntable."""

    def run(self) -> int:
        from pymafsam import body as bodies
        from pymafsam.cli.export import found
        from pymafsam.export import results
        from pymafsam.export.kinds import kind_of
        from pymafsam.files.atomic import check_writable

        views = read_names("--views", self.views or self.usual_views(), tuple(VIEWS))
        self.check(views)
        files = [(path, stem) for path, stem in found(self.results) if kind_of(path) == "picture"]
        if not files:
            raise BadInput("There is no json of a picture among the results (clips have films).")
        model = bodies.load(self.body)
        check_writable(self.out)
        failures: dict[Path, str] = {}
        for path, stem in files:
            try:
                scene = results.load(path, model)
                for view in views:
                    VIEWS[view](self, scene, self.out / stem)
            except PymafsamError as error:
                failures[path] = str(error)
        print(f"{len(files) - len(failures)} results drawn -> {self.out}")
        return report_failures({str(path): reason for path, reason in failures.items()})

    def usual_views(self) -> str:
        """What is drawn when nothing is said of it."""
        return "front,side" if self.camera is None else "cutout"

    def check(self, views: Sequence[str]) -> None:
        """Raises BadUsage where the options do not go together."""
        for name, pixels in (("--height", self.height), ("--width", self.width)):
            if pixels is not None and not LEAST <= pixels <= MOST:
                raise BadUsage(f"{name} {pixels}: wanted {LEAST} to {MOST} pixels.")
        own = [name for name in views if name not in BY_CAMERA]
        if self.camera is not None and own:
            raise BadUsage(
                f"{own[0]} has a camera of its own; --camera is for {', '.join(BY_CAMERA)}."
            )
        self.viewpoint()

    def viewpoint(self) -> "Viewpoint | None":
        """What --camera says."""
        from pymafsam.render.viewpoint import Viewpoint

        return None if self.camera is None else Viewpoint.read(self.camera)

    def size(self, scene: "Scene") -> tuple[int, int]:
        """Width and height: the photograph's shape where only one of them was asked for."""
        width, height = scene.camera.size
        if self.width is not None and self.height is None:
            height = round(height * self.width / width)
        wanted = self.height or height
        asked = self.width or round(width * wanted / height if self.height else width)
        zoom = min(1.0, MOST / max(asked, wanted))  # of a panorama
        return max(round(asked * zoom), LEAST), max(round(wanted * zoom), LEAST)

    def seen(self, scene: "Scene") -> "Scene":
        """The scene before the camera that was asked for, in the size that was asked for."""
        from pymafsam.render.viewpoint import resized

        viewpoint = self.viewpoint()
        if viewpoint is not None:
            return viewpoint.of(scene, self.size(scene))
        asked = self.width is not None or self.height is not None
        return resized(scene, self.size(scene)) if asked else scene

    @property
    def made_of(self) -> "Material":
        """The material's row."""
        from pymafsam.render.materials import MATERIALS

        return MATERIALS[self.material]


def _overlay(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.files import frames
    from pymafsam.render import overlay

    if options.pictures is None:
        raise BadInput("overlay draws on the photograph; say where it is with --pictures DIR.")
    frame = frames.read_picture(options.pictures / scene.name)
    if frame.size != scene.camera.size:
        raise BadInput(f"{frame.name} has another size now than when it was reconstructed.")
    _save(overlay(frame.pixels, scene, material=options.made_of), stem, "overlay")


def _front(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.render.turned import front_view

    _save(front_view(scene, options.size(scene), options.made_of), stem, "front")


def _side(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.render import side_view

    view = side_view(scene, size=options.size(scene), material=options.made_of)
    _save(view, stem, "side")


def _top(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.render.turned import top_view

    _save(top_view(scene, options.size(scene), options.made_of), stem, "top")


def _silhouette(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.render import maps

    _save(maps.silhouette(options.seen(scene)), stem, "silhouette")


def _cutout(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.render import maps

    _save(maps.cut_out(options.seen(scene), material=options.made_of), stem, "cutout")


def _depth(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.render import maps

    _save(maps.depth(options.seen(scene)), stem, "depth")


def _normals(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam.render import maps

    _save(maps.normals(options.seen(scene)), stem, "normals")


def _parts(options: Render, scene: "Scene", stem: Path) -> None:
    from pymafsam import body as bodies
    from pymafsam.render import maps

    weights = bodies.load(options.body).weights
    _save(maps.parts(options.seen(scene), weights), stem, "parts")


def _gif(options: Render, scene: "Scene", stem: Path) -> None:
    """A turntable that browsers and chats show without a player; small, for every frame is kept."""
    from pymafsam.files import made, pictures
    from pymafsam.files.atomic import writing
    from pymafsam.render.turned import turntable

    if not scene.bodies:
        raise BadInput("nobody is in it to be turned.")
    path = stem.with_name(f"{stem.name}_turntable.gif")
    made.Outputs(maker=MAKER).claim([path], stem.name)
    width, height = options.size(scene)
    share = min(1.0, GIF / max(width, height))
    size, rate = (round(width * share), round(height * share)), min(options.rate, 20)
    with writing(path) as temporary:
        film = turntable(scene, max(round(SPIN * rate), 2), size, options.made_of)
        pictures.write_gif(film, temporary, made.mark(MAKER), rate)


def _turntable(options: Render, scene: "Scene", stem: Path) -> None:
    from tempfile import TemporaryDirectory

    from pymafsam.files import made
    from pymafsam.files.atomic import writing
    from pymafsam.files.video import Encoder, join
    from pymafsam.render.turned import turntable

    if not scene.bodies:
        raise BadInput("nobody is in it to be turned.")
    path = stem.with_name(f"{stem.name}_turntable.mp4")
    made.Outputs(maker=MAKER).claim([path], stem.name)
    frames, size = max(round(SPIN * options.rate), 2), options.size(scene)
    # Encoded apart, then marked as ours on the way to its place.
    with TemporaryDirectory() as folder, writing(path) as whole:
        piece = Path(folder) / "piece.mp4"
        film = Encoder(piece, size, float(options.rate))
        for k, pixels in enumerate(turntable(scene, frames, size, options.made_of)):
            film.write(pixels, k / options.rate)
        film.close()
        join([piece], whole, mark=made.mark(MAKER))


def _save(pixels: "np.ndarray", stem: Path, view: str) -> None:
    from pymafsam.files import made, pictures
    from pymafsam.files.atomic import writing

    path = stem.with_name(f"{stem.name}_{view}.png")
    made.Outputs(maker=MAKER).claim([path], stem.name)
    with writing(path) as temporary:
        pictures.write_png(pixels, temporary, made.mark(MAKER))


VIEWS: Mapping[str, Callable[[Render, "Scene", Path], None]] = {
    "overlay": _overlay,
    "front": _front,
    "side": _side,
    "top": _top,
    "turntable": _turntable,
    "gif": _gif,
    "cutout": _cutout,
    "depth": _depth,
    "normals": _normals,
    "parts": _parts,
    "silhouette": _silhouette,
}
BY_CAMERA = ("cutout", "depth", "normals", "parts", "silhouette")
