"""The house keeps its floors: imports go down only, and the front door opens without torch."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_imports_go_down_the_floors():
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_front_door_opens_without_torch_and_heavy_runtimes():
    code = (
        "import sys, pymafsam, pymafsam.records, pymafsam.config, pymafsam.registry\n"
        "import pymafsam.cli.main as m; m.main(['--help'])\n"
        "heavy = {'torch', 'onnxruntime', 'numba', 'cv2', 'ai_edge_litert', 'av'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
