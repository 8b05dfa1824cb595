# SPDX-License-Identifier: Apache-2.0
"""The whole way from a key to a batch: the same pixels with any number of workers."""

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from PIL import Image
from torch.utils.data import DataLoader

from rankseg.datasets import SemiDataset
from rankseg.datasets.samplers.collate import collate_views
from rankseg.datasets.samplers.labeled_unlabeled import LabeledUnlabeledSampler
from rankseg.registry import TRANSFORMS
from rankseg.structures import SampleKey

CROP = {"type": "RandomResizeCropFlip", "crop_size": 33}
STRONG = {"type": "StrongViews", "num": 2}


class Files:
    """Two labeled and four unlabeled images, as SemiDataset gives them to its pipelines."""

    num_labeled, num_unlabeled = 2, 4

    def __init__(self, root):
        def build(*configs):
            return Compose([TRANSFORMS.build(config) for config in configs])

        load = {"type": "LoadSample"}
        self.root = root
        self.labeled = build(load, CROP, {"type": "PackViews", "labeled": True})
        self.unlabeled = build(
            load,
            {"type": "WithMix", "transforms": [CROP, STRONG]},
            {"type": "PackViews", "labeled": False},
        )

    def __len__(self):
        return 6

    def __getitem__(self, key):
        results = {"img_path": f"{self.root}/{key.index}.jpg", "seg_map_path": None}
        results["seed"] = (5, key.draw, key.index)
        if key.index >= self.num_labeled:
            return self.unlabeled(results)
        return self.labeled({**results, "seg_map_path": f"{self.root}/{key.index}.png"})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for index in range(6):
        small = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
        image = cv2.resize(small, (60, 40))
        Image.fromarray(image).save(root / f"{index}.jpg")
        Image.fromarray(image[..., 0] // 64).save(root / f"{index}.png")
    return Files(root)


def batches(files, workers, number=4):
    sampler = LabeledUnlabeledSampler(files, 2, 3, seed=5)
    loader = DataLoader(
        files, batch_size=5, sampler=sampler, num_workers=workers, collate_fn=collate_views
    )
    found = [batch for batch, _ in zip(loader, range(number), strict=False)]
    return found


def same(one, two):
    return list(one["inputs"]) == list(two["inputs"]) and all(
        torch.equal(one["inputs"][view], two["inputs"][view]) for view in one["inputs"]
    )


def test_same_key_same_pixels_another_draw_other_pixels(files):
    for index in (0, 3):
        first, again, other = (files[SampleKey(index, draw)] for draw in (2, 2, 3))
        for view, image in first["inputs"].items():
            assert torch.equal(image, again["inputs"][view])
            assert not torch.equal(image, other["inputs"][view])


def test_workers_change_nothing(files):
    torch.manual_seed(1)
    np.random.seed(1)
    alone = batches(files, 0)
    torch.manual_seed(2)
    np.random.seed(2)
    helped = batches(files, 2)
    assert len(alone) == len(helped) == 4
    views = ["labeled", "weak", "strong1", "strong2", "mix_weak", "mix_strong1", "mix_strong2"]
    for one, two in zip(alone, helped, strict=True):
        assert list(one["inputs"]) == views
        assert same(one, two)
        for a, b in zip(
            one["data_samples"]["labeled"], two["data_samples"]["labeled"], strict=True
        ):
            assert torch.equal(a.gt_sem_seg.data, b.gt_sem_seg.data)
            assert a.img_path == b.img_path
        for view in ("weak", "mix_weak"):
            pairs = zip(one["data_samples"][view], two["data_samples"][view], strict=True)
            assert all(torch.equal(a.valid.data, b.valid.data) for a, b in pairs)
    assert not same(alone[0], alone[1])


def test_valid_is_where_the_weak_view_is_not_black(files):
    batch = batches(files, 0, 1)[0]
    for image, sample in zip(batch["inputs"]["weak"], batch["data_samples"]["weak"], strict=True):
        assert not image[:, ~sample.valid.data[0]].any()


@pytest.fixture
def with_classes(tmp_path):
    """Three classes of images in folders, with the views of FixMatch."""
    for k, name in enumerate("abc"):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(4):
            pixels = np.random.default_rng((k, i)).integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"train/{name}/{i}.png")
    (tmp_path / "splits").mkdir()
    for part, numbers in {"some": (0,), "rest": (1, 2, 3)}.items():
        lines = "".join(f"train/{name}/{i}.png {name}\n" for name in "abc" for i in numbers)
        (tmp_path / f"splits/{part}.txt").write_text(lines)
    draw = {"type": "DrawViews", "weak": "flip_crop", "size": 32}
    load, pack = {"type": "LoadImage"}, {"type": "PackViews"}
    return SemiDataset(
        {"type": "ClassFolderDataset", "data_root": str(tmp_path)},
        labeled="splits/some.txt",
        unlabeled="splits/rest.txt",
        include_labeled=True,
        labeled_pipeline=[load, draw, {**pack, "labeled": True}],
        unlabeled_pipeline=[load, {**draw, "strong": "fixmatch"}, {**pack, "labeled": False}],
    )


def test_workers_change_nothing_for_images_with_classes(with_classes):
    alone, helped = batches(with_classes, 0), batches(with_classes, 2)
    for one, two in zip(alone, helped, strict=True):
        assert same(one, two) and list(one["inputs"]) == ["labeled", "weak", "strong1"]
        for view, count in (("labeled", 2), ("weak", 3)):
            a, b = (batch["data_samples"][view] for batch in (one, two))
            assert len(a) == count and [s.sample_idx for s in a] == [s.sample_idx for s in b]
            for sample in a:
                path = with_classes.labeled if view == "labeled" else with_classes.unlabeled
                info = path.get_data_info(sample.sample_idx)
                assert sample.img_path == info["img_path"]
                assert sample.gt_sem_seg.data.item() == info["gt_label"]
    assert not same(alone[0], alone[1])
