# SPDX-License-Identifier: Apache-2.0
"""Hook that evaluates features during training, without the network's own classifier."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from torch.utils.data import Dataset

from rankseg.engine.hooks.base import FeatureHook
from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.hooks.suppress_and_log import SuppressAndLog
from rankseg.engine.known_images import known_images, probe_rows
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.evaluation.features import check_k, feature_accuracies
from rankseg.models.methods import Method
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import atomic_write
from rankseg.visualization.neighbors import draw_feature_curves

FILE = "features"


@HOOKS.register_module()
class FeatureEvaluationHook(FeatureHook):
    """Hook that classifies the validation images by the features of training images.

    All images use the pipeline of ``val_dataloader``. The evaluation does not affect training:
    weights, statistics and random numbers are unchanged. Results are written to the log, to
    ``features.json`` and as curves to ``features.png`` in the work folder. A resumed run continues
    the file. In distributed training each process extracts its share of the features.

    Args:
        interval: Iterations between two evaluations. The last iteration is always evaluated, and 0
            evaluates only that one.
        knn: Numbers of neighbors that vote.
        temperature: Temperature of the votes, see :func:`~rankseg.evaluation.knn_classify`.
        probes: Training images of each linear probe: ``"labeled"``, ``"all"``, a share of every
            class such as ``"1%"``, or a list file.
        probe: Options of :func:`~rankseg.evaluation.features.linear_probe`.
        bank: ``"all"`` for all training images with a known class, including those whose class is
            hidden from training, as in papers on self-supervised learning, or ``"labeled"``. If
            training uses noisy labels, so does this hook; ``tools/evaluate_features.py`` uses true
            ones.
        network: ``"student"`` or ``"teacher"``; by default the one that predicts.
        tap: Dotted name of the submodule whose output is the feature.
        batch_size: Batch size per process.
        num_workers: Number of data loader workers; ``None`` uses that of ``train_dataloader``.

    Raises:
        ValueError: If an option is out of range, or before training, if the data, network and
            options are incompatible.

    Source: CMSF (ECCV 2022), Table 1: k = 1 and 20, and a linear probe.
    """

    priority = "NORMAL"  # runs before a checkpoint is written

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> None:
        """Leave the hook out, because it would load every image."""

    def __init__(
        self,
        interval: int,
        knn: Sequence[int] = (1, 20),
        temperature: float | None = None,
        probes: Sequence[str] = (),
        probe: Mapping[str, Any] | None = None,
        bank: str = "all",
        network: str | None = None,
        tap: str = "decode_head.pool",
        batch_size: int = 256,
        num_workers: int | None = None,
    ) -> None:
        super().__init__(network, tap, None, batch_size, num_workers)
        expect(interval >= 0, "interval of FeatureEvaluationHook", "0 or more", interval)
        if not (knn or probes):
            raise ValueError(
                "Expected knn or probes of FeatureEvaluationHook to name a classifier, but both "
                "are empty. Set, for example, knn=(20,) or probes=('labeled',)."
            )
        self.interval = interval
        self.options = dict(knn=tuple(knn), temperature=temperature, probe=dict(probe or {}))
        self.probes = tuple(probes)
        self.bank = bank
        self._suppress = SuppressAndLog(f"{FILE}.png")

    def check_method(self, method: Method) -> None:
        """See the base class; the method must classify images."""
        if not method.image_level:
            raise ValueError(
                "Expected model.student.decode_head to be an ImageLevelHead for "
                f"FeatureEvaluationHook, but got {type(method.student.decode_head).__name__}. "
                "Remove the hook from custom_hooks."
            )
        super().check_method(method)

    def check_dataset(self, dataset: Dataset) -> None:
        """See the base class; enough images must have a known class.

        Raises:
            ValueError: If fewer images have a known class than neighbors are required, or a probe
                cannot be drawn.
            FileNotFoundError: If the list file of a probe does not exist.
        """
        labels, self.indices = known_images(dataset, self.bank)
        for k in self.options["knn"]:
            check_k(k, len(labels))
        self.rows = {spec: probe_rows(spec, dataset, labels, self.indices) for spec in self.probes}
        self.labels = torch.from_numpy(labels)

    def before_train(self, runner: Runner) -> None:
        """Check the setup and load the results of a resumed run."""
        super().before_train(runner)
        self._notes = RunNotes(Path(runner.work_dir) / f"{FILE}.json", runner.iter + 1)

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Evaluate if it is due."""
        due = self.interval and self.every_n_train_iters(runner, self.interval)
        if due or self.is_last_train_iter(runner):
            self.evaluate(runner)

    def evaluate(self, runner: Runner) -> None:
        """Extract features of all images, classify them and store the results."""
        start, method, val = time.monotonic(), unwrap_method(runner), runner.val_dataloader.dataset
        known = self.extract(runner, self.indices, main_only=True).feature
        queries = self.extract(runner, dataset=val, main_only=True).feature
        if not is_main_process():
            return
        device = next(method.parameters()).device
        numbers = feature_accuracies(
            known.to(device),
            self.labels,
            queries,
            torch.from_numpy(val.class_ids()),
            len(val.classes),
            probes=self.rows,
            **self.options,
        )
        text = ", ".join(f"{name} {value:.2f}" for name, value in numbers.items())
        runner.logger.info(f"features (%): {text}; took {time.monotonic() - start:.1f} s")
        self._notes.record(runner, runner.iter + 1, numbers)
        picture = self._notes.path.with_suffix(".png")
        with self._suppress(runner.logger), atomic_write(picture) as partial:
            draw_feature_curves(self._notes.notes, partial)
