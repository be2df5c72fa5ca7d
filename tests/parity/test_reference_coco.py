"""From crops to COCO's result rows and their AP, against the reference's files."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymafsam import body, crops, points
from pymafsam.evaluation import coco
from pymafsam.geometry import affine
from pymafsam.records import Mesh

torch = pytest.importorskip("torch")
from pymafsam.network import geometry, official, weights  # noqa: E402


@pytest.fixture(scope="module")
def rows(parity_pack: Path) -> dict[str, np.ndarray]:
    with np.load(parity_pack / "dataset" / "all.npz") as file:
        return dict(file)


def read_json(path: Path):
    return json.loads(path.read_text())


def picture_id(name: str) -> int:
    return int(Path(name).stem[-12:])


def squares(rows) -> list[affine.Square]:
    sides = 200 * rows["scale"]
    return [
        affine.Square(centre=(float(x), float(y)), side=float(side))
        for (x, y), side in zip(rows["center"], sides, strict=True)
    ]


@pytest.fixture(scope="module")
def results(parity_pack, rows, official_state, smpl):
    """Our result rows for the pack's pictures with the pack's network."""
    state = {name: t.numpy() for name, t in official_state["pymaf"].items()}
    converted = official.convert_state_dict(state)
    made = weights.Checkpoint(architecture=converted.architecture, tensors=converted.tensors)
    network = weights.build(made, smpl)
    cut = [
        crops.normalise(crops.cut(np.asarray(Image.open(parity_pack / "dataset" / name)), square))
        for name, square in zip(rows["imgname"], squares(rows), strict=True)
    ]
    grid = torch.from_numpy(points.grid()).expand(len(cut), -1, -1)
    with torch.no_grad():
        last = network(torch.from_numpy(np.stack(cut)), grid).rounds[-1]
    mesh = Mesh(vertices=last.vertices.numpy(), joints=last.joints.numpy())
    found = torch.from_numpy(body.keypoints(smpl, mesh, "coco17").astype(np.float32))
    seen = (geometry.project(found, last.camera).numpy() + 1) * crops.SIZE / 2
    out = []
    for name, square, places in zip(rows["imgname"], squares(rows), seen, strict=True):
        back = affine.inverse(crops.training_transform(square)[:2])
        keypoints = np.column_stack([affine.apply(back, places.astype(np.float64)), np.ones(17)])
        out.append(coco.result(picture_id(str(name)), keypoints, 1.0))
    return out


def compare(found, wanted, tolerance: float) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        for name in ("image_id", "category_id", "score"):
            assert ours[name] == theirs[name]
        np.testing.assert_allclose(ours["keypoints"], theirs["keypoints"], atol=tolerance)


def test_the_networks_result_rows_are_the_references(parity_pack, results):
    (file,) = (parity_pack / "coco_ref" / "results").glob("*.json")
    # 1e-4 of the crop's half side is a hundredth of a pixel; rows are written to 3 decimals.
    compare(results, read_json(file), 2e-2)


def test_their_average_precision_is_the_references(parity_pack, results):
    table = read_json(parity_pack / "evaluation.json")["coco"][-1]
    wanted = [float(cell) for cell in table.split("|")[2:-1]]
    annotations = parity_pack / "dataset" / "annotations" / "person_keypoints_val2014.json"
    found = coco.score(annotations, results)
    np.testing.assert_allclose([found[name] for name in coco.SUMMARY], wanted, atol=5e-4)


def test_perturbed_annotations_score_as_in_the_reference(parity_pack, rows):
    with np.load(parity_pack / "coco_gtlike.npz") as file:
        keypoints = file["preds"].astype(np.float64)
    found = [
        coco.result(picture_id(str(name)), places, 1.0)
        for name, places in zip(rows["imgname"], keypoints, strict=True)
    ]
    (file,) = (parity_pack / "coco_ref" / "gtlike" / "results").glob("*.json")
    compare(found, read_json(file), 6e-4)
    annotations = parity_pack / "dataset" / "annotations" / "person_keypoints_val2014.json"
    scores = coco.score(annotations, found)
    wanted = read_json(parity_pack / "evaluation.json")["coco_gtlike"]
    folded = {name.lower(): value for name, value in wanted.items()}
    for name in coco.SUMMARY:
        assert scores[name] == pytest.approx(folded[name.lower()], abs=1e-6), name
