# SPDX-License-Identifier: Apache-2.0
"""The fast path gives what the plain one gives."""

import copy

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.models.losses import RankCorrelationLoss
from rankseg.models.mixing import cutmix_boxes, paste
from rankseg.registry import MODELS
from rankseg.testing.benchmark import largest_difference
from rankseg.testing.plain import box_mask, plain_paste, plain_rank_loss, plain_step
from rankseg.testing.toy import toy_batch, toy_student


def build(mix_source, rank=True):
    init_default_scope("rankseg")
    torch.manual_seed(0)
    config = dict(student=toy_student(), threshold=0.4, mix_source=mix_source)
    if rank:
        config["rank"] = dict(num_agents=8)
    model = MODELS.build(dict(type="RankMatch" if rank else "UniMatch", **config))
    return model.double()  # in single precision ReLUs at zero make gradients differ by percents


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("mix_source", ["same", "batch"])
@pytest.mark.parametrize("rank", [True, False])
def test_step(mix_source, rank, layout):
    fast = build(mix_source, rank)
    plain = copy.deepcopy(fast)
    inputs, samples = toy_batch(2, 3, 65, mixed=mix_source == "same")
    torch.manual_seed(1)
    inputs = {name: view.double() for name, view in inputs.items()}
    views = {name: view.to(memory_format=layout) for name, view in inputs.items()}
    losses = fast.to(memory_format=layout).loss(views, samples)
    assert 0.05 < losses.pop("confident") < 0.95
    torch.manual_seed(1)
    wanted = plain_step(plain.student, inputs, samples, mix_source, 0.4, num_agents=8, rank=rank)
    assert losses.keys() == wanted.keys() and min(wanted.values()) > 0
    assert largest_difference(losses, wanted) < 1e-5
    for terms in (losses, wanted):
        sum(terms.values()).backward()
    gradients = [{name: p.grad for name, p in m.student.named_parameters()} for m in (fast, plain)]
    assert largest_difference(*gradients) < 1e-4
    for (name, mine), other in zip(
        fast.student.named_buffers(), plain.student.buffers(), strict=True
    ):
        torch.testing.assert_close(mine, other, msg=name)


@pytest.mark.parametrize("topk", [2, 4])
def test_rank_loss(topk):
    torch.manual_seed(0)
    weak = torch.randn(2, 16, 9, 9).relu() * 0.5
    strong = (weak + 0.2 * torch.randn_like(weak)).requires_grad_()
    first = torch.tensor([3, 80])
    loss = RankCorrelationLoss(num_agents=12, topk=topk)
    mine = loss(weak, strong, first)
    (gradient,) = torch.autograd.grad(mine, strong)
    wanted = plain_rank_loss(weak, strong, first, num_agents=12, topk=topk)
    (wanted_gradient,) = torch.autograd.grad(wanted, strong)
    assert largest_difference([mine.detach(), gradient], [wanted.detach(), wanted_gradient]) < 1e-5
    assert mine > 0


def test_pasting():
    torch.manual_seed(0)
    feature = torch.randn(3, 4, 9, 9)
    boxes = cutmix_boxes(3, (129, 129), probability=1.0)
    mask = box_mask(boxes, (129, 129))
    assert 0 < mask.sum() < mask.numel()
    wanted = plain_paste(feature, feature.roll(1, 0), mask)
    mine = paste(feature, feature.roll(1, 0), boxes, 129)
    assert not torch.equal(mine, feature)
    torch.testing.assert_close(mine, wanted, atol=1e-5, rtol=0)
