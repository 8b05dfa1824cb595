# SPDX-License-Identifier: Apache-2.0
"""Identity of a run: the properties that must match when a run resumes from a checkpoint."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

KEY = "run"
"""Key of the identity in a checkpoint's meta; the value is plain data."""
VALIDATION = "validation images"
OPTIONS = "options"
TRAINING = ("model", "optim_wrapper", "param_scheduler", "train_dataloader.dataset")
SCHEDULE = "param_scheduler"
FROM_CHECKPOINT = ("optim_wrapper.optimizer", "optim_wrapper.paramwise_cfg", SCHEDULE)
MAY_CHANGE = ("data_root", "split_root", "pretrained", "fused", "foreach", "_scope_")


def identity(cfg: Config, train: Any, val: Any, processes: int) -> dict[str, Any]:
    """Return the properties that identify a run, as plain data.

    Paths, workers, logging and length are excluded, because a folder may move and a run may be
    extended. The batch size is summed over all processes.
    """
    student = cfg.model.get("student", {})
    sampler = cfg.train_dataloader.get("sampler", {})
    found = {
        "randomness.seed": cfg.get("randomness", {}).get("seed"),
        "model.type": cfg.model.type,
        "model.student.backbone.type": student.get("backbone", {}).get("type"),
        "model.student.decode_head.type": student.get("decode_head", {}).get("type"),
        "labeled images": describe_list(getattr(train, "labeled", None)),
        "unlabeled images": describe_list(getattr(train, "unlabeled", None)),
        VALIDATION: describe_list(val),
    }
    found[OPTIONS] = {
        key: repr(value)
        for part in TRAINING
        for key, value in flat(_get(cfg, part), part)
        if key.split(".")[-1] not in MAY_CHANGE
    }
    if _get(cfg, "train_dataloader.dataset.dataset.classes_file"):  # the config lacks the names
        found[OPTIONS]["class names"] = repr(tuple(train.metainfo["classes"]))
    for half in ("labeled", "unlabeled"):
        if half in sampler and not (half == "unlabeled" and sampler.get("labeled_only")):
            found[f"{half} images in a batch of all processes"] = sampler[half] * processes
    return {name: value for name, value in found.items() if value is not None}


def _get(cfg: Config, key: str) -> Any:
    """Return a node of a config by dotted key, or None if missing."""
    for name in key.split("."):
        cfg = (cfg or {}).get(name)
    return cfg


def flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield all values inside a config with their dotted keys.

    >>> list(flat({"a": [1, {"b": 2}]}, "x"))
    [('x.a.0', 1), ('x.a.1.b', 2)]
    """
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from flat(item, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from flat(item, f"{key}.{i}")
    else:
        yield key, value


def describe_list(dataset: Any) -> str | None:
    """Return the number of images and a digest of names and labels, or None without a list."""
    if not hasattr(dataset, "load_entries"):
        return None
    entries = dataset.load_entries() if len(dataset) else []
    text = "\n".join(f"{image}\t{label}" for image, label in entries)
    return f"{len(entries)} (digest {hashlib.sha256(text.encode()).hexdigest()[:8]})"


def list_sources(train: Any, val: Any) -> dict[str, str]:
    """Return the sources of the image lists by their names in :func:`identity`."""
    sets = {
        "labeled images": getattr(train, "labeled", None),
        "unlabeled images": getattr(train, "unlabeled", None),
        VALIDATION: val,
    }
    return {name: str(one.source) for name, one in sets.items() if hasattr(one, "source")}


def check_same_run(
    path: str,
    meta: Mapping[str, Any],
    now: Mapping[str, Any],
    sources: Mapping[str, str] | None = None,
    new_schedule: bool = False,
) -> None:
    """Check that a checkpoint belongs to this run; one without an identity passes.

    Different validation images do not affect training and only cause a warning. Changed options
    take effect from here on and cause a warning, too. Changed optimizer or schedule options would
    have no effect, because the checkpoint restores both, and raise an error.
    """
    saved = meta.get(KEY)
    if not isinstance(saved, Mapping):
        return
    # checkpoints of earlier versions use the British spelling
    saved = {name.replace("labelled", "labeled"): value for name, value in saved.items()}
    check_options_of(path, saved.get(OPTIONS), now.get(OPTIONS), new_schedule)
    for name, value in saved.items():
        if name not in now or now[name] == value or name == OPTIONS:
            continue
        source = (sources or {}).get(name)
        change = f"{name} was {value} and is now {now[name]}" + (f" in {source}" if source else "")
        if name == VALIDATION:
            print_log(
                f"Checkpoint {path} was validated on other images: {change}. Metrics before and "
                "after it, including the best so far, are not comparable.",
                level=logging.WARNING,
            )
            continue
        cure = "Restore the old list" if source else "Use the options of the original run"
        raise ValueError(
            f"Checkpoint {path} is from a different run: {change}. {cure}, or start a new run in "
            f"another --work-dir, from these weights with --cfg-options load_from={path}."
        )


def check_options_of(
    path: str,
    saved: Mapping[str, str] | None,
    now: Mapping[str, str] | None,
    new_schedule: bool = False,
) -> None:
    """Warn about changed training options and reject changes that would have no effect."""
    if not saved or not now:
        return
    changes = {
        key: f"{key} was {saved.get(key, 'not there')} and is now {now.get(key, 'not there')}"
        for key in sorted({*saved, *now})
        if saved.get(key) != now.get(key)
    }
    for key, change in changes.items():
        if new_schedule and key.startswith(SCHEDULE):
            continue
        if key.startswith(FROM_CHECKPOINT):
            cure = " or add --extend-schedule," if key.startswith(SCHEDULE) else ""
            raise ValueError(
                f"{change}, but --resume restores the optimizer and the learning rates of "
                f"checkpoint {path}. Change it back,{cure} or start a new run in another "
                f"--work-dir from these weights with --cfg-options load_from={path}."
            )
    if changes:
        more = f"; and {len(changes) - 5} more" if len(changes) > 5 else ""
        print_log(
            "These options differ from the original run and take effect from here on: "
            f"{'; '.join(list(changes.values())[:5])}{more}",
            level=logging.WARNING,
        )
