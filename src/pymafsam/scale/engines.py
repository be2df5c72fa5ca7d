"""Who works on the shards: processes of this machine, or the actors of a Ray cluster."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol, runtime_checkable

from pymafsam.errors import MissingAsset
from pymafsam.registry import Table
from pymafsam.scale.pool import Pool
from pymafsam.scale.shards import Shard, Store
from pymafsam.scale.work import Row, Settings, Task, lost

ENGINES = Table(
    "engine",
    {"local": "pymafsam.scale.engines:Local", "ray": "pymafsam.scale.engines:OnRay"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an engine may use: ``workers`` at once, each with ``threads`` and ``gpus``.

    On a cluster 0 workers are as many as have room on its cores. ``group`` pictures go to a worker
    at a time, and through a network together.
    """

    workers: int
    threads: int = 1
    group: int = 1
    gpus: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What came of a piece of work: pictures, those of them that failed, people."""

    pictures: int
    failed: int
    people: int


@runtime_checkable
class Engine(Protocol):
    """Does shards in any order and writes each when it is whole."""

    def run(self, shards: Sequence[Shard], settings: Settings, means: Means) -> Iterator[Tally]:
        """A tally now and then, until all shards are written."""
        ...


class Local:
    """Processes of this machine; the rows of one shard are held at a time."""

    def run(self, shards: Sequence[Shard], settings: Settings, means: Means) -> Iterator[Tally]:
        """A tally for every picture."""
        store = Store(url=settings.out)
        with pool(settings, means) as workers:
            found = workers.map(task for shard in shards for task in tasks(shard))
            for shard in shards:
                content = []
                for _, row in zip(shard.items, found, strict=False):
                    content.append(row)
                    yield tally([row])
                store.write_shard(shard, content)


class OnRay:
    """Actors of a Ray cluster (extra ``[ray]``), each with a shard at a time.

    The actors write the shards themselves, by the same code and under the same names as the local
    engine: files are equal to the byte, and a run may go on with the other engine. Ray brings
    the shards of lost machines to others; a picture that kills its worker is met by the process
    below the actor.
    """

    def run(self, shards: Sequence[Shard], settings: Settings, means: Means) -> Iterator[Tally]:
        """A tally for every shard. Raises MissingAsset without Ray."""
        ray = _ray()
        cores = int(ray.cluster_resources().get("CPU", 1))
        workers = means.workers or max(1, cores // means.threads)
        data = ray.data.from_items(
            [{"shard": shard} for shard in shards], override_num_blocks=max(len(shards), 1)
        )
        results = data.map(
            ShardActor,
            fn_constructor_args=(settings, means),
            num_cpus=means.threads,
            num_gpus=means.gpus or None,
            concurrency=min(workers, len(shards)),
        )
        for row in results.iter_rows():
            yield Tally(pictures=row["pictures"], failed=row["failed"], people=row["people"])


class ShardActor:
    """A worker of the cluster: does whole shards in a process of its own."""

    def __init__(self, settings: Settings, means: Means):
        self._settings, self._store = settings, Store(url=settings.out)
        alone = Means(workers=1, threads=means.threads, group=means.group)
        self._pool = pool(settings, alone)
        self._workers = self._pool.__enter__()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Do one shard; how much that was."""
        shard: Shard = row["shard"]
        content: list[Row] = list(self._workers.map(tasks(shard)))
        self._store.write_shard(shard, content)
        found = tally(content)
        return {"pictures": found.pictures, "failed": found.failed, "people": found.people}


def pool(settings: Settings, means: Means) -> Pool[Task, Row]:
    """The processes of one machine."""
    make: Callable[[], Any] = settings
    return Pool(make, lost, workers=means.workers, group=means.group, threads=means.threads)


def tasks(shard: Shard) -> Iterator[Task]:
    """The pictures of a shard; chosen files are called by shard, place and name."""
    for number, item in enumerate(shard.items):
        stem = PurePosixPath(item.name).stem
        yield Task(item=item, stem=f"_files/{shard.name}/{number:06d}-{stem}")


def tally(content: Sequence[Row]) -> Tally:
    """What came of these rows."""
    failed = sum(row["status"] == "failed" for row in content)
    people = sum(len(row["people"]) for row in content)
    return Tally(pictures=len(content), failed=failed, people=people)


def _ray() -> Any:
    # Ray reports its use to its makers unless it is told not to, here and in its processes.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingAsset(
            "The engine ray needs Ray: pip install 'pymafsam[ray]'\n"
            "  Without it: --engine local, on one machine or as an array of jobs (--part)."
        ) from error
    if not ray.is_initialized():
        # A cluster is named by RAY_ADDRESS; without it Ray is started on this machine alone.
        alone: dict[str, Any] = (
            {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
        )
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **alone)
    return ray
