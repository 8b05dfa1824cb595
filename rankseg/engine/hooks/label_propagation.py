# SPDX-License-Identifier: Apache-2.0
"""Hook that updates pseudo-labels before every pass over the unlabeled images."""

import time
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.runner import Runner
from torch.utils.data import Dataset

from rankseg.engine.features import Features
from rankseg.engine.hooks.base import FeatureHook, RunSetup
from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.models.methods import LabelPropagation
from rankseg.registry import HOOKS
from rankseg.selection.graph import (
    Propagated,
    check_alpha,
    check_neighbors,
    knn_graph,
    propagate,
    transduce,
    weigh,
)
from rankseg.structures import SampleKey
from rankseg.visualization.curves import draw_weights

LABELS_BY = ("propagation", "transduction", "network")
FILE = "label_propagation"
BINS = 20


def measure(label: np.ndarray, weight: np.ndarray, truth: np.ndarray) -> dict:
    """Measure the weights in ``[0, 1]`` and the accuracy of pseudo-labels, ``(N,)`` each.

    Returns:
        ``weight``: mean weight. For images with known truth (not -1): ``accuracy`` and
        ``accuracy_weighted``, with images counted by their weight, in percent; ``right`` and
        ``wrong``: histograms of the weights of right and wrong labels, in 20 equal bins.
    """
    numbers: dict = {"weight": float(weight.mean())}
    known = truth >= 0
    if known.any():
        right, share = (label == truth)[known], weight[known]
        numbers["accuracy"] = 100 * float(right.mean())
        numbers["accuracy_weighted"] = 100 * float((right * share).sum() / max(share.sum(), 1e-12))
        for name, chosen in (("right", right), ("wrong", ~right)):
            numbers[name] = np.histogram(share[chosen], BINS, (0, 1))[0].tolist()
    return numbers


@HOOKS.register_module()
class LabelPropagationHook(FeatureHook):
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
        labels_by: ``"propagation"``. Two others are in the paper's ablation, with the same weights:
            ``"transduction"``, a game on the same graph (GTG, :func:`rankseg.selection.graph.
            transduce`), and ``"network"``, the network's own predictions.
        certainty: Weight images by the certainty of their labels; ``False`` gives every image with
            a label the weight 1.
        class_balance: Weight classes by the inverse of their size; ``False`` gives equal weights.
        threads: Number of threads of the neighbor search, see
            :func:`rankseg.selection.graph.knn_graph`. Set it to the number of cores if ``torchrun``
            sets ``OMP_NUM_THREADS=1``.
        probes: Number of cells to search, an approximation for very large data sets; see
            :func:`rankseg.selection.graph.knn_graph`.
        **kwargs: Arguments of :class:`~rankseg.engine.hooks.FeatureHook`. ``features`` is
            ``"train"`` by default, as in the released code.

    Raises:
        ValueError: If an option is invalid, or before training, if the method, data set and
            options are incompatible.

    Source: Iscen et al., Label Propagation for Deep Semi-supervised Learning (CVPR 2019).
    """

    method_type = LabelPropagation

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> dict:
        """See the base class; the graph has few images."""
        config["k"] = min(5, config.get("k", 5))
        return config

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
        threads: int | None = None,
        probes: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**{"features": "train", **kwargs})
        name = "labels_by of LabelPropagationHook"
        expect(labels_by in LABELS_BY, name, f"one of {tuple(LABELS_BY)}", labels_by)
        check_alpha(alpha)
        self.k = k
        self.solver = dict(alpha=alpha, power=power, max_iter=max_iter, tol=tol)
        self.labels_by = labels_by
        self.certainty = certainty
        self.class_balance = class_balance
        self.search = dict(threads=threads, probes=probes)
        self._warned = False

    def check_dataset(self, dataset: Dataset) -> None:
        """See the base class; every image needs at least ``k`` others."""
        if self.labels_by != "network":
            check_neighbors(self.k, len(dataset))

    def check(self, setup: RunSetup) -> None:
        """See the base class; the run must be longer than the first stage of the method."""
        super().check(setup)
        start = setup.method.propagation_start
        if setup.iterations is not None and setup.iterations <= start:
            raise ValueError(
                f"Expected train_cfg to have more iterations than model.warmup={start}, after "
                f"which labels are propagated, but got {setup.iterations}. Train longer, or "
                "shorten model.warmup."
            )

    def before_train(self, runner: Runner) -> None:
        """Check the setup and load the notes of a resumed run."""
        super().before_train(runner)
        self._notes = RunNotes(Path(runner.work_dir) / f"{FILE}.json", runner.iter)

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

        Each pass, numbered from 0, draws other augmentations.
        """
        start = time.monotonic()
        dataset: Dataset = runner.train_dataloader.dataset
        found = self.extract(
            runner, [SampleKey(i, number) for i in range(len(dataset))], main_only=True
        )
        extracted = time.monotonic()
        label = torch.zeros(dataset.num_unlabeled, dtype=torch.long)
        weight = torch.zeros(dataset.num_unlabeled)
        class_weight = torch.zeros(method.num_classes)
        if is_main_process():
            result = self.propagate(found, dataset.labeled.class_ids())
            rows = slice(dataset.num_labeled, None)
            label.copy_(torch.from_numpy(result.label[rows]))
            weight.copy_(torch.from_numpy(result.weight[rows]))
            class_weight.copy_(torch.from_numpy(result.class_weight))
            self._warn_unreached(runner, result)
            numbers = measure(label.numpy(), weight.numpy(), dataset.unlabeled.class_ids())
            ends = extracted - start, time.monotonic() - extracted
            seconds = [round(one, 2) for one in ends]
            self._log(runner, number, numbers, seconds)
        for tensor in (label, weight, class_weight):
            broadcast(tensor)
        method.set_pseudo_labels(label, weight, class_weight)

    def propagate(self, found: Features, labels: np.ndarray) -> Propagated:
        """Compute labels and weights of all images, labeled ones, of ``(L,)`` classes, first."""
        places = np.arange(len(labels))
        if self.labels_by == "network":
            result = weigh(found.logits.double().softmax(1).numpy(), labels, places)
        else:
            graph = knn_graph(found.feature.numpy(), self.k, **self.search)
            label = transduce if self.labels_by == "transduction" else propagate
            solver = dict(self.solver)
            if label is transduce:
                del solver["alpha"]
            result = label(*graph, labels, places, found.logits.shape[1], **solver)
        if not self.certainty:
            result = result._replace(weight=result.scores.any(1).astype(float))
        if not self.class_balance:
            result = result._replace(class_weight=np.ones_like(result.class_weight))
        return result

    def _warn_unreached(self, runner: Runner, result: Propagated) -> None:
        """Warn once if there are images that no label reaches."""
        unreached = int((~result.scores.any(1)).sum())
        if unreached and not self._warned:
            self._warned = True
            total = len(result.label)
            runner.logger.warning(
                f"No label reaches {unreached} of {total} images ({unreached / total:.1%}), as "
                "their part of the neighbor graph has no labeled image. They have weight 0 and do "
                f"not contribute to training. A larger k than {self.k} connects more images. This "
                "warning is not repeated."
            )

    def _log(self, runner: Runner, number: int, numbers: dict, seconds: list[float]) -> None:
        """Log and store the quality of a pass's labels; ``numbers`` comes from ``measure``."""
        text = (
            f"pseudo-labels of pass {number + 1}: {seconds[0]:.1f} s for features and "
            f"{seconds[1]:.1f} s for labels, mean weight {numbers['weight']:.3f}"
        )
        if "accuracy" in numbers:
            text += (
                f", {numbers['accuracy']:.2f}% right ({numbers['accuracy_weighted']:.2f}% weighted)"
            )
        runner.logger.info(text)
        place = {"pass": number + 1, "seconds": seconds}
        scalars = {"seconds": sum(seconds)}
        self._notes.record(runner, runner.iter, numbers, scalars=scalars, **place)

    def after_train(self, runner: Runner) -> None:
        """Draw the weights of right and wrong labels of the first, a middle and the last pass."""
        known = [note for note in self._notes.notes if "right" in note]
        if known and is_main_process():
            shown = {i: known[i] for i in (0, len(known) // 2, len(known) - 1)}.values()
            panels = {f"pass {note['pass']}": (note["right"], note["wrong"]) for note in shown}
            draw_weights(panels, self._notes.path.with_suffix(".png"))
