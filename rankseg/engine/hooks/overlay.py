# SPDX-License-Identifier: Apache-2.0
"""Hook that draws predictions during testing."""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.structures import SegDataSample

from rankseg.registry import HOOKS
from rankseg.visualization.overlay import draw_overlay


@HOOKS.register_module()
class OverlayHook(Hook):
    """Hook that writes image, truth and prediction side by side for every test image.

    Args:
        out_dir: Folder for the PNG files; created if it is missing.
    """

    def __init__(self, out_dir: str) -> None:
        self.out_dir = Path(out_dir)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Draw the images of one batch."""
        self.out_dir.mkdir(parents=True, exist_ok=True)
        dataset = runner.test_dataloader.dataset
        palette = dataset.metainfo["palette"]
        for image, sample in zip(data_batch["inputs"], outputs, strict=True):
            rgb = image.permute(1, 2, 0).cpu().numpy()
            maps = [
                getattr(sample, name).data.squeeze(0).cpu().numpy()
                for name in ("gt_sem_seg", "pred_sem_seg")
                if name in sample
            ]
            if maps and maps[0].shape != rgb.shape[:2]:  # the pipeline resizes images, not masks
                rgb = cv2.resize(rgb, maps[0].shape[::-1], interpolation=cv2.INTER_LINEAR)
            panels = [rgb, *(draw_overlay(rgb, label, palette) for label in maps)]
            # include folders in the name, because file names may repeat across folders
            name = os.path.relpath(sample.img_path, dataset.data_root).replace(os.sep, "_")
            file = (self.out_dir / name).with_suffix(".png")
            if not cv2.imwrite(str(file), cv2.hconcat(panels)[..., ::-1]):
                raise OSError(f"{file} could not be written. Check that the folder is writable.")
