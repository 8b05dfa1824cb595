# SPDX-License-Identifier: Apache-2.0
"""What a process of the tests here runs: ``tools/train.py``, ended where a test says.

``POINT`` is ``"NAME:N"``: the N-th time that the process comes by, it is killed (SIGKILL), sent a
signal, or left there for an hour (0). Names are below, in ``POINTS``.
"""

import gc
import os
import resource
import runpy
import sys
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend
from mmengine.optim import OptimWrapper
from mmengine.runner import ValLoop, runner

ROOT = Path(__file__).resolve().parents[2]
POINTS = {
    "step": (OptimWrapper, "update_params"),  # after the losses, before the step
    "validation": (ValLoop, "run_iter"),
    "save": (LocalBackend, "put"),  # a checkpoint is half written
    "sync": (os, "fsync"),  # it is written and has not got its name
    "name": (os, "replace"),  # nor now
    "remove": (Path, "unlink"),  # older ones are still there
}


def end_at(point: str, signum: int) -> None:
    """Have this process get a signal when it comes by a point for the n-th time."""
    name, number = point.split(":")
    owner, attribute = POINTS[name]
    inner, left = getattr(owner, attribute), [int(number)]

    def passing(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            if name == "save":
                _, content, file = args
                Path(file).write_bytes(content[: len(content) // 2])
            if signum:
                os.kill(os.getpid(), signum)
            else:
                print("waiting for an hour", flush=True)
                time.sleep(3600)
        return inner(*args, **kwargs)

    setattr(owner, attribute, passing)


def main(
    arguments: list[str],
    point: str | None,
    signum: int,
    environment: dict[str, str],
    limits: dict[int, int],
    log: str,
) -> None:
    """Train; what is printed goes to a file."""
    with open(log, "a") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    os.environ.update(environment)
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    torch.set_num_threads(1)
    gc.freeze()  # data sets collect garbage, which takes long with all that is imported
    Config.pretty_text = property(lambda self: "# formatting it takes most of such a short run")
    runner.collect_env = lambda: {"what": "describing the machine calls gcc twice"}
    os.fsync = lambda file: None
    if point is not None:
        end_at(point, signum)
    sys.argv = ["train.py", *arguments]
    runpy.run_path(str(ROOT / "tools/train.py"), run_name="__main__")


if __name__ == "__main__":
    main(**globals()["CALL"])
