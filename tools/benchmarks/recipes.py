#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Measure what unlabeled images gain on small real image sets, recipe by recipe.

A job is SET/RECIPE/SEED, for example kvasir/teacher_80/0. All jobs of a set see the same images: a
part of the unlabeled training images is held out and has its masks, to choose settings by
("tune"). The validation list is only tested once, with the last weights ("val").

python tools/benchmarks/recipes.py run jobs.txt --data DIR --weights FILE --out DIR
python tools/benchmarks/recipes.py table DIR/results.jsonl
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config

from rankseg import apis
from rankseg.apis.cli import plain_errors
from rankseg.apis.config import load_config
from rankseg.datasets.masks import read_mask
from rankseg.registry import TRANSFORMS
from rankseg.testing.paired import read_results, table
from rankseg.testing.recipes import RECIPES, SETS, ImageSet, Recipe

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
NETWORK = "network.pth"
CHECK_VAL = "train_dataloader.dataset.val"


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


# --- one run


def read_pairs(path: Path) -> list[list[str]]:
    """Read a list of images and masks."""
    return [line.split() for line in path.read_text().splitlines() if line.strip()]


def write_lists(
    root: Path, image_set: ImageSet, folder: Path, all_labels: bool = False
) -> dict[str, Path]:
    """Write the labeled, unlabeled, tuning and validation lists of a set.

    Returns:
        The files, by name.
    """
    splits = root / "splits"
    labeled_file = splits / image_set.split / "labeled.txt"
    train, labeled = read_pairs(splits / "train.txt"), read_pairs(labeled_file)
    unlabeled = read_pairs(labeled_file.with_name("unlabeled.txt"))
    taken = {pair[0] for pair in labeled}
    rest = sorted(pair for pair in train if pair[0] not in taken)
    chosen = np.random.default_rng(0).permutation(len(rest))[: image_set.tune]
    tune = [rest[i] for i in sorted(chosen)]
    held = {pair[0] for pair in tune}
    unlabeled = [pair[:1] for pair in unlabeled if pair[0] not in held]
    if all_labels:
        labeled = [pair for pair in train if pair[0] not in held]
        unlabeled = [pair[:1] for pair in tune]  # not used, but a split needs some
    lists = {
        "labeled": labeled,
        "unlabeled": unlabeled,
        "tune": tune,
        "val": read_pairs(splits / "val.txt")[: image_set.tested],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in lists.items():
        (folder / f"{name}.txt").write_text("".join(" ".join(pair) + "\n" for pair in pairs))
    return {name: folder / f"{name}.txt" for name in lists}


def class_weights(masks: Sequence[Path], num_classes: int, power: float) -> list[float]:
    """Weights of classes, ``share ** -power``, whose mean over the pixels is 1."""
    counts = np.zeros(num_classes)
    for mask in masks:
        counts += np.bincount(read_mask(mask).ravel(), minlength=256)[:num_classes]
    shares = (counts / counts.sum()).clip(1e-3)
    weights = shares**-power
    return [round(float(weight), 3) for weight in weights / (weights * shares).sum()]


def build_config(
    image_set: ImageSet, recipe: Recipe, seed: int, data: Path, weights: str, out: Path, work: Path
) -> Config:
    """Build the config of a job."""
    root = data / image_set.config.rsplit("_", 1)[0]
    folder = out / "lists" / (f"{root.name}_all" if recipe.all_labels else root.name)
    lists = write_lists(root, image_set, folder, recipe.all_labels)
    if recipe.all_labels:
        image_set = replace(image_set, options=image_set.options | {CHECK_VAL: None})
    iterations = round(image_set.iterations * recipe.length)
    options = {
        "model.pretrained": weights,
        "train_cfg.max_iters": iterations,
        "train_cfg.val_interval": iterations,
        "train_dataloader.dataset.split": None,
        "train_dataloader.dataset.labeled": str(lists["labeled"]),
        "train_dataloader.dataset.unlabeled": str(lists["unlabeled"]),
        CHECK_VAL: str(lists["tune"]),
        "val_dataloader.dataset.ann_file": str(lists["tune"]),
        "test_dataloader.dataset.ann_file": str(lists["val"]),
    }
    if recipe.first:
        options["model.labeler"] = str(work.parents[1] / recipe.first / str(seed) / NETWORK)
    semi = recipe.method != "supervised"
    if semi:
        options |= {"model.warmup": iterations // 4, "model.ramp": iterations // 4}
        options |= {"model.track_pseudo_labels": True}
    path = CONFIGS / recipe.method / f"{image_set.config}.py"
    cfg = load_config(
        str(path),
        data_root=str(root),
        work_dir=str(work),
        seed=seed,
        options=options | image_set.options | recipe.options,
    )
    cfg.train_dataloader.num_workers = cfg.val_dataloader.num_workers = 0
    cfg.test_dataloader.num_workers = 0
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.persistent_workers = False
    cfg.custom_hooks = [h for h in cfg.custom_hooks if h["type"] not in ("CurvesHook",)]
    cfg.default_hooks.checkpoint.update(save_best=None, max_keep_ckpts=1, interval=10**9)
    cfg.default_hooks.checkpoint.pop("rule", None)
    if recipe.balance:
        masks = [root / pair[1] for pair in read_pairs(lists["labeled"])]
        head = cfg.model.student.decode_head
        head.loss_decode.class_weight = class_weights(masks, head.num_classes, recipe.balance)
    if recipe.strong_labels:
        recolor = dict(type="StrongViews", num=1, replace=True)
        cfg.train_dataloader.dataset.labeled_pipeline.insert(2, recolor)
    if semi:
        masks = {str(root / a): str(root / b) for a, b in read_pairs(root / "splits" / "train.txt")}
        pipeline = cfg.train_dataloader.dataset.unlabeled_pipeline
        pipeline.insert(1, dict(type="LoadTruth", masks=masks))
        cfg.custom_hooks.append(dict(type="PseudoLabelHook", interval=100, key="fgIoU"))
    apis.use_amp(cfg)
    return cfg


def predicted_share(iou: float, recall: float) -> float:
    """Predicted pixels of a class over true ones, in percent, from its IoU and recall in percent.

    >>> predicted_share(50.0, 50.0), round(predicted_share(40.0, 60.0), 6)
    (50.0, 110.0)
    """
    return 100 * (recall / iou + recall / 100 - 1) if iou else 0.0


def numbers_of(metrics: dict[str, float], classes: Sequence[str]) -> dict[str, Any]:
    """Keep the numbers that matter of one validation."""
    found = {key: metrics[key] for key in ("fgIoU", "mIoU") if key in metrics}
    found["student"] = metrics.get("student/fgIoU")
    for name in classes[1:]:
        iou, recall = metrics.get(f"IoU/{name}"), metrics.get(f"Acc/{name}")
        if iou is not None and recall is not None:
            found[name] = {"IoU": iou, "recall": recall}
            found[name]["share"] = round(predicted_share(iou, recall), 1)
    return found


def run_job(name: str, data: Path, weights: str, out: Path) -> dict[str, Any]:
    """Train and test one job.

    Returns:
        The line of the results file.
    """
    set_name, recipe_name, seed = name.split("/")
    image_set, recipe = SETS[set_name], RECIPES[recipe_name]
    work = out / "runs" / name
    cfg = build_config(image_set, recipe, int(seed), data, weights, out, work)
    runner = apis.train(cfg, overwrite=True)
    network = runner.model.network(runner.model.predict_on)
    torch.save(network.state_dict(), work / NETWORK)  # for recipes that have it label
    summary = json.loads((work / "summary.json").read_text())
    classes = runner.val_dataloader.dataset.metainfo["classes"]
    result = {
        "job": name,
        "set": set_name,
        "recipe": recipe_name,
        "seed": int(seed),
        "iterations": summary["max_iters"],
        "seconds": summary["seconds"],
        "tune": [
            {"iteration": one["iteration"], **numbers_of(one, classes)}
            for one in summary["history"]
        ],
        "val": numbers_of(runner.test(), classes),
    }
    notes = work / "pseudo_labels.json"
    if notes.is_file():
        result["pseudo_labels"] = json.loads(notes.read_text())["history"]
    return result


# --- many runs


def pending(jobs: Path, results: Path, failed: set[str]) -> Iterator[str]:
    """Yield the jobs without a result. The list is read before each, so that it may grow."""
    while True:
        lines = (line.split("#")[0].strip() for line in jobs.read_text().splitlines())
        done = {result["job"] for result in read_results(results)} | failed
        left = [line for line in lines if line and line not in done]
        if not left:
            return
        yield left[0]


def run_all(args: argparse.Namespace) -> None:
    """Run the jobs that have no result yet, each in a process of its own."""
    results, failed = args.out / "results.jsonl", set()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in pending(args.jobs, results, failed):
        log = args.out / "logs" / f"{name.replace('/', '-')}.log"
        log.parent.mkdir(exist_ok=True)
        command = [sys.executable, __file__, "one", name, "--data", str(args.data)]
        command += ["--weights", args.weights, "--out", str(args.out)]
        print(f"{name} ...", flush=True)
        with log.open("w") as file:
            code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
        if code:
            failed.add(name)
            print(f"{name} failed with exit code {code}: see {log}", flush=True)


def run_one(args: argparse.Namespace) -> None:
    """Run one job and append its result."""
    result = run_job(args.job, args.data, args.weights, args.out)
    with (args.out / "results.jsonl").open("a") as file:
        file.write(json.dumps(result) + "\n")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, what in (("run", "run all jobs of a file"), ("one", "run one job")):
        sub = commands.add_parser(command, help=what)
        if command == "run":
            sub.add_argument("jobs", type=Path, help="file with a job on each line")
        else:
            sub.add_argument("job", help="SET/RECIPE/SEED")
        sub.add_argument("--data", type=Path, required=True, help="folder of the image sets")
        sub.add_argument("--weights", required=True, help="file of the encoder's weights")
        sub.add_argument("--out", type=Path, required=True, help="folder for runs and results")
    sub = commands.add_parser("table", help="print means and gains")
    sub.add_argument("results", type=Path, help="results.jsonl")
    sub.add_argument("--part", choices=("tune", "val"), default="tune")
    sub.add_argument("--key", default="fgIoU", help="fgIoU, mIoU or student")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run jobs or print their table."""
    args = parse_args(argv)
    with plain_errors():
        if args.command == "run":
            run_all(args)
        elif args.command == "one":
            run_one(args)
        else:
            print(table(read_results(args.results), args.part, args.key))


if __name__ == "__main__":
    main()
