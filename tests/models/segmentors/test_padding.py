# SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.models.methods import Supervised
from rankseg.models.segmentors.padding import cut_padding
from rankseg.registry import MODELS

pytest.importorskip("timm")
PATCH = 16


@pytest.fixture(autouse=True)
def scope() -> None:
    init_default_scope("rankseg")


def student(head: str = "LinearHead", **backbone):
    """Config of a tiny vision transformer with a head."""
    trunk = dict(type="TimmTrunk", model="vit_tiny_patch16_224", out_indices=(0, 1)) | backbone
    if head == "LightDPTHead":
        trunk["out_indices"] = (0, 1, 2, 3)
    options = dict(channels=8, level_channels=(8, 8, 8, 8)) if head == "LightDPTHead" else {}
    return dict(
        type="EncoderDecoder",
        backbone=trunk,
        decode_head=dict(type=head, in_channels=None, num_classes=3, **options),
    )


def method(head: str = "LinearHead") -> Supervised:
    """Method whose network treats all positions alike."""
    torch.manual_seed(0)
    model = MODELS.build(dict(type="Supervised", student=student(head)))
    torch.nn.init.zeros_(model.student.backbone.trunk.pos_embed)
    return model.eval()


@torch.no_grad()
def logits(model: Supervised, image: torch.Tensor) -> torch.Tensor:
    """Logits at the size of the image, as predicted and as trained."""
    predicted = model.student.encode_decode(image, [{"img_shape": image.shape[2:]}])
    trained = model.upsample(model.run(model.student, image).logits, image.shape[2:])
    torch.testing.assert_close(predicted, trained)
    return predicted


@pytest.mark.parametrize("size", [(64, 80), (61, 75)])
def test_prediction_moves_with_the_image(size):
    model, (height, width) = method(), size
    image = torch.zeros(1, 3, height, width)
    image[..., 16:32, 16:32] = torch.rand(3, 16, 16)  # one patch
    moved = image.roll((PATCH, PATCH), (2, 3))
    before, after = logits(model, image), logits(model, moved)
    assert before.shape[2:] == size
    # away from the border, where bilinear resizing sees the object alone
    torch.testing.assert_close(after[..., 16:56, 16:56], before[..., :40, :40], atol=1e-4, rtol=0)
    assert before.std() > 1e-3


def test_padding_does_not_stretch_the_prediction():
    """A padded image predicts as the same image with the padding drawn into it."""
    model = method("LightDPTHead")
    image = torch.rand(1, 3, 50, 60)
    padded = torch.nn.functional.pad(image, (0, 4, 0, 14))
    torch.testing.assert_close(logits(model, image), logits(model, padded)[..., :50, :60])


def test_copy_of_the_network_cuts_by_its_own_size():
    model = method()
    other = copy.deepcopy(model.student)
    with torch.no_grad():
        model.run(model.student, torch.rand(1, 3, 33, 40))
        found = other.encode_decode(torch.rand(1, 3, 50, 60), [{"img_shape": (50, 60)}])
    assert found.shape[2:] == (50, 60)
    assert model.student.backbone.input_size == (33, 40)


def test_raises_on_head_without_classifier():
    head = dict(type="LinearHead", in_channels=192, num_classes=3)
    network = MODELS.build({**student(), "decode_head": head})
    del network.decode_head.conv_seg
    with pytest.raises(ValueError, match="LinearHead.*conv_seg.*pad=False"):
        cut_padding(network)


@pytest.mark.parametrize("head", ["LinearHead", "LightDPTHead"])
def test_channels_are_filled_in(head):
    model = method(head)
    given = model.student.decode_head.in_channels
    assert given == (192 if head == "LinearHead" else [192] * 4)


def test_channels_of_deeplab_are_filled_in_and_wrong_ones_refused():
    config = student(model="efficientnet_lite0", out_indices=(1, 3))
    config["decode_head"] = dict(
        type="DeepLabV3PlusHead", in_channels=None, c1_in_channels=None, channels=8, num_classes=2
    )
    model = MODELS.build(dict(type="Supervised", student=config))
    assert model.student.decode_head.reduce[0].in_channels == 24
    assert model.student.decode_head.aspp.point[0].in_channels == 112
    config["decode_head"]["in_channels"] = 320
    with pytest.raises(ValueError, match=r"decode_head.in_channels to be 112.*320"):
        MODELS.build(dict(type="Supervised", student=config))
    config["decode_head"].update(in_channels=None, in_index=2)
    with pytest.raises(ValueError, match=r"in_index.*2 feature maps.*2\. Set out_indices"):
        MODELS.build(dict(type="Supervised", student=config))


def test_teacher_shares_frozen_parameters_alone():
    config = student(frozen=1)
    model = MODELS.build(
        dict(type="FixMatch", student=config, teacher=dict(momentum=0.5), labels_from="teacher")
    )
    pairs = zip(
        model.student.named_parameters(), model.teacher.module.named_parameters(), strict=True
    )
    shared = {name for (name, mine), (_, other) in pairs if mine is other}
    assert shared == {n for n, p in model.student.named_parameters() if not p.requires_grad}
    assert any("blocks.0" in name for name in shared)
    frozen = model.student.backbone.trunk.blocks[0].mlp.fc1.weight.clone()
    for _ in range(3):
        with torch.no_grad():
            model.student.decode_head.conv_seg.weight.add_(1)
        model.update_teacher()
    assert torch.equal(model.teacher.module.backbone.trunk.blocks[0].mlp.fc1.weight, frozen)
    mine, other = model.student.decode_head.conv_seg, model.teacher.module.decode_head.conv_seg
    assert not torch.equal(mine.weight, other.weight)


@pytest.mark.parametrize("warmup", [False, 9])
def test_update_of_the_teacher_leaves_out_shared_parameters(warmup):
    options = dict(type="FixMatch", labels_from="teacher", student=student(frozen=1))
    model = MODELS.build(options | dict(teacher=dict(momentum=0.5, warmup=warmup)))
    seen: list[torch.Tensor] = []
    inner = model.teacher.multi_avg_fn

    def keep(averages, *rest):
        seen.extend(averages)
        inner(averages, *rest)

    model.teacher.multi_avg_fn = keep
    for _ in range(2):  # the first update copies
        model.update_teacher()
    network, mine = model.teacher.module, {id(one) for one in model.student.parameters()}
    own = [one for one in network.parameters() if id(one) not in mine] + list(network.buffers())
    assert {one.data_ptr() for one in seen} == {one.data_ptr() for one in own}
    assert len(seen) == len(own) < len(list(network.parameters()))
