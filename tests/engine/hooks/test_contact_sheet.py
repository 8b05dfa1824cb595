# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import cv2
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.engine.hooks import ContactSheetHook
from rankseg.visualization.contact_sheet import SheetEntry

CLASSES = ("cat", "dog", "emu")


def sample(truth: int, logits: list[float]) -> SegDataSample:
    logits = torch.tensor(logits).view(3, 1, 1)
    packed = SegDataSample()
    packed.set_data(
        {
            "gt_sem_seg": PixelData(data=torch.tensor([[[truth]]])),
            "pred_sem_seg": PixelData(data=logits.argmax(0, keepdim=True)),
            "seg_logits": PixelData(data=logits),
        }
    )
    return packed


def test_the_surest_mistakes_of_all_batches_and_processes(tmp_path, monkeypatch):
    pages = []
    other = SheetEntry(torch.zeros(4, 4, 3, dtype=torch.uint8).numpy(), "emu", "cat", 0.7)
    monkeypatch.setattr(
        "rankseg.engine.hooks.contact_sheet.all_gather_object", lambda kept: [kept, [other]]
    )
    monkeypatch.setattr(
        "rankseg.engine.hooks.contact_sheet.draw_contact_sheet",
        lambda kept: pages.append(list(kept)) or kept[0].image,
    )
    dataset = SimpleNamespace(metainfo={"classes": CLASSES})
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))
    hook = ContactSheetHook(str(tmp_path / "out"), limit=3)
    batches = [
        [(0, [5.0, 0.0, 0.0]), (0, [0.0, 1.0, 0.0])],
        [(2, [0.0, 3.0, 0.0]), (1, [0.0, 1.0, 0.0])],
    ]
    for number, rows in enumerate(batches):
        images = [torch.full((3, 4, 4), 10 * number + i, dtype=torch.uint8) for i in range(2)]
        hook.after_test_iter(runner, number, {"inputs": images}, [sample(*row) for row in rows])
    hook.after_test_epoch(runner)
    (page,) = pages
    assert [(one.truth, one.predicted) for one in page] == [
        ("emu", "dog"),
        ("emu", "cat"),
        ("cat", "dog"),
    ]
    assert [int(one.image[0, 0, 0]) for one in page] == [10, 0, 1]
    expected = torch.tensor([0.0, 3.0, 0.0]).softmax(0)[1].item()
    assert abs(page[0].confidence - expected) < 1e-6
    assert cv2.imread(str(tmp_path / "out/contact_sheet.png")) is not None
    assert hook.kept == []
