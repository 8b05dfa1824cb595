# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys

import pytest

from rankseg.testing.tools import load_tool


@pytest.fixture
def busy():
    return load_tool("benchmarks/busy")


def test_asks_every_process_beside_every_number_of_neighbors(busy, monkeypatch, tmp_path, capsys):
    answer = "import sys\nprint('noise')\nprint('ready', flush=True)\n"
    answer += "for line in sys.stdin: print(%s if line == 'train\\n' else 0.5, flush=True)\n"
    asked, popen = [], subprocess.Popen

    def start(command, **options):
        code = command[-1]
        if code == busy.BUSY:
            asked.append(command)
            return popen([sys.executable, "-c", "import time; time.sleep(60)"], **options)
        if "runpy" not in code:
            return popen(command, **options)
        assert options["env"]["OMP_NUM_THREADS"] == "3"
        assert "OMP_WAIT_POLICY" not in options["env"]
        seconds = {"default": 4.0, "passive": 0.5, "one-thread": 1.0}
        (name,) = (one for one in seconds if code.startswith(f"{busy.WAYS[one]}; import runpy"))
        return popen([*command[:-1], answer % seconds[name]], **options)

    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setattr(busy.subprocess, "Popen", start)
    out = tmp_path / "busy.json"
    busy.main(["--neighbors", "0", "2", "--repeats", "2", "--threads", "3", "--out", str(out)])
    rows = json.loads(out.read_text())["rows"]
    assert [(row["neighbors"], row["job"]) for row in rows] == [
        (0, "train"), (0, "validate"), (2, "train"), (2, "validate"),
    ]  # fmt: skip
    assert rows[0]["seconds"] == {"default": [4, 4], "passive": [0.5, 0.5], "one-thread": [1, 1]}
    assert len(asked) == 2
    text = capsys.readouterr().out
    row = "| 2 | train | 4000 (4000 to 4000) | 500 (500 to 500) | 1000 (1000 to 1000) | 8.00 |"
    assert row in text


def test_says_that_a_process_has_ended(busy):
    ended = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with pytest.raises(RuntimeError, match="train"):
        busy.ask(ended, "train")
    busy._end([ended])


def test_jobs_run(busy):
    for work in busy.jobs().values():
        work()
