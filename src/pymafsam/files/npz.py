"""Arrays by name in one file (npz): the same arrays give the same bytes, and say who made them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

DATE = (1980, 1, 1, 0, 0, 0)  # of every member, not the time of day: the first that zip files know


def write(arrays: Mapping[str, Shaped[np.ndarray, "..."]], path: Path, mark: str) -> None:
    """Write arrays, compressed, no pickles; ``mark`` (of ``files.made``) is the file's comment.

    ``numpy.load`` reads them. Python's zlib and numpy's header decide the bytes: other versions of
    either may pack the same arrays otherwise.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            # Sizes of members beyond 2 GB must be announced as such.
            with archive.open(info, "w", force_zip64=array.nbytes >= 1 << 31) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        archive.comment = mark.encode()
