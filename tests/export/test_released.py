# SPDX-License-Identifier: Apache-2.0
"""Files of released checkpoints: which are taken, which refused, what is written."""

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from rankseg.apis import load_config
from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.export.released import convert_released
from rankseg.export.released_names import released_student, to_theirs
from rankseg.registry import MODELS

CLASSES = 5


@pytest.fixture(scope="module")
def method():
    torch.manual_seed(0)
    student = released_student(50, CLASSES, width=4)
    with DefaultScope.overwrite_default_scope("rankseg"):
        method = MODELS.build(dict(type="MeanTeacher", student=student, teacher=dict(momentum=0.1)))
    for parameter in method.teacher.module.parameters():
        parameter.data += 1
    return method


@pytest.fixture
def released(tmp_path, method) -> Path:
    """What their training script saves."""
    state = {f"module.{k}": v for k, v in to_theirs(method.student.state_dict()).items()}
    path = tmp_path / "best.pth"
    torch.save({"model": state, "epoch": 79, "previous_best": np.float64(75.0)}, path)
    return path


def config(tmp_path: Path, **changes) -> object:
    student = released_student(**{"depth": 50, "num_classes": CLASSES, "width": 4, **changes})
    path = tmp_path / "slim.py"
    path.write_text(f"model = dict(type='Supervised', student={student!r})\n")
    return load_config(str(path))


def test_a_method_loads_what_was_converted(tmp_path, method, released):
    found = convert_released(released, tmp_path / "ours.pth", cfg=config(tmp_path))
    assert found["depth"] == 50 and found["classes"] == CLASSES
    saved = torch.load(tmp_path / "ours.pth", weights_only=True)
    assert saved["meta"]["converted_from"] == "best.pth"
    own = method.student.state_dict()
    assert saved["state_dict"].keys() == own.keys() and found["tensors"] == len(own)
    assert all(torch.equal(saved["state_dict"][name], own[name]) for name in own)


@pytest.mark.parametrize("network", ["student", "teacher"])
def test_the_way_back_gives_the_file_that_their_script_reads(tmp_path, method, network):
    torch.save({"state_dict": method.state_dict(), "meta": {}}, tmp_path / "iter_9.pth")
    target = tmp_path / "theirs.pth"
    convert_released(tmp_path / "iter_9.pth", target, reverse=True, network=network)
    saved = torch.load(target, weights_only=True)["model"]
    expected = to_theirs(method.network(network).state_dict())
    assert list(saved) == [f"module.{name}" for name in expected]
    name = "head.b1.0.weight"
    assert torch.equal(saved[f"module.{name}"], expected[name])


def test_two_networks_need_a_choice(tmp_path, method):
    torch.save(method.state_dict(), tmp_path / "iter_9.pth")
    with pytest.raises(ValueError, match="got a student and a teacher. Select one with --network"):
        convert_released(tmp_path / "iter_9.pth", tmp_path / "theirs.pth", reverse=True)
    torch.save(method.student.state_dict(), tmp_path / "plain.pth")
    convert_released(tmp_path / "plain.pth", tmp_path / "theirs.pth", reverse=True)
    with pytest.raises(ValueError, match="with a teacher, but it has neither student nor teacher"):
        convert_released(
            tmp_path / "plain.pth", tmp_path / "b.pth", reverse=True, network="teacher"
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_classes": 7},
            r"Expected 7 classes, as .*slim.py has, but got 5. Set model.student.*classes=5",
        ),
        (
            {"depth": 101},
            r"the tensors of .*slim.py: missing in the file \(\d+\): backbone.layer3.6",
        ),
    ],
)
def test_raises_on_a_checkpoint_of_another_config(tmp_path, released, changes, message):
    with pytest.raises(ValueError, match=message):
        convert_released(released, tmp_path / "ours.pth", cfg=config(tmp_path, **changes))
    assert not (tmp_path / "ours.pth").exists()


def test_only_data_is_loaded_unless_one_insists(tmp_path, released):
    content = torch.load(released, weights_only=False)
    torch.save({**content, "args": Namespace(lr=1)}, released)
    with pytest.raises(ValueError, match="holds more than data.*add --trust-checkpoint"):
        convert_released(released, tmp_path / "ours.pth")
    with trust_checkpoints():
        convert_released(released, tmp_path / "ours.pth")


def test_what_is_no_checkpoint(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ValueError, match="notes.txt is damaged or not a checkpoint"):
        convert_released(tmp_path / "notes.txt", tmp_path / "ours.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(ValueError, match="empty.pth .*has no tensors"):
        convert_released(tmp_path / "empty.pth", tmp_path / "ours.pth")
    torch.save({"a": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(
        ValueError, match="other.pth cannot be converted. .*got a, which is unknown"
    ):
        convert_released(tmp_path / "other.pth", tmp_path / "ours.pth")


def test_an_existing_file_is_kept(tmp_path, released):
    (tmp_path / "ours.pth").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="ours.pth exists. Remove it"):
        convert_released(released, tmp_path / "ours.pth")
    assert not (tmp_path / "nowhere").exists()
