"""How much a file from a stranger may cost: one budget for everything that is read."""

from pathlib import Path

from pymafsam.errors import BadInput

# Bytes of a file, of a member of an archive, and of what is made of either. SMPL with 300 shape
# directions has 250 MB; nothing that is read here has more.
LARGEST = 512 << 20
LARGEST_ARCHIVE = 16 << 30  # lists of training pictures; their members are read one by one
MOST_STEPS = 2_000_000  # of a pickle: two masks as lists take 100,000, 312,188 names 625,000
DEEPEST = 60  # values within values
# Of a picture, a mask, a video's frame: about the largest a camera makes; beyond it a file is more
# likely a trap than a photograph.
MOST_PIXELS = 178_000_000


def check_size(called: str, amount: int) -> None:
    """Raises BadInput when ``amount`` bytes are more than a file may unfold to."""
    if amount > LARGEST:
        raise BadInput(f"{called} has or unfolds to more than {LARGEST >> 20} MB: refused.")


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
    if path.is_char_device() or path.is_block_device():
        raise BadInput(f"{path} is a device, not a file.")
    if path.stat().st_size > most:
        raise BadInput(f"{path} has more than {most >> 20} MB: refused.")
