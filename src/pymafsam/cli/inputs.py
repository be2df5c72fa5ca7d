"""One run over many inputs: what is read and passed over, what is written where, what failed.

Whatever one picture, one clip or the saving of its results raises ends with its name in the list
of failures; the others go on.
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import tyro

from pymafsam.errors import BadUsage, PymafsamError
from pymafsam.files import made
from pymafsam.files.atomic import check_writable, sweep
from pymafsam.files.names import result_stems, told_apart
from pymafsam.registry import unknown

if TYPE_CHECKING:
    from pymafsam.files.frames import Source
    from pymafsam.records import Frame, Origin

# (what the results are called, the picture's name, what they are made of) -> need not be made
UpToDate = Callable[[str, str, "Origin"], bool]

LOG = "pymafsam-debug.log"
# What changes nothing in a result, or is told apart by the input itself.
NO_MATTER = frozenset(
    "paths out save skip_existing debug batch threads workers redo lspet index".split()
)


@dataclass(kw_only=True)
class Inputs:
    """Which pictures, and where their results go."""

    paths: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Pictures, folders (searched with their subfolders), videos."""
    out: Path
    """Folder for the results; made when missing."""
    skip_existing: bool = False
    """Pass over pictures whose results in --out are up to date (to go on after an interruption)."""
    debug: bool = False
    """Write a traceback of whatever fails to pymafsam-debug.log in --out."""

    def find(self) -> list["Source"]:
        """The sources, each once, under names of their own. Raises BadUsage and BadInput."""
        from pymafsam.files import frames

        if not self.paths:
            raise BadUsage("Which pictures? Give at least one file or folder.")
        return told_apart(frames.find(self.paths))


def read_names(option: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The names in ``picture,json``, each once. Raises BadUsage for none and for unknown ones."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names:
        if name not in known:
            raise unknown(f"{option}: there is no", name, known)
    if not names:
        raise BadUsage(f"{option}: nothing to choose. Known: {', '.join(known)}")
    return names


def recipe(options: Any) -> dict[str, str]:
    """The options that a result depends on; files among them with their size and time."""
    chosen = {f.name: getattr(options, f.name) for f in fields(options)}
    return {k: _spelled(value) for k, value in chosen.items() if k not in NO_MATTER}


def _spelled(value: object) -> str:
    """An option as text. Weights, bodies and checkpoints may be files: ``sam:vit_h=FILE``."""
    text = str(value)
    before, sign, last = text.rpartition("=")
    file = Path(last)
    named = len(text) < 4096 and "\0" not in text and os.path.isfile(file)
    return f"{before}{sign}{made.stamp(file)}" if named else text


@dataclass(kw_only=True)
class Run:
    """The sources of one run, the names of their results, and what came of them.

    ``recipe`` says what the results depend on besides their picture; ``inputs`` are files that
    must not be written over, beside the sources.
    """

    options: Inputs
    maker: str
    recipe: Mapping[str, str]
    sources: Sequence["Source"] = ()
    inputs: Sequence[Path | None] = ()
    done: int = 0
    people: int = 0
    passed_over: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        files = [*(source.path for source in self.sources), *(p for p in self.inputs if p)]
        inputs = frozenset(made.real(path) for path in files)
        self.outputs = made.Outputs(maker=self.maker, inputs=inputs)
        stems = result_stems(self.names)
        self.stems = dict(zip(self.names, stems, strict=True))

    @property
    def names(self) -> list[str]:
        """What the sources are called."""
        return [source.name for source in self.sources]

    def prepare(self) -> None:
        """Make the folder of the results and sweep it. Raises BadInput where that fails."""
        check_writable(self.options.out)
        stems = [PurePosixPath(stem) for stem in self.stems.values()]
        # A clip's own results lie beside the folder of its frames.
        of_frames = [
            stem for source, stem in zip(self.sources, stems, strict=True) if source.is_video
        ]
        folders = {*(stem.parent for stem in stems), *of_frames}
        for folder in folders:
            sweep(self.options.out / folder)

    def frames(
        self, sources: "Iterator[Source]", up_to_date: UpToDate
    ) -> Iterator[tuple["Frame", str, "Origin"]]:
        """Every frame that is to be done, what its results are called, what they are made of.

        ``up_to_date`` is asked when --skip-existing is given; a picture is not read for that. What
        cannot be read is noted and passed over.
        """
        from pymafsam.files import frames

        for source in sources:
            with self.attempt(source.name):
                stem = self.stems[source.name]
                origin = made.origin(source.path, self.recipe)
                if not source.is_video and self.passes(up_to_date, stem, source.name, origin):
                    continue
                for frame in frames.read_source(source):
                    # Frames of a video: <the video's stem>/<6 digits>.
                    name = f"{stem}/{PurePosixPath(frame.name).name}" if source.is_video else stem
                    is_new = not source.is_video
                    if is_new or not self.passes(up_to_date, name, frame.name, origin):
                        yield frame, name, origin

    def passes(self, up_to_date: UpToDate, name: str, picture: str, origin: "Origin") -> bool:
        """Whether a picture need not be done again (--skip-existing); counts it."""
        if not (self.options.skip_existing and up_to_date(name, picture, origin)):
            return False
        self.passed_over += 1
        return True

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Note whatever goes wrong with one input and go on."""
        try:
            yield
        except Exception as error:  # also what we did not think of: the others go on
            self.fail(name, error)

    def fail(self, name: str, error: Exception) -> None:
        """Keep what went wrong with one input; with --debug its traceback too."""
        told = str(error)
        if not isinstance(error, PymafsamError):
            told = f"something unexpected went wrong ({type(error).__name__}: {error})."
            if not self.options.debug:
                told += f"\n  With --debug the traceback goes to {self.options.out / LOG}."
        self.failures[name] = told
        if self.options.debug:
            self._log(name, error)

    def _log(self, name: str, error: Exception) -> None:
        lines = [f"{name}\n", *traceback.format_exception(error), "\n"]
        try:
            with (self.options.out / LOG).open("a", encoding="utf-8", errors="replace") as log:
                log.writelines(lines)
        except OSError:
            # The disk may be what failed; the paragraph at the end still names the input.
            return

    def report(self, what: str) -> int:
        """Say what was done, name what failed; returns the exit code."""
        print(f"{self.done} pictures, {self.people} {what} -> {self.options.out}")
        if self.passed_over:
            print(f"{self.passed_over} pictures were there already.")
        return report_failures(self.failures)


def report_failures(failures: Mapping[str, str]) -> int:
    """Name what failed on standard error; the exit code."""
    for name, reason in failures.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failures else 0
