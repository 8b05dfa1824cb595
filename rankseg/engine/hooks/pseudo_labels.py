# SPDX-License-Identifier: Apache-2.0
"""Hook that records the quality of pseudo-labels."""

from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.hooks.notes import check_notes
from rankseg.engine.unwrap import unwrap_method
from rankseg.registry import HOOKS
from rankseg.utils.atomic_file import read_json, write_json
from rankseg.utils.run_summary import is_iteration, is_number
from rankseg.visualization.curves import draw_pseudo_labels


@HOOKS.register_module()
class PseudoLabelHook(Hook):
    """Hook that maintains ``pseudo_labels.json`` in the work folder and plots it after training.

    The numbers come from :class:`~rankseg.models.layers.PseudoLabelQuality`, accumulated over every
    ``interval`` iterations by a method with ``track_pseudo_labels=True``. Without that option the
    hook does nothing. The file is rewritten with every entry, and a resumed run continues it.

    Args:
        interval: Number of iterations accumulated in one entry.
        key: Validation metric recorded alongside.
    """

    priority = "NORMAL"  # counts are reset before a checkpoint is written

    def __init__(self, interval: int = 500, key: str = "top1") -> None:
        self.interval = interval
        self.notes: dict = {"metric": key, "classes": [], "history": [], "validations": []}

    def before_train(self, runner: Runner) -> None:
        """Load the records of a resumed run."""
        self.notes["classes"] = list(runner.train_dataloader.dataset.metainfo.get("classes", ()))
        past = read_json(self._path(runner, "json"), _check) if runner.iter > 0 else None
        if past:
            for name, place in (("history", "iteration"), ("validations", 0)):
                self.notes[name] = [one for one in past[name] if one[place] <= runner.iter]

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Record the counts and reset them."""
        model = unwrap_method(runner)
        if model.quality is None or not (
            self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner)
        ):
            return
        found = model.quality.compute()
        model.quality.reset()
        self.notes["history"].append({"iteration": runner.iter + 1, **found})
        rates = {key: value for key, value in found.items() if isinstance(value, float)}
        if rates:
            runner.visualizer.add_scalars(
                {f"pseudo_labels/{key}": value for key, value in rates.items()},
                step=runner.iter + 1,
            )
        texts = (f"{key.replace('_', ' ')} {value:.1f}%" for key, value in rates.items())
        runner.logger.info(f"pseudo-labels: {', '.join(texts) or 'none'}")
        self._write(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Record one validation."""
        if metrics and runner._train_loop is not None and self.notes["metric"] in metrics:
            # a validation repeated after a resume replaces the earlier one
            before = [one for one in self.notes["validations"] if one[0] < runner.iter]
            self.notes["validations"] = before
            before.append([runner.iter, metrics[self.notes["metric"]]])
            self._write(runner)

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Draw the curves."""
        if self.notes["history"]:
            draw_pseudo_labels({runner.cfg.model.type: self.notes}, self._path(runner, "png"))

    @master_only
    def _write(self, runner: Runner) -> None:
        write_json(self._path(runner, "json"), self.notes)

    @staticmethod
    def _path(runner: Runner, kind: str) -> Path:
        return Path(runner.work_dir) / f"pseudo_labels.{kind}"


def _check(notes: Any) -> None:
    """Raise ``ValueError``, ``TypeError`` or ``KeyError`` if this hook did not write the notes."""
    check_notes(notes["history"])
    for iteration, value in notes["validations"]:
        if not is_iteration(iteration) or not is_number(value):
            raise ValueError("expected an iteration and a number for each validation")
