"""MATLAB's newer ``.mat`` files (7.3), which are HDF5: numbers by name, through ``h5py``."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pymafsam.errors import BadInput, MissingAsset


def read_hdf5(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Some arrays of a file, axes in HDF5's order (the reverse of MATLAB's).

    Raises MissingAsset without ``h5py``, BadInput for another file or without one of the names.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingAsset(
            f"{path} is a MATLAB 7.3 file, which needs h5py.\n  pip install 'pymafsam[datasets]'"
        ) from error
    try:
        with h5py.File(path, "r") as content:
            return {name: np.asarray(content[name]) for name in names}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path} is not the MATLAB 7.3 file that was wanted ({error}).\n"
            f"  It should hold {', '.join(names)}."
        ) from error
