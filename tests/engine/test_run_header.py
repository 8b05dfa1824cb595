# SPDX-License-Identifier: Apache-2.0
from mmengine.config import Config

from rankseg.engine.run_header import describe_data, encoder_name, initial_weights
from rankseg.testing.toy import toy_student


def test_names_encoders_of_mmseg_and_timm():
    assert encoder_name({"type": "mmseg.ResNetV1c", "depth": 50}) == "ResNetV1c-50"
    assert encoder_name({"type": "WideResNet", "depth": 28, "width": 2}) == "WideResNet-28-2"
    assert encoder_name({"type": "TimmTrunk", "model": "vit_small"}) == "vit_small"


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
