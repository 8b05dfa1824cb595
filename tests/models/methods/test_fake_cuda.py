# SPDX-License-Identifier: Apache-2.0
"""Every method on a GPU that is only pretended: no operation mixes devices or reads a value back.

Fake tensors have a shape, a type and a device, and no values. They need a CUDA build of torch, but
no GPU. Only the forward pass can run, since autograd has no threads for devices that are missing.
"""

import contextlib
from collections.abc import Callable, Iterator

import pytest
import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from rankseg.engine.resilience.non_finite import not_finite
from rankseg.engine.resilience.snapshot import BufferSnapshot
from rankseg.evaluation.segmentation import count_pixels
from rankseg.models import mixing
from rankseg.models.memory.bank import gather_rows
from rankseg.models.memory.mean_shift import PreviousFeatures
from rankseg.models.methods import MetricLearning, fixmatch, prevmatch
from rankseg.models.methods.teacher import Teacher
from rankseg.testing.method_steps import LABELED, STEPS, prepare
from rankseg.testing.toy import toy_batch, toy_images, toy_student

pytestmark = pytest.mark.skipif(
    torch.version.cuda is None, reason="torch was built without CUDA, which fake tensors need"
)
TYPES = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
DRAWS = ((mixing, "cutmix_boxes"), (fixmatch, "cutmix_boxes"), (prevmatch, "draw_ensemble"))
"""What is drawn on the host, where values are known."""


@pytest.fixture
def fake(monkeypatch) -> FakeTensorMode:
    """A mode in which ``"cuda"`` is a device."""
    for module, name in (*DRAWS, (Tensor, "numpy")):
        monkeypatch.setattr(module, name, with_values(getattr(module, name)))
    common = torch.cuda.amp.common  # autocast turns itself off without a GPU
    monkeypatch.setattr(common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *args: True)
    # what needs values: the count of updates, pairs of images, gradients within a step
    monkeypatch.setattr(Teacher, "_count", lambda self: 1)
    monkeypatch.setattr(MetricLearning, "mine", lambda self, *tensors: self.miner(*tensors))
    monkeypatch.setattr(torch.autograd, "grad", no_gradient)
    monkeypatch.setattr(PreviousFeatures, "write", copy_to_host)
    return FakeTensorMode(allow_non_fake_inputs=True)


class Pairs(nn.Module):
    """Miner of two pairs of one class and two of different classes."""

    def forward(self, embedding: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        place = torch.arange(2, device=embedding.device)
        return place, place + 1, place, place + 2


class Compared(nn.Module):
    """Loss of pairs, between a batch and itself or other entries."""

    def forward(self, embedding, label, pairs=None, others=None, other_label=None) -> Tensor:
        others, other_label = (embedding, label) if others is None else (others, other_label)
        pairs = Pairs()(embedding) if pairs is None else pairs
        same = (embedding[pairs[0]] - others[pairs[1]]).square().mean()
        return same + (label[pairs[2]] == other_label[pairs[3]]).float().mean()


def no_gradient(outputs: Tensor, inputs: Tensor, *args, **kwargs) -> tuple[Tensor, ...]:
    return tuple(map(torch.zeros_like, [inputs] if isinstance(inputs, Tensor) else inputs))


def copy_to_host(memory: PreviousFeatures, index: Tensor, feature: Tensor) -> None:
    for part in (gather_rows(index), gather_rows(feature).half()):
        part.to("cpu", non_blocking=True)


def with_values(function: Callable) -> Callable:
    """Call a function outside of the mode."""

    def call(*args, **kwargs):
        with unset_fake_temporarily():
            return function(*args, **kwargs)

    return call


def to_cuda(value, fake: FakeTensorMode):
    """Move a network, a batch or a sample to the pretended GPU."""

    def move(tensor: Tensor) -> Tensor:
        # the shapes of what comes in are known
        found = fake.from_tensor(tensor.detach(), static_shapes=True)
        return found.to("cuda").requires_grad_(tensor.requires_grad)

    if isinstance(value, nn.Module):
        return value._apply(move)
    if isinstance(value, BaseDataElement):
        return value.to("cuda")
    if isinstance(value, dict):
        return {key: to_cuda(one, fake) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_cuda(one, fake) for one in value)
    return move(value)


@contextlib.contextmanager
def on_gpu(fake: FakeTensorMode, dtype: torch.dtype | None) -> Iterator[None]:
    with fake, torch.autocast("cuda", dtype or torch.float16, enabled=dtype is not None):
        yield


def check(losses: dict) -> None:
    terms = {name: term for name, term in losses.items() if "loss" in name}
    assert terms
    for name, term in terms.items():
        assert term.device.type == "cuda" and term.numel() == 1, name


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", STEPS)
def test_a_step(name, dtype, build, fake):
    method, batch = prepare(name, build)
    if isinstance(method, MetricLearning):  # pytorch-metric-learning lists pairs by their values
        method.miner, method.metric_loss = Pairs(), Compared()
        method.memory_loss = None if method.memory_loss is None else Compared()
    snapshot = BufferSnapshot(method)
    with fake:
        method, batch = to_cuda(method, fake), to_cuda(batch, fake)
        snapshot.take()
    with on_gpu(fake, TYPES[dtype]):
        check(method.loss(*batch))
    with fake:
        snapshot.restore()
        if method.teacher is not None:
            method.update_teacher()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", LABELED)
def test_labeled_losses(name, dtype, build, fake):
    student = toy_student()
    student.decode_head.loss_decode = LABELED[name]
    method, batch = build("Supervised", student=student), toy_batch()
    with fake:
        method, batch = to_cuda(method, fake), to_cuda(batch, fake)
    with on_gpu(fake, TYPES[dtype]):
        check(method.loss(*batch))


@pytest.mark.parametrize("mode", ["whole", "slide"])
def test_validation(mode, build, fake):
    method = build("MeanTeacher", teacher=dict(momentum=0.1)).eval()
    if mode == "slide":
        for network in (method.student, method.teacher.module):
            network.test_cfg.update(mode="slide", crop_size=(17, 17), stride=(11, 11))
    images, label = toy_images(2, 33, 3)
    with torch.no_grad(), fake:
        method, images, label = (to_cuda(one, fake) for one in (method, images, label))
        results = method.predict(images)
        table = count_pixels(results[0].pred_sem_seg.data[0], label[0], 3, 255)
    assert table.device.type == "cuda" and table.shape == (4, 3)
    assert results[1].teacher_sem_seg.data.device.type == "cuda"


def test_gradients_are_checked_without_reading_them(fake):
    with fake:
        flag = not_finite([torch.zeros(3, device="cuda"), torch.zeros(2, 2, device="cuda")])
    assert flag.device.type == "cuda"


def test_mixing_devices_is_seen(fake):
    with fake, pytest.raises(Exception, match="on the same device|different devices"):
        torch.zeros(3, device="cuda") + torch.zeros(3)


def test_reading_is_seen(fake):
    with fake, pytest.raises(Exception, match="_local_scalar_dense"):
        torch.zeros(3, device="cuda").sum().item()
