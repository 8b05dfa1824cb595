# SPDX-License-Identifier: Apache-2.0
import pytest
from scipy.stats import ttest_rel

from rankseg.testing.paired import interval, table


def test_interval_is_that_of_a_paired_t_test():
    ours, base = [54.0, 53.1, 55.9], [51.9, 49.1, 51.0]
    mean, half = interval([a - b for a, b in zip(ours, base, strict=True)])
    expected = ttest_rel(ours, base).confidence_interval(0.90)
    assert mean - half == pytest.approx(expected.low)
    assert mean + half == pytest.approx(expected.high)


def test_table():
    def run(recipe, seed, iou):
        numbers = {"fgIoU": iou, "student": iou - 1}
        return {
            "set": "kvasir",
            "recipe": recipe,
            "seed": seed,
            "tune": [{"fgIoU": 1.0}, numbers],
            "val": {"fgIoU": iou + 10, "student": None},
        }

    results = [run("supervised", 0, 50.0), run("supervised", 1, 52.0)]
    results += [run("good", 0, 53.0), run("good", 1, 56.0), run("alone", 7, 40.0)]
    lines = table(results, "tune", "fgIoU").splitlines()
    assert lines[2] == "| kvasir | supervised | 0 1 | 51.0 | 1.4 |  |  |"
    assert lines[3] == "| kvasir | good | 0 1 | 54.5 | 2.1 | +3.5 (2) | +0.3 to +6.7 |"
    assert lines[4] == "| kvasir | alone | 7 | 40.0 |  |  |  |"
    assert "| 61.0 |" in table(results, "val", "fgIoU")
    assert len(table(results, "val", "student").splitlines()) == 2
