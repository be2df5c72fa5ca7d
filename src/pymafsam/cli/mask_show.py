"""``mask show``: saved masks drawn over their pictures, one by one or on a sheet."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from jaxtyping import Float

from pymafsam.cli.inputs import report_failures
from pymafsam.cli.options import check_range
from pymafsam.errors import BadInput, BadUsage, PymafsamError
from pymafsam.records import Frame, Inside, Pixels

if TYPE_CHECKING:
    from pymafsam.masks.store import Segmented

MAKER = "mask show"
POINTS = ("mask", "grid", "none")


@dataclass(kw_only=True)
class MaskShow:
    """Draw saved masks over their pictures: colours, prompts (stars for clicks), 441 points.

    Examples:
      pymafsam mask show masks --pictures holiday/ --out shown
      pymafsam mask show masks --pictures lspet/images --points mask --sheet sheet.jpg --first 60
    """

    folder: tyro.conf.Positional[Path]
    """Folder that mask save wrote."""
    pictures: Path
    """Folder with the pictures they were made from."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for one drawing per picture."""
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.jpg")] = None
    """One contact sheet of all drawings."""
    points: str = "mask"
    """Sampling points to draw: mask, grid, none."""
    first: int | None = None
    """Only so many pictures, evenly spread by name."""
    across: int = 10
    """Pictures in a row of the sheet."""
    side: int = 180
    """Pixels of a picture in the sheet."""
    quality: int = 85
    """JPEG quality."""

    def run(self) -> int:
        if self.out is None and self.sheet is None:
            raise BadUsage("Where should the drawings go? Give --out, --sheet or both.")
        if self.sheet is not None and self.sheet.suffix.lower() not in (".jpg", ".jpeg"):
            raise BadUsage(f"--sheet: the sheet is a .jpg file, not {self.sheet.name}.")
        if self.points not in POINTS:
            known = ", ".join(POINTS)
            raise BadUsage(f'--points: there is no "{self.points}". Known: {known}')
        check_range("--first", self.first, 1)
        check_range("--across", self.across, 1, 1000)
        check_range("--side", self.side, 1, 4096)
        check_range("--quality", self.quality, 1, 100)
        return self.show()

    def show(self) -> int:
        """Draw every picture that can be drawn."""
        from pymafsam import render
        from pymafsam.files import frames
        from pymafsam.masks import store

        tiles: list[Pixels] = []
        failures: dict[str, str] = {}
        chosen = self.chosen()
        for path in chosen:
            try:
                one = store.load_json(path)
                drawn = drawing(one, frames.read_picture(self.pictures / one.name), self.points)
                if self.out is not None:
                    stem = path.relative_to(self.folder).as_posix().removesuffix(".json")
                    self.write(drawn, self.out / f"{stem}_masks.jpg")
            except PymafsamError as error:
                failures[path.name] = str(error)
                continue
            if self.sheet is not None:
                tiles.append(render.contact_sheet([drawn], 1, self.side, 0))
        if self.sheet is not None and tiles:
            self.write(render.contact_sheet(tiles, self.across, self.side), self.sheet)
        print(f"{len(chosen) - len(failures)} drawings -> {self.out or self.sheet}")
        return report_failures(failures)

    def chosen(self) -> list[Path]:
        """The saved masks to draw."""
        from pymafsam.masks import store

        saved = list(store.saved(self.folder))
        if not saved:
            raise BadInput(f"{self.folder} holds no json of `pymafsam mask save`.")
        if self.first is not None and self.first < len(saved):
            return [saved[k] for k in np.linspace(0, len(saved) - 1, self.first).astype(int)]
        return saved

    def write(self, pixels: Pixels, path: Path) -> None:
        """One drawing, over nothing but an older one."""
        from pymafsam.files import made, pictures
        from pymafsam.files.atomic import writing

        made.Outputs(maker=MAKER).claim([path], path.name)
        with writing(path) as temporary:
            pictures.write_jpeg(pixels, temporary, made.mark(MAKER), self.quality)


def drawing(one: "Segmented", frame: Frame, policy: str) -> Pixels:
    """One picture with its masks, prompts and the points a network would look at first."""
    from pymafsam import render

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


def sampling_places(
    inside: Inside, box: Float[np.ndarray, "4"] | None, policy: str
) -> Float[np.ndarray, "points 2"]:
    """The 441 points in picture pixels."""
    from pymafsam import crops, points
    from pymafsam.geometry import affine

    square = crops.square_of_person(inside, box)
    drawn = points.from_mask(crops.cut_person(inside, box)) if policy == "mask" else points.grid()
    # -1 and 1 are the centres of the crop's first and last pixel.
    in_crop_pixels = (np.asarray(drawn, float) + 1) / 2 * (crops.SIZE - 1) + 0.5
    return affine.apply(crops.to_frame(square), in_crop_pixels)
