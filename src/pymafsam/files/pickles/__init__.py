"""Read pickles and numpy files as data: nothing that a file names is ever imported or called.

A pickle is a program that names what it wants called. ``unpickler`` is Python's own with a table:
a name such as ``numpy.core.multiarray._reconstruct`` leads to an inert stand-in that notes down
what was asked for; ``values`` turns the stand-ins into plain arrays at the end. Any other name is
refused. That covers Python 2 files, chumpy arrays (chumpy need not be there) and scipy's sparse
matrices under all their module paths.
"""

from pymafsam.files.pickles.files import read_npy, read_npz, read_pickle
from pymafsam.files.pickles.values import Sparse

__all__ = ["Sparse", "read_npy", "read_npz", "read_pickle"]
