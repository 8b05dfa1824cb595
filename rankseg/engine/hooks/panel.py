# SPDX-License-Identifier: Apache-2.0
"""Hook that draws predictions for the same validation images over the course of a run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.structures import SegDataSample

from rankseg.engine.hooks.suppress_and_log import SuppressAndLog
from rankseg.engine.kept_labels import Validation, read_labels, superfluous, write_labels
from rankseg.engine.pictures import write_picture
from rankseg.errors import expect
from rankseg.registry import HOOKS
from rankseg.utils.run_log import main_metric
from rankseg.visualization.overlay import color_map
from rankseg.visualization.panel import cell_for, cut_text, draw_panel, fit, fit_label

NAMED_CLASSES = 40  # a longer legend would be larger than the pictures


@HOOKS.register_module()
class PanelHook(Hook):
    """Hook that maintains ``panels.png`` in the work folder: image, truth and predictions.

    Each row is a validation image, chosen once and evenly spaced in the list. Each column is a
    validation, titled by its iteration and main metric, fgIoU or mIoU. If there are more
    validations than columns, the first, the last and roughly evenly spaced others are kept.
    Downscaled predictions are kept in ``panels.npz`` for resumed runs. Image-level labels are not
    drawn. A failure never ends the run.

    Args:
        images: Number of rows.
        columns: Maximum number of validations, at least 2.
        height: Height of a picture in pixels.

    Raises:
        ValueError: If a number is below 1, or ``columns`` is below 2.
    """

    priority = "LOWEST"  # after other hooks have recorded this validation

    def __init__(self, images: int = 4, columns: int = 8, height: int = 160) -> None:
        expect(images >= 1, "images of PanelHook", "1 or more", images)
        expect(height >= 1, "height of PanelHook", "1 or more", height)
        expect(columns >= 2, "columns of PanelHook", "2 or more", columns)
        self.images, self.columns, self.height = images, columns, height
        self.kept: dict[int, Validation] = {}  # by iteration
        self._key: str | None = None  # name of the main metric
        self._now: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # image, truth, prediction
        self._suppress = SuppressAndLog("panels.png")

    def before_train(self, runner: Runner) -> None:
        """Load the pictures of a resumed run."""
        path = Path(runner.work_dir) / "panels.npz"
        if runner.iter > 0 and path.is_file() and is_main_process():
            with self._suppress(runner.logger):
                self.kept = {i: one for i, one in read_labels(path).items() if i <= runner.iter}

    def before_val_epoch(self, runner: Runner) -> None:
        """Clear the pictures of the previous validation."""
        self._now = []

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Keep the first image of a batch if it is one of the drawn images."""
        batches = len(runner.val_dataloader)
        shown = np.linspace(0, batches - 1, min(self.images, batches)).round()
        if runner._train_loop is None or batch_idx not in shown or not is_main_process():
            return
        with self._suppress(runner.logger):
            label = outputs[0].pred_sem_seg.data.squeeze(0)
            if label.numel() > 1:
                image = data_batch["inputs"][0].permute(1, 2, 0).cpu().numpy()
                cell = cell_for(image, self.height)
                truth = outputs[0].gt_sem_seg.data.squeeze(0)
                maps = [fit_label(one.cpu().numpy(), cell) for one in (truth, label)]
                self._now.append((fit(image, cell), *maps))

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Redraw the picture."""
        if runner._train_loop is None or not self._now:
            return
        with self._suppress(runner.logger):
            self._key = main_metric(metrics or {})
            score = (metrics or {}).get(self._key, float("nan"))
            self.kept = {  # drop entries saved with another number of rows
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
            [image, *(color_map(one, palette) for one in (truth, *then))]
            for (image, truth, _), then in zip(self._now, zip(*columns, strict=True), strict=True)
        ]
        scores = {i: f"{one.score:.1f}%" for i, one in self.kept.items()}
        named = classes if len(classes) <= NAMED_CLASSES else []
        cell = (self.height, max(one.shape[1] for one, _, _ in self._now))
        titles = [f"{i}: {self._key} {score}" for i, score in scores.items()]
        if any(cut_text(one, cell[1], 0.5) != one for one in titles):  # no room for the metric name
            titles = [f"{i}: {score}" for i, score in scores.items()]
        return draw_panel(rows, ["image", "truth", *titles], named, palette, cell)
