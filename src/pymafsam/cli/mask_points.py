"""``mask points``: a bank of sampling points from saved masks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

import numpy as np
import tyro
from jaxtyping import Bool, Float

from pymafsam import registry
from pymafsam.cli.inputs import report_failures
from pymafsam.cli.options import check_range
from pymafsam.errors import BadInput, BadUsage, PymafsamError

FORMAT = "pymafsam-points/1"
MAKER = "mask points"
CropMask = Bool[np.ndarray, "side side"]
Choose = Callable[[CropMask, Random], Float[np.ndarray, "points 2"]]


@dataclass(kw_only=True)
class MaskPoints:
    """Build a bank of sampling points, (people, 441, 2), from saved masks.

    Rows follow the pictures' names, then the people; a json beside the bank says which row is who.

    Examples:
      pymafsam mask points masks --out lspet_mask_points.npy
      pymafsam mask points masks --policy 2024 --seed 1 --out lspet_mask_points.npy
    """

    folder: tyro.conf.Positional[Path]
    """Folder that mask save wrote, or one with the 2024 files."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.npy")]
    """The bank; float32."""
    policy: str = "mask"
    """mask: spread over the mask, in a meaningful order; 2024: the older code's random choice."""
    first: int | None = None
    """Only so many pictures, by name."""
    seed: int = 0
    """For the 2024 policy, which draws at random."""

    def run(self) -> int:
        from pymafsam.files import made

        check_range("--first", self.first, 1)
        choose = registry.find("--policy: there is no", POLICIES, self.policy)
        if self.out.suffix != ".npy":
            raise BadUsage(f"--out: a bank is a .npy file, not {self.out.name}.")
        paths = [self.out, self.out.with_suffix(".json")]
        made.Outputs(maker=MAKER).claim(paths, str(self.folder))
        return self.build(choose, Random(self.seed))

    def build(self, choose: Choose, random: Random) -> int:
        """Every saved mask to 441 points, and a list of who is in which row."""
        rows: list[np.ndarray] = []
        who: list[dict[str, Any]] = []
        failures: dict[str, str] = {}
        for name, person, inside in masks_in_crops(self.folder, self.first, failures):
            try:
                rows.append(choose(inside, random).astype(np.float32))
                who.append({"image": name, "person": person})
            except PymafsamError as error:
                failures[f"{name} person {person}"] = str(error)
        if not rows:
            raise BadInput(f"{self.folder} holds no mask that points could be drawn from.")
        self.write(np.stack(rows), who)
        print(f"{len(rows)} people -> {self.out}")
        return report_failures(failures)

    def write(self, bank: Float[np.ndarray, "people points 2"], who: list[dict[str, Any]]) -> None:
        """The list first: with it the bank, which has no room for a mark, is known to be ours."""
        from pymafsam.files import json, made
        from pymafsam.files.atomic import writing

        with writing(self.out.with_suffix(".json")) as temporary:
            head = {"format": FORMAT, "made": made.note(MAKER), "policy": self.policy}
            json.write({**head, "rows": who}, temporary)
        with writing(self.out) as temporary, temporary.open("wb") as stream:
            np.save(stream, bank, allow_pickle=False)


def even_points(inside: CropMask, random: Random) -> Float[np.ndarray, "points 2"]:
    """Spread over the mask, always the same."""
    from pymafsam import points

    return points.from_mask(inside)


def points_of_2024(inside: CropMask, random: Random) -> Float[np.ndarray, "points 2"]:
    """As the older code drew them."""
    from pymafsam.legacy import bank

    return bank.bank_points(inside, random)


POLICIES: Mapping[str, Choose] = {"mask": even_points, "2024": points_of_2024}


def masks_in_crops(
    folder: Path, first: int | None, failures: dict[str, str]
) -> Iterator[tuple[str, int, CropMask]]:
    """Picture, person and mask in the person's 224-pixel crop, by name, of saved masks.

    Files that cannot be read are noted in ``failures``.
    """
    from pymafsam import crops
    from pymafsam.masks import saver2024, store

    old = sorted(folder.glob("masks_fore1_*.npy"))
    saved = store.saved(folder)
    if not saved and not old:
        raise BadInput(
            f"{folder} holds no masks.\n  Looked for the json files of `pymafsam mask save` and "
            "for masks_fore1_*.npy."
        )
    for path in saved[:first]:
        try:
            one = store.load_json(path)
        except PymafsamError as error:
            failures[path.name] = str(error)
            continue
        for k, (prompt, mask) in enumerate(zip(one.prompts, one.masks, strict=True)):
            if mask is not None and mask.inside.any():
                yield one.name, k, crops.cut_person(mask.inside, prompt.box)
    for path in [] if saved else old[:first]:
        try:
            yield path.stem.removeprefix("masks_fore1_"), 0, saver2024.read(path)
        except PymafsamError as error:
            failures[path.name] = str(error)
