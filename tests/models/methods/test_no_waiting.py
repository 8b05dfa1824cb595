# SPDX-License-Identifier: Apache-2.0
"""No forward or backward pass of any method reads a value back, which would wait for the device.

The host waits once for every step, at its end: whether it is to be skipped must be known. One
library may make it wait: pytorch-metric-learning, which lists pairs.
"""

import traceback
from collections.abc import Callable

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rankseg.models.methods import __all__ as METHODS
from rankseg.testing.method_steps import EMBEDDED, IMAGES, LABELED, STEPS, prepare
from rankseg.testing.toy import toy_batch, toy_classifier, toy_student

aten = torch.ops.aten
READS = {  # operators whose result, or its size, must be known to the host
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.bincount.default,
}


def excepted() -> bool:
    """Boxes and members of an ensemble are drawn on the host: their numbers can be read.

    And pairs are listed, by pytorch-metric-learning, which has no other way, and from its lists.
    """
    return any(
        frame.name in ("cutmix_boxes", "draw_ensemble", "mine")
        or "pytorch_metric_learning" in frame.filename
        for frame in traceback.extract_stack()
    )


def in_library() -> bool:
    """Pairs are listed by pytorch-metric-learning."""
    return any("pytorch_metric_learning" in frame.filename for frame in traceback.extract_stack())


class Reads(TorchDispatchMode):
    """Collects the operators that make the host wait."""

    def __init__(self, excepted: Callable[[], bool] = excepted) -> None:
        super().__init__()
        self.found: list[str] = []
        self.excepted = excepted

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        by_mask = func in (aten.index.Tensor, aten.index_put_.default) and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if (func in READS or by_mask) and not self.excepted():
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


def test_every_method_has_a_step():
    assert {name.split()[0] for name in STEPS} == set(METHODS) - {"Method"}


@pytest.fixture
def no_list_to_the_device(monkeypatch):
    """Refuses what waits on a GPU and is no operator: a list that goes straight to a device."""
    make = torch.tensor

    def tensor(*args, device=None, **kwargs):
        assert device is None, "expected torch.tensor(...).to(device, non_blocking=True)"
        return make(*args, **kwargs)

    def new_tensor(*args, **kwargs):
        raise AssertionError("expected torch.tensor(...).to(device, non_blocking=True)")

    monkeypatch.setattr(torch, "tensor", tensor)
    monkeypatch.setattr(torch.Tensor, "new_tensor", new_tensor)


@pytest.mark.parametrize("name", STEPS)
def test_a_step(name, build, no_list_to_the_device):
    method, batch = prepare(name, build)
    with Reads() as reads:
        sum(term for key, term in method.loss(*batch).items() if "loss" in key).backward()
    assert reads.found == []


def test_spatial_assembly(build, no_list_to_the_device):
    assembly = dict(type="SpatialAssembly", in_channels=32, grid=2)
    insert = dict(at="backbone.layer3", module=assembly)
    method = build(
        "Supervised", student=toy_student() | dict(type="ExtendedSegmentor", insert=insert)
    )
    with Reads() as reads:
        losses = method(*toy_batch(), mode="loss")
        (losses["loss_x"] + losses["loss_assembly"]).backward()
    assert reads.found == []


@pytest.mark.parametrize("name", LABELED)
def test_labeled_losses(name, build, no_list_to_the_device):
    student = toy_student()
    student.decode_head.loss_decode = LABELED[name]
    method = build("Supervised", student=student)
    with Reads() as reads:
        method.loss(*toy_batch())["loss_x"].backward()
    assert reads.found == []


@pytest.mark.parametrize("name", ["MeanTeacher", "CMSF", "LMCS"])
@pytest.mark.parametrize("teacher", [{}, dict(warmup=9), dict(buffers=False)], ids=str)
def test_averaged_models(name, teacher, build):
    student = dict(student=toy_classifier()) if name in IMAGES else {}
    options = {**STEPS[name], "teacher": dict(momentum=0.1, **teacher)}
    method = build(name, **{**student, **options})
    method.update_teacher()  # reads once what a checkpoint may have brought
    with Reads() as reads:
        method.update_teacher()
    assert reads.found == []


def test_miner_of_a_memory_waits_once(build):
    name = "MetricLearning"
    method = build(
        name,
        student=EMBEDDED["student"],
        **{key: value for key, value in STEPS[name].items() if key != "student"},
    )
    label = torch.tensor([0, 0, 1, 1])
    embedding = torch.randn(4, 8)
    with Reads(excepted=in_library) as reads:
        method.mine(embedding, label, embedding, label)
    assert reads.found == ["aten.nonzero.default"]


def test_reading_is_seen():
    value = torch.arange(4.0)
    with Reads() as reads:
        value.sum().item()
        value[value > 1]
        value[value > 1] = 0
    kinds = {name.split(".")[1] for name in reads.found}
    assert kinds >= {"_local_scalar_dense", "index", "index_put_"}
