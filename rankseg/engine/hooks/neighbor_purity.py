# SPDX-License-Identifier: Apache-2.0
"""Hook that measures the purity and the distance ranks of CMSF's neighbors during training."""

from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import Dataset

from rankseg.engine.hooks.base import RunHook
from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.hooks.suppress_and_log import SuppressAndLog
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.evaluation.neighbor_purity import NeighborPurity, neighbor_purity
from rankseg.models.methods import CMSF, Method
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import atomic_write
from rankseg.visualization.neighbors import count_ranks, draw_purity, draw_ranks

FILE = "neighbours"
PANELS = 4  # histograms in a row


@HOOKS.register_module(name=["NeighborPurityHook", "NeighbourPurityHook"])  # the old name works
class NeighborPurityHook(RunHook):
    """Hook that measures neighbors in the memory of a CMSF run constrained by the previous pass.

    The hook only reads the memory: it loads no images and does not affect training. It needs true
    classes of the images, for measurements only. Results are written to the log and to
    ``neighbours.json`` in the work folder, curves to ``neighbours.png`` and histograms of the ranks
    to ``neighbours_ranks.png``. A resumed run continues the file. During the first pass there are
    no results, because no features of a previous pass exist.

    Args:
        interval: Iterations between two measurements. The last iteration is always measured, and 0
            measures only that one.
        k: Number of neighbors, including the image itself; by default that of the method.
        queries: Maximum number of query entries, evenly spaced in the memory. Not published.

    Raises:
        ValueError: If an option is out of range, or before training, if the method has no such
            memory, or no image has a known class.

    Source: CMSF (ECCV 2022), Figure 5 and Table 1 (right).
    """

    priority = "NORMAL"  # runs before a checkpoint is written

    method_type = CMSF

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> dict:
        """See the base class; there are few images."""
        if config.get("k"):
            config["k"] = min(5, config["k"])
        return config

    def __init__(self, interval: int, k: int | None = None, queries: int = 2000) -> None:
        expect(interval >= 0, "interval of NeighborPurityHook", "0 or more", interval)
        expect(k is None or k >= 2, "k of NeighborPurityHook", "2 or more", k)
        expect(queries >= 1, "queries of NeighborPurityHook", "1 or more", queries)
        self.interval, self.k, self.queries = interval, k, queries
        self._suppress = SuppressAndLog(f"{FILE}.png")

    def check_method(self, method: Method) -> None:
        """See the base class; the method must store features of the previous pass."""
        super().check_method(method)
        if method.constraint not in ("previous", "third"):
            raise ValueError(
                "Expected model.constraint to be 'previous' or 'third' for NeighborPurityHook, "
                f"which compares with other features of the images, but got {method.constraint!r}. "
                "Change it, or remove the hook."
            )
        if (self.k or method.k) < 2:
            raise ValueError(
                f"Expected at least 2 neighbors for NeighborPurityHook, but model.k={method.k} is "
                "the image itself alone. Set k of the hook to 2 or more."
            )

    def check_dataset(self, dataset: Dataset) -> None:
        """See the base class; some true classes must be known, for measurements."""
        self.truth = torch.from_numpy(dataset.unlabeled.class_ids())
        if not (self.truth >= 0).any():
            raise ValueError(
                "Expected unlabeled images with a known class for NeighborPurityHook, for "
                "measurements only, but there are none. Remove the hook from custom_hooks."
            )

    def before_train(self, runner: Runner) -> None:
        """Check the setup and load the results of a resumed run."""
        super().before_train(runner)
        self._notes = RunNotes(Path(runner.work_dir) / f"{FILE}.json", runner.iter + 1)

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Measure if it is due."""
        due = self.interval and self.every_n_train_iters(runner, self.interval)
        if due or self.is_last_train_iter(runner):
            self.record(runner)

    @master_only
    def record(self, runner: Runner) -> None:
        """Measure and store the results, unless the memory has too few entries."""
        found = self.measure(unwrap_method(runner))
        if found is None:
            return
        runner.logger.info(
            f"neighbors of the right class: {found.nearest:.1f}% of the nearest and "
            f"{found.constrained:.1f}% of the constrained ones, whose last has a median rank of "
            f"{found.median_rank:.0f}; {found.as_far:.1f}% of all up to that rank"
        )
        numbers = {**found._asdict(), "ranks": count_ranks(found.ranks.numpy())}
        self._notes.record(runner, runner.iter + 1, numbers, digits=3)
        self._draw(runner)

    def measure(self, method: CMSF) -> NeighborPurity | None:
        """Measure the current memory; return None if it has fewer entries than neighbors."""
        memory, k = method.memory, self.k or method.k
        rows = (memory.written & memory.known).nonzero()[:, 0]
        if len(rows) < max(k, method.search):
            return None
        truth: Tensor = self.truth[memory.index[rows].cpu()]
        own = torch.linspace(0, len(rows) - 1, min(self.queries, len(rows))).round().long()
        return neighbor_purity(
            memory.feature[rows],
            memory.previous[rows],
            truth,
            own,
            k=k,
            k_previous=method.search,
        )

    def _draw(self, runner: Runner) -> None:
        notes, path = self._notes.notes, self._notes.path
        shown = sorted({round(i * (len(notes) - 1) / (PANELS - 1)) for i in range(PANELS)})
        panels = {f"iteration {notes[i]['iteration']}": notes[i]["ranks"] for i in shown}
        with self._suppress(runner.logger):
            with atomic_write(path.with_suffix(".png")) as partial:
                draw_purity(notes, partial)
            with atomic_write(path.with_name(f"{FILE}_ranks.png")) as partial:
                draw_ranks(panels, partial)
