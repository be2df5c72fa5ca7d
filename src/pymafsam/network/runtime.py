"""Run a network, whatever it is stored as and wherever it runs; numpy in and out.

An exported network (.onnx) needs no torch.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped

from pymafsam.body import BodyModel
from pymafsam.errors import BadInput, BadUsage, MissingAsset
from pymafsam.files.limits import check_file
from pymafsam.network.architecture import Architecture
from pymafsam.pretrained.sessions import CPU, Session, onnxruntime, openvino

HEADER = "pymafsam"
# What an exported file calls its outputs -> the field of ``Result``.
OUTPUTS = {
    "vertices": "vertices",
    "joints": "joints",
    "rotations": "rotations",
    "shape": "betas",
    "camera": "camera",
    "states": "states",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The last round of a batch; metres, crop cameras (s, tx, ty). ``states`` has all rounds."""

    vertices: Float[np.ndarray, "batch vertices 3"]
    joints: Float[np.ndarray, "batch joints 3"]
    rotations: Float[np.ndarray, "batch joints 3 3"]
    betas: Float[np.ndarray, "batch betas"]
    camera: Float[np.ndarray, "batch 3"]
    states: Float[np.ndarray, "batch rounds size"]


@runtime_checkable
class Runner(Protocol):
    """A network ready to run. ``bank`` holds stored points (masks, points, 2), if it has any."""

    architecture: Architecture
    bank: np.ndarray | None

    def __call__(
        self,
        images: Float[np.ndarray, "batch 3 side side"],
        points: Float[np.ndarray, "batch points 2"],
    ) -> Result:
        """Bodies of normalised crops, read first at ``points`` ([-1, 1] of the crop)."""
        ...


def load(path: Path, model: BodyModel, *, device: str = "auto", threads: int = 0) -> Runner:
    """The network at ``path``: exported (.onnx), ours or an official checkpoint.

    ``device`` is auto, cpu, cuda, mps, or openvino for exported ones; with ``:bf16`` behind it
    (not for ONNX Runtime) the backbone computes in bfloat16, faster and less exact. ``auto`` is
    the fastest that is installed among those within a tenth of a millimetre of torch's float32.
    ``threads`` 0 leaves their number to the runtime. Raises BadInput, BadUsage or MissingAsset.
    """
    plain = device.removesuffix(":bf16")
    precision = "float32" if plain == device else "bfloat16"
    if not path.is_file():
        raise BadInput(f"No weights at {path}.")
    if path.suffix.lower() != ".onnx":
        return TorchRunner(path, model, plain, precision)
    if device == "auto":
        plain = device = _fastest()
    if plain == "openvino":
        return OpenVinoRunner(path, model, precision, threads)
    if device not in ("cpu", "cuda"):
        raise BadUsage(
            "An exported network runs on auto, cpu, cuda, openvino or openvino:bf16, "
            f"not on {device}."
        )
    return OnnxRunner(path, model, device, threads)


def _fastest() -> str:
    """What runs exported networks fastest here: docs/results/network.md has the measurements."""
    if _cuda():
        return "cuda"
    return "openvino" if find_spec("openvino") is not None else "cpu"


def _cuda() -> list[str]:
    """ONNX Runtime's names for CUDA, where it has it."""
    return [p for p in onnxruntime().get_available_providers() if p.startswith("CUDA")]


class OnnxRunner:
    """An exported network on ONNX Runtime (its CPU or CUDA provider)."""

    def __init__(self, path: Path, model: BodyModel, device: str = "cpu", threads: int = 0):
        self.architecture, self.bank = read_description(path, model)
        providers = [*CPU]
        if device == "cuda":
            if not (cuda := _cuda()):
                raise BadUsage("This ONNX Runtime has no CUDA; pip install onnxruntime-gpu.")
            providers = [*cuda, *providers]
        self.session = Session(path, threads=threads, providers=providers)

    def __call__(
        self,
        images: Float[np.ndarray, "batch 3 side side"],
        points: Float[np.ndarray, "batch points 2"],
    ) -> Result:
        given = {"images": images, "points": points}  # HMR was exported without points
        found = self.session.run(list(OUTPUTS), {name: given[name] for name in self.session.inputs})
        return checked(dict(zip(OUTPUTS.values(), found, strict=True)))


class OpenVinoRunner:
    """An exported network on OpenVINO's CPU (extra ``[openvino]``). Threads take turns."""

    def __init__(self, path: Path, model: BodyModel, precision: str = "float32", threads: int = 0):
        self._made = partial(OpenVinoRunner, path, model, precision, threads)
        self._turn = threading.Lock()  # calls share one request's tensors
        self.architecture, self.bank = read_description(path, model)
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self.compiled = openvino().Core().compile_model(path, "CPU", settings)

    def __call__(
        self,
        images: Float[np.ndarray, "batch 3 side side"],
        points: Float[np.ndarray, "batch points 2"],
    ) -> Result:
        given = {"images": images, "points": points}
        known = set().union(*(entry.names for entry in self.compiled.inputs))
        with self._turn:
            found = self.compiled({name: a for name, a in given.items() if name in known})
            return checked({field: np.array(found[name]) for name, field in OUTPUTS.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        return self._made, ()


class TorchRunner:
    """Our or an official checkpoint on torch (extra ``[torch]``). Threads take turns."""

    def __init__(
        self, path: Path, model: BodyModel, device: str = "auto", precision: str = "float32"
    ):
        try:
            import torch

            from pymafsam.network import inference, weights
        except ImportError as error:
            raise MissingAsset(
                f"Running {path.name} needs torch: pip install 'pymafsam[torch]'\n"
                "  Without it: `pymafsam convert FILE --to onnx` on a machine that has it."
            ) from error

        self._made = partial(TorchRunner, path, model, device, precision)
        self._turn = threading.Lock()  # the network keeps the mean person's mesh between calls
        checkpoint = weights.read(path)
        self.architecture, self.bank = checkpoint.architecture, checkpoint.bank
        self.device = inference.choose_device(device)
        network = weights.build(checkpoint, model)
        self.network = inference.prepare(network, self.device, precision)
        self.torch = torch

    def __call__(
        self,
        images: Float[np.ndarray, "batch 3 side side"],
        points: Float[np.ndarray, "batch points 2"],
    ) -> Result:
        inputs = [self.torch.from_numpy(array).to(self.device) for array in (images, points)]
        with self._turn, self.torch.inference_mode():
            rounds = self.network(*inputs).rounds
            states = self.torch.stack([estimate.state for estimate in rounds], 1)
        last = rounds[-1]
        values = (last.vertices, last.joints, last.rotations, last.betas, last.camera, states)
        fields = OUTPUTS.values()
        return checked({name: v.cpu().numpy() for name, v in zip(fields, values, strict=True)})

    def __reduce__(self) -> tuple[Any, ...]:
        return self._made, ()


def checked(values: Mapping[str, Shaped[np.ndarray, "..."]]) -> Result:
    """What a network gave, as a record. Raises BadInput where it is no number."""
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise BadInput(
                f"The network gives {name} that are no finite numbers: its weights are damaged.\n"
                "  Get the checkpoint again, or convert it again."
            )
    return Result(**values)


def read_description(path: Path, model: BodyModel) -> tuple[Architecture, np.ndarray | None]:
    """What an exported file says of itself, and its bank of points.

    Raises BadInput when it is none of ours, or was exported with another body than ``model``.
    """
    import onnx

    check_file(path)
    try:
        file = onnx.load(path)
    except Exception as error:  # protobuf's own classes differ from version to version
        raise BadInput(f"{path} is damaged, or no ONNX file ({type(error).__name__}).") from error
    said = {entry.key: entry.value for entry in file.metadata_props}
    if HEADER not in said:
        raise BadInput(f"{path} was not exported by pymafsam (`pymafsam convert --to onnx`).")
    made = [output for output in file.graph.output if output.name == "vertices"]
    sizes = (
        [dimension.dim_value for dimension in made[0].type.tensor_type.shape.dim] if made else []
    )
    if len(sizes) != 3:
        raise BadInput(f"{path} is damaged: it gives no vertices (batch, vertices, 3).")
    count = sizes[1]
    if count not in (0, len(model.template)) or said.get("body") != model.name:
        raise BadInput(
            f'{path} has the body "{said.get("body")}" ({count} vertices) inside; '
            f'"{model.name}" was chosen. Give the same --body, or export again.'
        )
    bank = [t for t in file.graph.initializer if t.name == "bank"]
    try:
        arrays = [onnx.numpy_helper.to_array(tensor) for tensor in bank]
    except Exception as error:  # of a tensor whose sizes and bytes do not agree
        raise BadInput(f"{path} is damaged: its bank of points ({error}).") from error
    return Architecture.from_json(said[HEADER]), arrays[0].copy() if arrays else None
