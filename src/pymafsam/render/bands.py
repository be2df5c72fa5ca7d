"""Large pictures a band of rows at a time: what is in between is many times as large as they."""

from collections.abc import Iterator

ROWS = 256


def bands(height: int, rows: int = ROWS) -> Iterator[slice]:
    """The rows of a picture, so many at a time."""
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
