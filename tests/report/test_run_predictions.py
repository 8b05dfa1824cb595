# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from rankseg.report.run_folder import read_runs
from rankseg.report.run_predictions import RunPredictor, count_pairs, ious, mean_iou


def predictor(folder, which="last"):
    (run,) = read_runs([folder])
    return RunPredictor(run, which)


def test_evaluation_matches_the_last_validation(toy_runs):
    one = predictor(toy_runs["rank"])
    evaluation = one.evaluate(one.choose(None))
    last = json.loads((toy_runs["rank"] / "summary.json").read_text())["last"]
    assert last["iteration"] == 4 and len(evaluation.scores) == len(one.dataset) == 4
    assert mean_iou(evaluation.confusion) == pytest.approx(last["mIoU"], abs=0.01)
    for value, name in zip(ious(evaluation.confusion), one.classes, strict=True):
        assert value == pytest.approx(last[f"IoU/{name}"], abs=0.01)


def test_scores_use_the_foreground_if_the_run_does(toy_runs, monkeypatch):
    (run,) = read_runs([toy_runs["rank"]])
    scores = []
    for metric in ("mIoU", "fgIoU"):
        monkeypatch.setattr(type(run), "metric", metric)
        one = RunPredictor(run)
        scores.append(one.evaluate([0]).scores[0])
    (found,) = one.predict([0])
    values = ious(count_pairs(found.truth, found.label, len(one.classes)))
    assert scores == pytest.approx([np.nanmean(values), np.nanmean(values[1:])])


def test_evaluates_a_classifier_by_images(toy_runs):
    one = predictor(toy_runs["classes"])
    evaluation = one.evaluate([0, 3])
    assert one.image_level and evaluation.confusion.sum() == 2
    right = sum(score > 0 for score in evaluation.scores)
    assert evaluation.confusion.trace() == right
    assert all(100 / 3 <= abs(score) <= 100 for score in evaluation.scores)


def test_predicts_in_the_given_order(toy_runs):
    one = predictor(toy_runs["sup"])
    found = list(one.predict([3, 0, 2]))
    assert [f.index for f in found] == [3, 0, 2]
    assert [one.name(f.path) for f in found] == [
        "test/blue/15.png",
        "test/blue/12.png",
        "test/red/14.png",
    ]
    for f in found:
        assert f.image.shape == (24, 24, 3) and f.truth.shape == f.label.shape == (24, 24)
    assert [f.path for f in one.predict([0])] == [found[1].path]


@pytest.mark.parametrize(
    ("count", "places"), [(None, [0, 1, 2, 3]), (9, [0, 1, 2, 3]), (2, [0, 3])]
)
def test_chooses_evenly_spaced_images(toy_runs, count, places):
    assert predictor(toy_runs["sup"]).choose(count) == places


def test_loads_the_best_checkpoint(toy_runs):
    best = predictor(toy_runs["sup"], "best")
    assert best.checkpoint.name.startswith("best_mIoU_iter_")
    with pytest.raises(ValueError, match="one of last, best, but got 'middle'"):
        predictor(toy_runs["sup"], "middle")


def test_count_pairs_skips_ignored_pixels():
    truth = np.array([[0, 1, 1, 255]])
    label = np.array([[0, 0, 2, 1]])
    assert count_pairs(truth, label, 3).tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 0]]


def test_absent_class_has_no_iou():
    confusion = np.array([[2, 2, 0], [0, 4, 0], [0, 0, 0]])
    assert ious(confusion)[:2] == pytest.approx([50.0, 100 * 4 / 6])
    assert np.isnan(ious(confusion)[2])
    assert mean_iou(confusion) == pytest.approx((50 + 100 * 4 / 6) / 2)
    assert mean_iou(confusion, first=1) == pytest.approx(100 * 4 / 6), "of the foreground alone"
    assert np.isnan(mean_iou(np.zeros((2, 2), int)))
