# SPDX-License-Identifier: Apache-2.0
"""Pairs of matching training images for the cross-image supervision of TAC-CCL."""

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from rankseg.analysis.extraction import Extraction
from rankseg.analysis.inputs import check_image_level, check_positive
from rankseg.datasets.arrays import ArrayDataset
from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.features import with_pipeline
from rankseg.engine.known_images import image_names
from rankseg.engine.pictures import write_picture
from rankseg.imageio.reading import read_image
from rankseg.registry import DATASETS
from rankseg.selection.graph import assign_clusters, cluster_centers
from rankseg.selection.matching import MatchedPairs, save_pairs
from rankseg.selection.matching.affine_sift import KeypointCache, Keypoints, Match, describe, match
from rankseg.selection.matching.pairs import (
    candidates,
    match_cluster,
    pack_pairs,
    share_in_clusters,
    share_of_true,
)
from rankseg.training.test_set import loading_pipeline
from rankseg.utils.atomic_file import atomic_write, write_json
from rankseg.utils.progress import track
from rankseg.visualization.matches import ImagePair, draw_matches

AGAIN = 200  # pairs that are compared again if no pair is found
FEWEST = 3  # minimum number of keypoints that define an affine map


def match_images(
    cfg: Config,
    checkpoint: str,
    *,
    out: str | Path,
    top: int = 2,
    nearest: int = 10,
    clusters: int | None = None,
    least: int = 8,
    ratio: float = 0.8,
    tolerance: float = 0.04,
    side: int = 160,
    tilts: int = 3,
    limit: int = 600,
    keep: int = 32,
    shown: int = 12,
    workers: int = 1,
    cache: str | Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Find parts of training images that match parts of other images in the same cluster.

    The options are those of ``tools/match_images.py``. The true classes of images are only used to
    report how many pairs are correct. ``ratio``, ``tolerance`` and ``least`` are explained in
    :func:`rankseg.selection.matching.affine_sift.match`, ``side``, ``tilts`` and ``limit`` in
    :func:`rankseg.selection.matching.affine_sift.describe`.

    Returns:
        ``images``; ``pairs``; ``matched``, the images with a match; ``compared`` pairs. If classes
        are known, also the percentage of correct pairs: ``true`` among the matches,
        ``true_in_clusters`` among all pairs within clusters, and ``by_score`` among pairs with more
        agreeing keypoints. They are written to a ``.json`` file next to ``out``, and some pairs are
        drawn in a ``.png`` file.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), section 4.3.4: top-2
        matches on CUB, of which 77.0% are true, and 39.1% of pairs within clusters.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    check_image_level(cfg)
    check_positive(top=top, nearest=nearest, least=least, side=side, limit=limit, keep=keep)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    part = train.unlabeled if train.num_unlabeled else train.labeled
    names = image_files(part)
    features, labels = _clusters(cfg, checkpoint, train, clusters, cache, seed)
    settings = dict(side=side, tilts=tilts, limit=limit)
    keypoint_cache = KeypointCache(
        None if cache is None else Path(cache) / "keypoints", json.dumps(settings)
    )
    root = Path(part.data_root)

    def load_keypoints(image: int) -> Keypoints:
        path = root / names[image]
        return keypoint_cache.get(path, lambda: describe(read_image(path), **settings))

    compare = partial(match, ratio=ratio, tolerance=tolerance, least=least)
    groups = list(candidates(labels, features, nearest))
    found: list[tuple[int, int, Match]] = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for group in track(groups, "matching within clusters"):
            images = np.unique(group)
            keypoints = dict(
                zip(images.tolist(), pool.map(load_keypoints, images.tolist()), strict=True)
            )
            found += match_cluster(group, keypoints.__getitem__, compare, top)
    if not found:
        _warn_no_pairs(
            np.concatenate(groups) if groups else np.empty((0, 2), int),
            load_keypoints,
            compare,
            least,
        )
    pairs, truth = pack_pairs(names, found, keep), part.class_ids()
    values = {
        "images": len(names),
        "clusters": len(np.unique(labels)),
        "compared": sum(map(len, groups)),
        **_statistics(pairs, truth, labels, least),
    }
    out = Path(out)
    with atomic_write(out) as file:
        save_pairs(file, pairs)
    write_json(out.with_suffix(".json"), values)
    if len(pairs.image):
        picture = draw_matches(list(_shown(pairs, truth, root, shown)))
        write_picture(out.with_suffix(".png"), picture)
    return values


def _warn_no_pairs(
    compared: np.ndarray,
    load: Callable[[int], Keypoints],
    compare: Callable[..., Match | None],
    least: int,
) -> None:
    """Warn that no pair was found, and report the best score among the compared pairs."""
    rows = evenly_spaced(len(compared), AGAIN)
    again = [compare(load(one), load(other), least=FEWEST) for one, other in compared[rows]]
    best = max((found.score for found in again if found is not None), default=0)
    print_log(
        f"Found no pair with {least} keypoints that agree. The best of {len(rows)} of the "
        f"{len(compared)} pairs within clusters has {best or f'fewer than {FEWEST}'}. Use a "
        "smaller --least: training does not accept a file without pairs.",
        level=logging.WARNING,
    )


def image_files(part: Any) -> list[str]:
    """Return the paths of the images of a data set, relative to its data root."""
    if isinstance(part, ArrayDataset):
        raise ValueError(
            "Expected a data set of image files, such as ClassFolderDataset, but got "
            f"{type(part).__name__}, whose images are in arrays."
        )
    root = Path(part.data_root)
    paths = (Path(part.get_data_info(i)["img_path"]) for i in range(len(part)))
    return [path.relative_to(root).as_posix() for path in paths]


def _clusters(
    cfg: Config,
    checkpoint: str,
    train: Any,
    count: int | None,
    cache: str | Path | None,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings ``(N, D)`` and clusters ``(N,)`` of all training images."""
    extract = Extraction(cfg, checkpoint, None, "decode_head.pool", cache)
    pipeline = Compose(loading_pipeline(cfg, image_names(train, [0])[0]))
    features = extract(with_pipeline(train, pipeline)).logits.numpy()
    features = features[train.num_labeled if train.num_unlabeled else 0 :]
    given = getattr(extract.method, "clusters", None)
    if count is None and given is not None and len(given.label) == len(features):
        return features, given.label.cpu().numpy()
    if count is None:
        raise ValueError(
            f"Expected checkpoint {checkpoint} to contain clusters of the {len(features)} training "
            "images, but found none. Set the number of clusters to compute with --clusters."
        )
    return features, assign_clusters(features, cluster_centers(features, count, seed))


def _statistics(
    pairs: MatchedPairs, truth: np.ndarray, labels: np.ndarray, least: int
) -> dict[str, Any]:
    """Return the number of pairs, and the percentages of correct ones."""
    return {
        "pairs": len(pairs.image),
        "matched": len(np.unique(pairs.image)),
        "true": _percent(share_of_true(pairs.image, truth)),
        "true_in_clusters": _percent(share_in_clusters(labels, truth)),
        "by_score": [
            {"least": score, "pairs": int(enough.sum()), "true": _percent(true)}
            for score in (least, round(1.5 * least), 2 * least, 3 * least)
            if (enough := pairs.score >= score).any()
            and (true := share_of_true(pairs.image[enough], truth)) is not None
        ],
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _shown(pairs: MatchedPairs, truth: np.ndarray, root: Path, count: int) -> Iterator[ImagePair]:
    """Yield pairs for the picture, from the best to the last."""
    for row in evenly_spaced(len(pairs.image), count):
        one, other = pairs.image[row].tolist()
        known = truth[one] >= 0 and truth[other] >= 0
        yield ImagePair(
            tuple(read_image(root / str(pairs.names[i])) for i in (one, other)),
            pairs.keypoints[row],
            int(pairs.score[row]),
            bool(truth[one] == truth[other]) if known else None,
        )
