# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.utils import watch_runs
from rankseg.utils.watch_runs import WatchedRuns, read_progress

TEXT = """method   RankMatch
     50 of 1,500  loss 0.4232  confident 1%  9 min left
validation at 50 (2 s)   mIoU
    100 of 1,500  loss 0.3801  confident 12%  4 min left
"""


def test_reads_the_newest_line(tmp_path):
    log = tmp_path / "train.txt"
    assert read_progress(log) == (0, 0, "")
    log.write_text("loading\n")
    assert read_progress(log) == (0, 0, "")
    log.write_text("x" * 10_000 + "\n" + TEXT)
    assert read_progress(log) == (100, 1500, "loss 0.3801  confident 12%  4 min left")


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT)
    return {"Supervised": tmp_path / "a.txt", "RankMatch": tmp_path / "b.txt"}


def test_prints_a_line_at_intervals(logs, monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(watch_runs.time, "monotonic", lambda: now[0])
    with WatchedRuns(logs) as runs:
        runs.update()
        assert capsys.readouterr().out == ""
        now[0] += watch_runs.INTERVAL
        runs.update()
    line = (
        "Supervised: 100 of 1,500  loss 0.3801  confident 12%  4 min left | RankMatch: starting\n"
    )
    assert capsys.readouterr().out == line


def test_shows_a_bar_for_each_run_on_a_terminal(logs, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with WatchedRuns(logs) as runs:
        runs.update()
    shown = capsys.readouterr().out
    assert "Supervised" in shown and "100 of 1,500  loss" in shown and "starting" in shown
