#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark how graphs, discovery, k-means and retrieval grow with the number of images.

Features are generated in clusters. Every part runs once for each size:

exact, approximate: the neighbors of every image; the approximate search visits --probes cells.
propagation: label propagation over the approximate graph, including the weights.
centers, critical: the discoveries of Snowball and LMCS, of as many images as are labeled.
kmeans: clusters of --per-cluster images each, one run of --rounds iterations.
retrieval: all metrics of metric learning, every image as a query, in classes of --per-cluster.

The benchmark prints seconds, seconds of processor time (which other programs affect less), memory,
and the exponent of the growth between two sizes, and estimates the cost at --target images from the
two largest sizes.

python tools/benchmarks/scale.py                          # 30,000 and 100,000 images, about 20 min
python tools/benchmarks/scale.py --nodes 100000 300000 --parts approximate propagation centers
python tools/benchmarks/scale.py --nodes 30000 120000 --parts kmeans retrieval --target 120053
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import log
from typing import Any

import faiss
import numpy as np
import torch

from rankseg.evaluation.retrieval import percentages, retrieval_scores
from rankseg.selection.discovery import Evidence, critical_samples, nearest_centers
from rankseg.selection.graph import cluster_centers, knn_graph, propagate
from rankseg.testing.benchmark import add_common_arguments, machine, measured, write_report
from rankseg.training.command_line import exit_on_user_error

PARTS = ("exact", "approximate", "propagation", "centers", "critical", "kmeans", "retrieval")
IMAGENET = 1_281_167
QUERIES = 500  # images whose approximate neighbors are compared with exact ones


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    numbers = {
        "--dim": (128, "length of a feature"),
        "--classes": (1000, "number of classes of the graph"),
        "--k": (50, "neighbors per image"),
        "--probes": (16, "cells that the approximate search visits"),
        "--labeled": (100, "one of this many images is labeled, but at least one of each class"),
        "--per-cluster": (5, "images in a cluster of k-means, and in a class of the retrieval"),
        "--rounds": (1, "iterations of k-means"),
        "--target": (IMAGENET, "number of images whose cost is estimated"),
    }
    parser.add_argument(
        "--nodes", type=int, nargs="+", default=[30_000, 100_000], help="numbers of images"
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)"
    )
    for name, (default, text) in numbers.items():
        parser.add_argument(name, type=int, default=default, help=f"{text} (default: %(default)s)")
    add_common_arguments(parser, "scale.json", repeats=1)
    args = parser.parse_args(argv)
    if min(args.nodes) < max(2 * args.classes, args.k + 1, args.per_cluster):
        parser.error(
            f"Expected --nodes of at least twice --classes and more than --k, but got "
            f"{min(args.nodes)}. Change them."
        )
    if "propagation" in args.parts and "approximate" not in args.parts:
        parser.error(
            "Expected --parts approximate with propagation, which needs its graph. Add it."
        )
    return args


def make_features(
    nodes: int, classes: int, args: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray]:
    """Generate ``(nodes, dim)`` float32 features around class centers, and their classes."""
    rng = np.random.default_rng(args.seed)
    truth = np.arange(nodes) % classes
    features = rng.normal(size=(nodes, args.dim)).astype(np.float32)
    features += rng.normal(size=(classes, args.dim)).astype(np.float32)[truth]
    return features, truth


def find_share(features: np.ndarray, index: np.ndarray) -> float:
    """Return the share of the true neighbors of some images that a search has found."""
    rows = np.linspace(0, len(features) - 1, QUERIES).astype(int)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    k = index.shape[1]
    nearest = faiss.knn(unit[rows], unit, k + 1, metric=faiss.METRIC_INNER_PRODUCT)[1]
    wanted = [row[row != own][:k] for own, row in zip(rows, nearest, strict=True)]
    return float(np.mean([np.isin(w, index[r]).mean() for r, w in zip(rows, wanted, strict=True)]))


def graph_parts(nodes: int, args: argparse.Namespace, done: dict[str, Any]) -> dict[str, Callable]:
    """Return the functions of the graph and of the discoveries; ``done`` gets their results."""
    features, truth = make_features(nodes, args.classes, args)
    count = max(args.classes, nodes // args.labeled)
    labels, rows = truth[:count], np.arange(count)
    evidence = Evidence(
        features[:count],
        labels,
        features[count:],
        np.zeros((nodes - count, args.classes), np.float32),
        count,
    )
    rng = np.random.default_rng(args.seed)

    def solve() -> Any:
        return propagate(*done["approximate"], labels, rows, args.classes)

    done["features"], done["truth"] = features, truth
    return {
        "exact": partial(knn_graph, features, args.k, args.threads),
        "approximate": partial(knn_graph, features, args.k, args.threads, args.probes),
        "propagation": solve,
        "centers": partial(nearest_centers, evidence, count, rng),
        "critical": partial(critical_samples, evidence, count, rng),
    }


def embedding_parts(nodes: int, args: argparse.Namespace) -> dict[str, Callable]:
    """Return the functions of k-means and retrieval."""
    clusters = nodes // args.per_cluster
    features, truth = make_features(nodes, clusters, args)
    embedding, label = torch.from_numpy(features), torch.from_numpy(truth)
    itself = torch.arange(nodes)
    return {
        "kmeans": partial(cluster_centers, features, clusters, args.seed, args.rounds, 1),
        "retrieval": partial(retrieval_scores, embedding, embedding, label, label, (1, 10), itself),
    }


def note(name: str, done: dict[str, Any]) -> dict[str, float]:
    """Return what a part has reached."""
    found = done[name]
    if name == "approximate":
        return {"neighbors_found": find_share(done["features"], found[1])}
    if name == "propagation":
        return {"accuracy": float((found.label == done["truth"]).mean())}
    if name == "retrieval":
        return {"recall1": percentages(found, (1, 10))["recall1"]}
    return {}


def measure(nodes: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Run the chosen parts with some number of images."""
    done: dict[str, Any] = {}
    costs = {}
    for parts in (partial(graph_parts, nodes, args, done), partial(embedding_parts, nodes, args)):
        works = parts()
        for name, work in works.items():
            if name not in args.parts:
                continue
            before = time.process_time()
            done[name], seconds, mib = measured(work)
            cpu = time.process_time() - before
            costs[name] = {"seconds": seconds, "cpu": cpu, "mib": mib, **note(name, done)}
            print(f"  {nodes} {name}: {costs[name]}", flush=True)
        done.clear()
    return costs


def growth(sizes: dict[int, dict], target: int) -> dict[str, dict[str, float]]:
    """Return exponents between the two largest sizes, and what they give for ``target`` images."""
    if len(sizes) < 2:
        return {}
    small, large = sorted(sizes)[-2:]
    found = {}
    for name, cost in sizes[large].items():
        found[name] = {}
        for key in ("cpu", "mib"):
            ratio = max(cost[key], 1e-3) / max(sizes[small][name][key], 1e-3)
            exponent = log(ratio) / log(large / small)
            found[name][f"{key}_exponent"] = exponent
            found[name][f"{key}_at_target"] = cost[key] * (target / large) ** exponent
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
        faiss.omp_set_num_threads(args.threads)
    sizes = {}
    with exit_on_user_error():
        for nodes in sorted(set(args.nodes)):
            sizes[nodes] = measure(nodes, args)
    estimates = growth(sizes, args.target)
    print(f"{'part':12}" + "".join(f"{nodes:>24,}" for nodes in sizes))
    for name in [part for part in PARTS if part in args.parts]:
        cells = [
            f"{costs[name]['cpu']:.1f} s {costs[name]['mib']:.0f} MiB" for costs in sizes.values()
        ]
        print(f"{name:12}" + "".join(f"{cell:>24}" for cell in cells))
    for name, one in estimates.items():
        print(
            f"{name:12} grows with the power {one['cpu_exponent']:.2f} in time and "
            f"{one['mib_exponent']:.2f} in memory: {one['cpu_at_target']:.0f} s and "
            f"{one['mib_at_target']:.0f} MiB for {args.target:,} images"
        )
    write_report(
        args.out,
        {
            "settings": vars(args),
            "machine": machine(faiss, np),
            "sizes": sizes,
            "estimates": estimates,
        },
    )


if __name__ == "__main__":
    main()
