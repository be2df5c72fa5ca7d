"""MATLAB's newer ``.mat`` files (7.3), which are HDF5: numbers by name, through ``h5py``."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files.limits import check_size

if TYPE_CHECKING:
    from h5py import Dataset


@contextmanager
def opened(path: Path, wanted: str) -> Iterator[Any]:
    """The file's root; its stubs do not tell arrays from groups.

    Raises MissingAsset without ``h5py``, and BadInput, with ``wanted`` (what the file should hold),
    for whatever goes wrong with another file.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingAsset(
            f"{path} is a MATLAB 7.3 file, which needs h5py.\n  pip install 'pymafsam[datasets]'"
        ) from error
    try:
        with h5py.File(path, "r") as content:
            yield content
    except BadInput:
        raise
    except Exception as error:  # of HDF5, and of what stands where arrays were meant to be
        raise BadInput(
            f"{path} is not the MATLAB 7.3 file that was wanted ({error}).\n"
            f"  It should hold {wanted}."
        ) from error


def array(data: "Dataset", path: Path) -> np.ndarray:
    """A whole array, which must not unfold to more than a file may. Raises BadInput."""
    check_size(str(path), int(np.prod(data.shape, dtype=object)) * data.dtype.itemsize)
    return np.asarray(data)


def read_hdf5(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Some arrays of a file, axes in HDF5's order (the reverse of MATLAB's).

    Raises MissingAsset without ``h5py``, BadInput for another file or without one of the names.
    """
    names = list(names)
    with opened(path, ", ".join(names)) as content:
        return {name: array(content[name], path) for name in names}
