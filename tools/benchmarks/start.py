#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark the seconds to complete one iteration, from scratch and after 100,000 iterations.

The benchmark trains one iteration on a small generated data set and sets the iteration of its
checkpoint to 100,000. In both cases it then runs tools/train.py as a separate process for one more
iteration.

python tools/benchmarks/start.py
python tools/benchmarks/start.py --method supervised --iteration 1000000 --repeats 3
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from rankseg.testing.benchmark import (
    add_common_arguments,
    compare,
    machine,
    table,
    write_report,
)
from rankseg.testing.toy_run import write_config, write_set
from rankseg.training.command_line import exit_on_user_error
from rankseg.training.work_folder import checkpoints

ROOT = Path(__file__).resolve().parents[2]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--method", default="rankmatch", help="method of the toy run (default: %(default)s)"
    )
    parser.add_argument(
        "--iteration",
        type=int,
        default=100_000,
        help="iteration to continue from (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="number of worker processes (default: %(default)s)"
    )
    add_common_arguments(parser, "start.json")
    return parser.parse_args(argv)


def train(config: Path, run: Path, iterations: int, *options: str | Path) -> None:
    """Run ``tools/train.py`` up to a number of iterations.

    Raises:
        RuntimeError: If it fails; contains its output.
    """
    length = f"train_cfg.max_iters={iterations}"
    command = [sys.executable, ROOT / "tools/train.py", config, "--work-dir", run, *options]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [*command, "--cfg-options", length, "train_cfg.val_interval=10000000"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"tools/train.py failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def date(checkpoint: Path, iteration: int) -> Path:
    """Set the iteration of a checkpoint and leave it as the only one in its folder."""
    content = torch.load(checkpoint, weights_only=False)  # safe: this script has just written it
    content["meta"]["iter"] = iteration
    late = checkpoint.with_name(f"iter_{iteration}.pth")
    torch.save(content, late)
    checkpoint.unlink()
    (checkpoint.parent / "last_checkpoint").write_text(str(late))
    return late.parent


def resume(config: Path, run: Path, copy: Path, iteration: int) -> None:
    """Train one more iteration in a copy of a run."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    (copy / "last_checkpoint").write_text(str(copy / f"iter_{iteration}.pth"))
    train(config, copy, iteration + 1, "--resume")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    args = parse_args(argv)
    with exit_on_user_error(), tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        config = write_config(
            folder / "toy.py", args.method, write_set(folder / "set"), args.workers
        )
        train(config, folder / "first", 1)
        (begun,) = checkpoints(folder / "first")
        late = date(begun, args.iteration)
        cases = {
            "from nothing": partial(train, config, folder / "new", 1, "--overwrite"),
            f"after {args.iteration:,}": partial(
                resume, config, late, folder / "on", args.iteration
            ),
        }
        costs = compare(cases, args.repeats, allocator=False)
    begun, resumed = costs.values()
    more = resumed.median - begun.median
    print(table(costs, unit=1.0))
    print(f"  resuming takes {more:+.2f} s more")
    report = {
        "settings": vars(args),
        "machine": machine(),
        "cases": {name: cost.summary() for name, cost in costs.items()},
        "seconds_more": more,
    }
    write_report(args.out, report)


if __name__ == "__main__":
    main()
