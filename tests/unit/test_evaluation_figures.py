"""Figures agree with slow versions, intervals cover, comparisons tell a difference from chance."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.errors import BadInput
from pymafsam.evaluation import coco, figures, scores
from pymafsam.evaluation.figures import STATISTICS, figure
from pymafsam.evaluation.scores import Scores


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_drawing_a_row_twice_is_having_it_twice(seed, count):
    random = np.random.default_rng(seed)
    weights = random.integers(0, 4, count)
    weights[0] += 1
    for name, columns in {"mean": 1, "share": 2, "median": 1, "deviation": 1, "F1": 6}.items():
        rows = random.uniform(0.1, 9, (count, columns))
        repeated = np.repeat(rows, weights, axis=0)
        weighed = STATISTICS[name](rows)(weights.astype(float))
        slow = STATISTICS[name](repeated)(np.ones(len(repeated)))
        assert weighed == pytest.approx(slow, rel=1e-9), name


def test_statistics_are_numpys():
    rows = np.random.default_rng(3).normal(size=(31, 1))
    for name, slow in (("mean", np.mean), ("median", np.median), ("deviation", np.std)):
        assert figure("x", "y", name, enumerate(rows[:, 0])).value == pytest.approx(slow(rows))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random, covered = np.random.default_rng(0), 0
    for _ in range(200):
        one = figure("x", "y", "mean", enumerate(random.normal(2.0, 1.0, 40)))
        found = figures.interval(
            figures.spread(one, figures.drawn(list(map(str, range(40))), random, 200))
        )
        covered += found.low <= 2.0 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_frames_of_one_video_are_drawn_together():
    counts = figures.drawn(list("aabbb"), np.random.default_rng(0), 50)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 2] == counts[:, 4]).all()
    assert (counts[:, [0, 2]].sum(1) == 2).all()


@pytest.fixture
def crowd(tmp_path):
    """Twelve pictures with one to three people, most of them found, some wrongly."""
    random = np.random.default_rng(5)
    images, people, results = [], [], []
    for k in range(12):
        images.append({"id": k, "file_name": f"{k}.jpg", "width": 300, "height": 300})
        for _ in range(int(random.integers(1, 4))):
            points = random.uniform(20, 280, (17, 2))
            side = float(random.choice([60.0, 90.0, 200.0]))
            people.append(
                {
                    "id": len(people) + 1,
                    "image_id": k,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": [10.0, 10.0, side, side],
                    "area": side * side,
                    "num_keypoints": 17,
                    "keypoints": np.c_[points, np.full(17, 2)].ravel().tolist(),
                    "segmentation": [[10, 10, 190, 10, 190, 190, 10, 190]],
                }
            )
            noise = random.choice([1.0, 6.0, 15.0, 200.0])
            moved = points + random.normal(0, noise, (17, 2))
            if random.uniform() < 0.9:
                results.append(coco.result(k, np.c_[moved, np.ones(17)], random.uniform()))
    content = {
        "info": {},
        "images": images,
        "annotations": people,
        "categories": [{"id": 1, "name": "person", "keypoints": [], "skeleton": []}],
    }
    (tmp_path / "people.json").write_text(json.dumps(content))
    return tmp_path / "people.json", results


def test_average_precision_and_recall_of_the_rows_are_pycocotools(crowd):
    path, results = crowd
    wanted = coco.score(path, results)
    rows = coco.precision_rows(coco.truth_of(path), results, range(12))
    found = {n: STATISTICS[how](columns)(np.ones(len(columns))) for n, how, columns, _ in rows}
    assert list(found) == list(coco.SUMMARY)
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_without_any_result_precision_is_zero(crowd):
    path, _ = crowd
    rows = list(coco.precision_rows(coco.truth_of(path), [], range(12)))
    assert [STATISTICS[how](columns)(np.ones(len(columns))) for _, how, columns, _ in rows] == [
        0
    ] * 10


def run_of(values, cases, protocol="coco") -> Scores:
    found = [figure("OKS", "mesh", "mean", enumerate(values))]
    return Scores(
        figures=found,
        intervals=[figures.Interval(low=0.0, high=1.0)],
        cases=cases,
        clusters=cases,
        key={"protocol": protocol},
        seed=0,
    )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_a_shift_of_everybody_is_significant_and_noise_is_not(seed):
    random = np.random.default_rng(seed)
    names = [str(k) for k in range(60)]
    base = random.uniform(0, 1, 60)
    (better,) = scores.differences(run_of(base + 0.05, names), run_of(base, names), 200)
    assert better.significant
    assert better.chance < 0.02
    alternating = base + 0.05 * np.where(np.arange(60) % 2, 1, -1)
    (same,) = scores.differences(run_of(alternating, names), run_of(base, names), 200)
    assert not same.significant


def test_runs_are_compared_on_the_cases_they_share(tmp_path):
    first = run_of([0.1, 0.2, 0.9], ["a", "b", "c"])
    second = run_of([0.9, 0.3, 0.1], ["c", "d", "a"])
    (row,) = scores.differences(first, second, 50)
    assert row.first == row.second == pytest.approx(0.5)
    with pytest.raises(BadInput, match="no case in common"):
        scores.differences(first, run_of([1.0], ["z"]), 50)
    with pytest.raises(BadInput, match="protocols"):
        scores.differences(first, run_of([1.0], ["a"], "lsp"), 50)


def test_scores_come_back_from_their_files(tmp_path):
    run = run_of([0.1, float("nan"), 0.9], ["a", "b", "c"])
    scores.save(tmp_path, run, {"protocol": {"name": "coco"}})
    again = scores.load(tmp_path)
    assert again.cases == run.cases
    assert again.figures[0].value == pytest.approx(0.5)
    (row,) = scores.differences(run, again, 20)
    assert row.interval.low == row.interval.high == 0
    (tmp_path / "samples.npz").unlink()
    with pytest.raises(BadInput, match=r"samples\.npz"):
        scores.load(tmp_path)
