"""Pictures in tar files (the shards of webdataset), here or behind a URL, read by their names.

Shards are made to be read from end to end. Training asks for people by number instead, so that a
run goes on bit for bit and processes share a batch: the headers of the tars are read once, and then
each picture with one request for its bytes.
"""

import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymafsam.errors import BadInput
from pymafsam.files.frames import read_picture
from pymafsam.files.limits import check_size
from pymafsam.files.urls import address, file_system
from pymafsam.records import Frame

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ENDING = ".tar"  # not compressed: a compressed one cannot be read in the middle


@dataclass(frozen=True, slots=True)
class Member:
    """Where a picture's bytes are."""

    url: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Shards:
    """The pictures of some tar files, by the names they have there."""

    called: str
    members: dict[str, Member]

    @staticmethod
    def open(place: Path) -> "Shards":
        """Those of a path or URL with signs such as ``*``: ``s3://bucket/lspet-*.tar``.

        Raises BadInput where there are none or one is damaged, MissingAsset without fsspec.
        """
        url = _url(place)
        files, path = file_system(url)
        try:
            tars = sorted(files.glob(path))
            members = {
                name: Member(address(files, tar), start, size)
                for tar in tars
                for name, start, size in _table(files, tar)
            }
        except OSError as error:
            raise BadInput(f"{url} cannot be read ({error}).") from error
        if not members:
            raise BadInput(f"There are no pictures in {url}: {len(tars)} tar files were found.")
        return Shards(url, members)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def read(self, name: str) -> Frame:
        """The picture of that name. Raises BadInput for one that is damaged or not there."""
        member = self.members.get(name)
        called = Path(self.called) / name
        if member is None:
            raise BadInput(f"There is no picture {name} in {self.called}.")
        check_size(str(called), member.size)
        files, path = file_system(member.url)
        try:
            content = files.cat_file(path, start=member.start, end=member.start + member.size)
        except Exception as error:  # every file system has errors of its own
            raise BadInput(f"{name} cannot be read from {member.url} ({error}).") from error
        return read_picture(called, name, content)


def is_shards(place: Path) -> bool:
    """Whether a place for pictures names tar files and no folder."""
    return place.suffix == ENDING


def _table(files: "AbstractFileSystem", path: str) -> Iterable[tuple[str, int, int]]:
    """Name, first byte and length of every file in a tar."""
    try:
        opened: Any = files.open(path, "rb")  # its stub says that it may be text
        with opened as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            found = [member for member in tar if member.isfile()]
    except tarfile.TarError as error:
        raise BadInput(f"{path} is not a whole tar file ({error}).") from error
    return [(file.name.removeprefix("./"), file.offset_data, file.size) for file in found]


def _url(place: Path) -> str:
    """The place as it was written: a Path keeps one of the two slashes of ``s3://``."""
    return re.sub(r"^([a-z0-9+]{2,}):/(?!/)", r"\1://", place.as_posix())
