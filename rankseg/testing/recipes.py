# SPDX-License-Identifier: Apache-2.0
"""Image sets and ways to train that ``tools/benchmarks/recipes.py`` compares."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class ImageSet:
    """A set of images.

    Attributes:
        config: Name of the config of every method.
        labeled: File of the labeled list, below ``splits``; ``unlabeled.txt`` is beside it.
        tune: Number of unlabeled images that are held out to choose settings by.
        tested: Number of validation images that are tested, from the top of the list.
        key: Metric.
    """

    config: str
    labeled: str
    tune: int
    tested: int = 100
    key: str = "fgIoU"


@dataclass(frozen=True)
class Recipe:
    """A way to train.

    Attributes:
        method: Folder of the config.
        title: What it is, for tables.
        options: Config keys on top of the config.
        suffix: Ending of the config's name.
        length: Length of the run as a multiple of the usual one.
        first: Recipe whose last weights make the pseudo-labels.
        proceed: Start from those weights, too, in place of the encoder's.
        weighted: Keep the class weights of the labeled loss.
        all_labels: Train on the masks of all training images that are not held out: the ceiling.
        recolored: Recolor labeled images as the strong views are.
    """

    method: str
    title: str
    options: dict[str, Any] = field(default_factory=dict)
    suffix: str = ""
    length: float = 1.0
    first: str | None = None
    proceed: bool = False
    weighted: bool = True
    all_labels: bool = False
    recolored: bool = False


SETS = {
    "kvasir": ImageSet("kvasir_16", "16/labeled.txt", tune=60),
    "nuclei": ImageSet("nuclei_8", "8/labeled.txt", tune=40, tested=60),
    "peanut": ImageSet("peanut_8", "8/labeled.txt", tune=40),
    "em_mito": ImageSet("em_mito_2_lite0", "labeled_2.txt", tune=4),
    "camvid": ImageSet("camvid_1_16_lite0", "1_16/labeled.txt", tune=40, key="mIoU"),
}

BASELINE, WEIGHTED, FIRST = "supervised", "supervised_balanced", "supervised_balanced_half"
UNLABELED = "train_dataloader.dataset.unlabeled_pipeline.2"
PUBLISHED = {
    "model.labels_from": "student",
    "model.flip_labels": False,
    "model.single_pass": False,
    "model.teacher": {"momentum": 0.01},
    "model.threshold": 0.95,
    "model.strong_views": 2,
    "model.strong_weight": 0.5,
    f"{UNLABELED}.num": 2,
}
FIXED = {"model.warmup": 0, "model.ramp": 0}
NO_FLIP = {"model.flip_labels": False}

RECIPES = {
    "supervised": Recipe("supervised", "supervised", weighted=False),
    "supervised_balanced": Recipe("supervised", "supervised, class weights"),
    "supervised_half": Recipe(
        "supervised", "supervised, half the length", weighted=False, length=0.5
    ),
    "supervised_balanced_half": Recipe(
        "supervised", "supervised, class weights, half the length", length=0.5
    ),
    "supervised_balanced_double": Recipe(
        "supervised", "supervised, class weights, twice the length", length=2
    ),
    "supervised_balanced_strong": Recipe(
        "supervised", "supervised, class weights, recolored", recolored=True
    ),
    "supervised_random_half": Recipe(
        "supervised",
        "supervised, random weights, half the length",
        {"model.pretrained": None},
        weighted=False,
        length=0.5,
    ),
    "supervised_all": Recipe("supervised", "all labels", weighted=False, all_labels=True),
    "linear": Recipe("supervised", "frozen encoder, linear head", suffix="_linear"),
    "rankmatch": Recipe("rankmatch", "RankMatch"),
    "fixmatch": Recipe("fixmatch", "FixMatch"),
    "unimatch": Recipe("unimatch", "UniMatch"),
    "rankmatch_double": Recipe("rankmatch", "RankMatch, twice the length", length=2),
    "rank_online": Recipe(
        "rankmatch",
        "RankMatch, starts from the baseline of half the length",
        FIXED | {"model.labeler": None, "model.teacher": {"momentum": 0.01}},
        first=FIRST,
        proceed=True,
        length=0.5,
    ),
    "rank_0_proceed": Recipe(
        "rankmatch",
        "RankMatch, starts from a baseline that keeps labeling",
        FIXED,
        first=FIRST,
        proceed=True,
        length=0.5,
    ),
    "rank_0_balanced": Recipe(
        "rankmatch", "RankMatch, a baseline labels", FIXED, first=FIRST, length=0.5
    ),
    "self_flip_0_balanced": Recipe(
        "fixmatch", "FixMatch, a baseline labels", FIXED, first=FIRST, length=0.5
    ),
    "rank_no_flip": Recipe("rankmatch", "RankMatch, no mirror image", NO_FLIP),
    "unimatch_v2": Recipe("unimatch_v2", "UniMatch V2"),
    "prevmatch": Recipe("prevmatch", "PrevMatch"),
    "mean_teacher": Recipe("mean_teacher", "Mean Teacher"),
    "cps": Recipe("cps", "CPS"),
    "cct": Recipe("cct", "CCT"),
    "published": Recipe("rankmatch", "RankMatch as published", PUBLISHED, weighted=False),
    "teacher_80": Recipe(
        "rankmatch",
        "RankMatch, labels by the average, threshold 0.8",
        PUBLISHED | {"model.labels_from": "teacher", "model.threshold": 0.8},
        weighted=False,
    ),
}
MAIN = (BASELINE, WEIGHTED, "rankmatch")
TITLES = {name: recipe.title for name, recipe in RECIPES.items()}
TITLES |= {  # measured with options that gained nothing and are not in the package
    "early_flip_share": "FixMatch, labels by the average, the surest 80% of each class",
    "self_flip_share_balanced": "FixMatch, a baseline labels the surest 80% of each class",
    "self_flip_capped_balanced": "FixMatch, the same, or above 0.8",
    "rank_0_weighted": "RankMatch, a baseline labels, weighted by class",
    "rank_0_sharp": "RankMatch, the same, no blur",
    "rank_soft": "RankMatch, starts from a baseline that keeps labeling, soft labels",
    "self_flip": "FixMatch, a baseline labels, threshold 0.8, no class weights",
}


def list_jobs(sets: Sequence[str], recipes: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """List jobs ``SET/RECIPE/SEED``, each after the one whose network it needs.

    Seeds come one after the other, so that an unfinished list has pairs.

    Args:
        sets: Names of image sets.
        recipes: Names of recipes. Those whose networks they need are added.
        seeds: Seeds.

    Raises:
        ValueError: If there is no such set or recipe.
    """
    for kind, names, known in (("set", sets, SETS), ("recipe", recipes, RECIPES)):
        wrong = [name for name in names if name not in known]
        if wrong:
            raise ValueError(
                f"Expected the name of a {kind}, one of {', '.join(known)}, but got {wrong[0]}."
            )
    ordered: dict[str, None] = {}
    for name in recipes:
        chain = [name]
        while (needed := RECIPES[chain[-1]].first) is not None:
            chain.append(needed)
        ordered |= dict.fromkeys(reversed(chain))
    return [f"{one}/{recipe}/{seed}" for seed in seeds for one in sets for recipe in ordered]
