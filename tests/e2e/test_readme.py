"""The commands of the README do what it says.

Blocks marked ``sh`` and ``python`` run as they stand beside the examples; ``console`` blocks need
the reader's own files, so of them only the options are checked.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pymafsam.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", README, flags=re.S)


def commands(kind):
    return [line.split() for block in blocks(kind) for line in block.splitlines() if line]


@pytest.fixture
def beside_examples(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.network
@pytest.mark.usefixtures("networks")
def test_every_command_line_runs(run, beside_examples):
    assert len(commands("sh")) >= 5
    for command in commands("sh"):
        assert command[0] == "pymafsam"
        code, _, err = run(*command[1:])
        assert code == 0, f"{' '.join(command)}: {err}"
    for ending in ("_overlay.jpg", "_side.png", ".json", ".npz", ".obj", ".glb"):
        assert (beside_examples / "results" / f"tennis{ending}").is_file()


@pytest.mark.parametrize("words", commands("console"), ids=" ".join)
def test_commands_on_the_readers_own_files_have_the_options_they_use(run, beside_examples, words):
    assert words[0] == "pymafsam"
    _, helped, _ = run(*[w for w in words[1:3] if not w.startswith("-") and "." not in w], "--help")
    for option in (word for word in words if word.startswith("--")):
        assert option in helped
    code, _, err = run(*words[1:])
    # Their files are missing here, which is said in words; the options themselves are right.
    assert code in (0, 1), err
    assert "Traceback" not in err


@pytest.mark.network
@pytest.mark.usefixtures("networks")
def test_the_python_example_runs(beside_examples):
    (code,) = blocks("python")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert ", 3)" in result.stdout
    assert (beside_examples / "out" / "tennis.glb").is_file()


@pytest.mark.parametrize(
    "verb", ["train", *(name for name in VERBS if re.search("3dpw|h36m|3dhp|lsp-parts", name))]
)
def test_what_the_original_does_and_this_does_too_is_told(verb):
    said = (ROOT / "docs" / "coming-from-pymaf.md").read_text(encoding="utf-8")
    commands = said.partition("## Commands")[2].partition("## ")[0]
    assert f"pymafsam {verb} " in commands or f"`{verb.split()[-1]}`" in commands


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_two_commands_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, flags=re.M):
        assert re.search(rf"^{target}:", makefile, flags=re.M), target
