"""``export``: saved results as rigs and meshes that other programs open; no network is needed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from pymafsam.errors import BadInput, BadUsage, PymafsamError
from pymafsam.registry import closest

if TYPE_CHECKING:
    from pymafsam.body import BodyModel
    from pymafsam.export.rigs import Rig

MAKER = "export"


@dataclass(kw_only=True)
class Export:
    """Write saved results as files that other programs open.

    RESULTS are the json files of pictures, the npz files of clips, or folders of them. glb holds
    everybody with skeleton, skin and (clips) animation; bvh is one motion file per person.
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
    """What to write, separated by commas: glb, bvh."""
    body: str = "anny24"
    """The body the results were made with: a name or a file."""

    def run(self) -> int:
        from pymafsam import body as bodies
        from pymafsam.files.atomic import check_writable

        formats = [word.strip() for word in self.to.split(",") if word.strip()]
        for name in formats:
            if name not in WRITERS:
                raise BadUsage(f'--to: there is no "{name}"{closest(name, WRITERS)}')
        files = list(found(self.results))
        model = bodies.load(self.body)
        check_writable(self.out)
        failures: dict[Path, str] = {}
        written = 0
        for path, stem in files:
            try:
                people = people_of(path, model)
                for name in formats:
                    written += WRITERS[name](people, self.out, stem)
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


def kind_of(path: Path) -> str:
    """``picture`` or ``clip`` for a json that reconstruct wrote, else nothing."""
    with path.open("rb") as stream:
        head = stream.read(200)
    if b'"pymafsam/1"' in head:
        return "picture"
    return "clip" if b'"pymafsam-sequence/1"' in head else ""


def people_of(path: Path, model: "BodyModel") -> list["Rig"]:
    """Everybody in a result file. Raises BadInput for what is none, and where nobody is."""
    from pymafsam.export import results, rigs, sequence

    if path.suffix == ".npz" or kind_of(path) == "clip":
        clip = sequence.load(path.with_suffix(".npz"))
        if clip.body_name != model.name:
            raise BadInput(f'made with the body "{clip.body_name}", not "{model.name}" (--body).')
        people = list(rigs.of_sequence(clip, model))
    else:
        people = list(rigs.of_scene(results.load(path, model), model))
    if not people:
        raise BadInput("there is nobody in it.")
    return people


def write_glb(people: Sequence["Rig"], out: Path, stem: str) -> int:
    """Everybody in ``<stem>_rig.glb``; how many files were written."""
    from pymafsam.export import skinned

    return _write(out / f"{stem}_rig.glb", lambda path: skinned.write_glb(people, path))


def write_bvh(people: Sequence["Rig"], out: Path, stem: str) -> int:
    """``<stem>_<person>.bvh`` for everybody; how many files were written."""
    from pymafsam.export import bvh

    return sum(
        _write(out / f"{stem}_{rig.name}.bvh", lambda path, rig=rig: bvh.write_bvh(rig, path))
        for rig in people
    )


def _write(path: Path, write: Callable[[Path], None]) -> int:
    from pymafsam.export import bvh
    from pymafsam.files import made
    from pymafsam.files.atomic import writing

    if not (path.suffix == ".bvh" and path.is_file() and bvh.is_ours(path)):
        made.Outputs(maker=MAKER).claim([path], path.stem)
    with writing(path) as temporary:
        write(temporary)
    return 1


WRITERS: dict[str, Callable[[Sequence["Rig"], Path, str], int]] = {
    "glb": write_glb,
    "bvh": write_bvh,
}
