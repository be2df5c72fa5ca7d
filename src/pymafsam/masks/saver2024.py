"""The mask files of 2024: foreground and background pixels of a 224-pixel crop.

``masks_fore1_<name>.npy`` and ``masks_back1_<name>.npy`` hold a dictionary each: ``imgname`` (a
list with one name) and ``mask_fore_points_x``, ``mask_fore_points_y`` (``mask_back_...``): columns
and rows of the pixels, row by row, counted from 0. numpy writes them as a pickle of plain lists,
numbers and text; nothing else goes in, and reading them back never runs a pickle.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput
from pymafsam.files import pickles
from pymafsam.files.atomic import writing
from pymafsam.records import Inside

SIZE = 224


def save(inside: Inside, folder: Path, name: str, mark: str = "") -> tuple[Path, Path]:
    """Write the two files of one crop; ``name`` is the picture's, such as ``im00001``.

    ``mark`` says who made them (``files.made``); the older code passes over the key.
    """
    paths = []
    for side, where in (("fore", inside), ("back", ~inside)):
        rows, columns = np.nonzero(where)
        content = {
            **({"made": mark} if mark else {}),
            "imgname": [name],
            f"mask_{side}_points_x": columns.tolist(),
            f"mask_{side}_points_y": rows.tolist(),
        }
        box = np.empty((), dtype=object)
        box[()] = content
        paths.append(Path(folder) / f"masks_{side}1_{name}.npy")
        with writing(paths[-1]) as temporary, temporary.open("wb") as stream:
            # The older code reads a pickled dict; ours holds only strings and whole numbers.
            np.save(stream, box)
    return paths[0], paths[1]


def read(path: Path) -> Inside:
    """The mask (224, 224) in one of the two files, whichever it is.

    Raises BadInput for anything else, UntrustedFile for a pickle that wants to run code.
    """
    value = pickles.read_npy(Path(path))
    if not isinstance(value, Mapping):
        raise BadInput(f"{path} is not a 2024 mask file: wanted a dictionary of pixel lists.")
    return inside_of(value, str(path))


def inside_of(content: Mapping[str, Any], called: str) -> Inside:
    """The mask that a 2024 dictionary describes."""
    for side in ("fore", "back"):
        columns, rows = (content.get(f"mask_{side}_points_{axis}") for axis in "xy")
        if columns is None or rows is None:
            continue
        places = np.array([rows, columns])
        if places.dtype.kind not in "iu" and places.size:
            raise BadInput(f"{called}: pixel places are whole numbers.")
        places = places.astype(np.int64)
        if places.size and (places.min() < 0 or places.max() >= SIZE):
            raise BadInput(f"{called}: pixels outside the {SIZE} x {SIZE} crop.")
        mask = np.zeros((SIZE, SIZE), bool)
        mask[places[0], places[1]] = True
        return mask if side == "fore" else ~mask
    raise BadInput(
        f"{called} holds {', '.join(map(str, content)) or 'nothing'}; wanted mask_fore_points_x, "
        "mask_fore_points_y (or mask_back_...), as the 2024 mask saver wrote them."
    )
