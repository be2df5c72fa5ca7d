"""End to end: the command line on real photographs, in this process."""

import shutil
from pathlib import Path

import pytest

from pymafsam.cli.main import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def photograph(tmp_path) -> Path:
    """One photograph with one person, in a folder of its own."""
    return Path(shutil.copy(EXAMPLES / "tennis.jpg", tmp_path / "tennis.jpg"))


@pytest.fixture
def run(capsys):
    """Run a command line; returns (exit code, standard output, standard error)."""

    def command(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as leaving:
            code = leaving.code
        out, err = capsys.readouterr()
        return code, out, err

    return command
