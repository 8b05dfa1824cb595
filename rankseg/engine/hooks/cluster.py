# SPDX-License-Identifier: Apache-2.0
"""Hook that clusters the embeddings every few passes and trains on the clusters as labels."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import Runner
from torch.utils.data import Dataset, Sampler

from rankseg.datasets.samplers.classes import PKSampler
from rankseg.engine.hooks.base import FeatureHook
from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import RunEnded, expect
from rankseg.models.methods import Method, MetricLearning
from rankseg.registry import HOOKS
from rankseg.selection.graph import assign_clusters, cluster_centers

FILE = "clusters"
TOO_ALIKE = 99.9  # percent: embeddings about 0.045 apart


class Clustering(NamedTuple):
    """Result of clustering ``N`` images.

    Attributes:
        label: ``(N,)`` int64 cluster of each image, below ``K``; no cluster is empty.
        center: ``(K, D)`` float32 cluster centers.
        alike: Mean cosine similarity of two embeddings, in percent, if they have length 1.
    """

    label: np.ndarray
    center: np.ndarray
    alike: float


def cluster(embedding: np.ndarray, count: int, seed: int, rounds: int, tries: int) -> Clustering:
    """Cluster embeddings ``(N, D)`` by the best of several runs of k-means; drop empty clusters."""
    center = cluster_centers(embedding, count, seed, rounds, tries)
    kept, label = np.unique(assign_clusters(embedding, center), return_inverse=True)
    alike = 100 * float((embedding.mean(0, dtype=np.float64) ** 2).sum())
    return Clustering(label.astype(np.int64).ravel(), center[kept], alike)


def measure(label: np.ndarray, before: np.ndarray, truth: np.ndarray) -> dict:
    """Measure the size, stability and quality of ``(N,)`` clusters, none of which is empty.

    Returns:
        ``clusters``: number of clusters. ``smallest``, ``median`` and ``largest``: cluster sizes.
        ``same``: normalized mutual information with the previous clustering in percent. For images
        with known truth (not -1), in percent: ``nmi``, normalized mutual information with the
        classes, if there are several, and ``purity``, the share of images that belong to the
        majority class of their cluster.
    """
    from sklearn.metrics import normalized_mutual_info_score  # scikit-learn is slow to import

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
class ClusterHook(FeatureHook):
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
    method_type = MetricLearning
    makes_labels = True

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> dict:
        """See the base class; few images form few clusters."""
        config["clusters"] = min(4, config["clusters"])
        return config

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
        super().__init__(network, features=features, batch_size=batch_size, num_workers=num_workers)
        expect(clusters >= 2, "clusters of ClusterHook", "2 or more", clusters)
        wanted = "a number of passes above 0"
        expect(interval_epochs > 0, "interval_epochs of ClusterHook", wanted, interval_epochs)
        self.clusters = clusters
        self.interval_epochs = interval_epochs
        self.search = dict(rounds=rounds, tries=tries)

    # --- before training

    def check_method(self, method: Method) -> None:
        """See the base class; the loss must compare pairs, because cluster numbers change."""
        super().check_method(method)
        if any(True for _ in method.metric_loss.parameters()):
            raise ValueError(
                "Expected model.metric_loss to compare pairs of images for ClusterHook, which "
                f"numbers the clusters differently each time, but got "
                f"{type(method.metric_loss).__name__}, which learns a proxy for every class. Use "
                "a loss on pairs, such as MultiSimilarityLoss, or train with true labels."
            )

    def check_dataset(self, dataset: Dataset) -> None:
        """See the base class; there are no labels, and as many images as clusters or more."""
        if dataset.num_labeled:
            raise ValueError(
                "Expected a training set without labels for ClusterHook, which makes the labels, "
                f"but got {dataset.num_labeled} labeled images. Remove the hook to train with "
                "true labels, or set train_dataloader.dataset to empty='labeled', unlabeled=''."
            )
        count = dataset.num_unlabeled
        wanted = f"at most {count}, the number of training images"
        expect(self.clusters <= count, "clusters of ClusterHook", wanted, self.clusters)

    def check_sampler(self, sampler: Sampler) -> None:
        """See the base class; a ``PKSampler`` draws no more classes than there are clusters."""
        if not isinstance(sampler, PKSampler) or sampler.classes > self.clusters:
            found = type(sampler).__name__
            if isinstance(sampler, PKSampler):
                found += f"(classes={sampler.classes})"
            raise ValueError(
                f"Expected train_dataloader.sampler to be PKSampler with at most {self.clusters} "
                f"classes for ClusterHook(clusters={self.clusters}), but got {found}. Set "
                "train_dataloader.sampler=dict(type='PKSampler', classes=P, images=K)."
            )

    def before_train(self, runner: Runner) -> None:
        """Check the setup, then cluster, or use the clusters of the checkpoint."""
        super().before_train(runner)
        method, loader = unwrap_method(runner), runner.train_dataloader
        if (mean := loader.dataset.num_unlabeled / self.clusters) < loader.sampler.images:
            runner.logger.warning(
                f"ClusterHook(clusters={self.clusters}): a cluster has {mean:.1f} of the "
                f"{loader.dataset.num_unlabeled} images on average, but a batch takes "
                f"{loader.sampler.images} of each and repeats images of smaller clusters. Set "
                "fewer clusters, about as many as there may be classes."
            )
        path = Path(runner.work_dir) / f"{FILE}.json"
        self._notes = RunNotes(path, runner.iter and runner.iter + 1)
        if len(method.clusters.label) == loader.dataset.num_unlabeled:
            self.set_labels(runner, method)
        else:
            self.cluster(runner, method, runner.iter)

    # --- a clustering

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Cluster if it is due, and continue with batches of the new clusters."""
        done = runner.iter + 1
        per_pass = runner.train_dataloader.sampler.iters_per_epoch
        if done % max(1, round(self.interval_epochs * per_pass)) == 0 and done < runner.max_iters:
            self.cluster(runner, unwrap_method(runner), done)
            runner.train_loop.dataloader_iterator.skip_iter(done)  # drops prefetched batches

    def set_labels(self, runner: Runner, method: MetricLearning) -> None:
        """Set the clusters of the images in the sampler."""
        label, sampler = method.clusters.label.tolist(), runner.train_dataloader.sampler
        if len(set(label)) < sampler.classes:
            raise RunEnded(
                f"Expected at least {sampler.classes} clusters, the number in a batch, but the "
                f"embeddings of {len(label)} images form {len(set(label))}. The network gives "
                "nearly all images the same embedding. Try a lower learning rate or other settings "
                "of model.metric_loss."
            )
        sampler.set_labels(range(len(label)), label, runner.iter)

    def cluster(self, runner: Runner, method: MetricLearning, done: int) -> None:
        """Compute new clusters after ``done`` iterations."""
        begun = time.monotonic()
        found = self.extract(runner, main_only=True)
        before = method.clusters.label.cpu().numpy()
        result: list = [None]
        if is_main_process():
            seed = ((runner.seed or 0) * 1_000_003 + done) % 2**31
            result = [cluster(found.logits.numpy(), self.clusters, seed, **self.search)]
        broadcast_object_list(result)
        clusters: Clustering = result[0]
        method.set_clusters(*map(torch.from_numpy, (clusters.label, clusters.center)))
        self.set_labels(runner, method)
        if is_main_process():
            truth = runner.train_dataloader.dataset.unlabeled.class_ids()
            numbers = measure(clusters.label, before, truth) | {"alike": clusters.alike}
            if done and clusters.alike > TOO_ALIKE:
                runner.logger.warning(
                    "The embeddings of all images are nearly identical (mean cosine similarity "
                    f"{clusters.alike:.3f}%), so their clusters are almost meaningless. Try "
                    "smaller weights of terms that pull embeddings together, start these terms "
                    "later (model.warmup), or lower the learning rate."
                )
            self._note(runner, done, numbers, time.monotonic() - begun)

    def _note(self, runner: Runner, done: int, numbers: dict, seconds: float) -> None:
        """Log and store the results of a clustering; ``numbers`` comes from :func:`measure`."""
        text = (
            f"clusters after {done} iterations: {numbers['clusters']} of {numbers['smallest']} to "
            f"{numbers['largest']} images, median {numbers['median']:g}, in {seconds:.1f} s"
        )
        for key, words in (("same", "agreement with the last ones"), ("nmi", "NMI with classes")):
            if key in numbers:
                text += f", {words} {numbers[key]:.1f}%"
        runner.logger.info(text)
        self._notes.record(runner, done, numbers, digits=3, seconds=round(seconds, 2))
