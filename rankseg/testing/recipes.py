# SPDX-License-Identifier: Apache-2.0
"""Image sets and ways to train that ``tools/benchmarks/recipes.py`` compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class ImageSet:
    """A set of images.

    Attributes:
        config: Name of the config of every method.
        labeled: File of the labeled list, below ``splits``; ``unlabeled.txt`` is beside it. With
            image-level classes, the number of labeled images of every class, drawn by the seed.
        tune: Number of unlabeled images that are held out to choose settings by; for new classes,
            the number of classes.
        tested: Number of validation images that are tested, from the top of the list.
        key: Metric.
        kind: ``"masks"``, ``"classes"``, or ``"embeddings"``, which are trained without labels.
        folder: Folder of the images, if it has another name than the set.
    """

    config: str
    labeled: str | int
    tune: int
    tested: int = 100
    key: str = "fgIoU"
    kind: str = "masks"
    folder: str | None = None


@dataclass(frozen=True)
class Recipe:
    """A way to train.

    Attributes:
        method: Folder of the config.
        title: What it is, for tables.
        options: Config keys on top of the config.
        suffix: Ending of the config's name.
        length: Length of the run as a multiple of the usual one.
        first: Recipe whose last weights make the pseudo-labels. With image-level classes and
            ``least``, they label the unlabeled images once, before the run.
        proceed: Start from those weights, too, in place of the encoder's.
        weighted: Keep the class weights of the labeled loss.
        all_labels: Train on the masks of all training images that are not held out: the ceiling.
        recolored: Recolor labeled images as the strong views are.
        frozen: How a frozen encoder classifies, see :func:`rankseg.testing.image_jobs.classify`.
        least: Smallest confidence of such labels, and of those of ``frozen="again"``.
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
    frozen: str = ""
    least: float = 0.0


SETS = {
    "kvasir": ImageSet("kvasir_16", "16/labeled.txt", tune=60),
    "nuclei": ImageSet("nuclei_8", "8/labeled.txt", tune=40, tested=60),
    "peanut": ImageSet("peanut_8", "8/labeled.txt", tune=40),
    "em_mito": ImageSet("em_mito_2_lite0", "labeled_2.txt", tune=4),
    "camvid": ImageSet("camvid_1_16_lite0", "1_16/labeled.txt", tune=40, key="mIoU"),
    "cifar10_mini": ImageSet("cifar10_mini_100_lite0", 10, tune=800, key="top1", kind="classes"),
    "omniglot_mini": ImageSet("omniglot_mini_lite0", 0, tune=46, key="recall1", kind="embeddings"),
}

BASELINE, FIRST = "supervised", "supervised_quarter"
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
PLAIN = {"model.soft_labels": False, "model.unlabeled_class_weight": None}
NO_FLIP = {"model.flip_labels": False}

RECIPES = {
    "supervised": Recipe("supervised", "supervised"),
    "supervised_half": Recipe("supervised", "supervised, half the length", length=0.5),
    "supervised_quarter": Recipe("supervised", "supervised, a quarter of the length", length=0.25),
    "supervised_plain": Recipe("supervised", "supervised, no class weights", weighted=False),
    "supervised_plain_quarter": Recipe(
        "supervised",
        "supervised, no class weights, a quarter of the length",
        weighted=False,
        length=0.25,
    ),
    "supervised_strong": Recipe("supervised", "supervised, recolored", recolored=True),
    "supervised_random_quarter": Recipe(
        "supervised",
        "supervised, random weights, a quarter of the length",
        {"model.pretrained": None},
        weighted=False,
        length=0.25,
    ),
    "supervised_all": Recipe("supervised", "all labels", all_labels=True),
    "linear": Recipe("supervised", "frozen encoder, linear head", suffix="_linear"),
    "lora": Recipe("supervised", "LoRA on the encoder", suffix="_lora"),
    "rankmatch": Recipe("rankmatch", "RankMatch"),
    "fixmatch": Recipe("fixmatch", "FixMatch"),
    "unimatch": Recipe("unimatch", "UniMatch"),
    "rankmatch_half": Recipe("rankmatch", "RankMatch, half the length", length=0.5),
    "rankmatch_plain": Recipe("rankmatch", "RankMatch, no class weights", PLAIN, weighted=False),
    "rankmatch_hard": Recipe(
        "rankmatch", "RankMatch, hard labels, no class weights on them", PLAIN
    ),
    "rankmatch_soft": Recipe(
        "rankmatch",
        "RankMatch, soft labels, no class weights on them",
        PLAIN | {"model.soft_labels": True},
    ),
    "rankmatch_80": Recipe("rankmatch", "RankMatch, threshold 0.8", {"model.threshold": 0.8}),
    "rank_online": Recipe(
        "rankmatch",
        "RankMatch, starts from the baseline of a quarter of the length",
        FIXED | {"model.labeler": None, "model.teacher": {"momentum": 0.01}},
        first=FIRST,
        proceed=True,
        length=0.25,
    ),
    "rank_0_proceed": Recipe(
        "rankmatch",
        "RankMatch, starts from a baseline that keeps labeling",
        FIXED,
        first=FIRST,
        proceed=True,
        length=0.25,
    ),
    "rank_0": Recipe("rankmatch", "RankMatch, a baseline labels", FIXED, first=FIRST, length=0.25),
    "self_flip_0": Recipe(
        "fixmatch", "FixMatch, a baseline labels", FIXED, first=FIRST, length=0.25
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
BACKBONE = "model.student.backbone"
FAST = {  # the settings of the small real sets
    "optim_wrapper.optimizer.lr": 0.001,
    "optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult": 0.2,
    "train_cfg.max_iters": 300,
}
HALF = {f"{BACKBONE}.frozen": 9, f"{BACKBONE}.norm_eval": True}
WHOLE = {f"{BACKBONE}.frozen": False, f"{BACKBONE}.norm_eval": False}
BOTH_MAPS = {f"{BACKBONE}.out_indices": (3, 4)}
FROZEN = "frozen"  # in place of a method: the encoder is not trained
CLASS_RECIPES = {
    "frozen_linear": Recipe(FROZEN, "frozen encoder, linear", BOTH_MAPS, frozen="linear"),
    "frozen_knn": Recipe(FROZEN, "frozen encoder, 5-NN", BOTH_MAPS, frozen="knn"),
    "frozen_again": Recipe(
        FROZEN, "frozen encoder, linear, again on its own labels", BOTH_MAPS, frozen="again"
    ),
    "frozen_again_50": Recipe(
        FROZEN,
        "frozen encoder, linear, again on its labels above 0.5",
        BOTH_MAPS,
        frozen="again",
        least=0.5,
    ),
    "frozen_again_70": Recipe(
        FROZEN,
        "frozen encoder, linear, again on its labels above 0.7",
        BOTH_MAPS,
        frozen="again",
        least=0.7,
    ),
    "frozen_again_90": Recipe(
        FROZEN,
        "frozen encoder, linear, again on its labels above 0.9",
        BOTH_MAPS,
        frozen="again",
        least=0.9,
    ),
    "frozen_again_95": Recipe(
        FROZEN,
        "frozen encoder, linear, again on its labels above 0.95",
        BOTH_MAPS,
        frozen="again",
        least=0.95,
    ),
    "frozen_propagation": Recipe(
        FROZEN, "frozen encoder, label propagation", BOTH_MAPS, frozen="propagation"
    ),
    "frozen_all": Recipe(
        FROZEN, "frozen encoder, linear, all labels", BOTH_MAPS, frozen="linear", all_labels=True
    ),
    "supervised": Recipe("supervised", "supervised"),
    "supervised_all": Recipe("supervised", "all labels", all_labels=True),
    "supervised_again": Recipe(
        "supervised", "supervised, again on its labels above 0.9", first="supervised", least=0.9
    ),
    "supervised_half_frozen": Recipe("supervised", "supervised, 9 of 16 blocks frozen", HALF),
    "fixmatch_half_frozen": Recipe("fixmatch", "FixMatch, 9 of 16 blocks frozen", HALF),
    "fast_trained": Recipe(
        "supervised", "supervised, fast backbone, batch statistics", FAST | WHOLE
    ),
    "fast_half_frozen": Recipe(
        "supervised",
        "supervised, fast backbone, batch statistics, 9 of 16 blocks frozen",
        FAST | WHOLE | {f"{BACKBONE}.frozen": 9},
    ),
    "fast_norm_eval": Recipe(
        "supervised", "supervised, fast backbone", FAST | WHOLE | {f"{BACKBONE}.norm_eval": True}
    ),
    "fixmatch": Recipe("fixmatch", "FixMatch"),
    "fixmatch_0": Recipe("fixmatch", "FixMatch, threshold 0", {"model.threshold": 0.0}),
    "fixmatch_student": Recipe(
        "fixmatch",
        "FixMatch, the student labels, threshold 0.95",
        {"model.labels_from": "student", "model.single_pass": False, "model.threshold": 0.95},
    ),
    "mean_teacher": Recipe("mean_teacher", "Mean Teacher"),
    "simmatch": Recipe("simmatch", "SimMatch"),
    "label_propagation": Recipe("label_propagation", "Label propagation"),
}
EMBEDDING_RECIPES = {
    "frozen": Recipe(FROZEN, "frozen encoder", frozen="features"),
    "metric_learning": Recipe("metric_learning", "metric learning on clusters"),
    "ccl": Recipe("tac_ccl", "contrastive clustering", suffix="_ccl"),
    "tac_ccl": Recipe("tac_ccl", "TAC-CCL"),
    "metric_supervised": Recipe(
        "metric_learning", "metric learning, all labels", suffix="_supervised", all_labels=True
    ),
}
RECIPES_OF = {"masks": RECIPES, "classes": CLASS_RECIPES, "embeddings": EMBEDDING_RECIPES}
MAIN = {
    "masks": (BASELINE, "rankmatch"),
    "classes": ("frozen_linear", "frozen_again_90", BASELINE, "fixmatch"),
    "embeddings": ("frozen", "metric_learning", "ccl", "tac_ccl"),
}
TITLES = {name: recipe.title for known in RECIPES_OF.values() for name, recipe in known.items()}


def list_jobs(
    sets: Sequence[str], recipes: Sequence[str] | None, seeds: Sequence[int]
) -> list[str]:
    """List jobs ``SET/RECIPE/SEED``, each after the one whose network it needs.

    Seeds come one after the other, so that an unfinished list has pairs.

    Args:
        sets: Names of image sets.
        recipes: Names of recipes. Those whose networks they need are added, and those of another
            kind of set are left out. None takes the main ones.
        seeds: Seeds.

    Raises:
        ValueError: If there is no such set or recipe, or a recipe suits none of the sets.
    """
    every = {name for known in RECIPES_OF.values() for name in known}
    for kind, names, known in (("set", sets, SETS), ("recipe", recipes or (), every)):
        wrong = [name for name in names if name not in known]
        if wrong:
            raise ValueError(
                f"Expected the name of a {kind}, one of {', '.join(sorted(known))}, but got "
                f"{wrong[0]}."
            )
    for name in recipes or ():
        if all(name not in RECIPES_OF[SETS[one].kind] for one in sets):
            fitting = sorted({found for one in sets for found in RECIPES_OF[SETS[one].kind]})
            raise ValueError(
                f"Expected a recipe for {' or '.join(sets)}, one of {', '.join(fitting)}, but got "
                f"{name}."
            )
    return [
        f"{one}/{recipe}/{seed}"
        for seed in seeds
        for one in sets
        for recipe in _with_needed(recipes or MAIN[SETS[one].kind], RECIPES_OF[SETS[one].kind])
    ]


def _with_needed(names: Sequence[str], known: Mapping[str, Recipe]) -> list[str]:
    """Return those of some recipes that are known, each after the one whose network it needs."""
    ordered: dict[str, None] = {}
    for name in names:
        if name not in known:
            continue
        chain = [name]
        while (needed := known[chain[-1]].first) is not None:
            chain.append(needed)
        ordered |= dict.fromkeys(reversed(chain))
    return list(ordered)
