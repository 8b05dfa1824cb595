# SPDX-License-Identifier: Apache-2.0
"""A data set in one file outside the package needs nothing else to run a smoke test."""

import sys
from pathlib import Path

import pytest

from rankseg import apis
from rankseg.datasets.base import by_short_name, hint, recognize, registered
from rankseg.registry import DATASETS
from rankseg.testing.toy import NARROW
from rankseg.training.tiny import make_tiny

CONFIGS = Path(__file__).parents[2] / "configs"

SEGMENTATION = '''
from rankseg.datasets import SegListDataset
from rankseg.datasets.splits.splits import PublishedSplits
from rankseg.registry import DATASETS


@DATASETS.register_module(force=True)
class PolypDataset(SegListDataset):
    """Polyps in endoscopy."""

    METAINFO = {"classes": ("background", "polyp"), "palette": [[0, 0, 0], [255, 0, 0]]}
    TITLE, SHORT_NAME = "Polyps", "polyps"
    SPLITS = PublishedSplits(900, {"16": 16}, "lists_of_polyps")
    IMAGE_FOLDER = "frames"
    STANDIN_FILES = ("frames/{part}_{i:03}.png", "truth/{part}_{i:03}.png")
'''

POLYPS = f'''
_base_ = "{CONFIGS}/unimatch/camvid_1_16.py"

custom_imports = dict(imports=["polyps"], allow_failed_imports=False)
polyps = dict(type="PolypDataset", data_root="data/polyps")
model = dict(student=dict(decode_head=dict(num_classes=2)))
train_dataloader = dict(dataset=dict(dataset=dict(_delete_=True, **polyps), split="16"))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        **polyps,
        ann_file="splits/val.txt",
        pipeline=_base_.val_dataloader.dataset.pipeline,
        test_mode=True,
    )
)
'''

RETRIEVAL = '''
from rankseg.datasets.indexed import IndexedDataset, Row, read_table, write_table
from rankseg.registry import DATASETS


@DATASETS.register_module(force=True)
class ShoesDataset(IndexedDataset):
    """Shoes in a shop."""

    TITLE, SHORT_NAME = "Shoes", "shoes"
    INDEX = (("shoes.txt",),)
    PUBLISHED = {"train": (900, 90), "test": (300, 30)}

    @classmethod
    def read_index(cls, root, paths):
        return [Row(*row) for row in read_table(paths[0], columns=3)]

    @classmethod
    def write_index(cls, root, images):
        paths = [f"photos/{one.label}/{one.number}.jpg" for one in images]
        rows = zip(paths, (f"shoe_{one.label}" for one in images), (one.part for one in images))
        write_table(root / "shoes.txt", rows)
        return paths
'''

SHOES = f'''
_base_ = "{CONFIGS}/metric_learning/cub_googlenet_supervised.py"

custom_imports = dict(imports=["shoes"], allow_failed_imports=False)
model = dict(
    student=dict(
        backbone=dict(_delete_=True, type="ResNet", depth=18, stem_channels=8, base_channels=8),
        decode_head=dict(in_channels=64, channels=16),
    )
)
train_dataloader = dict(dataset=dict(dataset=dict(type="ShoesDataset", data_root="data/shoes")))
val_dataloader = dict(dataset=dict(type="ShoesDataset", data_root="data/shoes"))
test_dataloader = dict(dataset=dict(type="ShoesDataset", data_root="data/shoes"))
'''


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write a module and a config outside the package; forget the data set after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = dict(DATASETS.module_dict)

    def write(name: str, module: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(module)
        (tmp_path / "mine.py").write_text(text)
        return "mine.py"

    yield write
    for name in ("polyps", "shoes"):
        sys.modules.pop(name, None)
    DATASETS.module_dict.clear()
    DATASETS.module_dict.update(before)


def train_tiny(path: str, **options):
    cfg = make_tiny(apis.load_config(path, **options), "run")
    runner = apis.train(cfg).runner
    assert runner.iter == 2 and Path("run/iter_2.pth").is_file()
    return cfg, runner.train_dataloader.dataset


def test_trains_an_own_segmentation_set_without_its_folder(config):
    cfg, dataset = train_tiny(config("polyps", SEGMENTATION, POLYPS), options=NARROW)
    assert dataset.labeled.get_data_info(0)["img_path"].endswith("frames/labeled_000.png")
    assert dataset.metainfo["classes"] == ("background", "polyp")
    assert cfg.val_dataloader.dataset.indices == 2
    kind = type(dataset.labeled)
    assert kind in registered() and by_short_name()["polyps"] is kind
    assert "import lists_of_polyps --data-root data/polyps" in kind.list_cure("x", "data/polyps")


def test_trains_an_own_retrieval_set_without_its_folder(config):
    _, dataset = train_tiny(config("shoes", RETRIEVAL, SHOES))
    kind, root = type(dataset.labeled), dataset.labeled.data_root
    assert recognize(root) is kind and "--dataset shoes" in hint(root)
    assert by_short_name()["shoes"] is kind and len(dataset.labeled.classes) == 16


def test_a_subclass_does_not_take_the_short_name_of_its_base(config):
    apis.load_config(config("polyps", SEGMENTATION, POLYPS))
    names = by_short_name()

    @DATASETS.register_module()
    class OwnPolypDataset(names["polyps"]):
        pass

    assert by_short_name() == names
