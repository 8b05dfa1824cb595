#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of label propagation: neighbour graph and solver, beside scipy class by class.

Generated features in clusters, a few of them labelled. Four things are measured in turn, as often
as --repeats says: the search for neighbours, the weights of the graph, the solver for all classes
at once, and a loop of scipy.sparse.linalg.cg over the classes on the same graph. Medians are
printed, and everything is written as JSON.

python tools/benchmarks/graph.py --nodes 50000 --dim 128 --classes 10 --k 50
"""

import argparse
import ctypes
import gc
import json
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
import scipy
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import cg

from rankseg.apis.cli import plain_errors
from rankseg.graph import knn_graph, weigh
from rankseg.graph.propagation import conjugate_gradient, transition

ALPHA, POWER, MAX_ITER, TOL = 0.99, 3, 20, 1e-6
MIB = 2**20


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=50_000, help="images (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=128, help="feature length (%(default)s)")
    parser.add_argument("--classes", type=int, default=10, help="classes (%(default)s)")
    parser.add_argument("--k", type=int, default=50, help="neighbours of each (%(default)s)")
    parser.add_argument("--labeled", type=int, default=500, help="labelled images (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="of everything (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the features (%(default)s)")
    parser.add_argument("--threads", type=int, help="of the search (default: OMP_NUM_THREADS)")
    parser.add_argument(
        "--out", type=Path, default=Path("work_dirs/benchmarks/graph.json"), help="(%(default)s)"
    )
    args = parser.parse_args(argv)
    if not 1 <= args.classes <= args.labeled <= args.nodes or args.repeats < 1:
        parser.error("expected 1 <= classes <= labeled <= nodes, and repeats of 1 or more")
    return args


def make_features(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Classes of five clusters each, whose edges meet.

    Returns:
        ``(nodes, dim)`` float32 and ``(nodes,)`` classes; the first nodes have one of each in turn.
    """
    rng = np.random.default_rng(args.seed)
    truth = np.arange(args.nodes) % args.classes
    centres = rng.normal(size=(args.classes, 5, args.dim)).astype(np.float32)
    noise = rng.normal(size=(args.nodes, args.dim)).astype(np.float32)
    return centres[truth, rng.integers(5, size=args.nodes)] + 1.5 * noise, truth


def per_class(system: csr_array, start: np.ndarray) -> np.ndarray:
    """Solve for one class after the other."""
    columns = [cg(system, y, rtol=TOL, atol=0, maxiter=MAX_ITER)[0] for y in start.T]
    return np.stack(columns, 1)


def memory() -> tuple[int, int]:
    """Resident memory of this process in bytes, now and at its highest since the last reset."""
    try:
        status = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        return tuple(int(status[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return peak, peak


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result of some work, its seconds, and the MiB that it needed on top of what was there."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc: else freed memory, taken again, costs nothing
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # where it cannot be reset, only what exceeds all earlier work counts
        Path("/proc/self/clear_refs").write_text("5")
    before, _ = memory()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    return result, seconds, (memory()[1] - before) / MIB


def benchmark(args: argparse.Namespace) -> dict:
    """Measure, and compare the labels of both solvers."""
    features, truth = make_features(args)
    labeled_idx = np.arange(args.labeled)
    labels = truth[labeled_idx]
    start = np.zeros((args.nodes, args.classes))
    start[labeled_idx, labels] = 1
    start /= start.sum(0)
    runs: dict[str, list[tuple[float, float]]] = {}

    def take(name: str, work: Callable[[], Any]) -> Any:
        result, *cost = measured(work)
        runs.setdefault(name, []).append(tuple(cost))
        return result

    for _ in range(args.repeats):
        graph = take("neighbours", lambda: knn_graph(features, args.k, args.threads))
        walk = take("weights", lambda graph=graph: transition(*graph, POWER))
        walk.data *= ALPHA
        together = take(
            "solve, all classes at once",
            lambda walk=walk: conjugate_gradient(walk, start, MAX_ITER, TOL),
        )
        system = csr_array(eye_array(args.nodes, format="csr") - walk)
        apart = take("solve, scipy class by class", lambda system=system: per_class(system, start))
    ours, theirs = (weigh(np.maximum(z, 0), labels, labeled_idx) for z in (together, apart))
    names = ("solve, scipy class by class", "solve, all classes at once")
    slow, fast = (median(seconds for seconds, _ in runs[name]) for name in names)
    return {
        "settings": {key: value for key, value in vars(args).items() if key != "out"},
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
        "versions": {m.__name__: m.__version__ for m in (faiss, np, scipy)},
        "edges": int(walk.nnz),
        "stages": {
            name: {
                "seconds": [seconds for seconds, _ in values],
                "median_seconds": median(seconds for seconds, _ in values),
                "peak_mib": [peak for _, peak in values],
                "median_peak_mib": median(peak for _, peak in values),
            }
            for name, values in runs.items()
        },
        "times_faster": slow / fast,
        "labels_that_differ": int((ours.label != theirs.label).sum()),
        "largest_difference_of_weights": float(abs(ours.weight - theirs.weight).max()),
        "unreached": int((ours.scores.sum(1) == 0).sum()),
        "accuracy": float((ours.label == truth).mean()),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    args = parse_args(argv)
    with plain_errors():
        found = benchmark(args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{args.nodes} nodes x {args.dim}, {args.classes} classes, k={args.k}:")
    for name, stage in found["stages"].items():
        print(f"  {name:28} {stage['median_seconds']:9.3f} s {stage['median_peak_mib']:9.0f} MiB")
    print(
        f"  {found['times_faster']:.2f} times as fast as class by class; "
        f"{found['labels_that_differ']} labels differ, weights by at most "
        f"{found['largest_difference_of_weights']:.1e}; {100 * found['accuracy']:.2f}% right"
    )
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
