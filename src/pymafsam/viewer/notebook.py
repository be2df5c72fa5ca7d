"""A scene in a notebook: the page itself, inside the cell."""

import html
from dataclasses import dataclass
from pathlib import Path

from pymafsam import body as bodies
from pymafsam.body import BodyModel
from pymafsam.files.atomic import writing
from pymafsam.records import Scene
from pymafsam.viewer import documents, page

HEIGHT = 560  # pixels of the cell


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown:
    """A page that notebooks draw when it stands at the end of a cell (or is given to display)."""

    text: str
    height: int = HEIGHT

    def _repr_html_(self) -> str:
        inside = html.escape(self.text, quote=True)
        return f'<iframe srcdoc="{inside}" width="100%" height="{self.height}"></iframe>'

    def __repr__(self) -> str:
        return "<a page: notebooks show it, save(path) keeps it>"

    def save(self, path: Path | str) -> Path:
        """Write the page as one html file. Raises BadInput where that fails."""
        with writing(Path(path)) as temporary:
            temporary.write_text(self.text, encoding="utf-8")
        return Path(path)


def show(scene: Scene, *, model: BodyModel | None = None, height: int = HEIGHT) -> Shown:
    """The scene as a page: its bodies before the photograph, to be turned and switched.

    ``model``: the body it was made with, where that is no body of a name (an SMPL file of yours);
    ``height`` of the cell in pixels. Raises BadUsage for a body that is not known by name.
    """
    made = model or bodies.load(scene.body_name)
    return Shown(
        text=page.standalone([documents.of_scene(scene, made, scene.pixels)], [{}]), height=height
    )
