"""The licensed data files cannot be here; the pack brings a generator of stand-ins for them."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def pack_seed(parity_pack: Path) -> int:
    return int((parity_pack / "seed.txt").read_text())


@pytest.fixture(scope="session")
def stand_ins(parity_pack: Path, pack_seed: int, request: pytest.FixtureRequest) -> Path:
    """Folder of synthetic SMPL files in the official formats (made once, 250 MB, then kept)."""
    script = parity_pack / "make_assets.py"
    key = hashlib.sha256(script.read_bytes()).hexdigest()[:12]
    kept = request.config.cache.mkdir("stand_ins") / f"seed{pack_seed}-{key}"
    if not kept.is_dir():
        with tempfile.TemporaryDirectory(dir=kept.parent) as fresh:
            made = Path(fresh) / "made"
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            command = [sys.executable, script, str(pack_seed), made]
            subprocess.run(command, check=True, capture_output=True, env=environment)
            if not kept.is_dir():  # another run may have finished meanwhile
                made.rename(kept)
    return kept
