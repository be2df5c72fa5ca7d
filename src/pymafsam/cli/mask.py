"""``mask save``, ``mask points``, ``mask show``: segment people, keep it, look at it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pymafsam.errors import BadUsage

FORMS = ("png", "json", "picture", "2024")
Several = tyro.conf.UseAppendAction


@dataclass(kw_only=True)
class MaskSave:
    """Segment people in pictures and keep the masks.

    Who is meant is found automatically, or said by boxes, clicks, mask files or a prompts file
    (docs/masks.md). --out gets, per picture, a json with prompts and masks (COCO run lengths), a
    PNG per person, and the picture with masks and prompts drawn.

    Examples:
      pymafsam mask save photo.jpg --out masks
      pymafsam mask save photo.jpg --box 40,20,220,400 --click-out 60,300 --out masks
      pymafsam mask save holiday/ --prompts prompts.json --out masks
      pymafsam mask save --lspet lspet/ --index 1-960 --out masks
      pymafsam mask save photo.jpg --segmenter sam:vit_h=sam_vit_h_4b8939.pth --out masks
    """

    paths: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Pictures, folders (searched with their subfolders), videos."""
    out: Path
    """Folder for the masks; made when missing."""
    box: Annotated[tuple[str, ...], Several] = ()
    """x0,y0,x1,y1 in pixels; repeat it for several people."""
    click: Annotated[tuple[str, ...], Several] = ()
    """x,y of a place on the person; repeat it for several places."""
    click_out: Annotated[tuple[str, ...], Several] = ()
    """x,y of a place beside the person."""
    masks: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Rough masks as prompts: label maps, PNGs, npy, COCO json; matched by the names."""
    prompts: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json")] = None
    """Prompts per picture; a json saved by this verb and COCO annotations work too."""
    complete: bool = False
    """Let the detector add keypoints and its own mask to the boxes given."""
    use: str = "box,keypoints,mask"
    """Which of the detector's findings become prompts."""
    detector: str = "auto"
    """Who finds people where nobody is named: auto, nanodet, blazepose."""
    min_score: float = 0.4
    """People the detector is less sure of are passed over."""
    segmenter: str = "mobilesam"
    """mobilesam, sam:vit_h=PATH (also vit_l, vit_b), detector, none."""
    save: str = "png,json,picture"
    """What to write: png, json, picture, 2024 (the older code's masks_fore1_*.npy)."""
    skip_existing: bool = False
    """Pass over pictures whose masks are in --out already (with --lspet always)."""
    lspet: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """LSP-Extended in its official layout (images, joints.mat): its joints are the prompts."""
    index: str | None = None
    """Which of its pictures: 1005, 1-960, 3,8,20-30. Default: all."""
    redo: bool = False
    """With --lspet: segment again what is there already."""
    threads: int = 0
    """Of the networks; 0: as many as there are cores."""

    def run(self) -> int:
        from pymafsam.cli import masking

        if self.lspet is not None:
            if self.paths:
                raise BadUsage("Give either pictures or --lspet, not both.")
            return masking.save_lspet(self)
        if self.index is not None:
            raise BadUsage("--index counts the pictures of --lspet, which is missing.")
        if not self.paths:
            raise BadUsage("Which pictures? Give at least one file or folder, or --lspet.")
        return masking.save_pictures(self)


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
        from pymafsam.cli import saved_masks

        return saved_masks.build_bank(self)


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
        from pymafsam.cli import saved_masks

        if self.out is None and self.sheet is None:
            raise BadUsage("Where should the drawings go? Give --out, --sheet or both.")
        return saved_masks.show(self)
