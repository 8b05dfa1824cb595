# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config

from rankseg.training import device_checks
from rankseg.training.device_checks import check_deterministic, why_no_gpu

TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version"
)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """``machine(cuda="13.0", reason=...)``: a machine without a usable GPU."""

    def make(cuda=None, reason="", driver=False, processes=1):
        def init():
            raise RuntimeError(reason)

        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.cuda, "init", init)
        monkeypatch.setattr(device_checks, "get_device", lambda: "cpu")
        monkeypatch.setattr(device_checks, "get_world_size", lambda: processes)
        file = tmp_path / "version"
        if driver:
            file.touch()
        monkeypatch.setattr(device_checks, "NVIDIA_DRIVER", file)

    return make


def test_a_machine_without_gpu_and_cuda_needs_no_word(machine):
    machine()
    assert why_no_gpu() is None


def test_a_driver_that_is_too_old(machine):
    machine(cuda="13.0", reason=TOO_OLD, driver=True)
    said = why_no_gpu()
    assert "CUDA 13.0" in said and "this run uses the CPU" in said
    assert said.endswith("too old (found version 11040).")


def test_processes_that_communicate_through_gloo(machine):
    machine(cuda="13.0", reason=TOO_OLD, processes=4)
    assert "4 processes" in why_no_gpu() and "gloo" in why_no_gpu()


def test_a_build_without_cuda_beside_a_gpu(machine):
    machine(driver=True)
    assert "Install a CUDA build of PyTorch" in why_no_gpu()


@pytest.mark.parametrize("value", ["", "-1"])
def test_who_asks_for_the_cpu_is_not_told(machine, monkeypatch, value):
    machine(cuda="13.0", reason=TOO_OLD, driver=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert why_no_gpu() is None


def test_an_accelerator_that_is_used(machine, monkeypatch):
    machine(cuda="13.0", reason=TOO_OLD)
    monkeypatch.setattr(device_checks, "get_device", lambda: "cuda")
    assert why_no_gpu() is None


@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("given", [dict(deterministic=True), dict(seed=0), None])
def test_deterministic_kernels_are_refused_on_a_gpu(monkeypatch, gpu, given):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    cfg = Config(dict(randomness=given))
    if gpu and given and given.get("deterministic"):
        match = r"randomness.deterministic to be False on a GPU.*got True. .*CUDA_VISIBLE_DEVICES"
        with pytest.raises(ValueError, match=match):
            check_deterministic(cfg)
    else:
        check_deterministic(cfg)
