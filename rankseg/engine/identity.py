# SPDX-License-Identifier: Apache-2.0
"""Which run a checkpoint belongs to: what must stay the same for the run to go on."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

KEY = "run"
"""Where a checkpoint's meta holds it; plain data."""
VALIDATION = "validation images"


def identity(cfg: Config, train: Any, val: Any, processes: int) -> dict[str, Any]:
    """What makes a run another one if it changes, as plain data.

    Paths, workers, logging and length are not in it: a folder may move, and a run may go on longer.

    Args:
        cfg: Of the run.
        train: Its training set, such as :class:`~rankseg.datasets.SemiDataset`.
        val: Its validation set, or None.
        processes: Number of them; a batch is what all of them take together.
    """
    student = cfg.model.get("student", {})
    sampler = cfg.train_dataloader.get("sampler", {})
    found = {
        "randomness.seed": cfg.get("randomness", {}).get("seed"),
        "model.type": cfg.model.type,
        "model.student.backbone.type": student.get("backbone", {}).get("type"),
        "model.student.decode_head.type": student.get("decode_head", {}).get("type"),
        "labelled images": describe_list(getattr(train, "labeled", None)),
        "unlabelled images": describe_list(getattr(train, "unlabeled", None)),
        VALIDATION: describe_list(val),
    }
    for half in ("labeled", "unlabeled"):
        if half in sampler and not (half == "unlabeled" and sampler.get("labeled_only")):
            found[f"{half} images in a batch of all processes"] = sampler[half] * processes
    return {name: value for name, value in found.items() if value is not None}


def describe_list(dataset: Any) -> str | None:
    """Number of images and a digest of their names and labels; None where there is no list."""
    if not hasattr(dataset, "load_entries"):
        return None
    entries = dataset.load_entries()
    text = "\n".join(f"{image}\t{label}" for image, label in entries)
    return f"{len(entries)} (digest {hashlib.sha256(text.encode()).hexdigest()[:8]})"


def list_sources(train: Any, val: Any) -> dict[str, str]:
    """Where the lists of :func:`identity` come from, by the names that they have there."""
    sets = {
        "labelled images": getattr(train, "labeled", None),
        "unlabelled images": getattr(train, "unlabeled", None),
        VALIDATION: val,
    }
    return {name: str(one.source) for name, one in sets.items() if hasattr(one, "source")}


def check_same_run(
    path: str,
    meta: Mapping[str, Any],
    now: Mapping[str, Any],
    sources: Mapping[str, str] | None = None,
) -> None:
    """Refuse to go on with another run; a checkpoint without an identity is taken as it is.

    Other validation images change nothing in the training: of them a warning tells.

    Args:
        path: The checkpoint.
        meta: Its meta.
        now: :func:`identity` of the run that is to go on.
        sources: :func:`list_sources` of it.

    Raises:
        ValueError: Naming what differs, the value in the checkpoint and the new one.
    """
    saved = meta.get(KEY)
    if not isinstance(saved, Mapping):
        return
    for name, value in saved.items():
        if name not in now or now[name] == value:
            continue
        source = (sources or {}).get(name)
        change = f"{name} was {value} and is now {now[name]}" + (f" in {source}" if source else "")
        if name == VALIDATION:
            print_log(
                f"checkpoint {path} was validated on other images: {change}; metrics before and "
                "after it, and with them the best so far, do not compare",
                level=logging.WARNING,
            )
            continue
        cure = "put the old list back" if source else "give the options that the run began with"
        raise ValueError(
            f"checkpoint {path} is of another run: {change}; {cure}, or start a new run in "
            f"another --work-dir, from these weights with --cfg-options load_from={path}"
        )
