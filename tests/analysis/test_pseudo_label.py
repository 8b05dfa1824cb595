# SPDX-License-Identifier: Apache-2.0
"""A split from what a run of three labelled and nine unlabeled images is sure of."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from rankseg import apis
from rankseg.analysis import extraction
from rankseg.analysis.pseudo_label import most_confident
from rankseg.datasets.splits.splits import read_list
from rankseg.engine.features import Features
from rankseg.registry import DATASETS

TOOL = Path(__file__).resolve().parents[2] / "tools/pseudo_label.py"


def tool(arguments):
    spec = importlib.util.spec_from_file_location("pseudo_label_tool", TOOL)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    loaded.main(arguments)


@pytest.fixture
def says(monkeypatch):
    """Lets the network be sure of the nine unlabeled images by 0.91, 0.92, ..., of class 'red'."""
    import torch

    def logits(method, dataset, keys, **options):
        share = torch.tensor([0.9 + 0.01 * (key - 2) for key in keys], dtype=torch.float64)
        rest = (1 - share) / 2
        return Features(torch.zeros(len(keys), 1), torch.stack([rest, rest, share], 1).log())

    monkeypatch.setattr(extraction, "extract_features", logits)


def test_writes_the_lists(class_run, class_config, says, capsys):
    root = class_config.parent / "set"
    (root / "splits/few/val.txt").write_text("test/red/0.png red\n")
    arguments = [str(class_config), str(class_run / "iter_6.pth"), "--out", "splits/surest"]
    tool([*arguments, "--share", "0.34"])  # 3 of 9: the last ones
    text = capsys.readouterr().out
    assert "labels of 3 of 9 unlabeled images" in text
    assert "100.00% of these labels are correct" in text  # all of the last three are red
    old = {half: read_list(root / f"splits/few/{half}.txt") for half in ("labeled", "unlabeled")}
    new = {half: read_list(root / f"splits/surest/{half}.txt") for half in ("labeled", "unlabeled")}
    assert new["labeled"] == old["labeled"] + [(name, "red") for name, _ in old["unlabeled"][6:]]
    assert new["unlabeled"] == old["unlabeled"][:6]
    assert read_list(root / "splits/surest/val.txt") == [("test/red/0.png", "red")]
    (root / "splits/few/val.txt").unlink()
    with pytest.raises(SystemExit):
        tool([*arguments, "--share", "0.34"])
    assert "replace it with --force" in capsys.readouterr().err
    tool([*arguments, "--threshold", "0.935", "--force"])
    assert "labels of 6 of 9" in capsys.readouterr().out
    # the wrong ones are told, and written as they were predicted
    assert read_list(root / "splits/surest/labeled.txt")[3][1] == "red"
    cfg = apis.load_config(str(class_config), options={"train_dataloader.dataset.split": "surest"})
    again = DATASETS.build(cfg.train_dataloader.dataset)
    assert again.num_labeled == 9 and again.labeled.class_ids()[3:].tolist() == [2] * 6


def test_labels_with_a_trained_network(class_run, class_config):
    cfg, checkpoint = apis.load_config(str(class_config)), str(class_run / "iter_6.pth")
    found = apis.pseudo_label(cfg, checkpoint, "splits/real", share=0.5, network="teacher")
    assert found["images"] == 4 and found["of"] == 9  # round half to even
    assert 1 / 3 <= found["least"] <= 1 and 0 <= found["accuracy"] <= 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of share and threshold"),
        ({"share": 0.3, "threshold": 0.9}, "exactly one of share and threshold"),
        ({"share": 1.0}, "share to be above 0 and below 1, but got 1.0"),
        ({"threshold": 1.1}, "threshold to be from 0 to 1, but got 1.1"),
        ({"threshold": 0.0}, "unlabeled images, but got 9 of 9"),
        ({"threshold": 1.0}, "unlabeled images, but got 0 of 9"),
    ],
)
def test_raises_on_invalid_options(class_run, class_config, options, message):
    cfg = apis.load_config(str(class_config))
    with pytest.raises(ValueError, match=message):
        apis.pseudo_label(cfg, str(class_run / "iter_6.pth"), "splits/no", **options)
    assert not (class_config.parent / "set/splits/no").exists()


def test_raises_on_segmentation_configs(config_file):
    with pytest.raises(ValueError, match="head for whole images, .*but got DeepLabV3PlusHead"):
        apis.pseudo_label(apis.load_config(str(config_file)), "none.pth", "splits/x", share=0.3)


def test_selects_the_most_confident():
    confidence = np.array([0.5, 0.9, 0.7, 0.9, 0.9])
    assert most_confident(confidence, share=0.4).tolist() == [1, 3]
    assert most_confident(confidence, threshold=0.7).tolist() == [1, 2, 3, 4]
