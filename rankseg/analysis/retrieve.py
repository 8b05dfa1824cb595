# SPDX-License-Identifier: Apache-2.0
"""Image retrieval with embedding networks: pictures for some queries, and metrics for all."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from torch import Tensor

from rankseg.analysis.extraction import Extraction
from rankseg.analysis.inputs import ImageFiles, check_image_level, check_positive
from rankseg.engine.pictures import write_picture
from rankseg.engine.searches import (
    UNKNOWN,
    Embedded,
    Images,
    choose,
    labels_to_compare,
    make_searches,
)
from rankseg.evaluation.retrieval import RetrievalScores, percentages, retrieval_scores
from rankseg.imageio.listing import list_images
from rankseg.models.heads import EmbeddingHead
from rankseg.registry import DATASETS
from rankseg.training.test_set import loading_pipeline
from rankseg.utils.atomic_file import write_json
from rankseg.visualization.retrieval import QueryResult, draw_retrieval

TOPK = (1, 2, 4, 8)
HEADINGS = {
    "queries": "Queries evenly spaced in the list",
    "worst": "Queries where {last} performs worst",
    "changes": "Queries where {first} and {last} differ most",
}


class Contender(NamedTuple):
    """Network to compare in retrieval; without a checkpoint it has random weights.

    The name appears in pictures and tables.
    """

    name: str
    cfg: Config
    checkpoint: str | None


class SearchResult(NamedTuple):
    """Result of a search with several networks.

    Attributes:
        names: Names of the networks.
        count: Number of images that were searched.
        numbers: Recall@K and other metrics in percent for each network; empty if no class is known.
        shown: Searches to show, by name of the picture.
    """

    names: Sequence[str]
    count: int
    numbers: Mapping[str, Mapping[str, float]]
    shown: Mapping[str, Sequence[QueryResult]]

    def draw(self) -> dict[str, np.ndarray]:
        """Draw the pictures, uint8 RGB, by name."""
        pictures = {}
        for name, searches in self.shown.items():
            heading = HEADINGS[name].format(first=self.names[0], last=self.names[-1] or "it")
            heading += f"; the nearest of {self.count:,} images"
            pictures[name] = draw_retrieval(searches, heading)
        return pictures


def retrieve(contenders: Sequence[Contender], *, out: str | Path, **options: Any) -> dict[str, Any]:
    """Search the nearest images with each network, and write pictures and metrics.

    ``queries.png`` shows queries evenly spaced in their list. If classes are known, ``worst.png``
    shows queries with the worst results of the last network. With several networks, ``changes.png``
    shows queries for which the first and the last network differ most. Both show at most one query
    of a class. ``retrieval.json`` contains the metrics and the content of the pictures.

    Args:
        contenders: Networks that search the same images.
        out: Folder to write to.
        **options: Arguments of :func:`search`.

    Returns:
        Content of ``retrieval.json``: for each network ``recall1``, ..., ``r_precision`` and
        ``map_r`` in percent, if classes are known.

    Raises:
        ValueError, FileNotFoundError: If an option, a config, an image or a checkpoint is invalid.
            Nothing has been written then.
        WriteError: If a file cannot be written.
    """
    found = search(contenders, **options)
    for name, picture in found.draw().items():
        write_picture(Path(out) / f"{name}.png", picture)
    result = {
        "networks": {one.name: _note(one) | found.numbers.get(one.name, {}) for one in contenders},
        "images": found.count,
        "pictures": {name: [_answer(one) for one in some] for name, some in found.shown.items()},
    }
    write_json(Path(out) / "retrieval.json", result)
    return result


def search(
    contenders: Sequence[Contender],
    *,
    queries: Sequence[str | Path] = (),
    gallery: str | Path | None = None,
    k: int = 10,
    rows: int = 8,
    network: str | None = None,
    tap: str | None = None,
    keep: bool = True,
    part: str = "test",
) -> SearchResult:
    """Return what :func:`retrieve` writes.

    Args:
        contenders: Networks that search the same images.
        queries: Image files or folders of them; if empty, every image of the gallery is a query.
            The class of a file is known if it is part of the gallery, and it does not find itself.
        gallery: Folder of unlabeled images; ``None`` uses the test images of the configs.
        k: Number of results per query in the pictures.
        rows: Number of queries in a picture.
        network: ``"student"`` or ``"teacher"``; by default the one that the method predicts with.
        tap: Submodule of the network whose output is compared; by default the embedding, or for a
            classifier the pooled feature.
        keep: Cache features in the work folder of each config for later searches.
        part: Images of the configs to search, ``"test"`` or ``"val"``.
    """
    _check(contenders, k, rows)
    init_default_scope("rankseg")
    parts = [_part(one.cfg, part, gallery) for one in contenders]
    gallery_of = [_gallery(node, gallery) for node in parts]
    query_of = [_queries(node, queries, one) for node, one in zip(parts, gallery_of, strict=True)]
    _check_same(contenders, gallery_of)
    stored, asked = gallery_of[0], query_of[0]
    own = _places(asked.files, stored.files)
    found = {
        one.name: _embed(one, *images, network, tap, keep)
        for one, *images in zip(contenders, query_of, gallery_of, strict=True)
    }
    judged: dict[str, RetrievalScores] = {}
    topk = sorted({1, *(contenders[0].cfg.get(f"{part}_evaluator") or {}).get("topk", TOPK)})
    if (asked.label >= 0).any():
        labels = labels_to_compare(asked.label), stored.label
        judged = {name: retrieval_scores(*one, *labels, topk, own) for name, one in found.items()}
    return SearchResult(
        list(found),
        len(stored.files),
        {name: percentages(one, topk) for name, one in judged.items()},
        {
            name: make_searches(some, found, asked, stored, own, k)
            for name, some in choose(judged, asked.label, rows).items()
        },
    )


def _check(contenders: Sequence[Contender], k: int, rows: int) -> None:
    """Refuse options and networks that cannot be used for retrieval."""
    check_positive(k=k, rows=rows)
    names = [one.name for one in contenders]
    if len(set(names)) < len(names):
        raise ValueError(f"Expected a different name for each network, but got {', '.join(names)}.")
    for one in contenders:
        if one.checkpoint is not None and not Path(one.checkpoint).is_file():
            raise FileNotFoundError(f"Checkpoint {one.checkpoint} does not exist.")
        check_image_level(one.cfg, one.name)


def _check_same(contenders: Sequence[Contender], galleries: Sequence[Images]) -> None:
    for one, images in zip(contenders, galleries, strict=True):
        if images.files != galleries[0].files:
            raise ValueError(
                f"Expected networks with the same test set, but {one.name} and "
                f"{contenders[0].name} have different images. Use one gallery for all with "
                "--gallery."
            )


def _part(cfg: Config, part: str, gallery: str | Path | None) -> ConfigDict:
    """Return the data set config to search, or only the pipeline if the config has no such set."""
    if cfg.get(f"{part}_dataloader"):
        return cfg[f"{part}_dataloader"].dataset
    if gallery is None:
        raise ValueError(
            f"Expected {part}_dataloader of {cfg.get('config_file', 'the config')} to be set, but "
            "got None. Search a folder of images with --gallery instead."
        )
    return ConfigDict(pipeline=loading_pipeline(cfg, list_images(gallery)[0][0]))


def _gallery(node: dict, folder: str | Path | None) -> Images:
    """Return the images of a data set, or those of a folder."""
    if folder is None:
        dataset = DATASETS.build(node)
        dataset.check_samples(limit=50)
        files = [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]
        return Images(dataset, files, torch.from_numpy(dataset.class_ids()), dataset.classes)
    photos = ImageFiles([folder], node.pipeline)
    return Images(photos, list(map(str, photos.files)), torch.full((len(photos),), UNKNOWN), ())


def _queries(node: dict, places: Sequence[str | Path], gallery: Images) -> Images:
    """Return the query images, with known classes for those that are part of the gallery."""
    if not places:
        return gallery
    photos = ImageFiles(places, node.pipeline)
    files = list(map(str, photos.files))
    own = _places(files, gallery.files)
    label = gallery.label[own].where(own >= 0, torch.tensor(UNKNOWN))
    return Images(photos, files, label, gallery.classes)


def _places(files: Sequence[str], gallery: Sequence[str]) -> Tensor:
    """Return the position of every file in the gallery, ``(M,)``, or -1 if it is not there."""
    place = {os.path.realpath(file): i for i, file in enumerate(gallery)}
    return torch.tensor([place.get(os.path.realpath(file), -1) for file in files])


def _embed(
    one: Contender,
    query: Images,
    gallery: Images,
    network: str | None,
    tap: str | None,
    keep: bool,
) -> Embedded:
    """Return the embeddings of queries and gallery by a network."""
    cache = Path(one.cfg.work_dir) / "features" if keep else None
    extract = Extraction(one.cfg, one.checkpoint, network, tap or "decode_head.pool", cache)
    head = extract.method.student.decode_head
    column = "logits" if tap is None and isinstance(head, EmbeddingHead) else "feature"

    def embed(images: Images) -> Tensor:
        return getattr(extract(images.dataset), column).to(extract.device)

    stored = embed(gallery)
    return Embedded(stored if query is gallery else embed(query), stored)


def _note(one: Contender) -> dict[str, Any]:
    config = str(one.cfg.get("config_file", ""))
    return {"config": config, "checkpoint": one.checkpoint or "random weights"}


def _answer(one: QueryResult) -> dict[str, Any]:
    """Return a query and its results for the JSON file."""
    found = {
        name: [
            {
                "image": other.file,
                "class": other.name,
                "similarity": round(other.similarity, 4),
                "right": other.right,
            }
            for other in some
        ]
        for name, some in one.found.items()
    }
    return {"query": one.file, "name": one.name, "found": found}
