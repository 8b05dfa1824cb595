# SPDX-License-Identifier: Apache-2.0
"""Neighbor graphs, label propagation and clustering with numpy, faiss and scipy, no torch."""

from rankseg.selection.graph.neighbors import (
    assign_clusters,
    check_neighbors,
    cluster_centers,
    knn_graph,
)
from rankseg.selection.graph.propagation import Propagated, check_alpha, propagate, weigh
from rankseg.selection.graph.transduction import transduce

__all__ = [
    "Propagated",
    "check_alpha",
    "check_neighbors",
    "cluster_centers",
    "knn_graph",
    "assign_clusters",
    "propagate",
    "transduce",
    "weigh",
]
