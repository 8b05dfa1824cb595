# SPDX-License-Identifier: Apache-2.0
"""One of several processes: ``tools/train.py``, in which process 1 fails if it is told to.

``launched.py raise|kill|node|none tools/train.py ARGUMENTS``: in its third step process 1 raises an
error, or is killed (SIGKILL) as by a machine that has no more memory, alone or with its launcher,
as with the whole machine.
"""

import os
import runpy
import signal
import sys

import torch
from mmengine.optim import OptimWrapper


def end_early(how: str) -> None:
    """Have process 1 end in its third step."""
    step, calls = OptimWrapper.update_params, []

    def update_params(*args, **kwargs):
        calls.append(how)
        if len(calls) == 3 and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if len(calls) == 3 and how == "node":
            os.killpg(os.getpgrp(), signal.SIGKILL)
        if len(calls) == 3 and how == "raise":
            raise RuntimeError("enough of this")
        return step(*args, **kwargs)

    OptimWrapper.update_params = update_params


def main(how: str, file: str, *arguments: str) -> None:
    """Run ``tools/train.py``."""
    torch.set_num_threads(1)
    if os.environ["RANK"] == "1":
        end_early(how)
    sys.argv = [file, *arguments]
    runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
