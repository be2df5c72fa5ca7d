"""Pictures per second against workers, simulated with measured times: where it stops scaling.

    python benchmarks/cluster.py [--picture .3 --spread .5] [--workers 1 2 10 100 1000]

Every worker loads its networks (``--start``), then takes shard after shard from one list. A picture
takes ``--picture`` seconds (log-normal, ``--spread`` its deviation as a share) and is read from
storage that all workers share (``--storage`` MB/s, pictures of ``--size`` MB). The driver
spends ``--driver`` seconds on every shard, one after the other. At the end workers wait for the
last shards. Nothing else is modelled: no failing machines, no slow ones.
"""

import argparse
import heapq
import json
from pathlib import Path

import numpy as np


def simulate(options: argparse.Namespace, workers: int) -> dict[str, float]:
    """Pictures per second, from the start of the first worker to the last shard."""
    rng = np.random.default_rng(0)
    sigma = np.sqrt(np.log(1 + options.spread**2))
    shards = -(-options.pictures // options.shard)
    # A shard's time is the sum of its pictures'; their logarithms are normal with the given mean.
    mean = np.log(options.picture) - sigma**2 / 2
    work = np.array([rng.lognormal(mean, sigma, options.shard).sum() for _ in range(shards)])
    read = options.shard * options.size / options.storage  # seconds of the shared storage
    free = [options.start] * workers
    heapq.heapify(free)
    driver = storage = 0.0
    for one in work:
        begin = heapq.heappop(free)
        driver = max(driver, begin) + options.driver
        storage = max(storage, driver) + read
        # Pictures are read while earlier ones are computed.
        heapq.heappush(free, max(driver + one, storage))
    seconds = max(free)
    rate = options.pictures / seconds
    alone = 1 / options.picture
    return {
        "workers": workers,
        "pictures_per_second": round(rate, 1),
        "share_of_perfect": round(rate / (workers * alone), 3),
        "hours": round(seconds / 3600, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--shard", type=int, default=200)
    parser.add_argument("--picture", type=float, default=0.3)
    parser.add_argument("--spread", type=float, default=0.5)
    parser.add_argument("--start", type=float, default=2.0)
    parser.add_argument("--driver", type=float, default=0.005)
    parser.add_argument("--size", type=float, default=0.2)
    parser.add_argument("--storage", type=float, default=1000.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 10, 50, 100, 300, 1000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = [simulate(options, workers) for workers in options.workers]
    for row in rows:
        print(" | ".join(str(value) for value in row.values()))
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
