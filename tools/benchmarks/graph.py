#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark label propagation: neighbor graph, and solver against scipy per class.

The features are generated in clusters, and a few of them are labeled. The benchmark measures the
neighbor search, compared with plain faiss and with the approximate search; the weights of the
graph; and the solver for all classes at once, compared with a loop of scipy.sparse.linalg.cg over
the classes on the same graph. It prints medians and writes all results as JSON.

python tools/benchmarks/graph.py --nodes 50000 --dim 128 --classes 10 --k 50
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import faiss
import numpy as np
import scipy
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import cg

from rankseg.selection.graph import knn_graph, weigh
from rankseg.selection.graph.propagation import conjugate_gradient, transition
from rankseg.testing.benchmark import (
    add_common_arguments,
    compare,
    machine,
    table,
    write_report,
)
from rankseg.training.command_line import exit_on_user_error

ALPHA, POWER, MAX_ITER, TOL = 0.99, 3, 20, 1e-6
TOGETHER, APART = "solve, all classes at once", "solve, scipy class by class"
EXACT, FAISS, NEAR = "neighbors, exact", "faiss alone", "neighbors, probes"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nodes", type=int, default=50_000, help="number of images (default: %(default)s)"
    )
    parser.add_argument(
        "--dim", type=int, default=128, help="length of a feature (default: %(default)s)"
    )
    parser.add_argument(
        "--classes", type=int, default=10, help="number of classes (default: %(default)s)"
    )
    parser.add_argument(
        "--k", type=int, default=50, help="neighbors per image (default: %(default)s)"
    )
    parser.add_argument(
        "--labeled", type=int, default=500, help="number of labeled images (default: %(default)s)"
    )
    parser.add_argument(
        "--probes",
        type=int,
        default=16,
        help="cells that the approximate search visits (default: %(default)s)",
    )
    add_common_arguments(parser, "graph.json", repeats=3)
    args = parser.parse_args(argv)
    if not 1 <= args.classes <= args.labeled <= args.nodes or args.repeats < 1:
        parser.error(
            "Expected 1 <= --classes <= --labeled <= --nodes and --repeats of 1 or more. "
            "Change them."
        )
    return args


def make_features(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Generate classes of five clusters each, with touching boundaries.

    Returns:
        ``(nodes, dim)`` float32 features and ``(nodes,)`` classes; the first nodes cycle through
        the classes.
    """
    rng = np.random.default_rng(args.seed)
    truth = np.arange(args.nodes) % args.classes
    centers = rng.normal(size=(args.classes, 5, args.dim)).astype(np.float32)
    noise = rng.normal(size=(args.nodes, args.dim)).astype(np.float32)
    return centers[truth, rng.integers(5, size=args.nodes)] + 1.5 * noise, truth


def per_class(system: csr_array, start: np.ndarray) -> np.ndarray:
    """Solve for one class after another."""
    columns = [cg(system, y, rtol=TOL, atol=0, maxiter=MAX_ITER)[0] for y in start.T]
    return np.stack(columns, 1)


def faiss_alone(features: np.ndarray, k: int, threads: int | None) -> Any:
    """Search neighbors with plain faiss, on features that already have length 1."""
    faiss.omp_set_num_threads(threads or faiss.omp_get_max_threads())
    finder = faiss.IndexFlatIP(features.shape[1])
    finder.add(features)
    return finder.search(features, k + 1)


def shared(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of the neighbors in ``other`` that are also in the same row of ``one``."""
    pairs = zip(one, other, strict=True)
    return float(np.mean([np.isin(wanted, found).mean() for found, wanted in pairs]))


def benchmark(args: argparse.Namespace) -> dict:
    """Measure, and compare the labels of both solvers and both searches."""
    features, truth = make_features(args)
    labeled_idx = np.arange(args.labeled)
    labels = truth[labeled_idx]
    start = np.zeros((args.nodes, args.classes))
    start[labeled_idx, labels] = 1
    start /= start.sum(0)

    def labels_of(graph: tuple[np.ndarray, np.ndarray], solve: Callable) -> Any:
        walk = transition(*graph, POWER)
        walk.data *= ALPHA
        return weigh(np.maximum(solve(walk), 0), labels, labeled_idx)

    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    costs = compare(
        {
            EXACT: partial(knn_graph, features, args.k, args.threads),
            FAISS: partial(faiss_alone, unit, args.k, args.threads),
            NEAR: partial(knn_graph, features, args.k, args.threads, args.probes),
        },
        args.repeats,
        warmup=0,
        allocator=False,
    )
    graph, near = costs[EXACT].result, costs[NEAR].result
    walk = transition(*graph, POWER)
    walk.data *= ALPHA
    system = csr_array(eye_array(args.nodes, format="csr") - walk)
    solve = partial(conjugate_gradient, start=start, max_iter=MAX_ITER, tol=TOL)
    costs |= compare(
        {
            "weights of the graph": partial(transition, *graph, POWER),
            TOGETHER: partial(solve, walk),
            APART: partial(per_class, system, start),
        },
        args.repeats,
        warmup=0,
        allocator=False,
    )
    ours, theirs = (
        weigh(np.maximum(costs[name].result, 0), labels, labeled_idx) for name in (TOGETHER, APART)
    )
    quick = labels_of(near, solve)
    return {
        "settings": vars(args),
        "machine": machine(faiss, np, scipy),
        "edges": int(walk.nnz),
        "stages": costs,
        "times_faster": costs[APART].median / costs[TOGETHER].median,
        "labels_that_differ": int((ours.label != theirs.label).sum()),
        "largest_difference_of_weights": float(abs(ours.weight - theirs.weight).max()),
        "unreached": int((ours.scores.sum(1) == 0).sum()),
        "accuracy": float((ours.label == truth).mean()),
        "search_over_faiss": costs[EXACT].median / costs[FAISS].median,
        "probes": {
            "times_faster": costs[EXACT].median / costs[NEAR].median,
            "neighbors_found": shared(near[1], graph[1]),
            "labels_that_agree": float((quick.label == ours.label).mean()),
            "accuracy": float((quick.label == truth).mean()),
        },
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    args = parse_args(argv)
    with exit_on_user_error():
        found = benchmark(args)
    probes = found["probes"]
    print(f"{args.nodes} nodes x {args.dim}, {args.classes} classes, k={args.k}:")
    print(table(found["stages"], unit=1.0))
    print(
        f"  solve: {found['times_faster']:.2f} times as fast as class by class; "
        f"{found['labels_that_differ']} labels differ, weights by at most "
        f"{found['largest_difference_of_weights']:.1e}; {100 * found['accuracy']:.2f}% right\n"
        f"  exact search: {found['search_over_faiss']:.2f} times what faiss alone takes\n"
        f"  {args.probes} probes: {probes['times_faster']:.2f} times as fast as exact, "
        f"{100 * probes['neighbors_found']:.1f}% of the neighbors, "
        f"{100 * probes['labels_that_agree']:.2f}% of the labels, "
        f"{100 * probes['accuracy']:.2f}% right"
    )
    found["stages"] = {name: cost.summary() for name, cost in found["stages"].items()}
    write_report(args.out, found)


if __name__ == "__main__":
    main()
