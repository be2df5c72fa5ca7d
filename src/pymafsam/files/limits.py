"""How much a file from a stranger may cost: one budget for everything that is read."""

import stat
from pathlib import Path

from pymafsam.errors import BadInput

# Bytes of a file, of a member of an archive, and of what is made of either. SMPL with 300 shape
# directions has 250 MB; nothing that is read here has more.
LARGEST = 512 << 20
LARGEST_JSON = 2 << 30  # bytes of memory that a json document takes once it is read
LARGEST_TEXT = 64 << 20  # lists of pictures, calibrations, tracks
LARGEST_ARCHIVE = 16 << 30  # lists of training pictures; their members are read one by one
MOST_STEPS = 2_000_000  # of a pickle: two masks as lists take 100,000, 312,188 names 625,000
DEEPEST = 60  # values within values
# Of a picture, a mask, a video's frame: about the largest a camera makes; beyond it a file is more
# likely a trap than a photograph.
MOST_PIXELS = 178_000_000


# Of each of these characters, the most that what it stands for takes in memory: a place in a list
# and a number; a list of one; an object; a key's place; half a string.
JSON_COSTS = {b",": 44, b"[": 144, b"{": 256, b":": 120, b'"': 36}


def check_size(called: str, amount: int) -> None:
    """Raises BadInput when ``amount`` bytes are more than a file may unfold to."""
    if amount > LARGEST:
        raise BadInput(f"{called} has or unfolds to more than {LARGEST >> 20} MB: refused.")


def check_json(called: str, text: bytes) -> None:
    """Raises BadInput when a json document would take too much memory once it is read.

    A list of empty lists takes forty times as much as its text. COCO's key points of 2017 (230 MB)
    are within the limit.
    """
    memory = len(text) + sum(cost * text.count(sign) for sign, cost in JSON_COSTS.items())
    if memory > LARGEST_JSON:
        raise BadInput(
            f"{called} unfolds to more than {LARGEST_JSON >> 20} MB: refused.\n"
            "  Split it, by pictures."
        )


def check_pixels(called: str, size: tuple[int, int]) -> None:
    """Raises BadInput when a picture of ``size`` (width, height) is too large to be decoded."""
    if size[0] * size[1] > MOST_PIXELS:
        raise BadInput(too_many_pixels(called, f"{size[0]} x {size[1]} pixels are"))


def too_many_pixels(called: str, what: str) -> str:
    """The words for a picture that is too large."""
    return (
        f"{called}: {what} more than the {MOST_PIXELS // 1_000_000} million pixels a picture may "
        "have; it was not decoded.\n  Make it smaller first."
    )


def check_file(path: Path, most: int = LARGEST) -> None:
    """Raises BadInput for a file of more than ``most`` bytes, and for devices: those never end."""
    kind = path.stat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # of folders, opening says what they are
        raise BadInput(f"{path} is a device or a pipe, not a file.")
    if path.stat().st_size > most:
        raise BadInput(f"{path} has more than {most >> 20} MB: refused.")
