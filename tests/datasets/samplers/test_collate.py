# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.registry import FUNCTIONS
from mmseg.structures import SegDataSample

from rankseg.datasets.samplers.collate import collate_views


def item(value, *views, size=(4, 6)):
    sample = SegDataSample(metainfo={"value": value})
    images = {
        view: torch.full((3, *size), value + i, dtype=torch.uint8) for i, view in enumerate(views)
    }
    return {"inputs": images, "data_samples": {views[0]: sample}}


def test_groups_by_view_in_the_order_of_the_samples():
    batch = [
        item(1, "labeled"),
        item(2, "labeled"),
        item(10, "weak", "strong1"),
        item(20, "weak", "strong1"),
        item(30, "weak", "strong1"),
    ]
    out = collate_views(batch)
    assert {view: t[:, 0, 0, 0].tolist() for view, t in out["inputs"].items()} == {
        "labeled": [1, 2],
        "weak": [10, 20, 30],
        "strong1": [11, 21, 31],
    }
    assert all(t.dtype == torch.uint8 and t.shape[1:] == (3, 4, 6) for t in out["inputs"].values())
    assert [s.value for s in out["data_samples"]["labeled"]] == [1, 2]
    assert [s.value for s in out["data_samples"]["weak"]] == [10, 20, 30]
    assert set(out["data_samples"]) == {"labeled", "weak"}


@pytest.mark.parametrize("size", [(4, 6), (1, 5), (7, 1)])
def test_every_pixel_stays_in_its_place(size):
    def image():
        pixels = torch.randint(0, 256, (*size, 3), dtype=torch.uint8)
        return pixels.permute(2, 0, 1)  # as PackViews leaves it

    images = [image() for _ in range(3)]
    batch = [{"inputs": {"weak": one}, "data_samples": {}} for one in images]
    stacked = collate_views(batch)["inputs"]["weak"]
    assert torch.equal(stacked, torch.stack([one.contiguous() for one in images]))


def test_views_of_different_size_may_meet_but_one_view_has_one_size():
    out = collate_views([item(1, "labeled", size=(4, 4)), item(2, "weak", size=(8, 8))])
    assert out["inputs"]["weak"].shape == (1, 3, 8, 8)
    with pytest.raises(ValueError, match=r"'weak' in a batch to have one size, .*same crop_size"):
        collate_views([item(1, "weak"), item(2, "weak", size=(4, 4))])


def test_the_runner_finds_it():
    assert FUNCTIONS.get("collate_views") is collate_views
