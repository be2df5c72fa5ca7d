"""What there is to look at: saved results with their photographs, and photographs alone."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pymafsam.errors import BadInput
from pymafsam.export.kinds import kind_of
from pymafsam.files import frames, made
from pymafsam.files.json import read as read_json
from pymafsam.files.names import told_apart

log = logging.getLogger(__name__)

LOOKED_FOR = "results of `pymafsam reconstruct` (json), or photographs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One thing to look at.

    ``results`` is the json (clips: the npz) that was saved, None for a photograph that is still to
    be reconstructed; ``photograph`` the picture or film that it shows, None where it was not found.
    ``name`` is what prompts know the picture by.
    """

    name: str
    stem: str
    results: Path | None
    photograph: Path | None
    is_clip: bool = False


def find(paths: Sequence[Path], photographs: Sequence[Path] = ()) -> list[Exhibit]:
    """Everything under ``paths``, results before photographs.

    The photograph of a result is looked for in ``photographs`` (folders), beside the result, and
    where its name leads from here. Raises BadInput for a path that is not there and where there
    is nothing to look at.
    """
    found = [exhibit for path in paths for exhibit in _below(path, photographs)]
    if not found:
        raise BadInput(
            f"There is nothing to look at in {', '.join(map(str, paths)) or 'nothing'}.\n"
            f"  Wanted: {LOOKED_FOR}."
        )
    return _told_apart(found)


def _told_apart(found: Sequence[Exhibit]) -> list[Exhibit]:
    """The same exhibits; photographs of one name with more of their paths, as ``reconstruct`` has
    them: what is said of one must not hold for the other.
    """
    sources = [
        frames.Source(path=path, name=one.name)
        for one in found
        if one.results is None and (path := one.photograph) is not None
    ]
    called = {source.path.absolute(): source.name for source in told_apart(sources)}
    return [
        replace(one, name=called[path.absolute()])
        if one.results is None and (path := one.photograph) is not None
        else one
        for one in found
    ]


def _below(path: Path, photographs: Sequence[Path]) -> Iterator[Exhibit]:
    if path.is_file():
        yield _of_file(path, path.stem, photographs)
        return
    if not path.is_dir():
        raise BadInput(f"There is no file or folder {path}.")
    results = [file for file in sorted(path.rglob("*.json")) if kind_of(file)]
    for file in results:
        try:
            yield _of_file(file, file.relative_to(path).with_suffix("").as_posix(), photographs)
        except BadInput as error:
            log.warning("%s is left out: %s", file, error)
    if results:
        return  # pictures beside results are theirs, or were made of them
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in frames.PICTURES and made.read(file) is None:
            name = file.relative_to(path)
            yield Exhibit(
                name=name.as_posix(),
                stem=name.with_suffix("").as_posix(),
                results=None,
                photograph=file,
            )


def _of_file(file: Path, stem: str, photographs: Sequence[Path]) -> Exhibit:
    """A result with its photograph, or a photograph. Raises BadInput for anything else."""
    if file.suffix.lower() in frames.PICTURES:
        return Exhibit(name=file.name, stem=stem, results=None, photograph=file)
    if file.suffix == ".npz":
        file = file.with_suffix(".json")
    kind = kind_of(file) if file.is_file() else ""
    if not kind:
        raise BadInput(f"{file} is nothing to look at{_because(file)}.\n  Wanted: {LOOKED_FOR}.")
    named = read_json(file).at("video" if kind == "clip" else "image").text()
    return Exhibit(
        name=named,
        stem=stem,
        results=file.with_suffix(".npz") if kind == "clip" else file,
        photograph=_photograph(named, file.parent, photographs),
        is_clip=kind == "clip",
    )


def _because(file: Path) -> str:
    """What a json that is no result of this version says it is."""
    if file.suffix != ".json":
        return ""
    document = read_json(file)
    return f': its format is "{document.at("format").text()}"' if document.has("format") else ""


def _photograph(name: str, beside: Path, photographs: Iterable[Path]) -> Path | None:
    """Where the picture called ``name`` is: by its path in each folder, then by its last part."""
    folders = [*photographs, beside, Path()]
    places = [folder / part for part in (name, Path(name).name) for folder in folders]
    return next((place for place in places if place.is_file()), None)
