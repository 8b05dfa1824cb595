# SPDX-License-Identifier: Apache-2.0
"""Lists of image-level sets, and jobs on a frozen encoder, of ``tools/benchmarks/recipes.py``."""

import copy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from rankseg.evaluation.features import knn_classify, linear_probe
from rankseg.evaluation.retrieval import percentages, retrieval_scores
from rankseg.imageio.listing import walk_images
from rankseg.registry import DATASETS, MODELS
from rankseg.selection.graph import knn_graph, propagate
from rankseg.testing.recipes import ImageSet, Recipe

BATCH = 50  # images that are tested at a time


class Features(NamedTuple):
    """Features of images.

    Attributes:
        feature: ``(N, D)`` averages over the positions of every returned map, each scaled to length
            1, one after the other.
        label: ``(N,)`` int64 classes.
        names: Path of every image.
    """

    feature: Tensor
    label: Tensor
    names: list[str]

    def rows(self, file: str) -> list[int]:
        """Return the rows of the images of a list, whose names are the ends of the paths."""
        place = {"/".join(Path(name).parts[-3:]): row for row, name in enumerate(self.names)}
        return [place[name] for name in Path(file).read_text().splitlines()]


def class_lists(
    root: Path, image_set: ImageSet, folder: Path, seed: int, all_labels: bool = False
) -> dict[str, Path]:
    """Write the labeled, unlabeled and tuning lists of a set with image-level classes.

    The images that are held out are the same for all seeds. An embedding network is tested on new
    classes, so whole classes are held out, the first ones by name.

    Args:
        root: Folder of the set, with images in ``train/CLASS``.
        image_set: The set.
        folder: Folder for the lists.
        seed: Seed of the labeled images.
        all_labels: Label all images that are not held out.

    Returns:
        The files, by name.
    """
    images = sorted(path.relative_to(root).as_posix() for path in walk_images(root / "train"))
    classes = [name.split("/")[1] for name in images]
    if image_set.kind == "embeddings":
        new = sorted(set(classes))[: image_set.tune]
        held = {name for name, label in zip(images, classes, strict=True) if label in new}
    else:
        order = np.random.default_rng(0).permutation(len(images))
        held = {images[i] for i in order[: image_set.tune]}
    rng, labeled = np.random.default_rng(seed), []
    for label in sorted(set(classes)):
        mine = [a for a, b in zip(images, classes, strict=True) if b == label and a not in held]
        labeled += mine if all_labels else list(rng.permutation(mine)[: int(image_set.labeled)])
    lists = {
        "labeled": sorted(labeled),
        "unlabeled": sorted(set(images) - held - set(labeled)),
        "tune": sorted(held),
    }
    if all_labels:
        lists["unlabeled"] = lists["tune"]  # not used, but a split needs some
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in lists.items():
        (folder / f"{name}.txt").write_text("".join(f"{one}\n" for one in found))
    return {name: (folder / f"{name}.txt").absolute() for name in lists}


def class_options(
    root: Path, image_set: ImageSet, folder: Path, seed: int, all_labels: bool
) -> dict[str, Any]:
    """Write the lists of a set, and return the config keys that name them."""
    lists = class_lists(root, image_set, folder, seed, all_labels)
    data = "train_dataloader.dataset"
    options: dict[str, Any] = {
        "val_dataloader.dataset.folder": "train",
        "val_dataloader.dataset.ann_file": str(lists["tune"]),
    }
    if image_set.kind == "embeddings":
        part = ("unlabeled", "labeled")[all_labels]
        source = lists["labeled" if all_labels else "unlabeled"]
        return options | {f"{data}.{part}": str(source)}
    return options | {
        f"{data}.split": None,
        f"{data}.labeled": str(lists["labeled"]),
        f"{data}.unlabeled": str(lists["unlabeled"]),
        f"{data}.val": None if all_labels else str(lists["tune"]),
    }


def fit_classes(cfg: Config, image_set: ImageSet) -> None:
    """Test on the folder of test images, and fit the number of clusters to the training images."""
    cfg.test_dataloader = copy.deepcopy(cfg.val_dataloader)
    cfg.test_dataloader.dataset.update(folder="test", ann_file="")
    if image_set.kind != "embeddings":
        return
    train = cfg.train_dataloader.dataset
    names = Path(train.get("unlabeled") or train.labeled).read_text().splitlines()
    cfg.model.memory.size = len(names)
    for hook in cfg.custom_hooks:
        if hook["type"] == "ClusterHook":
            hook.clusters = len({name.split("/")[1] for name in names})


def load_method(cfg: Config, weights: Path) -> nn.Module:
    """Build the network of a config with the weights of a file, in eval mode."""
    with DefaultScope.overwrite_default_scope("rankseg"):
        student, cleaner = cfg.model.student, cfg.model.data_preprocessor
        method = MODELS.build(dict(type="Supervised", student=student, data_preprocessor=cleaner))
    method.student.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
    return method.eval()


@torch.no_grad()
def label_more(cfg: Config, weights: Path, least: float, folder: Path) -> None:
    """Move unlabeled images to the labeled list of a config, labeled by the network of a file.

    Args:
        cfg: Config of a job; its lists are replaced.
        weights: File of the network.
        least: Smallest confidence of these labels.
        folder: Folder for the new lists.
    """
    train = cfg.train_dataloader.dataset
    method = load_method(cfg, weights)
    with DefaultScope.overwrite_default_scope("rankseg"):
        steps = cfg.val_dataloader.dataset.pipeline
        config = dict(train.dataset, ann_file=train.unlabeled, pipeline=steps, test_mode=True)
        dataset = DATASETS.build(config)
    confident, unsure = [], []
    names = Path(train.unlabeled).read_text().splitlines()
    for start in range(0, len(names), BATCH):
        some = names[start : start + BATCH]
        batch = pseudo_collate([dataset[start + i] for i in range(len(some))])
        for name, sample in zip(some, method.test_step(batch), strict=True):
            share, label = sample.seg_logits.data.flatten().softmax(0).max(0)
            if share >= least:
                confident.append(f"{name} {dataset.metainfo['classes'][label]}")
            else:
                unsure.append(name)
    folder.mkdir(parents=True, exist_ok=True)
    known = Path(train.labeled).read_text().splitlines()
    for part, lines in (("labeled", known + confident), ("unlabeled", unsure)):
        file = folder / f"{part}.txt"
        file.write_text("".join(f"{line}\n" for line in lines))
        train[part] = str(file.absolute())


@torch.no_grad()
def extract(cfg: Config, folder: str) -> Features:
    """Compute the features of the pretrained encoder of a config for all images of a folder."""
    with DefaultScope.overwrite_default_scope("rankseg"):
        keys = ("student", "data_preprocessor", "pretrained")
        model = MODELS.build(dict(type="Supervised", **{key: cfg.model[key] for key in keys}))
        images = DATASETS.build(dict(cfg.val_dataloader.dataset, folder=folder, ann_file=""))
    model.init_weights()
    model.eval()
    features, labels, names = [], [], []
    for start in range(0, len(images), BATCH):
        samples = [images[i] for i in range(start, min(start + BATCH, len(images)))]
        cleaned = model.data_preprocessor(pseudo_collate(samples), False)
        maps = model.student.backbone(cleaned["inputs"])
        features.append(torch.cat([F.normalize(one.mean((2, 3)), dim=1) for one in maps], 1))
        labels += [int(one.gt_sem_seg.data) for one in cleaned["data_samples"]]
        names += [str(one.img_path) for one in cleaned["data_samples"]]
    return Features(torch.cat(features), torch.tensor(labels), names)


def load_features(cfg: Config, file: Path, folder: str) -> Features:
    """Load the features of a folder from a file, or compute them and write the file."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(tuple(extract(cfg, folder)), file)
    return Features(*torch.load(file, weights_only=True))


def classify(
    kind: str,
    known: Tensor,
    label: Tensor,
    unknown: Tensor,
    query: Tensor,
    seed: int,
    least: float = 0.0,
) -> Tensor:
    """Classify queries by frozen features.

    Args:
        kind: ``"linear"`` and ``"knn"`` (5 neighbors) use labeled images only. ``"again"`` trains a
            second linear layer on the predictions of the first one, too.
            ``"propagation"`` propagates labels over a graph of all images and queries.
        known: ``(L, D)`` features of labeled images.
        label: ``(L,)`` their classes.
        unknown: ``(U, D)`` features of unlabeled images.
        query: ``(M, D)`` features to classify.
        seed: Seed of the order of the images.
        least: Smallest confidence of the predictions that ``"again"`` uses.

    Returns:
        ``(M,)`` classes.
    """
    classes = int(label.max()) + 1
    if kind == "knn":
        return knn_classify(known, label, query, 5, num_classes=classes)
    if kind == "propagation":
        nodes = torch.cat([known, unknown, query])
        nodes = F.normalize((nodes - nodes.mean(0)) / nodes.std(0).clamp(min=1e-6), dim=1)
        graph = knn_graph(nodes.numpy(), 20)
        found = propagate(*graph, label.numpy(), np.arange(len(known)), classes)
        return torch.from_numpy(np.asarray(found.label))[-len(query) :]
    if kind == "again":
        logits = linear_probe(known, label, unknown, classes, seed=seed)
        confidence, guess = logits.softmax(1).max(1)
        kept = confidence >= least
        known, label = torch.cat([known, unknown[kept]]), torch.cat([label, guess[kept]])
    return linear_probe(known, label, query, classes, seed=seed).argmax(1)


def evaluate_frozen(
    cfg: Config, image_set: ImageSet, recipe: Recipe, cache: Path
) -> dict[str, dict[str, float]]:
    """Test the pretrained encoder of a config without training it.

    Args:
        cfg: Config of a job.
        image_set: Its set.
        recipe: Its recipe; embedding networks are tested by the features themselves.
        cache: Folder for the features, which are the same for all jobs of a set.

    Returns:
        The metric on the held-out images (``"tune"``) and on the test images (``"val"``).
    """
    train, test = (load_features(cfg, cache / f"{one}.pt", one) for one in ("train", "test"))
    tune = train.rows(cfg.val_dataloader.dataset.ann_file)
    queries = {"tune": (train.feature[tune], train.label[tune]), "val": test[:2]}
    found: dict[str, dict[str, float]] = {}
    if image_set.kind == "embeddings":
        for name, (query, truth) in queries.items():
            own = torch.arange(len(query))
            scores = retrieval_scores(query, query, truth, truth, (1,), own)
            found[name] = {"recall1": percentages(scores, (1,))["recall1"]}
        return found
    lists = cfg.train_dataloader.dataset
    labeled, unlabeled = train.rows(lists.labeled), train.rows(lists.unlabeled)
    known = train.feature[labeled], train.label[labeled], train.feature[unlabeled]
    for name, (query, truth) in queries.items():
        guess = classify(recipe.frozen, *known, query, cfg.randomness.seed, recipe.least)
        found[name] = {"top1": round(100 * float((guess == truth).double().mean()), 2)}
    return found
