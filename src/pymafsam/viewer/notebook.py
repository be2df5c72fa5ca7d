"""A scene in a notebook: the page itself, inside the cell; a picture where no page can be."""

import html
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pymafsam import body as bodies
from pymafsam import render
from pymafsam.body import BodyModel
from pymafsam.files import made, pictures
from pymafsam.files.atomic import writing
from pymafsam.records import Pixels, Scene
from pymafsam.render.turned import front_view
from pymafsam.viewer import documents, page

MAKER = "show"
HEIGHT = 560  # pixels of the cell
STILL = 480  # pixels high is the picture
PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown:
    """A page that notebooks draw when it stands at the end of a cell (or is given to display).

    Programs that draw no pages (Qt's console, LaTeX made of a notebook) take ``picture``; so do
    browsers without WebGL or scripts.
    """

    text: str
    picture: Pixels = field(repr=False)
    height: int = HEIGHT

    def _repr_html_(self) -> str:
        inside = html.escape(self.text, quote=True)
        return f'<iframe srcdoc="{inside}" width="100%" height="{self.height}"></iframe>'

    def _repr_jpeg_(self) -> bytes:
        return documents.jpeg_bytes(self.picture)

    def __repr__(self) -> str:
        return '<a page: notebooks show it, save("page.html") or save("picture.png") keeps it>'

    def save(self, path: Path | str) -> Path:
        """Write the page as one html file, or the picture (png, jpg), by the name's ending.

        Raises BadInput where that fails.
        """
        path = Path(path)
        with writing(path) as temporary:
            if path.suffix.lower() == ".png":
                pictures.write_png(self.picture, temporary, made.mark(MAKER))
            elif path.suffix.lower() in PICTURES:
                pictures.write_jpeg(self.picture, temporary, made.mark(MAKER), quality=93)
            else:
                temporary.write_text(self.text, encoding="utf-8")
        return path


def show(scene: Scene, *, model: BodyModel | None = None, height: int = HEIGHT) -> Shown:
    """The scene as a page: its bodies before the photograph, to be turned and switched.

    ``model``: the body it was made with, where that is no body of a name (an SMPL file of yours);
    ``height`` of the cell in pixels. Raises BadUsage for a body that is not known by name.
    """
    made = model or bodies.load(scene.body_name)
    still = picture_of(scene)
    text = page.standalone(
        [documents.of_scene(scene, made, scene.pixels)], [{}], documents.jpeg(still)
    )
    return Shown(text=text, picture=still, height=height)


def picture_of(scene: Scene) -> Pixels:
    """The bodies over the photograph (without one: from the front), and from the side."""
    width, height = scene.camera.size
    size = (max(round(width * STILL / height), 16), STILL)
    if scene.pixels is None:
        front = front_view(scene, size)
    else:
        from PIL import Image

        whole = render.overlay(scene.pixels, scene)
        front = np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.LANCZOS))
    side = render.side_view(replace(scene, pixels=None), size=(STILL * 3 // 4, STILL))
    return np.concatenate([front, side], axis=1)
