"""From the official raw layouts of data sets to rows in SPIN's format.

A data set is a row of ``PREPARERS``: a function of its folder and the part that is wanted (None:
all of it), which raises BadInput for another layout and BadUsage for an unknown part.
"""

from collections.abc import Set
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from pymafsam.data.rows import Dropped, Rows
from pymafsam.errors import BadInput
from pymafsam.files.limits import LARGEST_TEXT, check_file
from pymafsam.registry import Table

PREPARERS = Table(
    "preparer",
    {
        "lspet": "pymafsam.data.prepare.leeds:lspet",
        "lsp": "pymafsam.data.prepare.leeds:lsp",
        "coco": "pymafsam.data.prepare.coco:coco",
        "mpii": "pymafsam.data.prepare.mpii:mpii",
        "3dpw": "pymafsam.data.prepare.threedpw:threedpw",
        "h36m": "pymafsam.data.prepare.h36m:h36m",
        "mpi-inf-3dhp": "pymafsam.data.prepare.mpi_inf_3dhp:mpi_inf_3dhp",
        "eft": "pymafsam.data.prepare.eft:eft",
    },
)


def names_in(path: Path) -> frozenset[str]:
    """The pictures a file names, one a line. Raises BadInput when it cannot be read or is empty."""
    try:
        check_file(path, LARGEST_TEXT)
        names = frozenset(path.read_text(encoding="utf-8").split("\n")) - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The list of pictures {path} cannot be read ({error}).") from error
    if not names:
        raise BadInput(f"{path} names no picture.")
    return frozenset(name.strip() for name in names)


def without(rows: Rows, names: Set[str]) -> Rows:
    """The rows whose pictures are not among ``names`` (with or without folders); see ``dropped``.

    Raises BadInput when nobody is left.
    """
    if not names:
        return rows
    images = [str(image) for image in rows.image]
    out = np.array([not {image, PurePosixPath(image).name}.isdisjoint(names) for image in images])
    if out.all():
        raise BadInput("All pictures are among those to be left out.")
    left_out = tuple(
        Dropped(index, images[index], "left out on request")
        for index in np.flatnonzero(out).tolist()
    )
    return replace(rows.take(~out), dropped=rows.dropped + left_out)
