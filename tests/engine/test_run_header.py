# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

from mmengine.config import Config
from torch import nn

from rankseg.engine.run_header import (
    describe_data,
    describe_network,
    encoder_name,
    initial_weights,
)
from rankseg.testing.toy import toy_student


def test_names_encoders_of_mmseg_and_timm():
    assert encoder_name({"type": "mmseg.ResNetV1c", "depth": 50}) == "ResNetV1c-50"
    assert encoder_name({"type": "WideResNet", "depth": 28, "width": 2}) == "WideResNet-28-2"
    assert encoder_name({"type": "TimmTrunk", "model": "vit_small"}) == "vit_small"


def test_counts_all_parameters_and_the_trained_ones():
    model = nn.Module()
    model.student = nn.Sequential(nn.Linear(1000, 2000), nn.Linear(2000, 300))
    student = {"decode_head": {"type": "LinearHead"}, "backbone": {"type": "X"}}
    runner = SimpleNamespace(model=model, cfg=Config({"model": {"student": student}}))
    assert describe_network(runner) == "Linear on X, 2.6 M parameters, random weights"
    model.student[0].requires_grad_(False)
    words = "Linear on X, 2.6 M parameters (0.6 M trained), random weights"
    assert describe_network(runner) == words
    model.student[1] = nn.Linear(2000, 2)  # a head of few parameters
    model.student[1].bias.requires_grad_(False)
    words = "Linear on X, 2.0 M parameters (4,000 trained), random weights"
    assert describe_network(runner) == words


def test_says_where_the_weights_come_from():
    model = {"pretrained": None, "student": toy_student().to_dict()}
    assert initial_weights(Config({"model": model})) == "random weights"
    assert "r18.pth" in initial_weights(Config({"model": model | {"pretrained": "data/r18.pth"}}))
    assert "run/iter_5.pth" in initial_weights(
        Config({"model": model, "load_from": "run/iter_5.pth"})
    )
    model["student"]["backbone"] = {"type": "TimmTrunk", "weights": "hub"}
    assert "timm" in initial_weights(Config({"model": model}))


def test_names_few_classes():
    class FolderDataset:
        data_root = "data/x"
        metainfo = {"classes": ("a", "b")}

    assert describe_data(FolderDataset()) == "Folder in data/x, 2 classes (a, b)"
    FolderDataset.metainfo = {"classes": [str(k) for k in range(21)]}
    assert describe_data(FolderDataset()) == "Folder in data/x, 21 classes"
