# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.models.backbones import TimmTrunk
from rankseg.models.backbones.timm_options import check_lora

pytest.importorskip("timm")

LITE, VIT = "efficientnet_lite0", "vit_tiny_patch16_224"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(weights=True), "weights.*'hub', a file, or None, but got True"),
        (dict(weights=""), "weights.*'hub', a file, or None, but got ''"),
        (dict(in_channels=0), "in_channels.* 1 to 12, but got 0"),
        (dict(in_channels="3"), "in_channels.* 1 to 12, but got '3'"),
        (dict(frozen=-1), "frozen.*number of blocks, but got -1"),
        (dict(frozen="True"), "frozen.*True, False or .*'True'"),
        (dict(lora=-4), "lora.*rank.*-4"),
        (dict(lora=True), "lora.*rank.*True"),
        (dict(layer_decay=0), "layer_decay.*above 0.*got 0"),
        (dict(layer_decay="0.7"), "layer_decay.*above 0.*'0.7'"),
        (dict(drop_path=1.0), "drop_path.*below 1, but got 1.0"),
        (dict(drop_path=-0.1), "drop_path.*at least 0.*-0.1"),
        (dict(drop_path=0.1, frozen=True), "drop_path=0 .*frozen=True.*drop_path=0.1"),
        (dict(drop_path=0.1, lora=2), "drop_path=0 .*lora=2.*drop_path=0.1"),
        (dict(output_stride=7), r"output_stride.*\(8, 16, 32\).*7"),
        (dict(output_stride=0), r"output_stride.*\(8, 16, 32\).*0"),
        (dict(out_indices=3), r"12 feature maps.*0 to 11, such as \(11,\), but got 3"),
        (dict(out_indices="3"), r"12 feature maps.*got \('3',\)"),
        (dict(out_indices=(1.0, 3)), r"12 feature maps.*got \(1.0, 3\)"),
        (dict(out_indices=(1, 12)), r"12 feature maps.*got \(1, 12\)"),
        (dict(out_indices=(1, 3, 3)), r"each feature map.*once.*got \(1, 3, 3\)"),
        (dict(out_indices=(11, -1)), r"each feature map.*once.*got \(11, -1\)"),
    ],
)
def test_raises_on_options_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        TimmTrunk(VIT, **options)


def test_maps_are_returned_from_fine_to_coarse_in_any_order_of_indices():
    trunk, other = (TimmTrunk(LITE, out_indices=one) for one in ((-2, 1), (1, 3)))
    assert trunk.out_indices == other.out_indices and trunk.channels == other.channels
    assert [len(one[0]) for one in trunk.eval()(torch.rand(1, 3, 33, 33))] == other.channels


@pytest.mark.parametrize(
    "model",
    [
        "vit_small_patch16_dinov3",
        "swin_tiny_patch4_window7_224",
        "tf_efficientnet_lite0",
        "mobilenetv3_small_100",
        "convnext_atto",
    ],
)
def test_adapters_of_other_encoders_are_trained(model):
    trunk = TimmTrunk(model, out_indices=(0, 1), lora=2)
    with torch.no_grad():
        for name, parameter in trunk.named_parameters():
            if "lora_b" in name:
                parameter.fill_(0.01)
    sum(one.square().mean() for one in trunk.train()(torch.rand(1, 3, 64, 64))).backward()
    adapters = {k: p for k, p in trunk.named_parameters() if p.requires_grad}
    assert adapters and all(".lora_" in name for name in adapters)
    assert all(one.grad is not None and one.grad.any() for one in adapters.values())


@pytest.mark.parametrize("model", ["swinv2_tiny_window8_256", "eva02_tiny_patch14_224"])
def test_raises_on_adapters_that_would_not_run(model):
    with (
        torch.device("meta"),
        pytest.raises(ValueError, match=r"lora=0.*qkv without running"),
    ):
        TimmTrunk(model, out_indices=(0, 1), lora=2)


def test_raises_on_adapters_of_convolutions_that_do_not_run():
    class Network(torch.nn.Module):
        pretrained_cfg = dict(input_size=(3, 8, 8))

        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(3, 4, 1)

        def forward_intermediates(self, x, indices, intermediates_only):
            return [self.used(x)]

    network = Network().to("meta")
    with pytest.raises(ValueError, match=r"lora=0 for mine.* unused without running this layer"):
        check_lora("mine", network, 2, (0,))
    network = Network().to("meta")
    network.unused = torch.nn.Identity()
    check_lora("mine", network, 2, (0,))


@pytest.mark.parametrize("model", ["resnet18", "convnext_tiny", "vgg11", "pvt_v2_b0"])
def test_raises_on_adapters_of_encoders_without_their_layers(model):
    words = r"lora=0 for.*neither attention layers 'attn.qkv' nor plain 1x1 convolutions"
    with torch.device("meta"), pytest.raises(ValueError, match=words):
        TimmTrunk(model, out_indices=(0, 1), lora=2)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("EfficientNet_Lite0", "'EfficientNet_Lite0'. Did you mean efficientnet_lite0"),
        ("timm/efficientnet_lite0", "Did you mean efficientnet_lite0"),
        ("hf-hub:timm/resnet18.a1_in1k", "Did you mean resnet18"),
        ("dinov2_vits14", "Did you mean vit_.*dinov2"),
        ("efficientnet_lite0.nope", r"one of efficientnet_lite0\.ra_in1k.*, but got .*nope"),
        ("", r"got ''. See timm.list_models"),
        (None, r"got None. See timm.list_models"),
    ],
)
def test_raises_on_names_that_timm_does_not_know(model, words):
    with pytest.raises(ValueError, match=words):
        TimmTrunk(model)


@pytest.mark.parametrize("model", ["hrnet_w18_small", "sam2_hiera_tiny"])
def test_encoders_of_some_sizes_get_padded_images(model):
    trunk = TimmTrunk(model, out_indices=(0, 1)).eval()
    assert trunk.pad_multiple == 32
    with torch.no_grad():
        maps = trunk(torch.rand(1, 3, 33, 65))
    assert [one.shape[2:] for one in maps] == [(64 // s, 96 // s) for s in trunk.strides]
