"""Nothing leaves the machine: no connection is opened, no report is left for later."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pymafsam.pretrained.catalogue import networks_folder

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
GUARDED = """
import sys

def guard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        print("CONNECTION", event, arguments[1:], file=sys.stderr)

sys.addaudithook(guard)
from pymafsam.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
TRACE = ("strace", "-f", "-qq", "-e", "trace=socket,connect,sendto", "-o")


def can_trace() -> bool:
    """Whether system calls can be watched here (strace is there, and allowed)."""
    try:
        return subprocess.run([*TRACE, os.devnull, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def lonely(folder: Path) -> dict[str, str]:
    """The environment of somebody with an empty home, and with our networks."""
    home = folder / "home"
    home.mkdir()
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    return mine | {"HOME": str(home), "PYMAFSAM_CACHE": str(networks_folder().parent)}


@pytest.mark.network
def test_reconstruct_connects_to_nobody_and_leaves_nothing_at_home(networks, tmp_path):
    photograph = shutil.copy(EXAMPLES / "tennis.jpg", tmp_path)
    command = [sys.executable, "-c", GUARDED, "reconstruct", photograph]
    command += ["--out", str(tmp_path / "out"), "--save", "json,picture"]
    traced = can_trace()
    if traced:
        command = [*TRACE, str(tmp_path / "trace"), *command]
    done = subprocess.run(command, env=lonely(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "CONNECTION" not in done.stderr
    assert [p for p in (tmp_path / "home").rglob("*") if p.is_file()] == []
    if not traced:
        pytest.skip("strace is not here: only Python's own connections were watched")
    assert "AF_INET" not in (tmp_path / "trace").read_text()


def test_the_silence_is_kept_in_processes_started_from_here(monkeypatch):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    from pymafsam.pretrained import sessions

    sessions.onnxruntime()
    said = subprocess.check_output(
        [sys.executable, "-c", f"import os; print(os.getenv({sessions.SILENCE!r}))"]
    )
    assert said.strip() == b"1"


def test_openvino_does_without_its_analytics(tmp_path):
    # As OpenVINO has it: with its package or, quietly, without.
    (tmp_path / "openvino.py").write_text(
        "loud = True\ntry:\n    import openvino_telemetry\nexcept ImportError:\n    loud = False\n"
    )
    (tmp_path / "openvino_telemetry.py").touch()
    ask = "from pymafsam.pretrained.sessions import openvino; print(openvino().loud)"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    environment = os.environ | {"PYTHONPATH": path}
    assert subprocess.check_output([sys.executable, "-c", ask], env=environment).strip() == b"False"


def test_sessions_are_opened_in_one_place_only():
    source = Path(__file__).resolve().parents[2] / "src" / "pymafsam"
    users = [
        path.name
        for path in source.rglob("*.py")
        if re.search(
            r"^\s*import (onnxruntime|openvino)\b",
            path.read_text(),
            re.M,
        )
    ]
    assert users == ["sessions.py"]
