# SPDX-License-Identifier: Apache-2.0
"""Query selection and retrieval results for pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from rankseg.datasets.checks import evenly_spaced
from rankseg.evaluation.retrieval import RetrievalScores, Retrieved, retrieve
from rankseg.visualization.retrieval import QueryResult, RetrievedImage

UNKNOWN = -1  # class of an image without a known class


class Images(NamedTuple):
    """Images that serve as queries or gallery.

    Attributes:
        dataset: Data set whose items have ``inputs``, ``(3, H, W)`` uint8.
        files: Name of every image.
        label: ``(N,)`` int64 classes, -1 where unknown.
        classes: Names of the classes.
    """

    dataset: Dataset
    files: Sequence[str]
    label: Tensor
    classes: Sequence[str]

    def picture(self, i: int) -> np.ndarray:
        """Return an image as the network receives it, ``(H, W, 3)`` uint8."""
        return self.dataset[i]["inputs"].permute(1, 2, 0).numpy()

    def some(self, chosen: Sequence[int]) -> "Images":
        """Return the images at the given positions."""
        kept = [self.files[i] for i in chosen]
        return Images(Subset(self.dataset, chosen), kept, self.label[chosen], self.classes)

    def class_of(self, i: int) -> str:
        """Return the class name of an image, or an empty string if unknown."""
        return str(self.classes[self.label[i]]) if self.label[i] >= 0 else ""


class Embedded(NamedTuple):
    """Embeddings of the queries, ``(M, D)``, and of the gallery, ``(N, D)``."""

    query: Tensor
    gallery: Tensor


def labels_to_compare(label: Tensor) -> Tensor:
    """Return query classes in which unknown classes never match those of the gallery."""
    return label.where(label >= 0, UNKNOWN - 1)


def make_searches(
    rows: Sequence[int],
    found: Mapping[str, Embedded],
    query: Images,
    gallery: Images,
    own: Tensor,
    k: int,
) -> list[QueryResult]:
    """Retrieve the ``k`` nearest gallery images of the queries in some rows with each network.

    ``own`` is the ``(M,)`` position of every query in the gallery, -1 if it is not part of it.
    """
    rows = torch.as_tensor(rows)
    label, inside = labels_to_compare(query.label)[rows], own[rows]
    answers = {
        name: retrieve(one.query[rows], one.gallery, label, gallery.label, k, inside, chunk=1)
        for name, one in found.items()
    }
    searches = []
    for i in rows.tolist():
        parts = {name: next(answer) for name, answer in answers.items()}
        known = bool(query.label[i] >= 0)
        neighbors = {name: _neighbors(part, gallery, known) for name, part in parts.items()}
        title = query.class_of(i) or Path(query.files[i]).stem
        searches.append(QueryResult(query.picture(i), title, neighbors, query.files[i]))
    return searches


def _neighbors(part: Retrieved, gallery: Images, known: bool) -> list[RetrievedImage]:
    """Return the retrieved images of one query."""
    return [
        RetrievedImage(
            gallery.picture(j),
            gallery.class_of(j),
            similarity,
            right if known and gallery.label[j] >= 0 else None,
            gallery.files[j],
        )
        for j, similarity, right in zip(*(x[0].tolist() for x in part[:3]), strict=True)
    ]


def choose(judged: Mapping[str, RetrievalScores], label: Tensor, rows: int) -> dict[str, list[int]]:
    """Choose the positions of the queries of each picture.

    Returns:
        ``queries``: evenly spaced in the list. With known classes, ``worst``: lowest average
        precision of the last network; among ties, the query with the most similar nearest image
        comes first. ``changes``, with several networks: largest difference in average precision
        between the first and the last network. Both have at most one query per class.
    """
    chosen = {"queries": evenly_spaced(len(label), rows)}
    if not judged:
        return chosen
    first, *_, last = (*judged.values(), *judged.values())
    asked = (last.relevant > 0).numpy()
    order = np.lexsort((-last.nearest.numpy(), last.average_precision.numpy()))
    chosen["worst"] = _one_of_a_class(order[asked[order]], label, rows)
    if len(judged) > 1:
        change = (last.average_precision - first.average_precision).abs().numpy()
        order = np.argsort(-change, kind="stable")
        chosen["changes"] = _one_of_a_class(order[change[order] > 0], label, rows)
    return {title: some for title, some in chosen.items() if some}


def _one_of_a_class(order: np.ndarray, label: Tensor, rows: int) -> list[int]:
    """Return the first positions of an order, at most one per class."""
    firsts = np.unique(label.numpy()[order], return_index=True)[1]
    return order[np.sort(firsts)[:rows]].tolist()
