# SPDX-License-Identifier: Apache-2.0
"""Hook that clusters the embeddings every few passes and trains on the clusters as labels."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from sklearn.metrics import normalized_mutual_info_score
from torch.utils.data import Dataset

from rankseg.engine.features import extract_features, with_pipeline
from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import RunEnded
from rankseg.models.methods import MetricLearning
from rankseg.registry import HOOKS
from rankseg.selection.graph import cluster_centres, nearest_centres

PIPELINES = ("train", "test")
FILE = "clusters"
TOO_ALIKE = 99.9  # percent: embeddings about 0.045 apart


class Clustering(NamedTuple):
    """Result of clustering ``N`` images.

    Attributes:
        label: ``(N,)`` int64 cluster of each image, below ``K``; no cluster is empty.
        centre: ``(K, D)`` float32 cluster centers.
        alike: Mean cosine similarity of two embeddings, in percent, if they have length 1.
    """

    label: np.ndarray
    centre: np.ndarray
    alike: float


def cluster(embedding: np.ndarray, count: int, seed: int, rounds: int, tries: int) -> Clustering:
    """Cluster embeddings by k-means and drop empty clusters.

    Args:
        embedding: ``(N, D)`` embeddings.
        count: Number of clusters.
        seed: Seed of the initial centers.
        rounds: Number of k-means iterations.
        tries: Number of k-means runs, of which the best is used.
    """
    centre = cluster_centres(embedding, count, seed, rounds, tries)
    kept, label = np.unique(nearest_centres(embedding, centre), return_inverse=True)
    alike = 100 * float((embedding.mean(0, dtype=np.float64) ** 2).sum())
    return Clustering(label.astype(np.int64).ravel(), centre[kept], alike)


def measure(label: np.ndarray, before: np.ndarray, truth: np.ndarray) -> dict:
    """Measure the size, stability and quality of clusters.

    Args:
        label: ``(N,)`` clusters, none of which is empty.
        before: ``(N,)`` clusters of the previous clustering, or empty.
        truth: ``(N,)`` true classes, -1 if unknown; for measurements only.

    Returns:
        ``clusters``: number of clusters. ``smallest``, ``median`` and ``largest``: cluster sizes.
        ``same``: normalized mutual information with the previous clustering in percent, 100 if
        nothing changed. For images with known truth, in percent: ``nmi``, normalized mutual
        information with the classes, if there are several, and ``purity``, the share of images
        that belong to the majority class of their cluster.
    """
    sizes = np.bincount(label)
    numbers: dict = {
        "clusters": len(sizes),
        "smallest": int(sizes.min()),
        "median": float(np.median(sizes)),
        "largest": int(sizes.max()),
    }
    if len(before) == len(label):
        numbers["same"] = 100 * float(normalized_mutual_info_score(before, label))
    if len(known := np.flatnonzero(truth >= 0)):
        label, truth = label[known], truth[known]
        pairs, counts = np.unique(np.stack((label, truth)), axis=1, return_counts=True)
        most = np.zeros(len(sizes), np.int64)
        np.maximum.at(most, pairs[0], counts)
        if len(np.unique(truth)) > 1:
            numbers["nmi"] = 100 * float(normalized_mutual_info_score(truth, label))
        numbers["purity"] = 100 * float(most.sum() / len(known))
    return numbers


@HOOKS.register_module()
class ClusterHook(Hook):
    """Hook that clusters the embeddings of all training images and uses the clusters as labels.

    The hook runs k-means on the network's embeddings in eval mode, before the first iteration and
    then every few passes. The sampler then draws images by cluster. The method receives the
    centers and discards embeddings stored with old labels. Labels and centers are stored in the
    method, and thus in checkpoints, so a resumed run continues as an uninterrupted one. True
    labels, if known, are used only for measurements.

    ``clusters.json`` in the work folder contains the numbers of :func:`measure` for every
    clustering, and ``alike``, the mean cosine similarity of two embeddings in percent. In
    distributed training each process computes its share of the embeddings, and the main process
    clusters.

    Args:
        clusters: Number of clusters ``K``.
        interval_epochs: Passes over the images between two clusterings.
        rounds: Number of k-means iterations.
        tries: Number of k-means runs, of which the best is used.
        network: Network that computes the embeddings, ``"student"`` or ``"teacher"``.
        features: Pipeline of the images: ``"test"`` for that of ``val_dataloader``, ``"train"`` for
            the augmented training pipeline.
        batch_size: Batch size per process.
        num_workers: Number of data loader workers; ``None`` uses that of ``train_dataloader``.

    Raises:
        ValueError: If an option is out of range, or before training, if the method, data set and
            options are incompatible.
        RunEnded: If embeddings are so similar that there are too few clusters for a batch.

    Source: Chapter 4 of the dissertation, sections 4.3.2, 4.3.3 ("the clustering is performed and
        the cluster centers are updated for every 20 epochs") and 4.4.2 (K).
    """

    priority = "LOW"  # after the teacher update, before a checkpoint is written

    @classmethod
    def make_tiny(cls, config: dict, num_labeled: int) -> None:
        """Shrink a config of this hook in place: few images form few clusters."""
        config["clusters"] = min(4, config["clusters"])

    def __init__(
        self,
        clusters: int,
        interval_epochs: float = 20,
        rounds: int = 20,
        tries: int = 3,
        network: str = "student",
        features: str = "test",
        batch_size: int = 256,
        num_workers: int | None = None,
    ) -> None:
        if clusters < 2 or interval_epochs <= 0:
            raise ValueError(
                f"ClusterHook(clusters={clusters}, interval_epochs={interval_epochs}): expected 2 "
                "clusters or more, and more than 0 passes"
            )
        if features not in PIPELINES:
            raise ValueError(f"features={features!r} of ClusterHook: expected one of {PIPELINES}")
        self.clusters = clusters
        self.interval_epochs = interval_epochs
        self.search = dict(rounds=rounds, tries=tries)
        self.features = features
        self.extraction = dict(network=network, batch_size=batch_size)
        self.num_workers = num_workers
        self._notes: RunNotes | None = None

    # --- before training

    def check_dataset(self, dataset: Dataset) -> None:
        """Check that the training set can be clustered; also called by ``tools/train.py``.

        Raises:
            ValueError: If there are labeled images, or fewer images than clusters.
        """
        if dataset.num_labeled:
            raise ValueError(
                f"ClusterHook makes the labels that are trained with, and the data set has "
                f"{dataset.num_labeled} labelled images: leave the hook out to train with true "
                "labels, or set train_dataloader.dataset to empty='labeled', unlabeled=''"
            )
        if self.clusters > dataset.num_unlabeled:
            raise ValueError(
                f"clusters={self.clusters} of ClusterHook, but there are "
                f"{dataset.num_unlabeled} images: expected as many clusters or fewer"
            )

    def check_sampler(self, sampler: Mapping) -> None:
        """Check that the sampler can draw by cluster; also called by ``tools/train.py``.

        Args:
            sampler: Config of the sampler.

        Raises:
            ValueError: If it is not a ``PKSampler``, or draws more classes than clusters exist.
        """
        if sampler.get("type") != "PKSampler" or sampler["classes"] > self.clusters:
            raise ValueError(
                f"ClusterHook(clusters={self.clusters}) needs train_dataloader.sampler=dict("
                f"type='PKSampler', classes=P, images=K) with P of {self.clusters} or less, and "
                f"the config has {sampler.get('type')}(classes={sampler.get('classes')})"
            )

    def before_train(self, runner: Runner) -> None:
        """Check the setup, then cluster, or use the clusters of the checkpoint."""
        method, loader = unwrap_method(runner), runner.train_dataloader
        if not isinstance(method, MetricLearning):
            raise ValueError(
                f"ClusterHook in custom_hooks makes clusters that model.type="
                f"{type(method).__name__} does not use: expected MetricLearning or a method that "
                "builds on it"
            )
        if any(True for _ in method.metric_loss.parameters()):
            raise ValueError(
                f"model.metric_loss={type(method.metric_loss).__name__} learns a proxy for every "
                "class, and ClusterHook numbers the clusters anew each time: take a loss on pairs, "
                "such as MultiSimilarityLoss, or train with true labels"
            )
        sampler = loader.sampler
        classes = getattr(sampler, "classes", None)
        self.check_sampler(dict(type=type(sampler).__name__, classes=classes))
        self.check_dataset(loader.dataset)
        if (mean := loader.dataset.num_unlabeled / self.clusters) < sampler.images:
            runner.logger.warning(
                f"ClusterHook(clusters={self.clusters}): a cluster has {mean:.1f} of the "
                f"{loader.dataset.num_unlabeled} images on average, and a batch takes "
                f"{sampler.images} of each, copies where there are fewer: set fewer clusters, "
                "about as many as there may be classes"
            )
        method.network(self.extraction["network"])
        if self.features == "test" and runner.val_loop is None:
            raise ValueError(
                "ClusterHook(features='test') loads images by the pipeline of val_dataloader, and "
                "the config has none: use features='train'"
            )
        self._notes = RunNotes(
            Path(runner.work_dir) / f"{FILE}.json", runner.iter and runner.iter + 1
        )
        if len(method.clusters.label) == loader.dataset.num_unlabeled:
            self.deal(runner, method)
        else:
            self.cluster(runner, method, runner.iter)

    # --- a clustering

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Cluster if it is due, and continue with batches of the new clusters."""
        done = runner.iter + 1
        per_pass = runner.train_dataloader.sampler.iters_per_epoch
        if done % max(1, round(self.interval_epochs * per_pass)) == 0 and done < runner.max_iters:
            self.cluster(runner, unwrap_method(runner), done)
            runner.train_loop.dataloader_iterator.skip_iter(done)  # drops prefetched batches

    def deal(self, runner: Runner, method: MetricLearning) -> None:
        """Set the clusters of the images in the sampler."""
        label, sampler = method.clusters.label.tolist(), runner.train_dataloader.sampler
        if len(set(label)) < sampler.classes:
            raise RunEnded(
                f"the embeddings of {len(label)} images make {len(set(label))} clusters, and a "
                f"batch has images of {sampler.classes}: the network says the same of nearly all "
                "images; try a lower learning rate or other settings of model.metric_loss"
            )
        sampler.set_labels(range(len(label)), label, runner.iter)

    def cluster(self, runner: Runner, method: MetricLearning, done: int) -> None:
        """Compute new clusters after ``done`` iterations."""
        begun = time.monotonic()
        loader = runner.train_dataloader
        images = loader.dataset
        if self.features == "test":
            images = with_pipeline(images, runner.val_dataloader.dataset.pipeline)
        workers = loader.num_workers if self.num_workers is None else self.num_workers
        found = extract_features(method, images, num_workers=workers, **self.extraction)
        before = method.clusters.label.cpu().numpy()
        told: list = [None]
        if is_main_process():
            seed = ((runner.seed or 0) * 1_000_003 + done) % 2**31
            told = [cluster(found.logits.numpy(), self.clusters, seed, **self.search)]
        broadcast_object_list(told)
        clusters: Clustering = told[0]
        method.set_clusters(*map(torch.from_numpy, (clusters.label, clusters.centre)))
        self.deal(runner, method)
        if is_main_process():
            truth = loader.dataset.unlabeled.class_ids()
            numbers = measure(clusters.label, before, truth) | {"alike": clusters.alike}
            if done and clusters.alike > TOO_ALIKE:
                runner.logger.warning(
                    f"the embeddings of all images are nearly one (mean cosine "
                    f"{clusters.alike:.3f}%), and clusters of them hardly mean anything: try "
                    "smaller weights of terms that draw embeddings together, a later beginning of "
                    "them (model.warmup), or a lower learning rate"
                )
            self._note(runner, done, numbers, time.monotonic() - begun)

    def _note(self, runner: Runner, done: int, numbers: dict, seconds: float) -> None:
        """Log and store the results of a clustering; ``numbers`` comes from :func:`measure`."""
        text = (
            f"clusters after {done} iterations: {numbers['clusters']} of {numbers['smallest']} to "
            f"{numbers['largest']} images, half of them up to {numbers['median']:g}, in "
            f"{seconds:.1f} s"
        )
        for key, words in (("same", "agreement with the last time"), ("nmi", "NMI with classes")):
            if key in numbers:
                text += f", {words} {numbers[key]:.1f}%"
        runner.logger.info(text)
        runner.visualizer.add_scalars(
            {f"{FILE}/{key}": value for key, value in numbers.items()}, step=done
        )
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in numbers.items()}
        if self._notes is not None:
            self._notes.add({"iteration": done, "seconds": round(seconds, 2), **rounded})
