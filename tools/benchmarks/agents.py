#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark the selection of agents for two strong views, at several sizes of the feature map.

1. one by one: one view after the other, with the similarities to each new agent.
2. rows: both views at once, with the similarities to each new agent.
3. gram: both views at once, with the similarities of all positions computed first.
4. ours: what a step of RankMatch does; it chooses between 2 and 3 by the size.

The benchmark checks that all choose the same positions, and counts the operations that each starts
on the device. On a CPU it measures processor time, which other programs affect less.

python tools/benchmarks/agents.py
python tools/benchmarks/agents.py --sides 33 --agents 64 --batch 8
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor

from rankseg.models.losses import RankCorrelationLoss, orthogonal_agents
from rankseg.models.losses.agents import random_first
from rankseg.testing.benchmark import add_common_arguments, machine, write_report
from rankseg.testing.launches import count_launches

OLD = "one by one"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sides",
        type=int,
        nargs="+",
        default=[9, 21, 33, 51],
        help="height and width of the feature maps (default: 9 21 33 51)",
    )
    parser.add_argument(
        "--batch", type=int, default=2, help="images of each view (default: %(default)s)"
    )
    parser.add_argument(
        "--channels", type=int, default=256, help="channels of the features (default: %(default)s)"
    )
    parser.add_argument(
        "--agents",
        type=int,
        default=128,
        help="number of agents, at most half of the positions (default: %(default)s)",
    )
    add_common_arguments(parser, "agents.json", repeats=7)
    return parser.parse_args(argv)


def make_cases(side: int, args: argparse.Namespace) -> dict[str, Callable[[], list[Tensor]]]:
    """Return the ways to select agents, which all draw the same first agents.

    Args:
        side: Height and width of the feature map.
        args: The command line.
    """
    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = (args.batch, args.channels, side, side)
    views = [torch.randn(shape, device=device).relu_() for _ in range(2)]
    number = min(args.agents, side**2 // 2)
    loss = RankCorrelationLoss(number)

    def seeded(select: Callable[[], list[Tensor]]) -> list[Tensor]:
        torch.manual_seed(args.seed)
        return select()

    def one_by_one() -> list[Tensor]:
        return [orthogonal_agents(view, number, gram=False) for view in views]

    def together(gram: bool) -> list[Tensor]:
        first = torch.cat([random_first(view) for view in views])
        return list(orthogonal_agents(torch.cat(views), number, first, gram).chunk(2))

    return {
        OLD: partial(seeded, one_by_one),
        "rows": partial(seeded, partial(together, False)),
        "gram": partial(seeded, partial(together, True)),
        "ours": partial(seeded, partial(loss.select_agents, views)),
    }


def measure(
    cases: dict[str, Callable[[], list[Tensor]]], repeats: int
) -> tuple[dict[str, list[float]], dict[str, list[Tensor]]]:
    """Run the cases in turn, and return the milliseconds and the result of each."""
    gpu = torch.cuda.is_available()
    clock = time.perf_counter if gpu else time.process_time
    times: dict[str, list[float]] = {name: [] for name in cases}
    results = {}
    for _ in range(repeats + 1):
        for name, work in cases.items():
            start = clock()
            results[name] = work()
            if gpu:
                torch.cuda.synchronize()
            times[name].append(1e3 * (clock() - start))
    return {name: each[1:] for name, each in times.items()}, results  # the first run warms up


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    report = {"settings": vars(args), "machine": machine(), "sides": {}}
    for side in args.sides:
        cases = make_cases(side, args)
        launches = {name: count_launches(work).total() for name, work in cases.items()}
        times, results = measure(cases, args.repeats)
        same = {name: all(map(torch.equal, found, results[OLD])) for name, found in results.items()}
        faster = {name: median(times[OLD]) / median(each) for name, each in times.items()}
        print(f"{side} x {side}, {min(args.agents, side**2 // 2)} agents:")
        for name, each in times.items():
            print(
                f"  {name:12} {median(each):7.2f} ms ({min(each):.2f} to {max(each):.2f}), "
                f"{faster[name]:5.2f} times as fast as {OLD}, {launches[name]:5} operations, "
                f"{'the same' if same[name] else 'OTHER'} positions"
            )
        report["sides"][side] = {
            "milliseconds": times,
            "launches": launches,
            "times_faster": faster,
            "same_positions": same,
        }
    write_report(args.out, report)


if __name__ == "__main__":
    main()
