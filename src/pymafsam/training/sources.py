"""The data sets of a run, as its settings name them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pymafsam.body import BodyModel
from pymafsam.data import augment, people, rows
from pymafsam.data.mixture import Mixture
from pymafsam.data.people import PeopleSet
from pymafsam.data.samples import DataSet
from pymafsam.data.shards import Shards, is_shards
from pymafsam.errors import BadInput
from pymafsam.files.digests import sha256_of
from pymafsam.legacy.bank import read_bank
from pymafsam.masks.folder import MaskFolder, open_folder
from pymafsam.training.settings import Settings

HELD_OUT = 7_919  # what the validation's rendered people add to the seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is trained on and what is validated on (None: nothing)."""

    train: DataSet
    validation: DataSet | None
    digests: Mapping[str, str]  # file -> sha256


def open_sources(settings: Settings, model: BodyModel) -> Sources:
    """Open the data sets. Raises BadInput for tables and pictures that are not there."""
    data = settings.data
    bank = None if settings.network.bank is None else read_bank(settings.network.bank)
    parts: list[DataSet] = []
    for place, (table, images) in enumerate(zip(data.rows, data.images, strict=True)):
        folder = data.masks[place] if place < len(data.masks) else None
        parts.append(_photographs(settings, table, images, folder, bank, data.augment))
    weights = list(data.shares or map(len, parts))
    if data.synthetic:
        # So that the rendered people are that share of everything.
        total = sum(weights) or 1.0
        weights = [w * (1 - data.synthetic) / total for w in weights] + [data.synthetic]
        parts.append(_rendered(settings, model, data.synthetic_size, settings.seed))
    train = parts[0] if len(parts) == 1 else Mixture(parts=parts, weights=weights)
    files = [*data.rows, *filter(None, [data.validation_rows])]
    return Sources(
        train=train,
        validation=_validation(settings, model, bank),
        digests={str(file): _digest(file) for file in files},
    )


def _photographs(
    settings: Settings,
    table: Path,
    images: Path,
    masks: Path | None,
    bank: Float[np.ndarray, "bank points 2"] | None,
    ranges: augment.Ranges,
) -> PeopleSet:
    found = rows.read(table)
    folder = open_folder(masks) if masks else None
    if settings.data.only_masked:
        found = found.take(_masked(found, folder))
    if settings.data.limit is not None:
        found = found.take(np.arange(min(settings.data.limit, len(found))))
    made = PeopleSet(
        name=table.stem,
        rows=found,
        images=Shards.open(images) if is_shards(images) else images,
        ranges=ranges,
        points=settings.network.points,
        masks=folder,
        bank=bank,
    )
    people.check_pictures(made)
    return made


def _masked(found: rows.Rows, folder: MaskFolder | None) -> np.ndarray:
    """The rows that carry a mask or have one in the folder."""
    carried = np.zeros(len(found), bool)
    if found.mask is not None:
        carried = found.mask.astype(str) != ""
    if folder is not None:
        carried |= np.array([bool(folder.files_of(str(name))) for name in found.image])
    if not carried.any():
        raise BadInput(
            "--data.only-masked leaves nobody: no row carries a mask or has one in --data.masks.\n"
            "  Make them with pymafsam mask save."
        )
    return np.flatnonzero(carried)


def _rendered(settings: Settings, model: BodyModel, count: int, seed: int) -> DataSet:
    from pymafsam.training.rendered import RenderedPeople  # compiles its renderer

    data = settings.data
    return RenderedPeople.of(
        model,
        count=count,
        seed=seed,
        points=settings.network.points if settings.network.points != "bank" else "grid",
        ranges=data.augment,
        backgrounds=data.backgrounds,
        mocap=data.mocap,
    )


def _validation(
    settings: Settings, model: BodyModel, bank: Float[np.ndarray, "bank points 2"] | None
) -> DataSet | None:
    """Without augmentation; rendered people where nothing else is named and they are trained on."""
    data = settings.data
    if data.validation_rows is not None:
        if data.validation_images is None:
            raise BadInput("--data.validation-rows needs --data.validation-images.")
        plain = replace(settings, data=replace(data, limit=None, only_masked=False))
        return _photographs(
            plain,
            data.validation_rows,
            data.validation_images,
            data.validation_masks,
            bank,
            augment.NONE,
        )
    if data.synthetic:
        plain = replace(settings, data=replace(data, augment=augment.NONE))
        return _rendered(plain, model, data.validation_people, settings.seed + HELD_OUT)
    return None


def _digest(path: Path) -> str:
    """Hexadecimal sha256 of a table."""
    if not path.is_file():
        raise BadInput(f"There is no table of people at {path}.")
    return sha256_of(path)
