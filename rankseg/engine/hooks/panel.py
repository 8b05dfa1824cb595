# SPDX-License-Identifier: Apache-2.0
"""Pictures of the same validation images over the course of a run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.structures import SegDataSample

from rankseg.engine.hooks.harmless import Harmless
from rankseg.engine.kept_labels import Validation, read_labels, superfluous, write_labels
from rankseg.engine.pictures import write_picture
from rankseg.registry import HOOKS
from rankseg.utils.run_log import main_metric
from rankseg.visualization.overlay import colour_map
from rankseg.visualization.panel import cell_for, cut_text, draw_panel, fit, fit_label

NAMED_CLASSES = 40  # a legend of more is larger than the pictures


@HOOKS.register_module()
class PanelHook(Hook):
    """Keeps ``panels.png`` in the work folder: image, truth, and what was predicted when.

    A row is one of a few validation images, the same ones every time and evenly spaced in their
    list; a column is a validation, headed by its iteration and main figure, fgIoU or mIoU. Where
    there are more validations than columns the first and the last stay, and others at about equal
    distances. The predictions, small, are kept in ``panels.npz`` so that a resumed run goes on with
    them. Images with one class for the whole have no picture. A run never ends because of this.

    Args:
        images: Rows.
        columns: Largest number of validations, at least 2.
        height: Of a picture, in pixels.

    Raises:
        ValueError: If there is to be no image, or fewer than two columns.
    """

    priority = "LOWEST"  # when this validation is noted elsewhere

    def __init__(self, images: int = 4, columns: int = 8, height: int = 160) -> None:
        if images < 1 or columns < 2 or height < 1:
            raise ValueError(
                f"PanelHook: images={images}, columns={columns}, height={height}: expected at "
                "least 1 image, 2 columns and 1 pixel"
            )
        self.images, self.columns, self.height = images, columns, height
        self.kept: dict[int, Validation] = {}  # by iteration
        self._key: str | None = None  # the main figure
        self._now: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # image, truth, prediction
        self._harmless = Harmless("panels.png")

    def before_train(self, runner: Runner) -> None:
        """Take over the pictures of the run that is being resumed."""
        path = Path(runner.work_dir) / "panels.npz"
        if runner.iter > 0 and path.is_file() and is_main_process():
            with self._harmless(runner.logger):
                self.kept = {i: one for i, one in read_labels(path).items() if i <= runner.iter}

    def before_val_epoch(self, runner: Runner) -> None:
        """Forget the pictures of the last validation."""
        self._now = []

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Take in the first image of a batch that is one of those to be shown."""
        batches = len(runner.val_dataloader)
        shown = np.linspace(0, batches - 1, min(self.images, batches)).round()
        if runner._train_loop is None or batch_idx not in shown or not is_main_process():
            return
        with self._harmless(runner.logger):
            label = outputs[0].pred_sem_seg.data.squeeze(0)
            if label.numel() > 1:
                image = data_batch["inputs"][0].permute(1, 2, 0).cpu().numpy()
                cell = cell_for(image, self.height)
                truth = outputs[0].gt_sem_seg.data.squeeze(0)
                maps = [fit_label(one.cpu().numpy(), cell) for one in (truth, label)]
                self._now.append((fit(image, cell), *maps))

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw the picture anew."""
        if runner._train_loop is None or not self._now:
            return
        with self._harmless(runner.logger):
            self._key = main_metric(metrics or {})
            score = (metrics or {}).get(self._key, float("nan"))
            self.kept = {  # without those of a run that was resumed with other numbers of rows
                i: one
                for i, one in self.kept.items()
                if i < runner.iter and len(one.labels) == len(self._now)
            }
            self.kept[runner.iter] = Validation(score, [label for _, _, label in self._now])
            while len(self.kept) > self.columns:
                del self.kept[superfluous(list(self.kept))]
            folder = Path(runner.work_dir)
            write_labels(folder / "panels.npz", self.kept)
            write_picture(folder / "panels.png", self._picture(runner))

    def _picture(self, runner: Runner) -> np.ndarray:
        meta = runner.val_dataloader.dataset.metainfo
        classes, palette = list(meta["classes"]), meta["palette"]
        columns = [one.labels for one in self.kept.values()]
        rows = [
            [image, *(colour_map(one, palette) for one in (truth, *then))]
            for (image, truth, _), then in zip(self._now, zip(*columns, strict=True), strict=True)
        ]
        scores = {i: f"{one.score:.1f}%" for i, one in self.kept.items()}
        named = classes if len(classes) <= NAMED_CLASSES else []
        cell = (self.height, max(one.shape[1] for one, _, _ in self._now))
        titles = [f"{i}: {self._key} {score}" for i, score in scores.items()]
        if any(cut_text(one, cell[1], 0.5) != one for one in titles):  # no room for the name
            titles = [f"{i}: {score}" for i, score in scores.items()]
        return draw_panel(rows, ["image", "truth", *titles], named, palette, cell)
