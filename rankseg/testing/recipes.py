# SPDX-License-Identifier: Apache-2.0
"""Image sets and ways to train that ``tools/benchmarks/recipes.py`` compares."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ImageSet:
    """A set of images.

    Attributes:
        config: Name of the config of every method.
        split: Folder of the labeled list, below ``splits``.
        tune: Number of unlabeled images that are held out to choose settings by.
        tested: Number of validation images that are tested, from the top of the list.
        iterations: Length of a run. A quarter of it is warm-up, another quarter ramp.
        options: Config keys for every recipe.
    """

    config: str
    split: str
    tune: int
    iterations: int = 400
    tested: int = 60
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """A way to train.

    Attributes:
        method: Folder of the config.
        options: Config keys on top of it.
        length: Length of the run as a multiple of the usual one.
        first: Recipe whose last weights make the pseudo-labels.
        all_labels: Train on the masks of all training images that are not held out: the ceiling.
        strong_labels: Recolor labeled images as the strong views are.
        balance: Weigh classes in the labeled loss by their share of the labeled pixels to the power
            of minus this.
    """

    method: str
    options: dict[str, Any] = field(default_factory=dict)
    length: float = 1.0
    first: str | None = None
    all_labels: bool = False
    strong_labels: bool = False
    balance: float = 0.0


SETS = {
    "kvasir": ImageSet("kvasir_16", "16", tune=60),
    "nuclei": ImageSet("nuclei_8", "8", tune=40),
    "peanut": ImageSet("peanut_8", "8", tune=40),
}
TEACHER = {"model.labels_from": "teacher"}
CORRECTED = TEACHER | {"model.teacher": {"momentum": 0.01, "warmup": True}}
FLIP = {"model.flip_labels": True}
SELF = {"model.lean": True, "model.warmup": 0, "model.ramp": 0}
SHARE = {"model.class_share": 0.8, "model.threshold": 1.0}
CAPPED = {"model.class_share": 0.8, "model.threshold": 0.8}
EARLY = {"model.warmup": 50, "model.ramp": 50}
LEAN = CORRECTED | {"model.lean": True}


def threshold(value: float | list[float]) -> dict[str, Any]:
    """Options with a confidence threshold."""
    return {"model.threshold": value}


RECIPES = {
    "supervised": Recipe("supervised"),
    "supervised_all": Recipe("supervised", all_labels=True),
    "default": Recipe("rankmatch"),
    "teacher_95": Recipe("rankmatch", TEACHER),
    "teacher_80": Recipe("rankmatch", TEACHER | threshold(0.8)),
    "lean_95": Recipe("fixmatch", LEAN),
    "lean_80": Recipe("fixmatch", LEAN | threshold(0.8)),
    "lean_0": Recipe("fixmatch", LEAN | threshold(0.0)),
    "lean_aligned": Recipe("fixmatch", LEAN | {"model.alignment": "probability"} | threshold(0.8)),
    "self_flip": Recipe("fixmatch", SELF | FLIP | threshold(0.8), first="supervised"),
    "early_flip_share": Recipe("fixmatch", LEAN | EARLY | FLIP | SHARE),
    "supervised_balanced": Recipe("supervised", balance=0.5),
    "self_flip_share_balanced": Recipe(
        "fixmatch", SELF | FLIP | SHARE, first="supervised_balanced", balance=0.5
    ),
    "self_rank_balanced": Recipe(
        "rankmatch", SELF | FLIP | SHARE, first="supervised_balanced", balance=0.5
    ),
    "self_twice_balanced": Recipe(
        "fixmatch", SELF | FLIP | SHARE, first="self_flip_share_balanced", balance=0.5
    ),
    "self_flip_0_balanced": Recipe(
        "fixmatch", SELF | FLIP | threshold(0.0), first="supervised_balanced", balance=0.5
    ),
    "self_flip_capped_balanced": Recipe(
        "fixmatch", SELF | FLIP | CAPPED, first="supervised_balanced", balance=0.5
    ),
    "supervised_balanced_long": Recipe("supervised", length=2.0, balance=0.5),
    "supervised_balanced_strong": Recipe("supervised", strong_labels=True, balance=0.5),
    "early_flip_share_balanced": Recipe("fixmatch", LEAN | EARLY | FLIP | SHARE, balance=0.5),
    "supervised_strong": Recipe("supervised", strong_labels=True),
    "supervised_long": Recipe("supervised", length=2.0),
}
