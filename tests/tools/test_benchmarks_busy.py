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
        policy = options["env"].get("OMP_WAIT_POLICY"), options["env"].get("GOMP_SPINCOUNT")
        imports = code.partition("; import runpy")[0]
        name = {
            ("import torch", None): "default",
            ("import torch", "PASSIVE"): "passive",
            ("import rankseg, torch", None): "short",
            ("import rankseg, torch; torch.set_num_threads(1)", None): "one-thread",
        }[imports, policy[0]]
        assert policy[1] is None
        return popen([*command[:-1], answer % seconds[name]], **options)

    seconds = {"default": 4.0, "passive": 1.0, "short": 0.5, "one-thread": 2.0}
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("GOMP_SPINCOUNT", "3")
    monkeypatch.setattr(busy.subprocess, "Popen", start)
    out = tmp_path / "busy.json"
    busy.main(["--neighbors", "0", "2", "--repeats", "2", "--threads", "3", "--out", str(out)])
    rows = json.loads(out.read_text())["rows"]
    assert [(row["neighbors"], row["job"]) for row in rows] == [
        (0, "train"), (0, "validate"), (2, "train"), (2, "validate"),
    ]  # fmt: skip
    assert rows[0]["seconds"] == {name: [value] * 2 for name, value in seconds.items()}
    assert len(asked) == 2
    text = capsys.readouterr().out
    cells = [f"{ms} ({ms} to {ms})" for ms in (4000, 1000, 500, 2000)]
    assert f"| 2 | train | {' | '.join(cells)} | 8.00 |" in text


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
