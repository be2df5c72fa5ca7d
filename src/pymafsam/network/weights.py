"""Weights on disk: ours (safetensors with a description in the header) and the official ones.

Nothing in a file is ever run: torch's files are read with ``weights_only``, ours hold no code.
"""

import json
import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import nn

from pymafsam.body import BodyModel
from pymafsam.errors import BadInput, UntrustedFile
from pymafsam.files import made
from pymafsam.files.atomic import writing
from pymafsam.network.architecture import NETWORKS, Architecture
from pymafsam.network.official import ConvertedState, convert_state_dict, shortened, to_official
from pymafsam.network.pymaf import MeshRegressor

HEADER = "pymafsam"
MAKER = "convert"  # the verb that files are written for, if no other is named
PRECISIONS: Mapping[str, type] = {"float32": np.float32, "float16": np.float16}
# Entries of a file that are no parameters or buffers of the network.
BESIDE = ("bank",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Weights in our names with the description of their network.

    ``left_out`` names what the file it came from had besides, each with the reason.
    """

    architecture: Architecture
    tensors: dict[str, np.ndarray]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def bank(self) -> Float[np.ndarray, "rows points 2"] | None:
        """Stored points of masks (masks, points, 2), if the network was trained with some."""
        return self.tensors.get("bank")

    def with_bank(self, bank: Float[np.ndarray, "rows points 2"]) -> "Checkpoint":
        """The same weights with another bank. Raises BadInput where its points are not theirs."""
        if bank.shape[1] != self.architecture.points:
            raise BadInput(
                f"The network reads {self.architecture.points} points; the bank's rows have "
                f"{bank.shape[1]}."
            )
        return replace(self, tensors={**self.tensors, "bank": np.asarray(bank, np.float32)})


def read(path: Path) -> Checkpoint:
    """Our file or an official one, by what is inside.

    Raises BadInput (not there, truncated, unknown, missing or mis-shaped entries: all listed) and
    UntrustedFile (asks to run code).
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(
            f"No weights at {path}.\n  Give a file of pymafsam, PyMAF, PyMAFSAM or SPIN."
        )
    if not _is_safetensors(path):
        return from_official(read_torch(path), str(path))
    found = _read_ours(path)
    _compare(found, str(path))
    return found


def write(
    checkpoint: Checkpoint, path: Path, precision: str = "float32", maker: str = MAKER
) -> None:
    """Save as safetensors; ``precision`` is that of matrices and kernels (float32, float16).

    Vectors (biases, normalisation) and the bank stay float32: they are small and sensitive.
    """
    from safetensors.numpy import save

    kind = PRECISIONS[precision]
    tensors = {
        name: np.asarray(_cast(array, kind if name not in BESIDE else np.float32), order="C")
        for name, array in checkpoint.tensors.items()
    }
    told = {HEADER: checkpoint.architecture.to_json(), "made": made.mark(maker)}
    content = save(tensors, metadata=told)
    with writing(path) as temporary, temporary.open("wb") as file:
        start, header = _in_order(content)
        file.write(header)
        file.write(memoryview(content)[start:])


def _in_order(content: bytes) -> tuple[int, bytes]:
    """Where the tensors of a safetensors file begin, and its head with what it tells in order.

    The library writes it in the order of a hash table that is another in every process: the same
    weights would be other files.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of eight
    return start, len(text).to_bytes(8, "little") + text


def write_official(checkpoint: Checkpoint, model: BodyModel, path: Path) -> None:
    """Save in PyMAF's own layout, with SMPL (``model``) inside as there; float32.

    Raises BadInput for a network or body that has no place in it.
    """
    state = to_official(checkpoint.tensors, checkpoint.architecture, model)
    tensors = OrderedDict((n, torch.from_numpy(np.asarray(a, order="C"))) for n, a in state.items())
    with writing(path) as temporary:
        # The mark first: it is looked for near the head of the file.
        known = {"made": made.mark(MAKER), "model": tensors}
        torch.save(known | checkpoint.architecture.extra, temporary)


def build(checkpoint: Checkpoint, model: BodyModel) -> MeshRegressor:
    """The network with these weights around ``model``, in evaluation mode, float32, on the CPU.

    Raises BadInput when the body does not fit.
    """
    made = NETWORKS.load(checkpoint.architecture.network)
    network = made(checkpoint.architecture, model, checkpoint.tensors["anchors"])
    state = {
        name: torch.from_numpy(_cast(array, np.float32).copy())
        for name, array in checkpoint.tensors.items()
        if name not in BESIDE
    }
    network.load_state_dict(state, strict=True)
    return network.eval()


def load(path: Path, model: BodyModel) -> MeshRegressor:
    """``build`` of what ``read`` finds at ``path``."""
    return build(read(path), model)


def snapshot(
    network: MeshRegressor, bank: Float[np.ndarray, "rows points 2"] | None = None
) -> Checkpoint:
    """The weights a network has now, copied."""
    tensors = {name: t.detach().cpu().numpy().copy() for name, t in network.state_dict().items()}
    return Checkpoint(
        architecture=network.architecture,
        tensors=tensors if bank is None else tensors | {"bank": np.asarray(bank, np.float32)},
    )


def expected_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights of such a network."""
    with torch.device("meta"):
        network: nn.Module = NETWORKS.load(architecture.network)(architecture, _blank(architecture))
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _is_safetensors(path: Path) -> bool:
    """Ours begin with the length of a json header; pickles and zip archives do not."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and start[:2] != b"PK"


def _read_ours(path: Path) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            described = (file.metadata() or {}).get(HEADER)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise BadInput(f"{path} is damaged or truncated ({error}).") from error
    if described is None:
        raise BadInput(
            f"{path} has no description of its network in its header.\n"
            "  Files written by `pymafsam convert` do; where does this one come from?"
        )
    return Checkpoint(architecture=Architecture.from_json(described), tensors=tensors)


def from_official(content: Mapping[str, Any], source: str) -> Checkpoint:
    """What an official file holds (its ``model``, or the table of tensors itself), in our names.

    ``source`` is named in errors. Raises BadInput for unknown, missing and mis-shaped entries.
    """
    state, beside = content.get("model", content), {}
    if state is not content:
        beside = {name: value for name, value in content.items() if name != "model"}
    if not isinstance(state, Mapping) or not all(
        isinstance(t, torch.Tensor) for t in state.values()
    ):
        raise BadInput(f'{source} holds no table of tensors under "model".')
    converted: ConvertedState = convert_state_dict(
        {n: t.detach().numpy() for n, t in state.items()}
    )
    # Counters are worth a line in the header; the optimiser's memory is for the old parameters.
    counters = {n: v for n, v in beside.items() if isinstance(v, int | float | str)}
    left_out = {n: "not needed to run the network" for n in beside if n not in counters}
    found = Checkpoint(
        architecture=replace(converted.architecture, extra=counters),
        tensors={name: _as_float32(array) for name, array in converted.tensors.items()},
        left_out=converted.left_out | left_out,
    )
    _compare(found, source)
    return found


def read_torch(path: Path) -> Mapping[str, Any]:
    """A dictionary saved by torch. Raises UntrustedFile for code, BadInput for damage."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual pickle protocols
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # its parsers raise whatever they stumble over
        # torch's own words begin with how to switch the safety off; they are not repeated.
        wish = re.search(r"GLOBAL ([\w.]+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and wish:
            raise UntrustedFile(
                f"{path} wants to run {wish[1]} when it is read, and was refused.\n"
                "  A checkpoint needs nothing but tensors: get this one again from its owner."
            ) from error
        unpickling = isinstance(error, pickle.UnpicklingError)
        reason = "no table of tensors" if unpickling else _first_line(error)
        raise BadInput(f"{path} is damaged, truncated or no file of torch ({reason}).") from error
    if not isinstance(content, Mapping):
        raise BadInput(f"{path} holds a {type(content).__name__}; a table of weights was wanted.")
    return content


def _compare(found: Checkpoint, source: str) -> None:
    """Every name and shape is the network's. Raises BadInput with all that are not."""
    wanted = expected_shapes(found.architecture)
    have = {n: a.shape for n, a in found.tensors.items() if n not in BESIDE}
    missing = sorted(set(wanted) - set(have))
    unknown = sorted(set(have) - set(wanted))
    wrong = [
        f"{name} {have[name]} instead of {shape}"
        for name, shape in wanted.items()
        if name in have and have[name] != shape
    ]
    rows = {"missing": missing, "unknown": unknown, "of another shape": wrong}
    found_wrong = [
        f"  {len(names)} {what}: {shortened(names)}" for what, names in rows.items() if names
    ]
    if found_wrong:
        raise BadInput(
            f"{source} is no whole {found.architecture.network} network:\n" + "\n".join(found_wrong)
        )


def _blank(architecture: Architecture) -> BodyModel:
    """A body without extent that fits the architecture: enough to ask for shapes."""
    count = max(architecture.vertices, architecture.anchors, 1)
    joints = architecture.joints
    return BodyModel(
        name="blank",
        template=np.zeros((count, 3), np.float32),
        shape_dirs=np.zeros((count, 3, architecture.betas), np.float32),
        weights=np.zeros((count, joints), np.float32),
        parents=np.arange(-1, joints - 1),
        faces=np.zeros((0, 3), np.int32),
        joints_template=np.zeros((joints, 3), np.float32),
        joints_dirs=np.zeros((joints, 3, architecture.betas), np.float32),
        regressors={},
        anchors=np.arange(architecture.anchors),
        part=np.zeros(count, np.int32),
        uv=np.zeros((count, 2), np.float32),
    )


def _as_float32(array: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
    """Floats of any width as float32; whole numbers stay."""
    return _cast(array, np.float32, flat=True)


def _cast(
    array: Shaped[np.ndarray, "*shape"], kind: type, flat: bool = False
) -> Shaped[np.ndarray, "*shape"]:
    if not np.issubdtype(array.dtype, np.floating):
        return array
    return array.astype(kind if flat or array.ndim > 1 else np.float32, copy=False)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
