"""How long a call takes, and on what machine; shared by the benchmarks beside this file.

Run a benchmark as ``python benchmarks/<name>.py``; it finds this module in its own folder.
"""

import gc
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

LIBRARIES = "numpy numba opencv-python-headless onnxruntime ai-edge-litert torch".split()
THREAD_VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


def measure(call: Callable[[], Any], repeat: int = 30, warmup: int = 3) -> dict[str, float]:
    """Wall milliseconds of ``call()``: median and spread over ``repeat`` runs after ``warmup``.

    The garbage collector rests while the clock runs. ``first_ms`` is the very first call, with
    compilation and loading. The spread is the interquartile range.
    """
    first, *_ = [_clock(call) for _ in range(max(warmup, 1))]
    resting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        times = np.array([_clock(call) for _ in range(repeat)])
    finally:
        if resting:
            gc.enable()
    low, median, high = np.percentile(times, [25, 50, 75])
    return {
        "median_ms": round(float(median), 4),
        "spread_ms": round(float(high - low), 4),
        "min_ms": round(float(times.min()), 4),
        "max_ms": round(float(times.max()), 4),
        "first_ms": round(first, 4),
        "repeat": repeat,
        "warmup": warmup,
    }


def machine() -> dict[str, Any]:
    """What a time depends on: processor, cores, system, Python, libraries, threads asked for."""
    return {
        "processor": _processor(),
        "cores": _cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }


def _clock(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
