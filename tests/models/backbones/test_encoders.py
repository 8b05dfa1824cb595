# SPDX-License-Identifier: Apache-2.0
"""One training step of methods on encoders of every kind, with random weights."""

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.models.backbones import TimmTrunk
from rankseg.models.methods import Method
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_batch, toy_class_batch

pytest.importorskip("timm")

CNN = ("efficientnet_lite0", "resnet18", "mobilenetv3_small_050")
ENCODERS = {
    "vit_small_patch14_reg4_dinov2": (0, 1, 2, 3),
    "vit_small_patch16_dinov3": (0, 1, 2, 3),
    "convnext_atto": (0, 1, 2, 3),
    "swin_tiny_patch4_window7_224": (0, 1, 2, 3),
    "efficientnet_lite0": (1, 3),
    "resnet50": (1, 3),
    "mobilenetv3_small_050": (1, 3),
}
SIZE = 45  # no multiple of a patch
SMALLER = {  # parameters take most of the time
    "vit_small_patch14_reg4_dinov2": dict(embed_dim=96),
    "vit_small_patch16_dinov3": dict(embed_dim=96),
    "swin_tiny_patch4_window7_224": dict(embed_dim=24),
    "resnet50": dict(layers=(1, 1, 1, 1)),
}


def head_of(name: str, method: str) -> dict:
    """Config of a head that fits an encoder."""
    if method == "image":
        return dict(type="ImageLevelHead", in_channels=None, num_classes=3)
    if len(ENCODERS[name]) == 2:
        narrow = dict(channels=8, c1_channels=8, c1_in_channels=None)
        return dict(type="DeepLabV3PlusHead", in_channels=None, num_classes=3, **narrow)
    if name.startswith("vit") and method == "UniMatchV2":
        levels = dict(channels=8, level_channels=(8, 8, 8, 8))
        return dict(type="LightDPTHead", in_channels=None, num_classes=3, **levels)
    return dict(type="LinearHead", in_channels=None, num_classes=3)


@pytest.fixture
def small(monkeypatch):
    """Build encoders with fewer channels or blocks."""
    build = TimmTrunk._build

    def build_small(self):
        self.options |= SMALLER.get(self.model, {})
        return build(self)

    monkeypatch.setattr(TimmTrunk, "_build", build_small)


@pytest.mark.parametrize("name", ENCODERS)
def test_methods_train_a_step(name, small):
    init_default_scope("rankseg")
    torch.manual_seed(0)
    for method in ("Supervised", "RankMatch", "UniMatchV2", "image"):
        trunk = dict(type="TimmTrunk", model=name, out_indices=ENCODERS[name])
        student = dict(type="EncoderDecoder", backbone=trunk, decode_head=head_of(name, method))
        config = dict(type=method, student=student)
        if method != "Supervised":
            config["threshold"] = 0.0
        if method == "RankMatch":
            config["rank"] = dict(num_agents=4)
        if method == "image":
            config |= dict(type="FixMatch", mix_source=None)
        model: Method = MODELS.build(config)
        model.init_weights()
        batch = toy_class_batch(size=SIZE) if method == "image" else toy_batch(size=SIZE)
        losses = model.train()(*batch, mode="loss")
        total = sum(value for key, value in losses.items() if key.startswith("loss"))
        total.backward()
        assert torch.isfinite(total)
        unused = [k for k, p in model.student.named_parameters() if p.grad is None]
        # blocks behind the last map are pruned, so that nothing is left without a gradient
        assert not unused, f"{method}: {unused[:5]}"
        if method != "image":
            samples = batch[1]["labeled"]
            found = model.eval().student.encode_decode(
                batch[0]["labeled"], [dict(img_shape=(SIZE, SIZE))] * len(samples)
            )
            assert found.shape[1:] == (3, SIZE, SIZE)
