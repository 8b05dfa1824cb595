# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.visualization.report import MethodResult, class_table, seed_table, verdict


def run(base, other, **classes):
    def result(miou):
        return MethodResult(
            {"mIoU": miou, **{f"IoU/{k}": v for k, v in classes.items()}}, 90.0, 10, 90.0
        )

    return {"A": result(base), "B": result(other)}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(50, 53)], "B gains 3.0 points of mIoU over A (one seed)."),
        ([(50, 51)], "B gains 1.0 points of mIoU over A (one seed). This may be chance"),
        ([(50, 49)], "No gain in this run: B is 1.0 points of mIoU below A on average (0 of 1"),
        ([(50, 50)], "No gain in this run"),
        ([(50, 53), (50, 51)], "on average, on every seed (smallest +1.0, largest +3.0)"),
        ([(50, 56), (50, 48)], "gains 2.0 points of mIoU over A on average, but only on 1 of 2"),
        ([(50, 51), (50, 46)], "No gain in this run: B is 1.5 points of mIoU below A on average"),
    ],
)
def test_the_verdict_says_what_was_measured(pairs, expected):
    text = verdict({i: run(*pair) for i, pair in enumerate(pairs)}, "A", "B")
    assert expected in text


def test_a_row_per_seed_and_a_mean():
    table = seed_table({3: run(50.04, 60), 7: run(52.04, 64)}, ["A", "B"]).splitlines()
    assert table[0] == "| seed | A (best) | minutes | B (best) | minutes |"
    assert table[2] == "| 3 | 50.0 (90.0) | 1.5 | 60.0 (90.0) | 1.5 |"
    # deviations of two values 2 and 4 apart: 2 / sqrt(2) and 4 / sqrt(2)
    assert table[4] == "| mean | **51.0** ± 1.4 | | **62.0** ± 2.8 | |"
    assert len({line.count("|") for line in table}) == 1
    assert len(seed_table({3: run(50, 60)}, ["A", "B"]).splitlines()) == 3


def test_classes_are_averaged_over_the_seeds_that_have_them():
    results = {0: run(1, 2, sky=10.0, car=20.0), 1: run(1, 2, sky=30.0)}
    lines = class_table(results, ["A", "B"]).splitlines()
    assert lines[2:] == ["| sky | 20.0 | 20.0 |", "| car | 20.0 | 20.0 |"]
