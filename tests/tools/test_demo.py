# SPDX-License-Identifier: Apache-2.0
import contextlib
import functools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

from rankseg.cli import demo
from rankseg.cli.main import main
from rankseg.demo import scenes
from rankseg.testing.commands import parse_command, printed_commands
from rankseg.visualization.report import MethodResult

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool():
    return demo


def run_here(name, *arguments, log):
    """Run a tool in this process, instead of starting one."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stream, contextlib.redirect_stdout(stream):
        main([name, *(str(one) for one in arguments)])
    return SimpleNamespace(poll=lambda: 0, returncode=0)


def test_starts_a_tool_with_a_log(tool, tmp_path):
    log = tmp_path / "logs/help.txt"
    tool.finish({log: tool.start("make-splits", "--help", log=log)})
    assert "usage: python -m rankseg make-splits" in log.read_text()


def test_writes_table_and_picture(tool, tmp_path, monkeypatch, capsys):
    small = functools.partial(scenes.make_demo_set, labeled=8, unlabeled=4, val=4)
    monkeypatch.setattr(scenes, "make_demo_set", small)
    monkeypatch.setattr(tool, "start", run_here)
    monkeypatch.chdir(ROOT)
    work = tmp_path / "work"
    monkeypatch.setattr(
        sys,
        "argv",
        ["demo.py", "--seeds", "5", "--iters", "2"]
        + ["--work-dir", str(work), "--data-dir", str(tmp_path / "data")],
    )
    tool.main()
    page = (work / "results.md").read_text()
    shown = capsys.readouterr().out
    assert page in shown
    commands = [parse_command(one) for one in printed_commands(shown)[:2]]
    assert [name for name, _ in commands] == ["report", "predict"]
    assert Path(commands[1][1].config, "last.pth").is_file()
    assert Path(commands[1][1].inputs[0]).is_dir()
    assert "for 2 iterations" in page
    assert "| 5 | " in page
    assert "| flower | " in page
    panel = cv2.imread(str(work / "panel.png"))
    assert panel.shape[0] > 4 * 180
    for name in tool.METHODS:
        assert (work / f"seed5/{name}/metrics.json").is_file()


def test_page_reports_a_loss(tool):
    def result(miou):
        return MethodResult({"mIoU": miou, "IoU/ball": miou}, miou + 1, 1500, 60.0)

    worse = {0: {"Supervised": result(60.0), "RankMatch": result(58.0)}}
    page = tool.report(worse, 3.0)
    assert "No gain in this run: RankMatch is 2.0 points of mIoU below Supervised" in page
    assert "| 0 | 60.0 (61.0) | 1.0 | 58.0 (59.0) | 1.0 |" in page
    assert "1,500 iterations" in page.replace("\n", " ")


def test_failing_job_stops_the_others_and_shows_its_log(tool, tmp_path):
    code = "import sys, time; print('the reason'); sys.exit(3)"
    log, other = tmp_path / "bad.txt", tmp_path / "good.txt"
    with log.open("w") as stream:
        bad = subprocess.Popen([sys.executable, "-c", code], stdout=stream)
    good = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(SystemExit, match="the reason"):
        tool.finish({other: good, log: bad})
    assert good.wait(timeout=10) != 0


def test_waits_for_jobs(tool, tmp_path):
    job = subprocess.Popen([sys.executable, "-c", "pass"])
    tool.finish({tmp_path / "log.txt": job})
    assert job.returncode == 0
