# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.engine.hooks import OverlayHook


@pytest.mark.parametrize("shrink", [1, 2])
def test_draws_at_the_size_of_the_masks(tmp_path, shrink):
    truth = torch.zeros(1, 8, 12, dtype=torch.int64)
    truth[:, :, 6:] = 1
    sample = SegDataSample(metainfo=dict(img_path=str(tmp_path / "images/a.jpg")))
    sample.gt_sem_seg, sample.pred_sem_seg = PixelData(data=truth), PixelData(data=1 - truth)
    image = torch.full((3, 8 // shrink, 12 // shrink), 100, dtype=torch.uint8)
    palette = [(0, 0, 0), (200, 0, 0)]
    dataset = SimpleNamespace(metainfo=dict(palette=palette), data_root=str(tmp_path))
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))
    OverlayHook(str(tmp_path / "out")).after_test_iter(runner, 0, dict(inputs=[image]), [sample])
    drawn = cv2.imread(str(tmp_path / "out/images_a.png"))[..., ::-1]
    assert drawn.shape == (8, 36, 3)
    assert (drawn[:, :12] == 100).all()
    right = np.array([160, 40, 40])  # 0.6 of the color, 0.4 of the image
    assert (drawn[:, 18:24] == right).all() and (drawn[:, 24:30] == right).all()
    assert (drawn[:, 12:18] == 40).all() and (drawn[:, 30:] == 40).all()
