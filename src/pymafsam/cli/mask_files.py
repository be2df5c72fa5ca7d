"""The files of ``mask save``: written in an order that tells what is whole, known when stale."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pymafsam.cli.inputs import Run
from pymafsam.errors import PymafsamError
from pymafsam.files import made
from pymafsam.files.atomic import writing
from pymafsam.masks import prompts as prompting
from pymafsam.masks import store
from pymafsam.masks.store import MAKER

if TYPE_CHECKING:
    from pymafsam.masks.store import Segmented
    from pymafsam.records import Origin, Pixels

PROMPTS = "prompts.json"
MOST_PEOPLE = 100  # as far as files of an earlier run's people are looked for


def nothing(picture: str) -> Sequence[Path]:
    """No mask files belong to the picture."""
    return ()


@dataclass(kw_only=True)
class MaskFiles:
    """Writes pictures' masks in the ``forms`` asked for.

    ``masks_of`` names the files that a picture's prompts were taken from.
    """

    run: Run
    forms: tuple[str, ...]
    masks_of: Callable[[str], Sequence[Path]] = nothing
    prompts: dict[str, list[Any]] = field(default_factory=dict)

    def paths(self, stem: str, people: Sequence[int]) -> dict[str, list[Path]]:
        """The files by form, in the order of writing; ``people`` are those who have masks.

        The last person's come first and the json last: where the last file is, all are.
        """
        folder = self.run.options.out
        last, parent = PurePosixPath(stem).name, (folder / stem).parent
        old = [last + (f"_person{k}" if k else "") for k in reversed(people)]
        all_forms = {
            "png": [folder / f"{stem}_person{k}.png" for k in reversed(people)],
            "2024": [parent / f"masks_{s}1_{name}.npy" for name in old for s in ("fore", "back")],
            "picture": [folder / f"{stem}_masks.jpg"],
            "json": [folder / f"{stem}.json"],
        }
        return {form: paths for form, paths in all_forms.items() if form in self.forms}

    def prepare(self, stem: str, picture: str, origin: "Origin") -> "Origin":
        """Make sure that the picture's files may be written; its origin with the masks given.

        Raises BadInput where they may not.
        """
        paths = self.paths(stem, [0])
        self.run.outputs.claim([path for some in paths.values() for path in some], picture)
        return self._with_masks(origin, picture)

    def _with_masks(self, origin: "Origin", picture: str) -> "Origin":
        found = ", ".join(made.stamp(path) for path in self.masks_of(picture))
        return replace(origin, options={**origin.options, "masks": found}) if found else origin

    def up_to_date(self, stem: str, picture: str, origin: "Origin") -> bool:
        """Whether all of a picture's files are there, made of what there is now.

        What its json holds is enough to complete the other forms, all but the drawing.
        """
        wanted = made.mark(MAKER, self._with_masks(origin, picture))
        path = self.run.options.out / f"{stem}.json"
        if "json" not in self.forms:
            last = [files[-1] for files in self.paths(stem, [0]).values()]
            return all(self._is(path, wanted) for path in last)
        if not self._is(path, wanted):
            return False
        try:
            one = store.load_json(path)
        except PymafsamError:  # somebody changed it since: it is made again
            return False
        missing = self._missing(one, stem, wanted)
        if "picture" in missing:
            return False
        for form in missing:
            self._write(form, one, None, stem, wanted)
        self.prompts[one.name] = [prompting.to_json(prompt) for prompt in one.prompts]
        return True

    def _missing(self, one: "Segmented", stem: str, wanted: str) -> list[str]:
        paths = self.paths(stem, people_of(one))
        return [
            form
            for form, files in paths.items()
            if not all(self._is(path, wanted) for path in files)
        ]

    def _is(self, path: Path, wanted: str) -> bool:
        found = made.read(path)
        return found is not None and found.text == wanted

    def write(self, one: "Segmented", pixels: "Pixels", stem: str, origin: "Origin") -> None:
        """Everything asked for, and nothing left of an earlier run with more people."""
        paths = self.paths(stem, people_of(one))
        self.run.outputs.claim([path for some in paths.values() for path in some], one.name)
        mark = made.mark(MAKER, origin)
        for form in paths:
            if form == "json":
                store.save_json(one, paths[form][0], made.note(MAKER, origin))
            else:
                self._write(form, one, pixels, stem, mark)
        self._remove_others(stem, {path for some in paths.values() for path in some})
        self.prompts[one.name] = [prompting.to_json(prompt) for prompt in one.prompts]
        self.run.done += 1
        self.run.people += len(people_of(one))

    def _write(
        self, form: str, one: "Segmented", pixels: "Pixels | None", stem: str, mark: str
    ) -> None:
        folder = self.run.options.out
        if form == "png":
            store.save_pngs(one, folder, stem, mark)
        if form == "2024":
            self._write_2024(one, folder / stem, mark)
        if form == "picture" and pixels is not None:
            from pymafsam import render
            from pymafsam.files.pictures import write_jpeg

            with writing(folder / f"{stem}_masks.jpg") as temporary:
                write_jpeg(render.draw_masks(pixels, one.masks, one.prompts), temporary, mark)

    def _write_2024(self, one: "Segmented", stem: Path, mark: str) -> None:
        from pymafsam import crops
        from pymafsam.masks import saver2024

        for k in reversed(people_of(one)):
            mask = one.masks[k]
            assert mask is not None
            inside = crops.cut_person(mask.inside, one.prompts[k].box)
            name = stem.name + (f"_person{k}" if k else "")
            saver2024.save(inside, stem.parent, name, mark)

    def _remove_others(self, stem: str, written: set[Path]) -> None:
        """Files of people whom an earlier run saw in this picture and this one does not."""
        for paths in self.paths(stem, range(MOST_PEOPLE)).values():
            for path in paths if len(paths) > 1 else ():
                if path in written or path in self.run.outputs.taken or not os.path.exists(path):
                    continue
                found = made.read(path)
                if found is not None and found.maker == MAKER:
                    path.unlink(missing_ok=True)

    def write_prompts(self) -> None:
        """All prompts of the run, and those that were there, in one file to go on from."""
        if not self.prompts or "json" not in self.forms:
            return
        path = self.run.options.out / PROMPTS
        if made.real(path) in self.run.outputs.inputs:
            print(f"{path} was read in this run and is left as it is.")
            return
        with self.run.attempt(PROMPTS):
            self.run.outputs.claim([path], PROMPTS)
            rows = dict(sorted((_earlier(path) | self.prompts).items()))
            prompting.write_file(path, rows, made.note(MAKER))


def people_of(one: "Segmented") -> list[int]:
    """The numbers of those who have masks."""
    return [k for k, mask in enumerate(one.masks) if mask is not None]


def _earlier(path: Path) -> dict[str, list[Any]]:
    """The pictures of a prompts file that was there; none where it cannot be read."""
    if not path.exists():
        return {}
    try:
        return {name: list(rows) for name, rows in prompting.read_file(path).rows.things.items()}
    except PymafsamError:
        return {}
