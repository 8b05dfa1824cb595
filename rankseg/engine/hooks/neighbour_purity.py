# SPDX-License-Identifier: Apache-2.0
"""Hook that measures the purity and the distance ranks of CMSF's neighbors during training."""

from pathlib import Path

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.hooks.suppress_and_log import SuppressAndLog
from rankseg.engine.unwrap import unwrap_method
from rankseg.evaluation.neighbour_purity import NeighbourPurity, neighbour_purity
from rankseg.models.methods import CMSF
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import atomic_write
from rankseg.visualization.neighbours import count_ranks, draw_purity, draw_ranks

FILE = "neighbours"
PANELS = 4  # histograms in a row


@HOOKS.register_module()
class NeighbourPurityHook(Hook):
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

    @classmethod
    def make_tiny(cls, config: dict, num_labeled: int) -> None:
        """Shrink a config of this hook in place: there are few images."""
        if config.get("k"):
            config["k"] = min(5, config["k"])

    def __init__(self, interval: int, k: int | None = None, queries: int = 2000) -> None:
        if interval < 0 or (k is not None and k < 2) or queries < 1:
            raise ValueError(
                f"NeighbourPurityHook(interval={interval}, k={k}, queries={queries}): expected at "
                "least 0 iterations, 2 neighbours and 1 query"
            )
        self.interval, self.k, self.queries = interval, k, queries
        self._harmless = SuppressAndLog(f"{FILE}.png")

    def before_train(self, runner: Runner) -> None:
        """Check the setup and load the results of a resumed run."""
        method = unwrap_method(runner)
        if not isinstance(method, CMSF) or method.constraint != "previous":
            raise ValueError(
                "NeighbourPurityHook in custom_hooks needs features of the pass before, which "
                f"model.type={type(method).__name__} of this config does not remember: expected "
                "CMSF with constraint='previous'"
            )
        if (self.k or method.k) < 2:
            raise ValueError(
                f"NeighbourPurityHook: model.k={method.k} is the image itself alone: set k of the "
                "hook to 2 or more"
            )
        self.truth = torch.from_numpy(runner.train_dataloader.dataset.unlabeled.class_ids())
        if not (self.truth >= 0).any():
            raise ValueError(
                "NeighbourPurityHook in custom_hooks needs true classes of unlabelled images, for "
                "measurements, and none is known: leave the hook out"
            )
        self._notes = RunNotes(Path(runner.work_dir) / f"{FILE}.json", runner.iter + 1)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Measure if it is due."""
        due = self.interval and self.every_n_train_iters(runner, self.interval)
        if due or self.is_last_train_iter(runner):
            self.look(runner)

    @master_only
    def look(self, runner: Runner) -> None:
        """Measure and store the results, unless the memory has too few entries."""
        found = self.measure(unwrap_method(runner))
        if found is None:
            return
        numbers = {key: value for key, value in found._asdict().items() if key != "ranks"}
        runner.visualizer.add_scalars(
            {f"{FILE}/{key}": value for key, value in numbers.items()}, step=runner.iter + 1
        )
        runner.logger.info(
            f"neighbours of the right class: {found.nearest:.1f}% of the nearest, "
            f"{found.constrained:.1f}% of the constrained, whose last has the median rank "
            f"{found.median_rank:.0f}; {found.as_far:.1f}% of as many as that"
        )
        rounded = {key: round(value, 3) for key, value in numbers.items()}
        counts = count_ranks(found.ranks.numpy())
        self._notes.add({"iteration": runner.iter + 1, **rounded, "ranks": counts})
        self._draw(runner)

    def measure(self, method: CMSF) -> NeighbourPurity | None:
        """Measure the current memory; return None if it has fewer entries than neighbors."""
        memory, k = method.memory, self.k or method.k
        rows = (memory.written & memory.known).nonzero()[:, 0]
        if len(rows) < max(k, method.search):
            return None
        truth: Tensor = self.truth[memory.index[rows].cpu()]
        own = torch.linspace(0, len(rows) - 1, min(self.queries, len(rows))).round().long()
        return neighbour_purity(
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
        with self._harmless(runner.logger):
            with atomic_write(path.with_suffix(".png")) as partial:
                draw_purity(notes, partial)
            with atomic_write(path.with_name(f"{FILE}_ranks.png")) as partial:
                draw_ranks(panels, partial)
