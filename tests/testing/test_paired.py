# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from scipy.stats import ttest_rel

from rankseg.testing.paired import draw, interval, read_results, table


def run(recipe, seed, iou, name="kvasir"):
    numbers = {"mIoU": iou + 20} if name == "camvid" else {"fgIoU": iou, "mIoU": iou + 20}
    return {
        "set": name,
        "recipe": recipe,
        "seed": seed,
        "tune": numbers,
        "val": {"fgIoU": iou + 10, "mIoU": 0.0},
    }


RESULTS = [run("good", 0, 53.0), run("good", 1, 56.0), run("alone", 7, 40.0)]
RESULTS += [run("supervised", 0, 50.0), run("supervised", 1, 52.0), run("good", 2, 60.0)]
RESULTS += [run("supervised", 0, 30.0, "camvid")]


def test_interval_is_that_of_a_paired_t_test():
    ours, base = [54.0, 53.1, 55.9], [51.9, 49.1, 51.0]
    mean, half = interval([a - b for a, b in zip(ours, base, strict=True)])
    expected = ttest_rel(ours, base).confidence_interval(0.90)
    assert mean - half == pytest.approx(expected.low)
    assert mean + half == pytest.approx(expected.high)


def test_table():
    titles = {"supervised": "labels only", "good": "ours"}
    lines = table(RESULTS, "tune", ["supervised"], titles).splitlines()
    assert lines[0].split("|")[-2].strip() == "over labels only"
    assert lines[2] == "| kvasir | labels only | 0 1 | 51.0 | 1.4 |  |"
    # 3.0 and 4.0; the third seed has no pair
    assert lines[3] == "| kvasir | ours | 0 1 2 | 56.3 | 3.5 | +3.5 (+0.3 to +6.7) |"
    assert lines[4] == "| kvasir | alone | 7 | 40.0 |  |  |"
    assert lines[5] == "| camvid | labels only | 0 | 50.0 |  |  |"
    assert "| 61.0 |" in table(RESULTS, "val", ["supervised"], titles)


def test_the_last_result_of_a_job_counts():
    again = [*RESULTS, run("alone", 7, 44.0)]
    assert "| 44.0 |" in table(again, "tune", [], {}) and "| 40.0 |" not in table(
        again, "tune", [], {}
    )


def test_results_file(tmp_path):
    path = tmp_path / "results.jsonl"
    assert read_results(path) == []
    path.write_text("".join(f"{json.dumps(one)}\n\n" for one in RESULTS))
    assert read_results(path) == RESULTS


def test_picture(tmp_path):
    path = tmp_path / "gains.png"
    draw(RESULTS, "tune", ["good", "alone"], "supervised", {}, path)
    assert path.read_bytes().startswith(b"\x89PNG")
