# SPDX-License-Identifier: Apache-2.0
"""Train and test one job of ``tools/benchmarks/recipes.py``."""

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope

from rankseg.datasets.transforms.photometric import StrongViews
from rankseg.imageio.masks import read_mask
from rankseg.projects.settings import class_weights
from rankseg.registry import DATASETS, METRICS, TRANSFORMS
from rankseg.structures import strong
from rankseg.testing.image_jobs import (
    BATCH,
    class_options,
    evaluate_frozen,
    fit_classes,
    label_more,
    load_method,
)
from rankseg.testing.paired import KEYS
from rankseg.testing.recipes import FROZEN, RECIPES_OF, SETS, ImageSet, Recipe
from rankseg.training.config import load_config
from rankseg.training.train import train, use_amp
from rankseg.utils.bfloat16 import autocast_bfloat16

CONFIGS = Path(__file__).parents[2] / "configs"
NETWORK = "network.pth"
STRIDE = (112, 112)  # of windows: larger than in the configs, as many networks are tested
LOADERS = {"tune": "val_dataloader", "val": "test_dataloader"}


@TRANSFORMS.register_module()
class LoadTruth(BaseTransform):
    """Add the mask of an unlabeled image, to measure pseudo-labels by and never to train on.

    Args:
        masks: Mask of each image, by path. Images without one are left unchanged.
    """

    def __init__(self, masks: dict[str, str]) -> None:
        self.masks = masks

    def transform(self, results: dict) -> dict:
        """Set ``seg_map``."""
        path = self.masks.get(str(results["img_path"]))
        if path is not None:
            results["seg_map"] = read_mask(path, results.get("label_rule"))
        return results


@TRANSFORMS.register_module()
class Recolor(BaseTransform):
    """Replace a labeled image by a strong view of it."""

    def __init__(self) -> None:
        self.views = StrongViews(num=1)

    def transform(self, results: dict) -> dict:
        """Replace ``img``."""
        results = self.views(results)
        results["img"] = results.pop(strong(1))
        return results


@dataclass(frozen=True)
class Job:
    """A job ``SET/RECIPE/SEED`` and the files that it uses.

    Attributes:
        name: Name of the job.
        data: Folder of the image sets.
        weights: File of the encoder's weights.
        out: Folder for runs and results.
        iterations: Length of runs; None takes that of the config.
    """

    name: str
    data: Path
    weights: str
    out: Path
    iterations: int | None = None

    @property
    def parts(self) -> tuple[str, str, int]:
        """Return set, recipe and seed."""
        name, recipe, seed = self.name.split("/")
        return name, recipe, int(seed)

    @property
    def work_dir(self) -> Path:
        """Return the work folder."""
        return self.out / "runs" / self.name

    @property
    def image_set(self) -> ImageSet:
        """Return the set."""
        return SETS[self.parts[0]]

    @property
    def recipe(self) -> Recipe:
        """Return the recipe."""
        return RECIPES_OF[self.image_set.kind][self.parts[1]]

    @property
    def root(self) -> Path:
        """Return the folder of the set."""
        return self.data / (self.image_set.folder or self.parts[0])


def read_pairs(path: Path) -> list[list[str]]:
    """Read a list of images and masks."""
    return [line.split() for line in path.read_text().splitlines() if line.strip()]


def write_lists(
    root: Path, image_set: ImageSet, folder: Path, all_labels: bool = False
) -> dict[str, Path]:
    """Write the labeled, unlabeled, tuning and validation lists of a set.

    Args:
        root: Folder of the set.
        image_set: The set.
        folder: Folder for the lists.
        all_labels: Label all images that are not held out.

    Returns:
        The files, by name.
    """
    splits = root / "splits"
    labeled_file = splits / image_set.labeled
    pairs, labeled = read_pairs(splits / "train.txt"), read_pairs(labeled_file)
    unlabeled = read_pairs(labeled_file.with_name("unlabeled.txt"))
    taken = {pair[0] for pair in labeled}
    rest = sorted(pair for pair in pairs if pair[0] not in taken)
    chosen = np.random.default_rng(0).permutation(len(rest))[: image_set.tune]
    tune = [rest[i] for i in sorted(chosen)]
    held = {pair[0] for pair in tune}
    unlabeled = [pair[:1] for pair in unlabeled if pair[0] not in held]
    if all_labels:
        labeled = [pair for pair in pairs if pair[0] not in held]
        unlabeled = [pair[:1] for pair in tune]  # not used, but a split needs some
    lists = {
        "labeled": labeled,
        "unlabeled": unlabeled,
        "tune": tune,
        "val": read_pairs(splits / "val.txt")[: image_set.tested],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in lists.items():
        (folder / f"{name}.txt").write_text("".join(" ".join(pair) + "\n" for pair in found))
    return {name: (folder / f"{name}.txt").absolute() for name in lists}


def weights_of_masks(
    masks: Sequence[Path], num_classes: int, power: float = 0.5
) -> tuple[float, ...]:
    """Compute weights of classes from masks, as ``tools/new_project.py`` does.

    Args:
        masks: Masks of the labeled images.
        num_classes: Number of classes.
        power: Exponent. 0 weighs all pixels equally, 1 all classes.
    """
    counts = [np.bincount(read_mask(mask).ravel(), minlength=256)[:256] for mask in masks]
    return class_weights(np.array(counts), num_classes, power)


def mask_options(job: Job) -> dict[str, Any]:
    """Write the lists of a set with masks, and return the config keys that name them."""
    name, recipe = job.parts[0], job.recipe
    folder = job.out / "lists" / (f"{name}_all" if recipe.all_labels else name)
    lists = write_lists(job.root, job.image_set, folder, recipe.all_labels)
    options: dict[str, Any] = {
        "train_dataloader.dataset.split": None,
        "train_dataloader.dataset.labeled": str(lists["labeled"]),
        "train_dataloader.dataset.unlabeled": str(lists["unlabeled"]),
        "train_dataloader.dataset.val": None if recipe.all_labels else str(lists["tune"]),
        "val_dataloader.dataset.ann_file": str(lists["tune"]),
        "test_dataloader.dataset.ann_file": str(lists["val"]),
    }
    if not recipe.weighted:
        options["model.student.decode_head.loss_decode.class_weight"] = None
    return options


def build_config(job: Job) -> Config:
    """Build the config of a job."""
    name, _, seed = job.parts
    image_set, recipe, root = job.image_set, job.recipe, job.root
    masks = image_set.kind == "masks"
    if masks:
        options = mask_options(job)
    else:
        lists = job.out / "lists" / name / f"{seed}{'_all' * recipe.all_labels}"
        options = class_options(root, image_set, lists, seed, recipe.all_labels)
    options["model.pretrained"] = job.weights
    network = job.out / "runs" / name / str(recipe.first) / str(seed) / NETWORK
    if recipe.first and masks:
        options["model.labeler"] = str(network)
        if recipe.proceed:
            options["load_from"] = str(network)
    baseline = "supervised" if image_set.kind == "classes" else "metric_learning"
    path = (
        CONFIGS
        / (baseline if recipe.method == FROZEN else recipe.method)
        / f"{image_set.config}{recipe.suffix}.py"
    )
    cfg = load_config(
        str(path),
        data_root=str(root),
        work_dir=str(job.work_dir),
        seed=seed,
        options=options | recipe.options,
    )
    if not masks:
        fit_classes(cfg, image_set)
    _set_length(cfg, job.iterations or cfg.train_cfg.max_iters, recipe)
    _shorten(cfg)
    if recipe.recolored:
        cfg.train_dataloader.dataset.labeled_pipeline.insert(2, dict(type="Recolor"))
    if masks and recipe.method != "supervised":
        _track(cfg, root)
    if masks:
        use_amp(cfg)
    return cfg


def _set_length(cfg: Config, iterations: int, recipe: Recipe) -> None:
    """Set the length of a run, and warm-up and ramp in proportion."""
    now = round(iterations * recipe.length)
    for key in ("warmup", "ramp"):
        if cfg.model.get(key):
            cfg.model[key] = round(cfg.model[key] * now / cfg.train_cfg.max_iters)
    cfg.train_cfg.max_iters = now


def _shorten(cfg: Config) -> None:
    """Leave out what a benchmark does not need: workers, checkpoints and curves."""
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.num_workers, loader.persistent_workers = 0, False
    pictures = ("CurvesHook", "RetrievalPanelHook")
    cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook["type"] not in pictures]
    for hook in cfg.custom_hooks:
        if hook["type"] == "PseudoLabelHook":
            hook.interval = 50
    cfg.default_hooks.checkpoint.update(save_best=None, max_keep_ckpts=1, interval=10**9)
    cfg.default_hooks.checkpoint.pop("rule", None)
    if cfg.model.student.test_cfg.mode == "slide":
        cfg.model.student.test_cfg.stride = STRIDE


def _track(cfg: Config, root: Path) -> None:
    """Record the quality of pseudo-labels by the masks of unlabeled images."""
    masks = {str(root / a): str(root / b) for a, b in read_pairs(root / "splits" / "train.txt")}
    pipeline = cfg.train_dataloader.dataset.unlabeled_pipeline
    pipeline.insert(1, dict(type="LoadTruth", masks=masks))
    cfg.custom_hooks.append(dict(type="PseudoLabelHook", interval=100, key="fgIoU"))
    cfg.model.track_pseudo_labels = True


def predicted_share(iou: float, recall: float) -> float:
    """Predicted pixels of a class over true ones, in percent, from its IoU and recall in percent.

    >>> predicted_share(50.0, 50.0), round(predicted_share(40.0, 60.0), 6)
    (50.0, 110.0)
    """
    return 100 * (recall / iou + recall / 100 - 1) if iou else 0.0


def numbers_of(metrics: dict[str, float], classes: Sequence[str]) -> dict[str, Any]:
    """Keep the numbers that matter of one validation."""
    found: dict[str, Any] = {key: metrics[key] for key in KEYS if key in metrics}
    for name in classes if len(classes) > 3 else classes[1:]:
        iou, recall = metrics.get(f"IoU/{name}"), metrics.get(f"Acc/{name}")
        if iou is not None and recall is not None:
            share = round(predicted_share(iou, recall), 1)
            found[name] = {"IoU": iou, "recall": recall, "share": share}
    return found


def evaluate(cfg: Config, weights: Path, loader: str, size: int = 1) -> dict[str, Any]:
    """Test the network of a file on one of the loaders of a config, ``size`` images at a time."""
    method = load_method(cfg, weights)
    with DefaultScope.overwrite_default_scope("rankseg"):
        dataset = DATASETS.build(cfg[loader].dataset)
        evaluator = Evaluator([METRICS.build(cfg.val_evaluator)])
    cuda = torch.cuda.is_available()
    method = method.to("cuda" if cuda else "cpu")
    evaluator.dataset_meta = dataset.metainfo
    for start in range(0, len(dataset), size):
        batch = pseudo_collate([dataset[i] for i in range(start, min(start + size, len(dataset)))])
        with nullcontext() if cuda else autocast_bfloat16("cpu"):
            evaluator.process(method.test_step(batch), batch)
    return numbers_of(evaluator.evaluate(len(dataset)), dataset.metainfo["classes"])


def run_job(job: Job, retest: bool = False) -> dict[str, Any]:
    """Train and test a job, or only test the network that it left.

    Returns:
        The line of the results file.
    """
    name, recipe, seed = job.parts
    cfg = build_config(job)
    result: dict[str, Any] = {"job": job.name, "set": name, "recipe": recipe, "seed": seed}
    if job.recipe.method == FROZEN:
        begin = time.perf_counter()
        tested = evaluate_frozen(cfg, job.image_set, job.recipe, job.out / "features" / name)
        seconds = round(time.perf_counter() - begin, 1)
        return result | {"iterations": 0, "seconds": seconds} | tested
    if job.recipe.first and job.image_set.kind == "classes":
        network = job.out / "runs" / name / job.recipe.first / str(seed) / NETWORK
        label_more(cfg, network, job.recipe.least, job.out / "lists" / job.name)
    untested = cfg.copy()
    untested.val_dataloader = untested.test_dataloader = None  # tested below, by one network
    if not retest:
        runner = train(untested, overwrite=True)
        network = runner.model.network(runner.model.predict_on)
        torch.save(network.state_dict(), job.work_dir / NETWORK)  # for recipes that have it label
    summary = json.loads((job.work_dir / "summary.json").read_text())
    result |= {"iterations": summary["max_iters"], "seconds": summary["seconds"]}
    size = 1 if job.image_set.kind == "masks" else BATCH  # masks differ in size
    for part, loader in LOADERS.items():
        result[part] = evaluate(cfg, job.work_dir / NETWORK, loader, size)
    notes = job.work_dir / "pseudo_labels.json"
    if notes.is_file():
        result["pseudo_labels"] = json.loads(notes.read_text())["history"]
    return result
