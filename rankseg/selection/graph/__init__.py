# SPDX-License-Identifier: Apache-2.0
"""Neighbor graphs, label propagation and clustering with numpy, faiss and scipy, no torch."""

from rankseg.selection.graph.clusters import cluster_centres, nearest_centres
from rankseg.selection.graph.neighbours import check_neighbours, knn_graph
from rankseg.selection.graph.propagation import Propagated, check_alpha, propagate, weigh

__all__ = [
    "Propagated",
    "check_alpha",
    "check_neighbours",
    "cluster_centres",
    "knn_graph",
    "nearest_centres",
    "propagate",
    "weigh",
]
