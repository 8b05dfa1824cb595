# SPDX-License-Identifier: Apache-2.0
"""Hook that updates pseudo-labels before every pass over the unlabeled images."""

import time

import numpy as np
import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from rankseg.engine.features import Features, extract_features, with_pipeline
from rankseg.engine.hooks.propagation_notes import PropagationNotes, measure
from rankseg.engine.unwrap import unwrap_method
from rankseg.models.layers import find_module
from rankseg.models.methods import LabelPropagation
from rankseg.registry import HOOKS
from rankseg.selection.graph import (
    Propagated,
    check_alpha,
    check_neighbours,
    knn_graph,
    propagate,
    weigh,
)
from rankseg.structures import SampleKey

LABELS_BY = ("propagation", "network")
PIPELINES = ("train", "test")
NETWORKS = ("student", "teacher")


@HOOKS.register_module()
class LabelPropagationHook(Hook):
    """Hook that computes pseudo-labels for all unlabeled images before every pass over them.

    The hook extracts the network's features of all images, labeled and unlabeled, builds their
    neighbor graph and propagates the labels over it. It starts when the method's first stage
    (``model.warmup``) ends. A run resumed in the middle of a pass continues with the labels of its
    checkpoint. ``label_propagation.json`` in the work folder reports the quality of the labels,
    ``label_propagation.png`` the distribution of their weights. In distributed training each
    process extracts its share of the features, and the main process propagates.

    Args:
        k: Number of neighbors in the graph.
        alpha: Share of a node's score that comes from its neighbors, in ``[0, 1)``.
        power: Exponent that sharpens similarities.
        max_iter: Maximum number of solver steps.
        tol: Relative residual at which the solver stops early.
        labels_by: ``"propagation"``, or ``"network"`` for the network's own predictions with the
            same weights, as in the paper's ablation.
        certainty: Weight images by the certainty of their labels; ``False`` gives every image with
            a label the weight 1.
        class_balance: Weight classes by the inverse of their size; ``False`` gives equal weights.
        features: Pipeline of the images: ``"train"`` for the augmented training pipeline, as in the
            released code, ``"test"`` for that of ``val_dataloader``.
        network: Network that extracts the features, ``"student"`` or ``"teacher"``.
        tap: Dotted name of the submodule whose output is the feature.
        batch_size: Batch size per process.
        num_workers: Number of data loader workers; ``None`` uses that of ``train_dataloader``.
        threads: Number of threads of the neighbor search, see
            :func:`rankseg.selection.graph.knn_graph`. Set it to the number of cores if ``torchrun``
            sets ``OMP_NUM_THREADS=1``.
        probes: Number of cells to search, an approximation for very large data sets; see
            :func:`rankseg.selection.graph.knn_graph`.

    Raises:
        ValueError: If an option is invalid, or before training, if the method, data set and
            options are incompatible.

    Source: Iscen et al., Label Propagation for Deep Semi-supervised Learning (CVPR 2019).
    """

    @classmethod
    def make_tiny(cls, config: dict, num_labeled: int) -> None:
        """Shrink a config of this hook in place: the graph has few images."""
        config["k"] = min(5, config.get("k", 5))

    def __init__(
        self,
        k: int = 50,
        alpha: float = 0.99,
        power: float = 3,
        max_iter: int = 20,
        tol: float = 1e-6,
        labels_by: str = "propagation",
        certainty: bool = True,
        class_balance: bool = True,
        features: str = "train",
        network: str = "student",
        tap: str = "decode_head.pool",
        batch_size: int = 256,
        num_workers: int | None = None,
        threads: int | None = None,
        probes: int | None = None,
    ) -> None:
        for name, value, known in (
            ("labels_by", labels_by, LABELS_BY),
            ("features", features, PIPELINES),
            ("network", network, NETWORKS),
        ):
            if value not in known:
                raise ValueError(
                    f"{name}={value!r} of LabelPropagationHook: expected one of {known}"
                )
        check_alpha(alpha)
        self.k = k
        self.solver = dict(alpha=alpha, power=power, max_iter=max_iter, tol=tol)
        self.labels_by = labels_by
        self.certainty = certainty
        self.class_balance = class_balance
        self.features = features
        self.extraction = dict(network=network, tap=tap, batch_size=batch_size)
        self.num_workers = num_workers
        self.search = dict(threads=threads, probes=probes)
        self._told = False
        self._notes: PropagationNotes | None = None

    def check_dataset(self, dataset: Dataset) -> None:
        """Check that the training set has enough images; also called by ``tools/train.py``.

        Raises:
            ValueError: If an image has fewer than ``k`` other images.
        """
        if self.labels_by == "propagation":
            check_neighbours(self.k, len(dataset))

    def before_train(self, runner: Runner) -> None:
        """Check the setup."""
        method, dataset = unwrap_method(runner), runner.train_dataloader.dataset
        if not isinstance(method, LabelPropagation):
            raise ValueError(
                f"LabelPropagationHook in custom_hooks makes pseudo-labels that model.type="
                f"{type(method).__name__} does not use: expected LabelPropagation"
            )
        self.check_dataset(dataset)
        if runner.max_iters <= method.propagation_start:
            raise ValueError(
                f"model.warmup={method.propagation_start} of train_cfg's {runner.max_iters} "
                "iterations leaves none for label propagation: train longer, or shorten warmup"
            )
        self._notes = PropagationNotes(runner.work_dir, runner.iter)
        network = self.extraction["network"]
        if network == "teacher" and method.teacher is None:
            raise ValueError(
                "LabelPropagationHook(network='teacher') needs a teacher: set model.teacher="
                "dict(momentum=0.03), or network='student'"
            )
        find_module(method.network(network), self.extraction["tap"], "tap of LabelPropagationHook")
        if self.features == "test" and runner.val_loop is None:
            raise ValueError(
                "LabelPropagationHook(features='test') loads images by the pipeline of "
                "val_dataloader, and the config has none: use features='train'"
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        """Update the labels at the start of a pass, or if they are missing."""
        method, loader = unwrap_method(runner), runner.train_dataloader
        since = runner.iter - method.propagation_start
        number, step = divmod(since, loader.sampler.iters_per_epoch)
        missing = len(method.pseudo_label) != loader.dataset.num_unlabeled
        if since >= 0 and (step == 0 or missing):
            self.relabel(runner, method, number)

    def relabel(self, runner: Runner, method: LabelPropagation, number: int) -> None:
        """Compute new pseudo-labels and pass them to the method.

        Args:
            runner: The runner.
            method: The runner's model.
            number: Number of the pass, from 0. Each pass draws other augmentations.
        """
        start = time.monotonic()
        loader = runner.train_dataloader
        dataset: Dataset = loader.dataset
        images = dataset
        if self.features == "test":
            images = with_pipeline(dataset, runner.val_dataloader.dataset.pipeline)
        keys = [SampleKey(i, number) for i in range(len(dataset))]
        workers = loader.num_workers if self.num_workers is None else self.num_workers
        found = extract_features(method, images, keys, num_workers=workers, **self.extraction)
        seen = time.monotonic()
        label = torch.zeros(dataset.num_unlabeled, dtype=torch.long)
        weight = torch.zeros(dataset.num_unlabeled)
        class_weight = torch.zeros(method.num_classes)
        if is_main_process():
            result = self.propagate(found, dataset.labeled.class_ids())
            rows = slice(dataset.num_labeled, None)
            label.copy_(torch.from_numpy(result.label[rows]))
            weight.copy_(torch.from_numpy(result.weight[rows]))
            class_weight.copy_(torch.from_numpy(result.class_weight))
            self._tell_unreached(runner, result)
            numbers = measure(label.numpy(), weight.numpy(), dataset.unlabeled.class_ids())
            seconds = [round(seen - start, 2), round(time.monotonic() - seen, 2)]
            self._log(runner, number, numbers, seconds)
        for tensor in (label, weight, class_weight):
            broadcast(tensor)
        method.set_pseudo_labels(label, weight, class_weight)

    def propagate(self, found: Features, labels: np.ndarray) -> Propagated:
        """Compute labels and weights of all images, labeled ones first.

        Args:
            found: Features and logits of labeled, then unlabeled images.
            labels: ``(L,)`` classes of the labeled images.
        """
        places = np.arange(len(labels))
        if self.labels_by == "network":
            result = weigh(found.logits.double().softmax(1).numpy(), labels, places)
        else:
            graph = knn_graph(found.feature.numpy(), self.k, **self.search)
            result = propagate(*graph, labels, places, found.logits.shape[1], **self.solver)
        if not self.certainty:
            result = result._replace(weight=result.scores.any(1).astype(float))
        if not self.class_balance:
            result = result._replace(class_weight=np.ones_like(result.class_weight))
        return result

    def _tell_unreached(self, runner: Runner, result: Propagated) -> None:
        """Warn once if there are images that no label reaches."""
        unreached = int((~result.scores.any(1)).sum())
        if unreached and not self._told:
            self._told = True
            total = len(result.label)
            runner.logger.warning(
                f"no label reaches {unreached} of {total} images ({unreached / total:.1%}): their "
                "part of the neighbour graph has no labelled image nearby; they have weight 0 and "
                f"teach nothing until it has (said once; a larger k than {self.k} connects more)"
            )

    def _log(self, runner: Runner, number: int, numbers: dict, seconds: list[float]) -> None:
        """Log and store the quality of a pass's labels; ``numbers`` comes from ``measure``."""
        told = {key: value for key, value in numbers.items() if isinstance(value, float)}
        text = (
            f"pseudo-labels of pass {number + 1}: {seconds[0]:.1f} s for features and "
            f"{seconds[1]:.1f} s for labels, mean weight {told['weight']:.3f}"
        )
        if "accuracy" in told:
            text += f", {told['accuracy']:.2f}% right ({told['accuracy_weighted']:.2f}% weighted)"
        runner.logger.info(text)
        told["seconds"] = sum(seconds)
        runner.visualizer.add_scalars(
            {f"label_propagation/{key}": value for key, value in told.items()}, step=runner.iter
        )
        place = {"pass": number + 1, "iteration": runner.iter, "seconds": seconds}
        if self._notes is not None:
            self._notes.add({**place, **numbers})

    def after_train(self, runner: Runner) -> None:
        """Draw the distributions of the weights of right and wrong labels."""
        if self._notes is not None and is_main_process():
            self._notes.draw()
