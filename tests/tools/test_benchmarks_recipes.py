# SPDX-License-Identifier: Apache-2.0
import json

import cv2
import numpy as np
import pytest

from rankseg.testing.tools import load_tool

tool = load_tool("benchmarks/recipes")


def result(name, iou):
    kind, recipe, seed = name.split("/")
    numbers = {"fgIoU": iou, "mIoU": iou}
    common = {"job": name, "set": kind, "recipe": recipe, "seed": int(seed)}
    return common | {"tune": numbers, "val": numbers}


def test_run_skips_jobs_with_a_result_and_goes_on_after_a_failure(tmp_path, monkeypatch, capsys):
    (tmp_path / "results.jsonl").write_text(json.dumps(result("nuclei/supervised/0", 50.0)) + "\n")
    started = []

    def start(command, stdout, stderr):
        started.append(command[command.index("one") + 1])
        assert command[-2:] == ["--iterations", "5"]
        code = int(started[-1] == "nuclei/linear/0")
        return type("Ended", (), {"returncode": code})

    monkeypatch.setattr(tool.subprocess, "run", start)
    files = ["--data", "D", "--weights", "W", "--out", str(tmp_path)]
    choice = ["--sets", "nuclei", "--recipes", "supervised", "linear", "--seeds", "0", "1"]
    assert tool.main(["run", *choice, *files, "--iterations", "5"]) == 1
    assert started == ["nuclei/linear/0", "nuclei/supervised/1", "nuclei/linear/1"]
    assert "nuclei/linear/0 failed" in capsys.readouterr().out


def test_one_appends_its_result(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "run_job", lambda job, retest: result(job.name, float(retest)))
    files = ["--data", "D", "--weights", "W", "--out", str(tmp_path)]
    assert tool.main(["one", "nuclei/linear/0", *files]) == 0
    assert tool.main(["one", "nuclei/linear/1", "--retest", *files]) == 0
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(one)["tune"]["fgIoU"] for one in lines] == [0.0, 1.0]


def test_table_and_picture(tmp_path, capsys):
    path = tmp_path / "results.jsonl"
    runs = [result("nuclei/supervised/0", 50.0), result("nuclei/rank_0/0", 53.0)]
    runs.append(result("nuclei/linear/0", 20.0))
    path.write_text("".join(f"{json.dumps(one)}\n" for one in runs))
    command = ["table", str(path), "--recipes", "supervised", "rank_0"]
    tool.main([*command, "--picture", str(tmp_path / "gains.png")])
    text = capsys.readouterr().out
    assert "| +3.0 |" in text and "20.0" not in text
    assert (tmp_path / "gains.png").is_file()
    with pytest.raises(SystemExit):
        tool.main(["table", str(tmp_path / "none.jsonl")])
    assert "none.jsonl" in capsys.readouterr().err


def test_weights(tmp_path, capsys):
    mask = np.ones((9, 4), np.uint8)
    mask[0] = 0  # one ninth
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    (tmp_path / "classes.txt").write_text("one\ntwo words\n")
    (tmp_path / "labeled.txt").write_text("a.jpg m.png\n")
    tool.main(["weights", str(tmp_path / "labeled.txt"), "--data", str(tmp_path)])
    rare, frequent = json.loads(capsys.readouterr().out)
    assert rare / frequent == pytest.approx(8**0.5, rel=1e-2)
    assert rare / 9 + frequent * 8 / 9 == pytest.approx(1, rel=1e-2)
