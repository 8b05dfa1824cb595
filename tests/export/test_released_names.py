# SPDX-License-Identifier: Apache-2.0
"""Names of the released network against a reference written from its description."""

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn

from rankseg.export.released_names import PARTS, check_network, released_student, to_ours, to_theirs
from rankseg.registry import MODELS
from rankseg.testing.random_run import shake
from rankseg.testing.released import WIDTH, Released


def ours(depth: int, classes: int) -> nn.Module:
    with DefaultScope.overwrite_default_scope("rankseg"):
        return MODELS.build(released_student(depth, classes, WIDTH)).eval()


@pytest.mark.parametrize(("depth", "third", "classes"), [(50, 6, 21), (101, 23, 2)])
@torch.no_grad()
def test_logits_agree_both_ways(depth, third, classes):
    theirs = shake(Released(third, classes))
    state = to_ours(theirs.state_dict())
    model = ours(depth, classes)
    model.load_state_dict(state, strict=True)
    image = torch.randn(2, 3, 65, 81)
    expected = theirs(image)
    logits = model.encode_decode(image, [{"img_shape": (65, 81)}])
    assert expected.std() > 0.05
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    assert check_network(state) == (depth, classes)

    shake(model, seed=1)  # as if trained on
    back = Released(third, classes).eval()
    back.load_state_dict(to_theirs(model.state_dict()), strict=True)
    logits = model.encode_decode(image, [{"img_shape": (65, 81)}])
    torch.testing.assert_close(back(image), logits, rtol=0, atol=1e-4)


def test_there_and_back_is_the_same():
    state = shake(Released()).state_dict()
    back = to_theirs(to_ours(state))
    assert list(back) == list(state)
    assert all(back[name] is state[name] for name in state)
    assert len({theirs for theirs, _ in PARTS}) == len({own for _, own in PARTS}) == len(PARTS)


def broken(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = {**Released().state_dict(), **changes}
    return {name: tensor for name, tensor in state.items() if tensor is not None}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            lambda: broken(mask_token=torch.ones(1)),
            "of UniMatch's DeepLab.* got mask_token, which is unknown",
        ),
        (
            lambda: broken(**{"fuse.3.weight": None}),
            r"missing in the file \(1\): .*fuse.1.0.weight",
        ),
        (
            lambda: broken(**{"fuse.1.weight": torch.ones(7)}),
            r"shapes \(1\): decode_head.fuse.0.1.weight is \(7,\), expected \(16,\)",
        ),
        (
            lambda: broken(**{"backbone.layer3.6.bn1.bias": torch.ones(1)}),
            "third stage.* got 7 blocks",
        ),
        (lambda: broken(**{"classifier.weight": None}), "decode_head.conv_seg.weight is missing"),
        (lambda: broken(**{"backbone.layer3.0.conv3.weight": None}), "6 blocks of two convolution"),
    ],
)
def test_raises_on_other_networks(state, message):
    with pytest.raises(ValueError, match=message):
        to_ours(state())


def test_old_files_lack_counters():
    state = Released().state_dict()
    old = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    assert len(to_ours(old)) == len(old) < len(state)


def test_another_network_of_ours_has_no_name_there():
    state = to_ours(Released().state_dict())
    with pytest.raises(ValueError, match=r"unknown to the model \(1\): decode_head.projection"):
        to_theirs({**state, "decode_head.projection": torch.ones(1)})
