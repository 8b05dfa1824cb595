# SPDX-License-Identifier: Apache-2.0
"""A long run holds no more memory, files, threads or processes at its end than early on.

The suite runs a short one; the long one is ``pytest -m soak tests/reliability/test_soak.py``.
"""

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from rankseg.testing.toy_run import write_config, write_set

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="memory is read from /proc, which Linux has"
)

RUN = """
import gc, json, os
from pathlib import Path

import torch
from mmengine.hooks import Hook

from rankseg import apis
from rankseg.registry import HOOKS


def memory(pid):  # in MB: resident, but of files and of what is shared with the parent
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines[1:]}
    return (sizes["Private_Clean:"] + sizes["Private_Dirty:"]) / 1024, sizes["Rss:"] / 1024


def seen():
    me = os.getpid()
    children = [int(c) for c in Path(f"/proc/{me}/task/{me}/children").read_text().split()]
    return dict(
        memory=[memory(pid)[1] for pid in (me, *children)],
        private=[memory(pid)[0] for pid in (me, *children)],
        files=[len(os.listdir(f"/proc/{pid}/fd")) for pid in (me, *children)],
        threads=[len(os.listdir(f"/proc/{pid}/task")) for pid in (me, *children)],
        children=len(children),
    )


@HOOKS.register_module()
class Look(Hook):
    priority = "LOWEST"

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        # workers open and close files as they go: several looks, the last of them noted
        if -(runner.iter + 1) % EVERY < LOOKS:
            looks.append(seen())
        if (runner.iter + 1) % EVERY == 0:
            most = {k: [max(some) for some in zip(*(look[k] for look in looks))] for k in PEAKS}
            notes.append(dict(iteration=runner.iter + 1, **looks[-1], most=most))
            looks.clear()
            Path(OUT).write_text(json.dumps(notes))


with open(LOG, "w") as stream:
    for number in (1, 2):
        os.dup2(stream.fileno(), number)
gc.freeze()  # data sets collect garbage, which takes long with all that is imported
LOOKS, PEAKS = 8, ("files", "threads")
notes, looks = [], []
torch.set_num_threads(1)
cfg = apis.load_config(CONFIG, work_dir=str(Path(OUT).with_suffix("")))
cfg.train_cfg.update(max_iters=ITERATIONS, val_interval=EVERY // 2)
cfg.default_hooks.checkpoint.interval = EVERY // 2
cfg.default_hooks.logger.interval = 50
cfg.custom_hooks.append(dict(type="Look"))
apis.train(cfg)
"""


MOMENT = 3  # files or threads of a worker that a look may miss


@pytest.fixture
def soak(forkserver, tmp_path) -> Callable[[int, int], tuple[dict, dict]]:
    """Train in a process of its own; what it held after ``early`` iterations and at the end."""
    script, out, log = (tmp_path / name for name in ("soak.py", "notes.json", "log.txt"))
    script.write_text(RUN)
    config = write_config(tmp_path / "soak_config.py", "rankmatch", write_set(tmp_path / "set"), 2)

    def run(early: int, iterations: int) -> tuple[dict, dict]:
        names = dict(CONFIG=str(config), OUT=str(out), LOG=str(log))
        process = forkserver.Process(
            target=runpy.run_path,
            args=(str(script), {**names, "EVERY": early, "ITERATIONS": iterations}, "__main__"),
        )
        process.start()
        process.join()
        assert process.exitcode == 0, log.read_text()[-2000:]
        notes = json.loads(out.read_text())
        for note in notes:
            print(note)
        assert [note["iteration"] for note in notes] == [*range(early, iterations + 1, early)]
        return notes[0], notes[-1]

    return run


def check(early: dict, late: dict) -> None:
    """Nothing has grown, but for what workers have open for a moment and allocators keep."""
    # two workers to train and two to validate
    assert late["children"] == early["children"] == 4
    for key in ("files", "threads"):
        assert late[key][0] == early[key][0], key
        most = zip(early["most"][key], late["most"][key], strict=True)
        assert all(after <= before + MOMENT for before, after in most), (key, early, late)
    for before, after in zip(early["memory"], late["memory"], strict=True):
        assert after <= before + max(0.05 * before, 30), (early["memory"], late["memory"])


def test_a_short_run(soak):
    check(*soak(early=16, iterations=48))


@pytest.mark.soak
def test_two_thousand_iterations(soak):
    check(*soak(early=200, iterations=2000))
