# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels from confident predictions, written as a split for a second training stage."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from rankseg.analysis.extraction import Extraction
from rankseg.analysis.inputs import check_image_level
from rankseg.datasets.split_drawing import label_table
from rankseg.datasets.splits.split_files import write_lists
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, VAL_FILE, Entry, read_list
from rankseg.engine.features import with_pipeline
from rankseg.registry import DATASETS
from rankseg.training.test_set import build_test_set
from rankseg.training.validation import check_classes, refuse_embedding


def most_confident(
    confidence: np.ndarray, share: float | None = None, threshold: float | None = None
) -> np.ndarray:
    """Return the positions of the most confident images, sorted.

    Args:
        confidence: ``(N,)`` in ``[0, 1]``.
        share: Fraction of the images to select, in ``(0, 1)``. Ties are broken by position.
        threshold: Minimum confidence of the images to select, in ``[0, 1]``.

    Raises:
        ValueError: If not exactly one of ``share`` and ``threshold`` is given, or it is out of
            range.
    """
    if (share is None) == (threshold is None):
        raise ValueError("Expected exactly one of --share and --threshold, such as --share 0.3.")
    if share is not None:
        if not 0 < share < 1:
            raise ValueError(f"Expected --share to be above 0 and below 1, but got {share}.")
        order = np.argsort(-confidence, kind="stable")
        return np.sort(order[: round(share * len(confidence))])
    if not 0 <= threshold <= 1:
        raise ValueError(f"Expected --threshold to be from 0 to 1, but got {threshold}.")
    return np.flatnonzero(confidence >= threshold)


def pseudo_label(
    cfg: Config,
    checkpoint: str,
    out: str,
    *,
    share: float | None = None,
    threshold: float | None = None,
    network: str | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a split whose labeled list includes confident predictions on unlabeled images.

    The unlabeled images of the config go through its test pipeline. Those with the highest
    probabilities are listed as labeled with the predicted class, the others as unlabeled. The true
    classes of unlabeled images are only used for the report. The ``val.txt`` of the old split is
    copied.

    Args:
        cfg: A classification config, from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint file of a method or of a plain segmentor.
        out: Folder of the new split, relative to the data root, such as ``"splits/mine"``.
        share: Fraction of the unlabeled images to select, in ``(0, 1)``.
        threshold: Minimum probability of the images to select, in place of ``share``.
        network: ``"student"`` or ``"teacher"``; by default the one that the method predicts with.
        force: Replace existing lists.

    Returns:
        ``folder`` of the split; number of ``images`` with a pseudo-label, ``of`` how many, and
        their ``least`` probability; ``accuracy`` in percent if their classes are known; and
        ``table``, the images by class as text.

    Raises:
        ValueError, FileNotFoundError: If config, data, checkpoint or an option is invalid, or no
            image or every image would get a pseudo-label.

    Source: CMSF (ECCV 2022), section 3.3, after S4L (ICCV 2019).
    """
    most_confident(np.empty(0), share, threshold)  # checks the options before the long computation
    init_default_scope(cfg.get("default_scope", "rankseg"))
    refuse_embedding(cfg)
    check_image_level(cfg)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    test = build_test_set(cfg)
    check_classes(cfg, train.labeled)
    count = train.num_unlabeled - (train.num_labeled if train.include_labeled else 0)
    indices = [train.num_labeled + i for i in range(count)]
    extract = Extraction(cfg, checkpoint, network, "decode_head.pool", None)
    logits = extract(with_pipeline(train, test.pipeline), indices).logits
    confidence, label = (part.numpy() for part in logits.double().softmax(1).max(1))
    chosen = most_confident(confidence, share, threshold)
    if not 0 < len(chosen) < count:
        raise ValueError(
            "Expected to select some, but not all of the unlabeled images, but got "
            f"{len(chosen)} of {count} (confidence from {confidence.min():.3f} to "
            f"{confidence.max():.3f}). Use another --share or --threshold."
        )
    lists = _lists(train, count, chosen, label)
    folder = Path(train.labeled.data_root) / out
    write_lists(
        folder.parent, {f"{folder.name}/{name}": rows for name, rows in lists.items()}, force
    )
    parts = {"labeled": train.labeled.class_ids(), "pseudo": label[chosen]}
    truth = train.unlabeled.class_ids()[chosen]
    known = truth >= 0
    found = {
        "folder": str(folder),
        "images": len(chosen),
        "of": count,
        "least": float(confidence[chosen].min()),
        "table": label_table(parts, train.labeled.classes),
    }
    if known.any():
        found["accuracy"] = 100 * float((truth == label[chosen])[known].mean())
    return found


def _lists(train: Any, count: int, chosen: np.ndarray, label: np.ndarray) -> dict[str, list[Entry]]:
    """Return the lists of the new split by file name."""
    names, taken = train.labeled.classes, set(chosen.tolist())
    entries = train.unlabeled.load_entries()[:count]
    ids = train.labeled.class_ids()
    given = [
        (image, names[k]) for (image, _), k in zip(train.labeled.load_entries(), ids, strict=True)
    ]
    lists = {
        LABELED_FILE: given + [(entries[i][0], names[label[i]]) for i in chosen],
        UNLABELED_FILE: [entry for i, entry in enumerate(entries) if i not in taken],
    }
    old = Path(train.labeled.ann_file)
    if old.name == LABELED_FILE and (old.parent / VAL_FILE).is_file():
        lists[VAL_FILE] = read_list(old.parent / VAL_FILE)
    return lists
