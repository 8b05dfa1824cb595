# SPDX-License-Identifier: Apache-2.0
"""Which run a checkpoint belongs to: what must stay the same for the run to go on."""

import hashlib
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

KEY = "run"
"""Where a checkpoint's meta holds it; plain data."""


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
        "validation images": describe_list(val),
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


def check_same_run(path: str, meta: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with another run; a checkpoint without an identity is taken as it is.

    Args:
        path: The checkpoint.
        meta: Its meta.
        now: :func:`identity` of the run that is to go on.

    Raises:
        ValueError: Naming what differs, the value in the checkpoint and the new one.
    """
    saved = meta.get(KEY)
    if not isinstance(saved, Mapping):
        return
    for name, value in saved.items():
        if name in now and now[name] != value:
            raise ValueError(
                f"checkpoint {path} is of another run: {name} was {value} and is now {now[name]}; "
                "give --resume the options that the run was started with, or start a new run in "
                "another --work-dir"
            )
