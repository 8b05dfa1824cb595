# SPDX-License-Identifier: Apache-2.0
"""How good the features of a checkpoint are, told by the nearest labelled images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from rankseg.apis.checks import check_classes, is_image_level
from rankseg.apis.test import write_result
from rankseg.datasets.checks import check_labeled
from rankseg.engine.checkpoint import DamagedCheckpointError, load_checkpoint_file, misfit
from rankseg.engine.features import extract_features, with_pipeline
from rankseg.evaluation.knn import check_k, knn_classify
from rankseg.models.methods import Method
from rankseg.registry import DATASETS, MODELS

BANKS = ("labeled", "all")
USUAL_K = (1, 5, 20)


def knn(
    cfg: Config,
    checkpoint: str,
    *,
    k: Sequence[int] | None = None,
    temperature: float | None = None,
    bank: str = "labeled",
    network: str | None = None,
    tap: str = "decode_head.pool",
    out: str | None = None,
) -> dict[str, float]:
    """Classify the config's test images by their nearest training images.

    All images go through the pipeline of the test set.

    Args:
        cfg: A classification config, from :func:`rankseg.apis.load_config`.
        checkpoint: File of a method or of a plain segmentor.
        k: Numbers of neighbours; those of 1, 5 and 20 that there are by default.
        temperature: See :func:`~rankseg.evaluation.knn_classify`.
        bank: ``"labeled"``, or ``"all"`` training images whose class is known, as in papers on
            self-supervised learning.
        network: ``"student"`` or ``"teacher"``; by default the one that predicts.
        tap: Submodule of it whose output is the feature.
        out: JSON file for the numbers.

    Returns:
        Top-1 accuracy in percent as ``knn1``, ``knn5``, ..., and as ``classifier`` that of the
        network's own predictions.

    Raises:
        ValueError, FileNotFoundError: If config, data, checkpoint or an option are not right.
    """
    init_default_scope(cfg.get("default_scope", "rankseg"))
    if not is_image_level(cfg):
        raise ValueError(
            f"model.student.decode_head is {cfg.model.student.decode_head.type}: nearest images "
            "are for classification, expected a config with an ImageLevelHead"
        )
    if bank not in BANKS:
        raise ValueError(f"bank={bank!r}: expected one of {', '.join(BANKS)}")
    test = DATASETS.build(cfg.test_dataloader.dataset)
    check_labeled(test, limit=50)
    check_classes(cfg, test)
    train = with_pipeline(DATASETS.build(cfg.train_dataloader.dataset), test.pipeline)
    labels, indices = bank_images(train, bank)
    k = tuple(k or [number for number in USUAL_K if number <= len(indices)])
    for number in k:
        check_k(number, len(indices))
    method = load_method(cfg, checkpoint)
    if network == "teacher" and method.teacher is None:
        raise ValueError(f"{type(method).__name__} of this config has no teacher: use the student")
    options = dict(
        num_workers=cfg.test_dataloader.get("num_workers", 0),
        network=network or method.predict_on,
        tap=tap,
    )
    known = extract_features(method, train, indices, **options)
    asked = extract_features(method, test, **options)
    truth = torch.from_numpy(test.class_ids())
    features = known.feature, labels, asked.feature
    found = {f"knn{n}": knn_classify(*features, n, temperature, len(test.classes)) for n in k}
    found["classifier"] = asked.logits.argmax(1)
    metrics = {
        name: round(100 * (guess == truth).double().mean().item(), 2)
        for name, guess in found.items()
    }
    write_result(out, {"config": cfg.config_file, "checkpoint": checkpoint, **metrics})
    return metrics


def bank_images(train: Any, bank: str) -> tuple[torch.Tensor, list[int]]:
    """Classes and indices of the training images that vote, see :func:`knn`."""
    labels = train.labeled.class_ids()
    if bank == "all":
        rest = train.unlabeled.class_ids()
        if train.include_labeled:
            rest = rest[: -len(labels)]
        labels = np.concatenate([labels, rest])
    indices = np.flatnonzero(labels >= 0)
    return torch.from_numpy(labels[indices]), indices.tolist()


def load_method(
    cfg: Config,
    checkpoint: str,
    state: Any = None,
    device: str | torch.device | None = None,
) -> Method:
    """The method of a config with the weights of a checkpoint.

    Args:
        cfg: The config.
        checkpoint: The file.
        state: What is in it, if it was read already.
        device: Where it is to run; by default the GPU where there is one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it does not fit.
    """
    if state is None:
        state = load_checkpoint_file(checkpoint, map_location="cpu")
    weights = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(weights, Mapping):
        raise DamagedCheckpointError(
            f"checkpoint {checkpoint} holds a {type(weights).__name__}: expected weights by name, "
            "as an iter_*.pth of a run has them"
        )
    method: Method = MODELS.build({**cfg.model, "pretrained": None})
    try:
        method.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise misfit(checkpoint, error) from error
    return method.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
