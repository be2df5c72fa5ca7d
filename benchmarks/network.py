"""Time the whole network, picture to mesh, on every runtime that is here, and how exact each is.

    python benchmarks/network.py --weights pymaf.safetensors --body data/smpl/SMPL_NEUTRAL.pkl

Without --weights the official architecture with random weights around the embedded body is timed.
Errors are distances of vertices from torch's float32; "as the reference computes" is torch without
what docs/results/network.md lists (whole meshes in every round, dense anchor matrix, dense head).
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--body", default="anny24")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeat", type=int, default=12)
    parser.add_argument("--people", type=Path, default=EXAMPLES, help="int8 is calibrated on these")
    parser.add_argument("--only", help="runners whose name contains this")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


chosen = options()
# Thread pools are sized when the libraries are loaded.
os.environ["OMP_NUM_THREADS"] = str(chosen.threads)

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from pymafsam import body, people, points  # noqa: E402
from pymafsam.errors import PymafsamError  # noqa: E402
from pymafsam.network import onnx, quantised, runtime, weights  # noqa: E402
from pymafsam.network.architecture import Architecture  # noqa: E402
from pymafsam.network.official import selection_matrix  # noqa: E402
from pymafsam.network.pymaf import PyMAF  # noqa: E402
from timing import machine, measure  # noqa: E402

Run = Callable[[np.ndarray, np.ndarray], np.ndarray]


def random_weights(model: body.BodyModel) -> weights.Checkpoint:
    torch.manual_seed(0)
    network = PyMAF(Architecture(anchors=len(model.anchors), body=model.name), model)
    return weights.snapshot(network)


def as_the_reference(checkpoint: weights.Checkpoint, model: body.BodyModel) -> Run:
    """No folding, nothing remembered, four whole meshes, dense head, dense anchor matrix."""
    network = weights.build(checkpoint, model)
    dense = torch.from_numpy(selection_matrix(model.anchors, len(model.template)))

    @torch.no_grad()
    def run(images: np.ndarray, looked: np.ndarray) -> np.ndarray:
        network._first = None
        arrays = torch.from_numpy(images), torch.from_numpy(looked)
        rounds = network(*arrays, meshes=True, dense=network.dense is not None).rounds
        for estimate in rounds[1:3]:
            dense @ estimate.vertices
        return rounds[-1].vertices.numpy()

    return run


def runners(folder: Path) -> Iterator[tuple[str, Callable[[], Run]]]:
    """Names and makers of everything that can run the network here."""
    model = body.load(chosen.body)
    checkpoint = weights.read(chosen.weights) if chosen.weights else random_weights(model)
    stored, exported = folder / "network.safetensors", folder / "network.onnx"
    weights.write(checkpoint, stored)
    onnx.export(checkpoint, model, exported)

    def load(path: Path, device: str, threads: int = chosen.threads) -> Callable[[], Run]:
        def make() -> Run:
            runner = runtime.load(path, model, device=device, threads=threads)
            return lambda images, looked: runner(images, looked).vertices

        return make

    yield "torch float32, as the reference computes", lambda: as_the_reference(checkpoint, model)
    yield "torch float32", load(stored, "cpu")
    yield "torch bfloat16", load(stored, "cpu:bf16")
    for threads in sorted({1, chosen.threads}):
        yield f"ONNX Runtime float32, threads {threads}", load(exported, "cpu", threads)
    yield "OpenVINO float32", load(exported, "openvino")
    yield "OpenVINO bfloat16", load(exported, "openvino:bf16")
    small = folder / "integers.onnx"
    quantised.quantise(exported, quantised.people_in(chosen.people, people.load("fast")), small)
    yield "OpenVINO, convolutions in int8", load(small, "openvino")
    yield "OpenVINO, convolutions in int8, the rest bfloat16", load(small, "openvino:bf16")


def main() -> int:
    torch.set_num_threads(chosen.threads)
    rng = np.random.default_rng(0)
    most = max(chosen.batches)
    # Blotches, not white noise: the maps of a photograph are smooth.
    coarse = rng.normal(size=(most, 3, 14, 14)).astype(np.float32)
    images = np.stack([[cv2.resize(plane, (224, 224)) for plane in crop] for crop in coarse])
    looked = np.stack([points.grid()] * most)
    rows, exact = [], None
    with tempfile.TemporaryDirectory() as folder:
        for name, make in runners(Path(folder)):
            if chosen.only and exact is not None and chosen.only not in name:
                continue
            try:
                run = make()
            except PymafsamError as error:
                print(f"{name}: {str(error).splitlines()[0]}", file=sys.stderr)
                continue
            found = run(images, looked)
            exact = found if exact is None else exact
            apart = np.linalg.norm(found - exact, axis=-1)
            for batch in chosen.batches:
                part = images[:batch], looked[:batch]
                times = measure(lambda run=run, part=part: run(*part), repeat=chosen.repeat)
                rows.append(
                    {
                        "runner": name,
                        "batch": batch,
                        "ms_per_picture": round(times["median_ms"] / batch, 1),
                        "fastest_ms_per_picture": round(times["min_ms"] / batch, 1),
                        "mean_error_mm": round(float(apart.mean()) * 1e3, 4),
                        "largest_error_mm": round(float(apart.max()) * 1e3, 4),
                    }
                )
                print(" | ".join(str(value) for value in rows[-1].values()), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
