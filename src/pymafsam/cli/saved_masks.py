"""What is made of saved masks: banks of points (``mask points``), drawings (``mask show``)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from pymafsam import crops, points, render
from pymafsam.cli.mask import MaskPoints, MaskShow
from pymafsam.errors import BadInput, BadUsage, PymafsamError
from pymafsam.files import frames
from pymafsam.files.atomic import writing
from pymafsam.geometry import affine
from pymafsam.geometry.boxes import bounds
from pymafsam.legacy import bank
from pymafsam.masks import saver2024, store
from pymafsam.records import Frame, Inside, Pixels

if TYPE_CHECKING:
    from pymafsam.masks.store import Segmented


def in_crop(inside: Inside, box: np.ndarray | None) -> Bool[np.ndarray, "224 224"]:
    """A mask under the network's square about a person's box, 224 pixels wide."""
    return crops.cut_labels(inside, square_of(inside, box))


def square_of(inside: Inside, box: np.ndarray | None) -> affine.Square:
    """The square that the network would cut for this person."""
    if box is None:
        box = bounds(inside)
    return crops.square_around(np.asarray(box, float))


def save_jpeg(pixels: Pixels, path: Path, quality: int) -> None:
    """Write a picture; JPEG or what the ending says."""
    from PIL import Image

    with writing(path) as temporary:
        Image.fromarray(pixels).save(temporary, quality=quality)


def build_bank(options: MaskPoints) -> int:
    """``mask points``: every saved mask to 441 points, and a list of who is in which row."""
    policies = {"mask": _even_points, "2024": bank.bank_points}
    if options.policy not in policies:
        raise BadUsage(f'--policy: there is no "{options.policy}". Known: mask, 2024')
    if options.out.suffix != ".npy":
        raise BadUsage(f"--out: a bank is a .npy file, not {options.out.name}.")
    choose, random = policies[options.policy], Random(options.seed)
    rows: list[np.ndarray] = []
    who: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    for name, person, inside in crops_of(options.folder, options.first):
        try:
            rows.append(choose(inside, random).astype(np.float32))
            who.append({"image": name, "person": person})
        except PymafsamError as error:
            failures[f"{name} person {person}"] = str(error)
    if not rows:
        raise BadInput(f"{options.folder} holds no mask that points could be drawn from.")
    with writing(options.out) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.stack(rows), allow_pickle=False)
    with writing(options.out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({"policy": options.policy, "rows": who}), "utf-8")
    print(f"{len(rows)} people -> {options.out}")
    for name, reason in failures.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failures else 0


def _even_points(inside: Inside, random: Random) -> np.ndarray:
    return points.from_mask(inside)


def crops_of(folder: Path, first: int | None) -> Iterator[tuple[str, int, Inside]]:
    """Picture, person and mask in the person's 224-pixel crop, by name, of saved masks."""
    old = sorted(folder.glob("masks_fore1_*.npy"))
    saved = store.saved(folder)
    if not saved and not old:
        raise BadInput(
            f"{folder} holds no masks.\n  Looked for the json files of `pymafsam mask save` and "
            "for masks_fore1_*.npy."
        )
    for path in saved[:first]:
        one = store.load_json(path)
        for k, (prompt, mask) in enumerate(zip(one.prompts, one.masks, strict=True)):
            if mask is not None and mask.inside.any():
                yield one.name, k, in_crop(mask.inside, prompt.box)
    for path in [] if saved else old[:first]:
        yield path.stem.removeprefix("masks_fore1_"), 0, saver2024.read(path)


def show(options: MaskShow) -> int:
    """``mask show``: drawings of saved masks, one by one or on a sheet."""
    saved = store.saved(options.folder)
    if not saved:
        raise BadInput(f"{options.folder} holds no json of `pymafsam mask save`.")
    if options.points not in ("mask", "grid", "none"):
        raise BadUsage(f'--points: there is no "{options.points}". Known: mask, grid, none')
    if options.first is not None and options.first < len(saved):
        saved = [saved[k] for k in np.linspace(0, len(saved) - 1, options.first).astype(int)]
    tiles: list[Pixels] = []
    failures: dict[str, str] = {}
    for path in saved:
        try:
            one = store.load_json(path)
            drawn = drawing(one, frames.read_picture(options.pictures / one.name), options.points)
        except PymafsamError as error:
            failures[path.name] = str(error)
            continue
        if options.out is not None:
            stem = path.relative_to(options.folder).with_suffix("")
            save_jpeg(drawn, options.out / f"{stem}_masks.jpg", options.quality)
        if options.sheet is not None:
            tiles.append(render.contact_sheet([drawn], 1, options.side, 0))
    if options.sheet is not None and tiles:
        sheet = render.contact_sheet(tiles, options.across, options.side)
        save_jpeg(sheet, options.sheet, options.quality)
    print(f"{len(saved) - len(failures)} drawings -> {options.out or options.sheet}")
    for name, reason in failures.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failures else 0


def drawing(one: "Segmented", frame: Frame, policy: str) -> Pixels:
    """One picture with its masks, prompts and the points a network would look at first."""
    if frame.size != one.size:
        raise BadInput(
            f"{frame.name} is {frame.size[0]} x {frame.size[1]} pixels, its masks were made on "
            f"{one.size[0]} x {one.size[1]}."
        )
    places = [
        sampling_places(mask.inside, prompt.box, policy)
        for prompt, mask in zip(one.prompts, one.masks, strict=True)
        if policy != "none" and mask is not None and mask.inside.any()
    ]
    return render.draw_masks(frame.pixels, one.masks, one.prompts, places)


def sampling_places(inside: Inside, box: np.ndarray | None, policy: str) -> np.ndarray:
    """The 441 points in picture pixels."""
    square = square_of(inside, box)
    drawn = points.grid() if policy == "grid" else points.from_mask(in_crop(inside, box))
    # -1 and 1 are the centres of the crop's first and last pixel.
    in_crop_pixels = (np.asarray(drawn, float) + 1) / 2 * (crops.SIZE - 1) + 0.5
    return affine.apply(crops.to_frame(square), in_crop_pixels)
