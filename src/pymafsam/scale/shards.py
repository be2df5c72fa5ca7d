"""Results in parquet files whose names depend on the inputs alone; what is finished stays.

OUT/_batch.json             what the run is: options, inputs (digest), pictures a shard
OUT/part-000000.parquet     the rows of the first pictures, in order; whole or not there
OUT/_files/part-000000/     chosen files of those pictures (--save)
OUT/_failures.json          which pictures failed, and why, once all shards are there
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files import made
from pymafsam.files.atomic import check_writable, sweep, writing
from pymafsam.files.urls import file_system
from pymafsam.scale import rows
from pymafsam.scale.inputs import Item

FORMAT = "pymafsam-batch/1"
MAKER = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Pictures that go into one file."""

    number: int
    items: tuple[Item, ...]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return f"part-{self.number:06d}"


@dataclass(frozen=True, kw_only=True)
class Store:
    """The folder of a run, here or behind a URL."""

    url: str

    @cached_property
    def _place(self) -> tuple[Any, str]:
        return file_system(self.url)

    @property
    def local(self) -> Path | None:
        """The folder, where it is one of this machine's file system."""
        files, path = self._place
        protocol = files.protocol if isinstance(files.protocol, tuple) else (files.protocol,)
        return Path(path) if "file" in protocol else None

    def write(self, name: str, content: bytes) -> None:
        """A file that appears whole or not at all (object stores keep that promise themselves).

        Raises BadInput where it cannot be written.
        """
        if self.local is not None:
            with writing(self.local / name) as temporary:
                temporary.write_bytes(content)
            return
        files, path = self._place
        try:
            files.pipe_file(f"{path}/{name}", content)
        except Exception as error:  # every file system has errors of its own
            raise BadInput(f"{self.url}/{name} cannot be written ({error}).") from error

    def read(self, name: str) -> bytes | None:
        """A file's content; None where it is not there."""
        files, path = self._place
        try:
            return files.cat_file(f"{path}/{name}")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise BadInput(f"{self.url}/{name} cannot be read ({error}).") from error

    def names(self) -> set[str]:
        """The files at the top of the folder; empty where there is no folder."""
        files, path = self._place
        try:
            files.invalidate_cache()
            return {found.rstrip("/").rpartition("/")[2] for found in files.ls(path, detail=False)}
        except FileNotFoundError:
            return set()
        except Exception as error:
            raise BadInput(f"{self.url} cannot be read ({error}).") from error

    def prepare(self, settings: Mapping[str, Any], items: Sequence[Item], size: int) -> None:
        """Begin a run, or go on with it.

        Raises BadInput when the folder holds another run's results: other pictures or options.
        """
        if self.local is not None:
            check_writable(self.local)
        keys = hashlib.sha256("\n".join(item.location for item in items).encode()).hexdigest()
        said = {
            "format": FORMAT,
            "made": {"by": made.mark(MAKER)},
            "pictures": len(items),
            "inputs": keys,
            "pictures_per_shard": size,
            "options": dict(settings),
        }
        before = self.read("_batch.json")
        if before is None:
            self.write("_batch.json", (json.dumps(said, indent=1) + "\n").encode())
            return
        found = _manifest(before, self.url)
        if different := sorted(key for key, value in said.items() if found.get(key) != value):
            raise BadInput(
                f"{self.url} holds the results of another run (other {', '.join(different)}).\n"
                "  Give the same inputs and options to go on with it, or another --out."
            )

    def write_shard(self, shard: Shard, content: Sequence[Mapping[str, Any]]) -> None:
        """The rows of a shard's pictures, in order."""
        assert [row["key"] for row in content] == [item.location for item in shard.items]
        self.write(f"{shard.name}.parquet", encoded(content))

    def missing(self, shards: Sequence[Shard]) -> list[Shard]:
        """The shards that are not finished."""
        there = self.names()
        return [shard for shard in shards if f"{shard.name}.parquet" not in there]

    def sweep(self, shards: Sequence[Shard]) -> None:
        """Remove what killed workers left unfinished where these shards and their files go."""
        if self.local is not None:
            for folder in (self.local, *(self.local / "_files" / one.name for one in shards)):
                sweep(folder)

    def failures(self, shards: Sequence[Shard]) -> Iterator[tuple[str, str]]:
        """(key, what went wrong) of every failed picture of finished shards."""
        import pyarrow.parquet

        for shard in shards:
            content = self.read(f"{shard.name}.parquet")
            assert content is not None
            columns = ["key", "status", "error"]
            table = pyarrow.parquet.read_table(io.BytesIO(content), columns=columns)
            for row in table.to_pylist():
                if row["status"] == rows.FAILED:
                    yield row["key"], row["error"]


def plan(items: Sequence[Item], size: int, part: tuple[int, int] = (0, 1)) -> list[Shard]:
    """The pictures cut into shards of ``size``; of several parts the shards of one (number, of)."""
    number, parts = part
    cut = [
        Shard(number=k, items=tuple(items[start : start + size]))
        for k, start in enumerate(range(0, len(items), size))
    ]
    return cut[number::parts]


def encoded(content: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as parquet; the same rows give the same bytes."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingAsset("Shards need pyarrow: pip install 'pymafsam[batch]'") from error
    schema = rows.schema()
    # A column that a row does not have is null in it.
    full = [{name: row.get(name) for name in schema.names} for row in content]
    sink = io.BytesIO()
    table = pyarrow.Table.from_pylist(full, schema=schema)
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _manifest(content: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise BadInput(f"{url}/_batch.json is damaged ({error}). Choose another --out.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BadInput(f"{url}/_batch.json is none of ours. Choose another --out.")
    return found
