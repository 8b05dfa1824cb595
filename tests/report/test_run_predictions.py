# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from rankseg.report.run_folder import read_runs
from rankseg.report.run_predictions import RunPredictor, count_pairs, ious, mean_iou


def predictor(folder, which="last"):
    (run,) = read_runs([folder])
    return RunPredictor(run, which)


def test_the_judgement_is_that_of_the_last_validation(toy_runs):
    one = predictor(toy_runs["rank"])
    judged = one.judge(one.choose(None))
    last = json.loads((toy_runs["rank"] / "summary.json").read_text())["last"]
    assert last["iteration"] == 4 and len(judged.scores) == len(one.dataset) == 4
    assert mean_iou(judged.confusion) == pytest.approx(last["mIoU"], abs=0.01)
    for value, name in zip(ious(judged.confusion), one.classes, strict=True):
        assert value == pytest.approx(last[f"IoU/{name}"], abs=0.01)


def test_images_are_judged_by_the_foreground_where_the_run_is(toy_runs, monkeypatch):
    (run,) = read_runs([toy_runs["rank"]])
    scores = []
    for metric in ("mIoU", "fgIoU"):
        monkeypatch.setattr(type(run), "metric", metric)
        one = RunPredictor(run)
        scores.append(one.judge([0]).scores[0])
    (found,) = one.predict([0])
    values = ious(count_pairs(found.truth, found.label, len(one.classes)))
    assert scores == pytest.approx([np.nanmean(values), np.nanmean(values[1:])])


def test_a_classifier_is_judged_by_images(toy_runs):
    one = predictor(toy_runs["classes"])
    judged = one.judge([0, 3])
    assert one.image_level and judged.confusion.sum() == 2
    right = sum(score > 0 for score in judged.scores)
    assert judged.confusion.trace() == right
    assert all(100 / 3 <= abs(score) <= 100 for score in judged.scores)


def test_images_come_in_the_order_asked_for(toy_runs):
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
def test_images_are_evenly_spaced(toy_runs, count, places):
    assert predictor(toy_runs["sup"]).choose(count) == places


def test_weights_of_the_best_validation(toy_runs):
    best = predictor(toy_runs["sup"], "best")
    assert best.checkpoint.name.startswith("best_mIoU_iter_")
    with pytest.raises(ValueError, match="'middle': expected one of last, best"):
        predictor(toy_runs["sup"], "middle")


def test_pairs_are_counted_without_what_is_unknown():
    truth = np.array([[0, 1, 1, 255]])
    label = np.array([[0, 0, 2, 1]])
    assert count_pairs(truth, label, 3).tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 0]]


def test_a_class_that_is_nowhere_has_no_iou():
    confusion = np.array([[2, 2, 0], [0, 4, 0], [0, 0, 0]])
    assert ious(confusion)[:2] == pytest.approx([50.0, 100 * 4 / 6])
    assert np.isnan(ious(confusion)[2])
    assert mean_iou(confusion) == pytest.approx((50 + 100 * 4 / 6) / 2)
    assert mean_iou(confusion, first=1) == pytest.approx(100 * 4 / 6), "of the foreground alone"
    assert np.isnan(mean_iou(np.zeros((2, 2), int)))
