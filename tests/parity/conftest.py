"""Goldens of the reference: a few lie in the repository, the rest in a pack (``PYMAFSAM_PARITY``).

The licensed data files cannot be here; the pack brings a generator of stand-ins for them.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

COMMITTED = Path(__file__).resolve().parents[1] / "data" / "golden"


class Golden(dict[str, np.ndarray]):
    """Arrays by name; what only the whole pack has skips the test that asks for it."""

    def __missing__(self, name: str) -> np.ndarray:
        pytest.skip(f"{name} is in the whole pack only")


@pytest.fixture(scope="session", params=["committed", "pack"])
def golden_file(request: pytest.FixtureRequest) -> Callable[[str], Golden]:
    """Opens a file of goldens by name: the few in the repository, then those of the pack."""
    folder = COMMITTED
    if request.param == "pack":
        folder = request.getfixturevalue("parity_pack")

    def load(name: str) -> Golden:
        with np.load(folder / name, allow_pickle=False) as file:
            return Golden(file)

    return load


@pytest.fixture(scope="session")
def pack_seed(parity_pack: Path) -> int:
    return int((parity_pack / "seed.txt").read_text())


@pytest.fixture(scope="session")
def stand_ins(parity_pack: Path, pack_seed: int, request: pytest.FixtureRequest) -> Path:
    """Folder of synthetic SMPL files in the official formats (made once, 250 MB, then kept)."""
    script = parity_pack / "make_assets.py"
    wanted = _wanted_weights(parity_pack)
    key = hashlib.sha256(script.read_bytes() + wanted.encode()).hexdigest()[:12]
    kept = request.config.cache.mkdir("stand_ins") / f"seed{pack_seed}-{key}"
    if not kept.is_dir():
        environment = _environment_that_gives(wanted, parity_pack, pack_seed)
        with tempfile.TemporaryDirectory(dir=kept.parent) as fresh:
            made = Path(fresh) / "made"
            command = [sys.executable, script, str(pack_seed), made]
            subprocess.run(command, check=True, capture_output=True, env=environment)
            if not kept.is_dir():  # another run may have finished meanwhile
                made.rename(kept)
    return kept


# The generator keeps the four largest skinning weights of each vertex and ties are decided by the
# last bit of a matrix product, so its output depends on the BLAS kernel that was at work.
KERNELS = (None, "SkylakeX", "Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott")
PROBE = """
import hashlib, sys
sys.path.insert(0, sys.argv[2])
import numpy, make_assets
weights = make_assets.smpl_dict(int(sys.argv[1]), "neutral")["weights"]
print(hashlib.sha1(numpy.ascontiguousarray(weights, numpy.float32).tobytes()).hexdigest())
"""


def _wanted_weights(pack: Path) -> str:
    """The start of the sha1 that the pack's own skinning weights have."""
    return json.loads((pack / "assets_digest.json").read_text())["SMPL_NEUTRAL.weights"]["sha1_f32"]


def _environment_that_gives(wanted: str, pack: Path, seed: int) -> dict[str, str]:
    """Variables under which the generator's output is the pack's; skips where there are none."""
    plain = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    plain |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    for kernel in KERNELS:
        environment = plain | ({"OPENBLAS_CORETYPE": kernel} if kernel else {})
        command = [sys.executable, "-c", PROBE, str(seed), str(pack)]
        found = subprocess.run(command, capture_output=True, text=True, env=environment)
        if found.returncode == 0 and found.stdout.strip().startswith(wanted):
            return environment
    pytest.skip(
        "this machine's arithmetic does not reproduce the pack's stand-ins (see its digest)"
    )


@pytest.fixture(scope="session")
def smpl(stand_ins: Path):
    """The neutral stand-in body."""
    from pymafsam import body

    return body.load(stand_ins)


@pytest.fixture(scope="session")
def official_state(parity_pack: Path, stand_ins: Path, pack_seed: int):
    """The pack's checkpoints by variant, as tables of torch tensors; made here, not on disk."""
    torch = pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location(
        "make_checkpoint", parity_pack / "make_checkpoint.py"
    )
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    state = {
        name: torch.from_numpy(array) if array.ndim else torch.tensor(int(array))
        for name, array in maker.build(pack_seed, str(stand_ins), "pymaf").items()
    }
    grid = state.pop("points_grid")
    # The two variants differ in one buffer; the large tensors are shared.
    bank = torch.from_numpy(maker.buffers(str(stand_ins))["masks_points"])
    return {"pymaf": state | {"points_grid": grid}, "pymafsam": state | {"masks_points": bank}}
