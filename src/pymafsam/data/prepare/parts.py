"""The parts of a data set that can be asked for."""

from collections.abc import Sequence

from pymafsam.errors import BadUsage


def only(part: str | None, parts: Sequence[str]) -> None:
    """Raises BadUsage for a part that there is not."""
    if part is not None and part not in parts:
        raise BadUsage(f'There is no part "{part}"; there are: {", ".join(parts) or "no parts"}.')
