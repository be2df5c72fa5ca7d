"""``export``: saved results as rigs and meshes that other programs open; no network is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from pymafsam.cli.inputs import read_names, report_failures
from pymafsam.errors import BadInput, PymafsamError

if TYPE_CHECKING:
    from pymafsam.body import BodyModel
    from pymafsam.export.conversions import Saved
    from pymafsam.fitting.carried import Carrier


@dataclass(kw_only=True)
class Export:
    """Write saved results as files that other programs open.

    RESULTS are the json files of pictures, the npz files of clips, or folders of them. glb and usd
    hold everybody with skeleton, skin and (clips) animation, glb4 the same for engines in which a
    vertex follows at most four joints; bvh is one motion file per person, amass the same for SMPL's
    add-ons; ply is a plain mesh, csv a table of joints.
    docs/exports.md says what to click in Blender, Unity and Unreal.

    Examples:
      pymafsam export results/tennis.json --to glb,bvh --out exports
      pymafsam export results --to glb --out exports
      pymafsam export results --body SMPL_NEUTRAL.pkl --to amass,glb --out exports
    """

    results: tyro.conf.Positional[tuple[Path, ...]]
    """Results of ``reconstruct``: json of pictures, npz of clips, or folders."""
    out: Path
    """Folder for the files; made when missing."""
    to: str = "glb,bvh"
    """What to write, separated by commas: glb, glb4, bvh, usd, ply, csv, amass."""
    body: str | None = None
    """Another body (a name, or an SMPL file) to carry the results to; their own when not given."""
    made_with: str | None = None
    """The body that the results were made with, where it is a file: their json only names it."""

    def run(self) -> int:
        from pymafsam.export import conversions
        from pymafsam.files.atomic import check_writable

        formats = read_names("--to", self.to, conversions.CONVERSIONS.names())
        files = list(found(self.results))
        models = Models(options=self)
        check_writable(self.out)
        failures: dict[Path, str] = {}
        written = 0
        for path, stem in files:
            try:
                saved = models.saved(path)
                for name in formats:
                    written += len(conversions.convert(saved, name, self.out, stem))
            except PymafsamError as error:
                failures[path] = str(error)
        print(f"{written} files of {len(files) - len(failures)} results -> {self.out}")
        for path, away in models.away.items():
            print(
                f"{path}: carried to {self.body}, {1000 * away:.1f} mm from the surface as it was"
            )
        return report_failures({str(path): reason for path, reason in failures.items()})


@dataclass(kw_only=True)
class Models:
    """The bodies of results, loaded once: theirs, and the one they are carried to."""

    options: Export
    away: dict[Path, float] = field(default_factory=dict)
    carriers: dict[str, "Carrier"] = field(default_factory=dict)

    def __post_init__(self):
        from pymafsam import body as bodies

        wanted, made_with = self.options.body, self.options.made_with
        self.wanted = None if wanted is None else bodies.load(wanted)
        self.given = None if made_with is None else bodies.load(made_with)

    def saved(self, path: Path) -> "Saved":
        """A result, on the body that is wanted. Raises BadInput where its own is not known."""
        from pymafsam.export import conversions
        from pymafsam.fitting.carried import Carrier, carried

        name = conversions.body_of(path)
        if self.wanted is not None and self.wanted.name == name:
            return conversions.load(path, self.wanted)
        saved = conversions.load(path, self._own(name))
        if self.wanted is None:
            return saved
        if name not in self.carriers:
            self.carriers[name] = Carrier(saved.model, self.wanted)
        scene, self.away[path] = carried(saved.scene, self.carriers[name])
        return conversions.Saved(scene=scene, model=self.wanted)

    def _own(self, name: str) -> "BodyModel":
        from pymafsam import body as bodies

        if self.given is not None:
            return self.given
        if name not in bodies.BODIES.names():
            raise BadInput(f'made with the body "{name}"; say where its file is (--made-with).')
        return bodies.load(name)


def found(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Result files with the stems of what is made of them; folders are searched.

    Raises BadInput for a path that is not there and for a folder without results.
    """
    from pymafsam.export.kinds import kind_of

    for path in paths:
        if path.is_file():
            yield path, path.stem
            continue
        if not path.is_dir():
            raise BadInput(f"There is no file or folder {path}.")
        some = [file for file in sorted(path.rglob("*.json")) if kind_of(file)]
        if not some:
            raise BadInput(f"The folder {path} holds no results of `pymafsam reconstruct`.")
        for file in some:
            yield file, file.relative_to(path).with_suffix("").as_posix()
