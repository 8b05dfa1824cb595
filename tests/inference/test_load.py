# SPDX-License-Identifier: Apache-2.0
import json

import pytest
import torch
from mmengine.config import Config

from rankseg.apis import load_config
from rankseg.inference.load import (
    channel_of,
    classes_of,
    load_method,
    load_trained,
    logits_of,
    shrink_of,
    value_range_of,
)
from rankseg.testing.random_run import CLASSES, MEAN, STD, random_run
from rankseg.testing.toy import toy_student


def config(**dataset) -> Config:
    return Config(dict(val_dataloader=dict(dataset=dict(type="FolderDataset", **dataset))))


def test_names_and_colors_come_from_the_checkpoint_then_the_config():
    noted = dict(dataset_meta=dict(classes=("x", "y"), palette=[[1, 2, 3], [4, 5, 6]]))
    assert classes_of(config(classes=("a", "b")), noted, 2) == (["x", "y"], [[1, 2, 3], [4, 5, 6]])
    assert classes_of(config(classes=("a", "b")), None, 2) == (
        ["a", "b"],
        [[230, 60, 40], [0, 110, 220]],
    )
    meta = dict(classes=("a", "b"), palette=[[9, 9, 9], [8, 8, 8]])
    assert classes_of(config(metainfo=meta), {}, 2) == (["a", "b"], [[9, 9, 9], [8, 8, 8]])
    assert classes_of(config(), noted, 3)[0] == ["class 0", "class 1", "class 2"]
    voc = Config(dict(val_dataloader=dict(dataset=dict(type="VOCDataset"))))
    assert classes_of(voc, None, 21)[0][:2] == ["background", "aeroplane"]


def test_the_network_that_predicts_is_taken(tmp_path):
    teacher = dict(type="MeanTeacher", teacher=dict(momentum=0.1), predict_on="teacher")
    files = random_run(tmp_path, toy_student().to_dict(), **teacher)
    cfg = load_config(str(files[0]))
    trained = load_trained(cfg, str(files[1]))
    given = torch.load(files[1])["state_dict"]
    assert trained.name == "teacher" and not trained.network.training
    for key, tensor in trained.network.state_dict().items():
        assert torch.equal(tensor, given[f"teacher.module.{key}"])
    assert (trained.mean, trained.std, trained.classes) == (MEAN, STD, list(CLASSES))
    assert load_trained(cfg, str(files[1]), "student").name == "student"


def test_normalizes_as_in_training(tmp_path):
    files = random_run(tmp_path, toy_student().to_dict())
    trained = load_trained(load_config(str(files[0])), str(files[1]))
    images = torch.randint(0, 256, (2, 3, 40, 33), dtype=torch.uint8)
    normalized = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        expected = trained.network.encode_decode(normalized, [dict(img_shape=(40, 33))])
    torch.testing.assert_close(logits_of(trained, images), expected)
    torch.testing.assert_close(logits_of(trained, images, windows=True), expected)


def test_raises_if_a_network_cannot_be_exported(tmp_path):
    files = random_run(tmp_path, toy_student().to_dict())
    cfg = load_config(str(files[0]))
    with pytest.raises(ValueError, match="with a teacher, but got Supervised"):
        load_trained(cfg, str(files[1]), "teacher")
    cfg.model.data_preprocessor = None
    with pytest.raises(ValueError, match="data_preprocessor.type to be 'ViewPre.*got None"):
        load_trained(cfg, str(files[1]))


def spoil(files, name: str, change) -> str:
    """Change a tensor in a checkpoint; returns its name there."""
    content = torch.load(files[1])
    (key,) = [key for key in content["state_dict"] if key.endswith(name)]
    content["state_dict"][key] = change(content["state_dict"][key])
    torch.save(content, files[1])
    return key


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("conv_seg.bias", lambda x: x * torch.nan, "NaN or infinite numbers in"),
        ("stem.1.running_mean", lambda x: x + torch.inf, "NaN or infinite numbers in"),
        ("conv_seg.weight", lambda x: x.to(torch.int32), "floating-point numbers in"),
    ],
)
def test_raises_on_weights_that_are_not_finite_floats(tmp_path, name, change, reason):
    files = random_run(tmp_path, toy_student().to_dict())
    cfg = load_config(str(files[0]))
    key = spoil(files, name, change)
    for load in (load_trained, load_method):
        with pytest.raises(ValueError, match=rf"{files[1].name}: Expected.* {reason} {key}"):
            load(cfg, str(files[1]))


def test_checks_the_weights_of_a_plain_segmentor(tmp_path):
    files = random_run(tmp_path, toy_student().to_dict())
    spoil(files, "conv_seg.bias", lambda x: x * torch.nan)
    state = torch.load(files[1])["state_dict"]
    torch.save({k.removeprefix("student."): v for k, v in state.items()}, files[1])
    with pytest.raises(ValueError, match="infinite numbers in student.decode_head.conv_seg.bias"):
        load_method(load_config(str(files[0])), str(files[1]))


@pytest.mark.parametrize(
    ("notes", "found"),
    [
        ({"value_range": [10, 900], "shrink": 2.0, "channel": 2}, ([10, 900], 2.0, 2)),
        ({"value_range": "ab", "shrink": 2.0}, (None, 1.0, None)),
        ({"value_range": [900, 10], "shrink": 2.0}, (None, 1.0, None)),
        ({"value_range": ["1", "2"]}, (None, 1.0, None)),
        ({"value_range": 5}, (None, 1.0, None)),
        ({"shrink": "2"}, (None, 1.0, None)),
        ({"shrink": -2}, (None, 1.0, None)),
        ([1], (None, 1.0, None)),
    ],
)
def test_ignores_stack_notes_of_another_form(tmp_path, notes, found):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/stacks.json").write_text(json.dumps(notes))
    dataset = dict(data_root=str(tmp_path / "set"), pipeline=[])
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    assert (value_range_of(cfg), shrink_of(cfg, tmp_path / "other"), channel_of(cfg)) == found
