# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from rankseg import apis
from rankseg.models.weights.checkpoint_file import load_checkpoint_file
from rankseg.testing.random_run import random_run
from rankseg.testing.toy import toy_student
from rankseg.training.run_reference import find_checkpoint

TEACHER = dict(type="RankMatch", teacher=dict(momentum=0.1))


@pytest.fixture
def run(tmp_path):
    """A run with a student and a teacher, whose weights differ."""
    config, checkpoint = random_run(tmp_path, toy_student().to_dict(), **TEACHER)
    return apis.load_config(str(config)), str(checkpoint)


@pytest.mark.parametrize("network", ["student", "teacher"])
def test_contains_the_network_and_its_classes(run, network, tmp_path):
    from safetensors import safe_open

    cfg, checkpoint = run
    result = apis.to_safetensors(cfg, checkpoint, tmp_path / "w.safetensors", network=network)
    prefix = {"student": "student.", "teacher": "teacher.module."}[network]
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    expected = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    with safe_open(str(tmp_path / "w.safetensors"), framework="pt") as file:
        assert set(file.keys()) == set(expected)
        assert all(torch.equal(file.get_tensor(name), value) for name, value in expected.items())
    assert (result["network"], result["tensors"], result["classes"]) == (network, len(expected), 3)


def test_refuses_other_names_and_existing_files(run, tmp_path):
    with pytest.raises(ValueError, match=r"\.safetensors.*w\.pth"):
        apis.to_safetensors(*run, tmp_path / "w.pth")
    (tmp_path / "w.safetensors").touch()
    with pytest.raises(ValueError, match=r"w\.safetensors exists"):
        apis.to_safetensors(*run, tmp_path / "w.safetensors")


def test_starts_and_tests_a_run(config_file, tmp_path):
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "first"))
    cfg.train_cfg.update(max_iters=2)
    apis.train(cfg)
    run, file = tmp_path / "first", tmp_path / "first/w.safetensors"
    apis.to_safetensors(cfg, find_checkpoint(run / "last"), file, network="student")
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    one, two = (
        apis.Inferencer(run, path, "cpu", "student")(image, probabilities=True)
        for path in (run / "last", file)
    )
    assert (one.probabilities == two.probabilities).all() and one.classes == two.classes
    metrics = [apis.test(cfg, find_checkpoint(one)) for one in (run / "last", file)]
    assert metrics[0]["mIoU"] == metrics[1]["mIoU"]
    second = apis.load_config(str(config_file), work_dir=str(tmp_path / "second"))
    second.train_cfg.update(max_iters=1)
    second.update(load_from=find_checkpoint(file), val_dataloader=None)
    second.optim_wrapper.optimizer.lr = 0.0
    result = apis.train(second)
    name = "student.decode_head.conv_seg.weight"
    first, started = (
        load_checkpoint_file(str(one / "last.pth"))["state_dict"] for one in (run, result.folder)
    )
    assert torch.equal(first[name], started[name])
