#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark training and validation while other programs use the cores, with each wait policy.

One process per way of waiting builds RankMatch with a small network. They take turns, so that a
slowdown of the machine affects all of them. The rounds run alone, and beside single-threaded
neighbors that never rest:

default     torch's threads wait as OpenMP does by default, because torch was imported first
passive     threads sleep as soon as they wait (OMP_WAIT_POLICY=PASSIVE)
short       the policy of rankseg: threads keep their cores busy for a moment, then sleep
one-thread  the same with a single thread

python tools/benchmarks/busy.py                  # no, one and two neighbors
python tools/benchmarks/busy.py --neighbors 0 --repeats 9
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT", "MKL_NUM_THREADS")
"""Variables of the caller that would change the measurement."""
WAYS = {
    "default": ("import torch", {}),
    "passive": ("import torch", {"OMP_WAIT_POLICY": "PASSIVE"}),
    "short": ("import rankseg, torch", {}),
    "one-thread": ("import rankseg, torch; torch.set_num_threads(1)", {}),
}
"""First statements and environment of each process."""
JOBS = ("train", "validate")
BUSY = "while True: pass"
CROP = 129


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--neighbors",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        metavar="N",
        help="numbers of busy processes beside the measured one (default: 0 1 2)",
    )
    parser.add_argument(
        "--repeats", type=int, default=5, help="number of measured rounds (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=2, help="threads of torch (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("work_dirs/benchmarks/busy.json"),
        help="report to write (default: %(default)s)",
    )
    return parser.parse_args(argv)


def jobs() -> dict[str, Callable[[], None]]:
    """Build the network of ``configs/rankmatch/em_mito_2.py``, and a function for each job."""
    import torch
    from mmengine.registry import init_default_scope

    from rankseg.registry import MODELS
    from rankseg.testing.toy import toy_batch
    from rankseg.training.config import load_config

    init_default_scope("rankseg")
    model = load_config(str(ROOT / "configs/rankmatch/em_mito_2.py")).model
    model.update(pretrained=None, warmup=0, ramp=0)
    torch.manual_seed(0)
    method = MODELS.build(model)
    optimizer = torch.optim.SGD(method.parameters(), lr=1e-3)
    batch = toy_batch(2, 2, CROP, 2, mixed=True)
    image = torch.randn(1, 3, 256, 256)
    meta = [dict(img_shape=(256, 256), ori_shape=(256, 256), pad_shape=(256, 256))]

    def train() -> None:
        method.train()
        losses = method.loss(*batch)
        losses.pop("confident", None)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()

    @torch.no_grad()
    def validate() -> None:
        method.eval()
        method.student.inference(image, meta)

    return {"train": train, "validate": validate}


def serve() -> None:
    """Run the jobs that arrive on standard input, and answer with their seconds."""
    found = jobs()
    for work in found.values():
        work()
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        found[line.strip()]()
        print(time.perf_counter() - start, flush=True)


@contextmanager
def servers(threads: int) -> Iterator[dict[str, subprocess.Popen]]:
    """Start a process for each way of waiting."""
    env = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    path = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    env.update(OMP_NUM_THREADS=str(threads), PYTHONPATH=path)
    started = {}
    try:
        for name, (begin, settings) in WAYS.items():
            code = f"{begin}; import runpy; runpy.run_path({str(Path(__file__))!r})['serve']()"
            started[name] = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**env, **settings},
            )
            while (line := started[name].stdout.readline()) and line != "ready\n":
                pass  # what the libraries print
        yield started
    finally:
        _end(started.values())


@contextmanager
def neighbors(count: int) -> Iterator[None]:
    """Keep a number of cores busy."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        _end(busy)


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(BrokenPipeError, AttributeError):
                stream.close()


def ask(server: subprocess.Popen, job: str) -> float:
    """Return the seconds that a job takes in a process.

    Raises:
        RuntimeError: If the process has ended.
    """
    server.stdin.write(f"{job}\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        raise RuntimeError(f"Expected the seconds of {job}, but the process has ended.")
    return float(answer)


def measure(args: argparse.Namespace) -> list[dict]:
    """Return the seconds of each round for each number of neighbors and each job."""
    rows = []
    with servers(args.threads) as started:
        for count in args.neighbors:
            seconds = {job: {name: [] for name in started} for job in JOBS}
            load = os.getloadavg()[0]
            with neighbors(count):
                for _ in range(args.repeats):
                    for job in JOBS:
                        for name, server in started.items():
                            seconds[job][name].append(ask(server, job))
            rows += [
                dict(neighbors=count, load=load, job=job, seconds=seconds[job]) for job in JOBS
            ]
    return rows


def table(rows: Sequence[dict]) -> str:
    """Format medians as Markdown, with the ratio of the default to the policy of rankseg."""
    lines = [
        "| neighbors | job | default, ms | passive, ms | short, ms | one thread, ms "
        "| default / short |"
    ]
    lines.append("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        found = row["seconds"]
        cells = [str(row["neighbors"]), row["job"]]
        for values in found.values():
            low, middle, high = (1e3 * pick(values) for pick in (min, median, max))
            cells.append(f"{middle:.0f} ({low:.0f} to {high:.0f})")
        cells.append(f"{median(found['default']) / median(found['short']):.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    args = parse_args(argv)
    from rankseg.testing.benchmark import machine, write_report

    rows = measure(args)
    print(table(rows))
    for count, load in {row["neighbors"]: row["load"] for row in rows}.items():
        print(f"load of the machine before the rounds with {count} neighbors: {load:.1f}")
    write_report(args.out, {"settings": vars(args), "machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
