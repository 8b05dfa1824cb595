# SPDX-License-Identifier: Apache-2.0
"""Two-dimensional maps of samples by the features of a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from rankseg.analysis.extraction import Extraction
from rankseg.analysis.inputs import check_image_level
from rankseg.engine.features import with_pipeline
from rankseg.engine.hooks.discovery import DiscoveryHook
from rankseg.registry import DATASETS
from rankseg.selection.discovery.centers import class_centers
from rankseg.training.test_set import build_test_set
from rankseg.training.validation import check_classes
from rankseg.utils.atomic_file import atomic_write
from rankseg.visualization import SampleKind, SampleMap, draw_sample_map, draw_sample_maps, to_plane
from rankseg.visualization.plane import WAYS

IMAGES = ("train", "test")
LIMIT = 2000  # samples neither labeled nor discovered; t-SNE takes about a minute
GIVEN, BEFORE = -2, -1  # steps of labeled images, and of those from earlier generations


def sample_map(
    cfg: Config,
    checkpoint: str,
    *,
    out: str | Path,
    images: str = "train",
    how: str = "tsne",
    limit: int = LIMIT,
    rows: Sequence[str] = (),
    network: str | None = None,
    tap: str = "decode_head.pool",
    seed: int = 0,
    cache: str | None = None,
) -> Path:
    """Draw the images of a config as points that are close if their features are.

    A map of training images shows all labeled images, all images that the last generation of the
    run discovered, those of them with a wrong label, some of the others, and the class centers. It
    has a frame for every discovery, all computed with the final network of the checkpoint. The true
    classes of unlabeled images are only used to mark wrong labels. A map of test images shows them
    by class. All images go through the test pipeline.

    The options are those of ``tools/sample_map.py``; see :func:`rankseg.visualization.to_plane` for
    ``how``. ``limit`` applies to unlabeled, or test, images, which are drawn at random. Every class
    in ``rows`` has a separate row of frames and a separate projection.

    Source: Snowball, figures 2.2 and 2.4; LMCS, figures 3.6 and 3.7.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    check_image_level(cfg)
    _check(images, how, limit, rows)
    test = build_test_set(cfg)
    check_classes(cfg, test)
    number = {name: k for k, name in enumerate(test.classes)}
    if strange := [name for name in rows if name not in number]:
        raise ValueError(
            f"Expected rows to be classes of {', '.join(number)}, but got {strange[0]!r}."
        )
    extract = Extraction(cfg, checkpoint, network, tap, cache)
    rng = np.random.default_rng(seed)
    if images == "test":
        chosen = np.sort(rng.permutation(len(test))[:limit])
        points = to_plane(extract(test, chosen.tolist()).feature.numpy(), how, seed)
        title = f"{len(chosen)} of {len(test)} test images"
        with atomic_write(out) as partial:
            draw_sample_map(partial, points, None, test.class_ids()[chosen], test.classes, title)
        return Path(out)
    train = with_pipeline(DATASETS.build(cfg.train_dataloader.dataset), test.pipeline)
    index, label, step = training_images(train, getattr(extract.method, "pool", None), limit, rng)
    feature = extract(train, index.tolist()).feature.numpy()
    frames = frames_of(feature, label, _truth(train)[index], step, len(test.classes))
    wanted = [number[name] for name in rows]
    maps = in_planes(feature, frames, wanted, how, seed)
    with atomic_write(out) as partial:
        draw_sample_maps(partial, maps, test.classes, wanted or None)
    return Path(out)


def _check(images: str, how: str, limit: int, rows: Sequence[str]) -> None:
    """Refuse options that are out of range, or exclude each other."""
    for name, value, known in (("images", images, IMAGES), ("how", how, WAYS)):
        if value not in known:
            raise ValueError(f"Expected {name} to be one of {', '.join(known)}, but got {value!r}.")
    if limit < 0 or (images == "test" and (rows or not limit)):
        raise ValueError(
            "Expected limit to be 0 or more (1 or more for test images), and rows only with "
            f"images='train', but got limit={limit}, rows={list(rows)}, images={images!r}."
        )


def training_images(train, pool, limit: int, rng: np.random.Generator):
    """Select the images of a training set to show, at most ``limit`` that have no label.

    Returns:
        ``(N,)`` arrays: indices in the data set, labels (-1 for none), and discovery steps within
        the last generation, from 0. The step is -2 for labeled images, -1 for images from earlier
        generations, and the last step plus one for images that are not discovered.
    """
    given = train.num_labeled
    if not given:
        raise ValueError(
            "Expected the training set to have labeled images, but found none. Draw a map of the "
            "test images instead."
        )
    index, label, step = (np.empty(0, np.int64) for _ in range(3))
    if pool is not None and len(pool):
        index, label, step = (
            getattr(pool, name).cpu().numpy() for name in ("index", "label", "step")
        )
        generation = pool.generation.cpu().numpy()
        step = np.where(generation == generation.max(), step, BEFORE)
    rest = np.setdiff1d(np.arange(given, given + DiscoveryHook.candidates(train)), index)
    rest = rng.permutation(rest)[:limit]
    never = step.max(initial=BEFORE) + 1
    return (
        np.concatenate((np.arange(given), index, rest)),
        np.concatenate((train.labeled.class_ids(), label, np.full(len(rest), -1))),
        np.concatenate((np.full(given, GIVEN), step, np.full(len(rest), never))),
    )


def frames_of(
    feature: np.ndarray, label: np.ndarray, truth: np.ndarray, step: np.ndarray, num_classes: int
) -> list[tuple[np.ndarray, SampleMap]]:
    """Compute the state after every discovery; label and step are from :func:`training_images`.

    Returns:
        For every discovery, or once if there is none: features of the ``C`` class centers, and a
        map of the ``N`` samples and these centers, without points yet.
    """
    frames = []
    for now in sorted(set(step[(step >= 0) & (label >= 0)].tolist())) or [GIVEN]:
        known = step <= now
        kind = np.where(
            step == GIVEN,
            SampleKind.LABELED,
            np.where(step < now, SampleKind.EARLIER, SampleKind.RIGHT),
        )
        wrong = (step != GIVEN) & (truth >= 0) & (truth != label)
        kind = np.where(known, np.where(wrong, SampleKind.WRONG, kind), SampleKind.UNLABELED)
        centers = class_centers(feature[known], label[known], num_classes)
        there = np.flatnonzero(~np.isnan(centers).any(1))
        title, new = "labeled images", step == now
        if now >= 0:
            title = f"discovery {now + 1}: {new.sum()} new"
            if (known_new := new & (truth >= 0)).any():
                title += f", {100 * wrong[known_new].mean():.1f}% of them wrong"
        kinds = np.concatenate((kind, np.full(len(there), SampleKind.CENTER)))
        labels = np.concatenate((np.where(known, label, -1), there))
        frames.append((centers[there], SampleMap(np.empty(0), kinds, labels, title)))
    return frames


def in_planes(
    feature: np.ndarray,
    frames: Sequence[tuple[np.ndarray, SampleMap]],
    rows: Sequence[int],
    how: str,
    seed: int,
) -> list[SampleMap]:
    """Project all frames to one plane, or to one plane for every class with a separate row."""
    everything = np.concatenate([feature, *(centers for centers, _ in frames)])
    ends = np.cumsum([len(feature), *(len(centers) for centers, _ in frames)])
    places = [np.r_[: len(feature), a:b] for a, b in zip(ends, ends[1:], strict=False)]
    points = np.zeros((len(everything), 2))
    for number in rows or [None]:
        shown = np.zeros(len(everything), bool)
        for place, (_, one) in zip(places, frames, strict=True):
            shown[place] |= True if number is None else one.label == number
        if shown.any():
            points[shown] = to_plane(everything[shown], how, seed)
    return [
        one._replace(points=points[place]) for place, (_, one) in zip(places, frames, strict=True)
    ]


def _truth(train) -> np.ndarray:
    """Return true classes by index, ``(N,)``: -1 if unknown, and the labels of labeled images."""
    return np.concatenate((train.labeled.class_ids(), train.unlabeled.class_ids()))
