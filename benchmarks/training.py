"""How many pictures a second training takes, and how much of it is loading them.

    python benchmarks/training.py default lspet-2024 --rows lspet-fits.npz --images lspet/ \
        --json benchmarks/training.json

Wall time says what a run will take on this machine as it is now; CPU time (``--threads 1``) says
what it takes where nobody else is at work. Steps are made in float32 and in bfloat16.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backbone", help="instead of the recipes', with nothing frozen")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


chosen = options()
# Thread pools are sized when the libraries are loaded.
os.environ["OMP_NUM_THREADS"] = str(chosen.threads)

from pymafsam import body  # noqa: E402
from pymafsam.training import recipes, sources  # noqa: E402
from pymafsam.training.trainer import Trainer  # noqa: E402
from timing import machine  # noqa: E402


def timed(call) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def measured(recipe: str, precision: str) -> dict[str, float]:
    """A recipe's pace in one precision; loading is measured apart from learning."""
    settings = recipes.find(recipe)
    network = settings.network
    if chosen.backbone:
        network = replace(network, backbone=chosen.backbone, frozen=())
    settings = replace(
        settings,
        network=network,
        data=replace(settings.data, rows=(chosen.rows,), images=(chosen.images,), synthetic=0.0),
        optimiser=replace(settings.optimiser, precision=precision),
        batch=chosen.batch,
    )
    model = body.load(network.body)
    people = sources.open_sources(settings, model).train
    with tempfile.TemporaryDirectory() as folder:
        running = Trainer(settings, people, None, Path(folder), model=model)
        running.take(running.steps[0])  # buffers, kernels
        batches = []
        loading = timed(lambda: batches.extend(running.steps[s] for s in range(chosen.steps)))
        learning = timed(lambda: [running.take(batch) for batch in batches])
    count = chosen.batch * chosen.steps
    return {
        "pictures_per_second": round(count / (loading[0] + learning[0]), 2),
        "pictures_per_cpu_second": round(count / (loading[1] + learning[1]), 2),
        "loading_share_of_cpu": round(loading[1] / (loading[1] + learning[1]), 3),
    }


if __name__ == "__main__":
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for recipe in chosen.recipes:
        figures[recipe] = {p: measured(recipe, p) for p in ("float32", "bfloat16")}
        for precision, row in figures[recipe].items():
            told = ", ".join(f"{name} {value}" for name, value in row.items())
            print(f"{recipe} {precision:>9}  {told}", flush=True)
    # The load stands with the machine: on a busy one only CPU seconds can be compared.
    found = {"machine": machine(), "options": vars(chosen), "figures": figures}
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1, default=str) + "\n")
