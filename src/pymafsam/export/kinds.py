"""What a json file of results holds, told by its first bytes."""

from pathlib import Path


def kind_of(path: Path) -> str:
    """``picture`` or ``clip`` for a json that reconstruct wrote, else nothing."""
    with path.open("rb") as stream:
        head = stream.read(200)
    if b'"pymafsam/1"' in head:
        return "picture"
    return "clip" if b'"pymafsam-sequence/1"' in head else ""
