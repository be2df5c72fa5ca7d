"""The files: ``.pkl``, ``.npy`` and ``.npz``, the last two also with Python objects inside."""

import io
import pickle
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pymafsam.errors import BadInput, UntrustedFile
from pymafsam.files.limits import LARGEST_ARCHIVE, check_file, check_size
from pymafsam.files.pickles.unpickler import Refused, run
from pymafsam.files.pickles.values import Plain

# What Python's own readers raise for malformed data.
BROKEN = (
    ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, MemoryError,
    RecursionError, AttributeError, NotImplementedError, SyntaxError, OSError, struct.error,
    zlib.error, zipfile.BadZipFile, RuntimeError, tokenize.TokenError,
    pickle.UnpicklingError,
)  # fmt: skip


def read_pickle(source: Path | bytes, *, name: str | None = None) -> Any:
    """The plain value in a pickle: dicts, lists, numbers, text, arrays and ``Sparse`` matrices.

    Python 2 byte strings come back as text (latin-1), sets as lists; arrays may be read-only.
    ``name`` is what messages call the file. Raises UntrustedFile when the file asks for anything
    but plain arrays, BadInput when it is missing, truncated, too large or malformed.
    """
    called, data = _opened(source, name)
    try:
        return Plain(called).of(run(data))
    except Refused as wish:
        raise UntrustedFile(
            f"{called} wants to run {wish} when it is read, and was refused.\n"
            "  A body or mask file holds arrays only. Do not open this one with other programs;\n"
            "  get it again from its owner."
        ) from wish
    except BROKEN as error:
        raise _broken(called, "pickle of arrays", error) from error


def read_npy(source: Path | bytes, *, name: str | None = None) -> Any:
    """The array in a ``.npy`` file.

    A file of Python objects is read like a pickle; an object without dimensions (a dictionary
    saved by ``numpy.save``) comes back as itself. Raises like ``read_pickle``.
    """
    called, data = _opened(source, name)
    try:
        stream = io.BytesIO(data)
        shape, fortran, dtype = _header(stream)
        if dtype.hasobject:
            value = read_pickle(stream.read(), name=called)
            return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
        count = int(np.prod(shape, dtype=object))
        if count * dtype.itemsize > len(data) - stream.tell():
            raise BadInput(f"{called} is truncated: it announces {shape} {dtype} and holds less.")
        out = np.frombuffer(data, dtype, count, stream.tell()) if count else np.empty(0, dtype)
        return out.reshape(shape, order="F" if fortran else "C")
    except BROKEN as error:
        raise _broken(called, ".npy file", error) from error


def read_npz(path: Path) -> Mapping[str, Any]:
    """The arrays of a ``.npz`` file by name, each read when asked for.

    Raises like ``read_pickle``, and BadInput that lists the names there are for one that is not.
    """
    return _Archive(path)


MOST_NAMED = 30  # of an archive's members in a message


class _Archive(Mapping[str, Any]):
    def __init__(self, path: Path):
        self.path = path
        try:
            check_file(path, LARGEST_ARCHIVE)
            with zipfile.ZipFile(path) as archive:
                self.sizes = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
        except BROKEN as error:
            raise _broken(str(path), ".npz file", error) from error
        if sum(i.file_size for i in self.sizes.values()) > LARGEST_ARCHIVE:
            raise BadInput(f"{path} unfolds to more than {LARGEST_ARCHIVE >> 30} GB: refused.")

    def __getitem__(self, key: str) -> Any:
        if key not in self.sizes:
            some = ", ".join(list(self.sizes)[:MOST_NAMED])
            more = " and more" if len(self.sizes) > MOST_NAMED else ""
            raise BadInput(f'{self.path} has no "{key}".\n  It has {some}{more}.')
        member = self.sizes[key]
        check_size(f"{self.path} ({key})", member.file_size)
        try:
            with zipfile.ZipFile(self.path) as archive:
                data = archive.read(member)
        except BROKEN as error:
            raise _broken(f"{self.path} ({key})", ".npz member", error) from error
        return read_npy(data, name=f"{self.path} ({key})")

    def __contains__(self, key: object) -> bool:
        return key in self.sizes

    def get(self, key: str, default: object = None) -> Any:
        return self[key] if key in self.sizes else default

    def __iter__(self) -> Iterator[str]:
        return iter(self.sizes)

    def __len__(self) -> int:
        return len(self.sizes)


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's remark on files of Python 2
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        return np.lib.format.read_array_header_2_0(stream)  # 3.0 differs in names of fields only


def _opened(source: Path | bytes, name: str | None) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return name or "the file", source
    called = name or str(source)
    try:
        check_file(source)
        return called, source.read_bytes()
    except OSError as error:
        raise BadInput(f"{called} cannot be read ({error.strerror}).") from error


def _broken(called: str, kind: str, error: BaseException) -> BadInput:
    return BadInput(
        f"{called} is not a whole {kind} ({type(error).__name__}: {error}).\n"
        "  It may be truncated or of another format: compare its size with the original's."
    )
