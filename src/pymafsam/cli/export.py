"""``export``: saved results as rigs and meshes that other programs open; no network is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from pymafsam.cli.inputs import read_names
from pymafsam.errors import BadInput, PymafsamError


@dataclass(kw_only=True)
class Export:
    """Write saved results as files that other programs open.

    RESULTS are the json files of pictures, the npz files of clips, or folders of them. glb and usd
    hold everybody with skeleton, skin and (clips) animation; bvh is one motion file per person,
    amass the same for SMPL's add-ons; ply is a plain mesh, csv a table of joints.
    docs/exports.md says what to click in Blender, Unity and Unreal.

    Examples:
      pymafsam export results/tennis.json --to glb,bvh --out exports
      pymafsam export results --to glb --out exports
    """

    results: tyro.conf.Positional[tuple[Path, ...]]
    """Results of ``reconstruct``: json of pictures, npz of clips, or folders."""
    out: Path
    """Folder for the files; made when missing."""
    to: str = "glb,bvh"
    """What to write, separated by commas: glb, bvh, usd, ply, csv, amass."""
    body: str = "anny24"
    """The body the results were made with: a name or a file."""

    def run(self) -> int:
        from pymafsam import body as bodies
        from pymafsam.export import conversions
        from pymafsam.files.atomic import check_writable

        formats = read_names("--to", self.to, conversions.CONVERSIONS.names())
        files = list(found(self.results))
        model = bodies.load(self.body)
        check_writable(self.out)
        failures: dict[Path, str] = {}
        written = 0
        for path, stem in files:
            try:
                saved = conversions.load(path, model)
                for name in formats:
                    written += len(conversions.convert(saved, name, self.out, stem))
            except PymafsamError as error:
                failures[path] = str(error)
        print(f"{written} files of {len(files) - len(failures)} results -> {self.out}")
        for path, reason in failures.items():
            print(f"failed: {path}: {reason}")
        return 1 if failures else 0


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
