"""Read pickles and numpy files as data: nothing that a file names is ever imported or called.

A pickle is a program for a small stack machine. ``machine`` runs that program on inert values:
a name such as ``numpy.core.multiarray._reconstruct`` is looked up in the table ``RECOGNISED`` and
becomes a label, "calling" it makes a record of what was asked for, and ``values`` turns the
records into plain arrays at the end. Any other name is refused. That covers Python 2 files, chumpy
arrays (chumpy need not be there) and scipy's sparse matrices under all their module paths.
"""

from pymafsam.files.pickles.files import read_npy, read_npz, read_pickle
from pymafsam.files.pickles.values import Sparse

__all__ = ["Sparse", "read_npy", "read_npz", "read_pickle"]
