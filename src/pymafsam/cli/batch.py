"""``batch``: any number of pictures into shards of results, on one machine or on many."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from pymafsam.cli.bars import is_terminal, progress_bar
from pymafsam.cli.inputs import read_names, recipe, report_failures
from pymafsam.cli.options import MOST_THREADS, Flow, check_range, check_workers
from pymafsam.config import ONE_BY_ONE
from pymafsam.errors import BadUsage

if TYPE_CHECKING:
    from pymafsam.scale.engines import Means, Tally
    from pymafsam.scale.shards import Shard, Store

MOST_WORKERS = 100_000  # of a cluster
MOST_NAMED = 20  # failures on the terminal; _failures.json has them all


@dataclass(kw_only=True)
class Batch(Flow):
    """Reconstruct everybody in any number of pictures, into parquet shards (docs/scale.md).

    Every picture becomes a row: its key, a status, and what json has of it. Finished shards stay:
    the same command goes on where it was stopped, and does nothing when all is done.

    Examples:
      pymafsam batch holiday/ --out results --workers 4
      pymafsam batch pictures.txt --out results --save json,picture
      pymafsam batch 's3://bucket/*.jpg' --out s3://bucket/people --engine ray --workers 64
      pymafsam batch paths.parquet --column file --out /shared/people --part 3/20
    """

    inputs: tyro.conf.Positional[tuple[str, ...]] = ()
    """Pictures, folders, patterns, lists (.txt), tables (.parquet); paths or URLs (fsspec)."""
    out: Annotated[str, tyro.conf.arg(metavar="URL")]
    """Folder for the shards, a path or a URL; made when missing."""
    engine: str = "local"
    """Who works: local (processes of this machine), ray (a cluster, or Ray on this machine)."""
    save: str = ""
    """Files to write beside the shards: picture, side, json, npz, obj, glb; none by default."""
    column: str = "path"
    """The column of a table that holds the paths."""
    shard: int = 200
    """Pictures in a shard: what is lost at most when a machine is."""
    workers: int = 0
    """Workers at once; 0: as many as there are cores, here or in the cluster."""
    threads: int = 0
    """Threads of each worker; 0: its share of this machine's cores, on Ray one."""
    gpus: float = 0.0
    """Of each worker on Ray; parts of one are shared."""
    part: str = "1/1"
    """Of several jobs that share the work this one, from 1: --part 3/20."""

    def run(self) -> int:
        from pymafsam import export
        from pymafsam.scale import inputs
        from pymafsam.scale.engines import ENGINES
        from pymafsam.scale.shards import Store, plan
        from pymafsam.scale.work import Settings

        formats = read_names("--save", self.save, export.EXPORTERS.names()) if self.save else ()
        part = self.checked()
        engine = ENGINES.load(self.engine)()
        if not self.inputs:
            raise BadUsage("Which pictures? Give at least one file, folder, pattern or list.")
        items = inputs.find(self.inputs, self.column)
        store = Store(url=self.out)
        store.prepare(self.said(), items, self.shard)
        mine = plan(items, self.shard, part)
        missing = store.missing(mine)
        store.sweep(missing)
        if missing:
            self.load()  # what cannot be had is told here, once, and fetched once
            settings = Settings(flow=self.flow(), out=self.out, formats=formats)
            self.work(engine.run(missing, settings, self.means()), missing)
        return self.report(store, mine, plan(items, self.shard))

    def checked(self) -> tuple[int, int]:
        """The part, counted from 0, and how many there are. Raises BadUsage."""
        self.check()
        check_range("--shard", self.shard, 1)
        if self.engine == "local":
            check_workers(self.workers, 0)
        check_range("--workers", self.workers, 0, MOST_WORKERS)
        check_range("--threads", self.threads, 0, MOST_THREADS)
        check_range("--gpus", self.gpus, 0)
        found = re.fullmatch(r"(\d+)/(\d+)", self.part)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise BadUsage(f"--part is a number of jobs such as 3/20, not {self.part}.")
        return int(found[1]) - 1, int(found[2])

    def said(self) -> dict[str, str]:
        """The options that results depend on."""
        kept = {f.name for f in fields(Flow)} - {"batch"} | {"save"}
        return {name: value for name, value in recipe(self).items() if name in kept} | {
            "save": self.save
        }

    def flow(self) -> dict[str, Any]:
        """The arguments of ``Reconstructor.load``."""
        names = {"min_score": "minimum_score"}
        given = {names.get(f.name, f.name): getattr(self, f.name) for f in fields(Flow)}
        return {**given, "threads": self.means().threads}

    def means(self) -> "Means":
        """What the engine may use."""
        from pymafsam.ahead import cores
        from pymafsam.scale.engines import Means

        # The fit takes people one by one; a network a whole batch.
        group = 1 if self.weights in ONE_BY_ONE else self.batch
        if self.engine == "ray":  # which alone knows the cluster's cores
            threads = max(self.threads, 1)
            return Means(workers=self.workers, threads=threads, group=group, gpus=self.gpus)
        workers = self.workers or max(1, cores() // max(self.threads, 1))
        threads = self.threads or max(1, cores() // workers)
        return Means(workers=workers, threads=threads, group=group)

    def work(self, tallies: "Iterator[Tally]", shards: "list[Shard]") -> None:
        """Go through the work, with a bar where there is a terminal."""
        if not is_terminal():
            for _ in tallies:
                pass
            return
        with progress_bar() as progress:
            total = sum(len(shard.items) for shard in shards)
            row = progress.add_task("batch", total=total)
            for tally in tallies:
                progress.advance(row, tally.pictures)

    def report(self, store: "Store", mine: "list[Shard]", everything: "list[Shard]") -> int:
        """Say what is there, name what failed; the exit code."""
        failures = dict(store.failures(mine))
        pictures = sum(len(shard.items) for shard in mine)
        print(f"{pictures} pictures in {len(mine)} shards, {len(failures)} failed -> {self.out}")
        left = store.missing(everything)
        if left:
            print(f"{len(left)} of {len(everything)} shards are other jobs' and not there yet.")
        else:
            named = [{"key": key, "error": why} for key, why in store.failures(everything)]
            store.write("_failures.json", (json.dumps(named, indent=1) + "\n").encode())
        told = dict(list(failures.items())[:MOST_NAMED])
        if len(failures) > len(told):
            print(f"of {len(failures)} failures the first {len(told)}:", file=sys.stderr)
        return report_failures(told)
