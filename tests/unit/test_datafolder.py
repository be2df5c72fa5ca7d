"""The original's data folder: what is there, what is whole, whom to ask for the rest."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pymafsam import body
from pymafsam.cli.main import main
from pymafsam.errors import MissingAsset
from pymafsam.legacy import datafolder


def said(folder: Path) -> dict[str, datafolder.Inspected]:
    return {one.name: one for one in datafolder.inspect(folder)}


def test_an_empty_folder_names_everything_and_whom_to_ask(tmp_path):
    found = said(tmp_path)
    assert {one.whole for one in found.values()} == {None}
    assert set(found) == {entry.pattern for entry in datafolder.ENTRIES}
    assert "smpl.is.tue.mpg.de" in found["smpl/SMPL_MALE.pkl"].says
    assert "smplify" in found["smpl/SMPL_NEUTRAL.pkl"].says


def zipped(path: Path, *names: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 100)


def test_checkpoints_are_known_by_their_listing(tmp_path):
    zipped(tmp_path / "pretrained_model" / "good.pt", "a/data.pkl", "a/data/0", "a/data/1")
    zipped(tmp_path / "pretrained_model" / "other.pt", "readme.txt")
    cut = (tmp_path / "pretrained_model" / "good.pt").read_bytes()[:-40]
    (tmp_path / "pretrained_model" / "cut.pt").write_bytes(cut)
    (tmp_path / "sam_vit_h_4b8939.pth").write_bytes(b"<html>not found</html>")
    found = said(tmp_path)
    assert found["pretrained_model/good.pt"] == datafolder.Inspected(
        "pretrained_model/good.pt", True, "2 tensors, 0 MB"
    )
    assert "no torch checkpoint" in found["pretrained_model/other.pt"].says
    for name in ("pretrained_model/cut.pt", "sam_vit_h_4b8939.pth"):
        assert found[name].whole is False
        assert "truncated" in found[name].says


def test_lists_and_fits_and_banks_are_looked_into(tmp_path):
    for folder in ("dataset_extras", "final_fits"):
        (tmp_path / folder).mkdir()
    rows = {"imgname": np.array(["a", "b"]), "center": np.zeros((2, 2)), "scale": np.ones(2)}
    np.savez(tmp_path / "dataset_extras" / "good.npz", **rows)
    np.savez(tmp_path / "dataset_extras" / "bad.npz", imgname=rows["imgname"])
    np.savez(tmp_path / "final_fits" / "a.npz", pose=1, betas=np.zeros((3, 10)), valid_fit=1)
    np.save(tmp_path / "final_fits" / "h36m.npy", np.zeros((5, 82)))
    np.save(tmp_path / "lspet_mask_points.npy", np.zeros((96, 441, 3)))
    found = said(tmp_path)
    assert found["dataset_extras/good.npz"].says == "2 people: center, imgname, scale"
    assert "lacks center, scale" in found["dataset_extras/bad.npz"].says
    assert found["final_fits/a.npz"].says == "3 people"
    assert found["final_fits/h36m.npy"].says == "5 people"
    assert found["lspet_mask_points.npy"].whole is False


class _Evil:
    def __reduce__(self):
        return os.system, ("touch PROOF",)


def test_looking_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smpl").mkdir()
    (tmp_path / "smpl" / "SMPL_MALE.pkl").write_bytes(pickle.dumps(_Evil(), 2))
    np.save(tmp_path / "lspet_mask_points.npy", np.array([_Evil()], object), allow_pickle=True)
    found = said(tmp_path)
    assert "wants to run" in found["smpl/SMPL_MALE.pkl"].says
    assert "wants to run" in found["lspet_mask_points.npy"].says
    assert not (tmp_path / "PROOF").exists()


def test_doctor_looks_into_the_folder(tmp_path, capsys, monkeypatch):
    np.save(tmp_path / "J_regressor_h36m.npy", np.zeros((17, 6890)))
    monkeypatch.setenv("PYMAFSAM_CACHE", str(tmp_path / "cache"))
    assert main(["doctor", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "17 joints from 6,890 vertices" in said
    assert "SMPL_NEUTRAL.pkl" in said
    assert main(["doctor", "--data", str(tmp_path / "gone")]) == 0
    assert "no such folder" in capsys.readouterr().out


def test_the_body_smpl_is_looked_for_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("PYMAFSAM_DATA", raising=False)
    with pytest.raises(MissingAsset, match="PYMAFSAM_DATA"):
        body.load("smpl")
    monkeypatch.setenv("PYMAFSAM_DATA", str(tmp_path))
    with pytest.raises(MissingAsset, match=r"SMPL_MALE\.pkl"):
        body.load("smpl-male")
