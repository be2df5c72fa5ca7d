"""``view``: a page in the browser to look at results, and to correct them."""

import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from pymafsam.cli.options import Flow
from pymafsam.errors import BadUsage
from pymafsam.files import made

if TYPE_CHECKING:
    from pymafsam.records import Frame, Prompt, Scene
    from pymafsam.viewer.desk import Reconstruct
    from pymafsam.viewer.exhibits import Exhibit
    from pymafsam.viewer.gallery import Gallery
    from pymafsam.viewer.retake import Take

HERE = "127.0.0.1"
MAKER = "view"


@dataclass(kw_only=True)
class View(Flow):
    """Look at bodies before their photograph in the browser, and correct them.

    PATHS are results of `pymafsam reconstruct` (json files, folders) or photographs, which are
    reconstructed when they are looked at. Only this computer can open the page unless --host says
    otherwise; through ssh: ssh -L 8765:localhost:8765 HOST. Everything that is corrected is kept in
    the file --prompts, which `pymafsam reconstruct --prompts` replays.

    Examples:
      pymafsam view results
      pymafsam view photo.jpg --prompts photo_prompts.json
      pymafsam view results/tennis.json --pictures photos --save-html tennis.html
    """

    paths: tyro.conf.Positional[tuple[Path, ...]]
    """Results (json), photographs, or folders of either."""
    pictures: tuple[Path, ...] = field(default=())
    """Folders in which the photographs of results are looked for, too."""
    prompts: Annotated[Path, tyro.conf.arg(metavar="FILE.json")] = Path("corrections.json")
    """Where corrections are kept; gone on with where it is there already."""
    save_html: Annotated[Path | None, tyro.conf.arg(metavar="FILE.html")] = None
    """Write the page as one file that needs no server, and end."""
    host: str = HERE
    """The address to answer at: 0.0.0.0 lets everybody who reaches this computer look."""
    port: int = 8765
    """The port; 0 takes any that is free."""
    open: bool = False
    """Open the page in a browser."""

    def run(self) -> int:
        from pymafsam import body as bodies
        from pymafsam.viewer import exhibits
        from pymafsam.viewer.book import Book
        from pymafsam.viewer.desk import Desk
        from pymafsam.viewer.gallery import Gallery

        if not self.paths:
            raise BadUsage("What is to be looked at? Give results, or photographs.")
        gallery = Gallery(
            exhibits=exhibits.find(self.paths, self.pictures),
            model=bodies.load(self.body),
            desk=Desk(load=self.reconstruct, book=Book.open(self.prompts)),
            remake=self.remake,
        )
        if self.save_html is not None:
            return self.write(gallery, self.save_html)
        return self.serve(gallery)

    def serve(self, gallery: "Gallery") -> int:
        """Answer until Ctrl-C."""
        from pymafsam.viewer import server

        server.check()
        listener = server.listen(self.host, self.port)
        port = listener.getsockname()[1]
        address = f"http://{'localhost' if self.host == HERE else self.host}:{port}/"
        shown = _count(gallery.exhibits)
        who = "Only this computer can open it." if self.host == HERE else REACHABLE
        print(f"{shown} at {address}  {who} Ctrl-C ends it.", flush=True)
        if self.open:
            webbrowser.open(address)
        server.serve(gallery, listener, self.host)
        return 0

    def write(self, gallery: "Gallery", path: Path) -> int:
        """The page as one file. Raises BadInput where it would go over one that is not ours."""
        from pymafsam.files.atomic import writing
        from pymafsam.viewer.takeaway import standalone

        made.Outputs(maker=MAKER).claim([path], path.name)
        text = f"{standalone(gallery)}\n<!-- {made.mark(MAKER)} -->\n"
        with writing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(f"{_count(gallery.exhibits)} -> {path} ({len(text) / 1e6:.1f} MB)")
        return 0

    def reconstruct(self) -> "Reconstruct":
        """What reconstructs, with its networks, when the first picture needs it."""
        from pymafsam.viewer.remembering import remembering

        people = self.load()
        people = replace(people, observer=remembering(people.observer))

        def scene(frame: "Frame", prompts: "Sequence[Prompt] | None") -> "Scene":
            return people.scene(frame, prompts=prompts)

        return scene

    def remake(self, path: Path, name: str) -> "Take":
        """A clip as ``reconstruct`` makes it with the same options of the flow."""
        from pymafsam.clips import Clip, ClipOptions
        from pymafsam.clips.takes import Takes
        from pymafsam.records import Request

        clip = Clip(
            path=path,
            name=name,
            stem=path.stem,
            out=path.parent,
            reconstructor=self.load(),
            options=ClipOptions(with_masks=self.segmenter != "none"),
            ask=lambda frame: Request(frame=frame),
        )
        return Takes(clip=clip, prompts=self.prompts)


REACHABLE = "Everybody who reaches this computer can open it."


def _count(exhibits: "Sequence[Exhibit]") -> str:
    return "1 picture" if len(exhibits) == 1 else f"{len(exhibits)} pictures"
