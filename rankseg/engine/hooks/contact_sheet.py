# SPDX-License-Identifier: Apache-2.0
"""Hook that draws a page of images that a classifier got wrong."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import cv2
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.structures import SegDataSample

from rankseg.registry import HOOKS
from rankseg.visualization.contact_sheet import SheetEntry, draw_contact_sheet


@HOOKS.register_module()
class ContactSheetHook(Hook):
    """Hook that writes ``contact_sheet.png`` after a test: images with prediction and truth.

    Wrong predictions come first, the most confident at the top. If there are fewer than ``limit``,
    the least confident correct predictions follow.

    Args:
        out_dir: Folder for the page; created if it is missing.
        limit: Maximum number of images.
    """

    def __init__(self, out_dir: str, limit: int = 100) -> None:
        self.out_dir = Path(out_dir)
        self.limit = limit
        self.kept: list[SheetEntry] = []

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Collect one batch and keep the images that belong on the page."""
        classes = runner.test_dataloader.dataset.metainfo["classes"]
        for image, sample in zip(data_batch["inputs"], outputs, strict=True):
            predicted = int(sample.pred_sem_seg.data)
            self.kept.append(
                SheetEntry(
                    image.permute(1, 2, 0).cpu().numpy(),
                    classes[int(sample.gt_sem_seg.data)],
                    classes[predicted],
                    float(sample.seg_logits.data.flatten().softmax(0)[predicted]),
                )
            )
        self._choose()

    def _choose(self) -> None:
        self.kept = sorted(self.kept, key=attrgetter("place"))[: self.limit]

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw the images that all processes kept."""
        self.kept = [one for share in all_gather_object(self.kept) for one in share]
        self._choose()
        if is_main_process() and self.kept:
            self.out_dir.mkdir(parents=True, exist_ok=True)
            file = self.out_dir / "contact_sheet.png"
            if not cv2.imwrite(str(file), draw_contact_sheet(self.kept)[..., ::-1]):
                raise OSError(f"{file} could not be written. Check that the folder is writable.")
        self.kept = []
