# SPDX-License-Identifier: Apache-2.0
"""Evaluation of the features of a checkpoint, independent of the network's own classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from rankseg.analysis.extraction import Extraction
from rankseg.analysis.inputs import check_image_level
from rankseg.analysis.transfer_sets import TransferSet, transfer_sets
from rankseg.engine.features import with_pipeline
from rankseg.engine.known_images import known_images, probe_rows
from rankseg.evaluation.features import check_k, feature_accuracies
from rankseg.evaluation.neighbor_purity import neighbor_purity
from rankseg.registry import DATASETS
from rankseg.structures import SampleKey
from rankseg.training.test import write_result
from rankseg.training.validation import check_classes, refuse_embedding
from rankseg.utils.atomic_file import atomic_write
from rankseg.visualization.neighbors import count_ranks, draw_ranks

USUAL_K = (1, 20)
MEMORY = 128_000  # size of the memory bank in the paper
QUERIES = 5_000  # enough for a percentage; the paper gives no number


def evaluate_features(
    cfg: Config,
    checkpoint: str,
    *,
    knn: Sequence[int] | None = None,
    temperature: float | None = None,
    probes: Sequence[str] = (),
    probe: Mapping[str, Any] | None = None,
    bank: str = "all",
    fine: bool = False,
    transfer: Sequence[str] = (),
    size: int | None = None,
    purity: int = 0,
    network: str | None = None,
    tap: str = "decode_head.pool",
    cache: str | None = None,
    seed: int = 0,
    out: str | None = None,
    ranks: str | None = None,
) -> dict[str, Any]:
    """Classify the test images of a config by the features of its training images.

    All images use the test pipeline, except for ``purity``. Training images have their true labels,
    even if the run used noisy ones (``label_noise``).

    Args:
        cfg: A classification config, from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint file of a method or of a plain segmentor.
        knn: Numbers of neighbors. Defaults to 1 and 20, without numbers above that of the images.
        temperature: See :func:`~rankseg.evaluation.features.knn_classify`.
        probes: Training subsets of linear probes, see
            :func:`rankseg.engine.known_images.probe_rows`.
        probe: Options of :func:`~rankseg.evaluation.features.linear_probe`.
        bank: ``"all"`` training images with a known class, as in papers on self-supervised
            learning, or only the ``"labeled"`` ones.
        fine: Evaluate a run with ``coarse`` classes on the fine classes that they consist of.
        transfer: Other data sets to classify by logistic regression, see
            :func:`rankseg.analysis.transfer_sets.transfer_sets`.
        size: Side in pixels to resize the images of those data sets to.
        purity: Number of neighbors to measure the purity of, between two random draws of the
            training views, as in CMSF, Figure 5; 0 for none.
        network: ``"student"`` or ``"teacher"``; by default the one that the method predicts with.
        tap: Submodule of the network whose output is the feature.
        cache: Folder to cache the features in; ``None`` disables caching.
        seed: Seed of all random draws.
        out: JSON file for the results.
        ranks: PNG file for a histogram of the ranks that ``purity`` returns.

    Returns:
        In percent: ``knn1``, ``knn20``, ``linear_1%``, ..., ``classifier``, the accuracy of the
        network's own predictions (not with ``fine``), ``transfer_NAME`` and
        ``transfer_NAME_mean_class``, their mean ``transfer_mean``; and a dict ``purity``.

    Raises:
        ValueError, FileNotFoundError: If config, data, checkpoint or an option is invalid.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    refuse_embedding(cfg)
    check_image_level(cfg)
    train, test = _build_sets(cfg, fine)
    test.check_samples(limit=50)
    if not fine:
        check_classes(cfg, test)
    plain = with_pipeline(train, test.pipeline)
    labels, indices = known_images(train, bank)
    knn = tuple(knn if knn is not None else [k for k in USUAL_K if k <= len(indices)])
    for k in knn:
        check_k(k, len(indices))
    rows = {spec: probe_rows(spec, train, labels, indices, seed) for spec in probes}
    others = transfer_sets(transfer, cfg.test_dataloader.dataset.pipeline, size)
    extract = Extraction(cfg, checkpoint, network, tap, cache)
    known = extract(plain, indices)
    tested = extract(test)
    truth = torch.from_numpy(test.class_ids())
    metrics: dict[str, Any] = feature_accuracies(
        known.feature.to(extract.device),
        torch.from_numpy(labels),
        tested.feature,
        truth,
        len(test.classes),
        knn=knn,
        temperature=temperature,
        probes=rows,
        probe={"seed": seed, **(probe or {})},
    )
    if not fine:
        right = tested.logits.argmax(1) == truth
        metrics["classifier"] = round(100 * right.double().mean().item(), 2)
    metrics |= _transfer(others, extract, seed)
    if purity:
        metrics["purity"] = _purity(train, labels, indices, purity, extract, seed)
        if ranks is not None:
            with atomic_write(ranks) as partial:
                counts = count_ranks(metrics["purity"]["ranks"])
                draw_ranks({f"{purity} constrained neighbors": counts}, partial)
    write_result(out, {"config": cfg.config_file, "checkpoint": checkpoint, **metrics})
    return metrics


def _build_sets(cfg: Config, fine: bool) -> tuple[Any, Any]:
    """Build training and test set with true labels, of the fine classes if requested."""
    left_out = {"label_noise", "coarse"} if fine else {"label_noise"}
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    inner, test = (
        {name: value for name, value in part.items() if name not in left_out}
        for part in (train.dataset, test)
    )
    return DATASETS.build({**train, "dataset": inner}), DATASETS.build(test)


def _transfer(others: Sequence[TransferSet], extract: Extraction, seed: int) -> dict[str, float]:
    """Evaluate logistic regression on every other data set."""
    if not others:
        return {}
    from rankseg.evaluation.transfer import accuracies, logistic_transfer  # slow import

    found: dict[str, float] = {}
    for name, train, test in others:
        truth = torch.from_numpy(test.class_ids())
        known = torch.from_numpy(train.class_ids())
        features = extract(train).feature, known, extract(test).feature
        result = logistic_transfer(*features, seed=seed)
        if result.at_edge:
            print_log(
                f"Transfer to {name}: the best L2 strength, {result.strength:g}, is at the edge of "
                "the range that was tried."
            )
        for kind, value in accuracies(result.label, truth).items():
            found[f"transfer_{name}" + ("" if kind == "top1" else f"_{kind}")] = value
    tops = [found[f"transfer_{name}"] for name, _, _ in others]
    return {**found, "transfer_mean": round(sum(tops) / len(tops), 2)}


def _purity(
    train: Any, labels: np.ndarray, indices: list[int], k: int, extract: Extraction, seed: int
) -> dict[str, Any]:
    """Measure neighbor purity between two random draws of every training view.

    The second draw stands for the previous epoch's memory of CMSF.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(indices))[:MEMORY]
    images = [indices[row] for row in rows]
    memory, previous = (
        extract(train, [SampleKey(i, draw) for i in images], (train.seed, draw)).feature
        for draw in (0, 1)
    )
    own = torch.arange(min(QUERIES, len(rows)))
    label = torch.from_numpy(labels[rows])
    memory = memory.to(extract.device)
    found = neighbor_purity(
        memory, previous.to(extract.device), label, own, k=k, k_previous=min(k, len(rows))
    )
    return {
        name: value if isinstance(value, float) else value.tolist()
        for name, value in found._asdict().items()
    }
