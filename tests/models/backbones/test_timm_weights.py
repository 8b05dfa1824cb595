# SPDX-License-Identifier: Apache-2.0
"""Files of other packages and of other runs as weights of timm encoders."""

import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rankseg.models.backbones import TimmTrunk

timm = pytest.importorskip("timm")

DINO, REGISTERS = "vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2"
SWIN, LITE = "swin_tiny_patch4_window7_224", "efficientnet_lite0"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def weights() -> dict[str, State]:
    """Random weights of whole models under the names of timm."""
    torch.manual_seed(0)
    return {name: timm.create_model(name).state_dict() for name in (DINO, REGISTERS, SWIN, LITE)}


def load(folder: Path, model: str, content, **options) -> State:
    """Return the weights of an encoder that starts from a file with this content."""
    torch.save(content, folder / "weights.pth")
    trunk = TimmTrunk(model, weights=str(folder / "weights.pth"), **options)
    trunk.init_weights()
    return {name.removeprefix("trunk."): value for name, value in trunk.state_dict().items()}


def same(found: State, expected: State) -> bool:
    return all(torch.equal(value, expected[name]) for name, value in found.items())


def of_meta(state: State) -> State:
    """Names and shapes of the released files of DINOv2, with positions for the class token."""
    found = dict(state)
    size = found["pos_embed"].shape[2]
    found["mask_token"] = torch.zeros(1, size)
    if "reg_token" in found:
        found["register_tokens"] = found.pop("reg_token")
        position = torch.full((1, 1, size), 0.25)
        found["pos_embed"] = torch.cat((position, found["pos_embed"]), 1)
        found["cls_token"] = found["cls_token"] - 0.25
    return found


def of_microsoft(state: State) -> State:
    """Names of the released files of Swin: a stage ends with its downsampling."""
    found = {
        re.sub(r"layers\.(\d)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name)
        .replace("head.fc.", "head."): value
        for name, value in state.items()
    }  # fmt: skip
    found["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49).long()
    return found | {"layers.0.blocks.1.attn_mask": torch.zeros(64, 49, 49)}


@pytest.mark.parametrize("model", [DINO, REGISTERS])
def test_loads_the_released_files_of_dinov2(tmp_path, weights, model):
    found = load(tmp_path, model, of_meta(weights[model]), out_indices=(2, 5, 8, 11))
    expected = dict(weights[model])
    if model == REGISTERS:
        torch.testing.assert_close(found.pop("cls_token"), expected["cls_token"])
    assert same(found, expected)


def test_loads_the_released_files_of_swin(tmp_path, weights):
    assert same(load(tmp_path, SWIN, {"model": of_microsoft(weights[SWIN])}), weights[SWIN])


def test_classifier_is_left_out_also_if_timm_has_none(tmp_path, weights):
    head = {"head.weight": torch.zeros(7, 384), "head.bias": torch.zeros(7)}
    assert same(load(tmp_path, DINO, weights[DINO] | head), weights[DINO])


@pytest.mark.parametrize(
    ("model", "other", "words"),
    [
        (DINO, REGISTERS, r"unknown to the model \(\d\): .*trunk\.reg"),
        (REGISTERS, DINO, r"missing in the file \(1\): trunk\.reg_token"),
    ],
)
@pytest.mark.parametrize("names", ["timm", "meta"])
def test_raises_on_the_variant_with_or_without_registers(
    tmp_path, weights, model, other, words, names
):
    state = of_meta(weights[other]) if names == "meta" else weights[other]
    with pytest.raises(ValueError, match=f"{words}.*timm's {model}"):
        load(tmp_path, model, state)


@pytest.mark.parametrize("names", ["timm", "meta"])
def test_positions_of_other_images_are_resized_and_reported(tmp_path, weights, monkeypatch, names):
    said = []
    name = "rankseg.models.backbones.timm_weights.print_log"
    monkeypatch.setattr(name, lambda text, *args: said.append(text))
    state = weights[DINO] | {"pos_embed": torch.full((1, 1 + 16 * 16, 384), 0.5)}
    found = load(tmp_path, DINO, of_meta(state) if names == "meta" else state)
    torch.testing.assert_close(found["pos_embed"], torch.full((1, 1370, 384), 0.5))
    assert said and "from 257 to 1370" in said[0]


@pytest.mark.parametrize("names", ["timm", "meta"])
def test_raises_on_another_patch_size(tmp_path, weights, names):
    state = weights[DINO] | {"patch_embed.proj.weight": torch.zeros(384, 3, 16, 16)}
    with pytest.raises(ValueError, match=r"proj\.weight is \(384, 3, 16, 16\), expected"):
        load(tmp_path, DINO, of_meta(state) if names == "meta" else state)


@pytest.mark.parametrize("prefix", ["module.", "model.", "encoder.", "backbone.", "net.backbone."])
def test_prefix_of_a_larger_model_is_removed(tmp_path, weights, prefix):
    state = {f"{prefix}{name}": value for name, value in weights[LITE].items()}
    head = {"decode_head.conv.weight": torch.zeros(3)}
    head = {} if prefix == "module." else head  # removed from all names
    assert same(load(tmp_path, LITE, state | head), weights[LITE])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "model_ema": {"a": torch.zeros(1)}},
        lambda state: {"net": state, "optimizer": {"state": {}, "param_groups": [1]}},
        lambda state: {"state_dict": {"model": state}},
    ],
)
def test_state_dict_inside_of_a_checkpoint_is_found(tmp_path, weights, wrap):
    assert same(load(tmp_path, LITE, wrap(dict(weights[LITE]))), weights[LITE])


def test_encoder_of_a_run_is_that_of_its_student(tmp_path, weights):
    state = {"teacher.n_averaged": torch.tensor(4)}
    for name, value in TimmTrunk(LITE).state_dict().items():
        state[f"teacher.module.backbone.{name}"] = torch.zeros_like(value)
        state[f"student.backbone.{name}"] = weights[LITE][name.removeprefix("trunk.")]
    assert same(load(tmp_path, LITE, {"state_dict": state, "meta": {}}), weights[LITE])


def test_half_precision_is_converted_and_integers_are_refused(tmp_path, weights):
    half = {name: one.half() if one.ndim else one for name, one in weights[LITE].items()}
    found = load(tmp_path, LITE, half)
    assert found["conv_stem.weight"].dtype == torch.float32
    torch.testing.assert_close(found["conv_stem.weight"], half["conv_stem.weight"].float())
    with pytest.raises(ValueError, match="floating-point numbers in trunk.conv_stem.weight"):
        load(tmp_path, LITE, {k: v.to(torch.int8) for k, v in weights[LITE].items()})


def test_raises_on_numbers_that_are_not_finite(tmp_path, weights):
    stem = weights[LITE]["conv_stem.weight"]
    with pytest.raises(ValueError, match="NaN or infinite numbers in trunk.conv_stem.weight"):
        load(tmp_path, LITE, weights[LITE] | {"conv_stem.weight": stem / 0})


def test_raises_on_stages_that_the_encoder_does_not_have(tmp_path, weights):
    more = {"blocks.7.0.conv_pw.weight": torch.zeros(3, 3)}
    with pytest.raises(ValueError, match=r"unknown to the model \(1\): trunk\.blocks\.7"):
        load(tmp_path, LITE, weights[LITE] | more)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_raises_on_a_first_layer_of_other_channels(tmp_path, weights, channels):
    stem = weights[LITE]["conv_stem.weight"].repeat(1, 2, 1, 1)
    with pytest.raises(ValueError, match=r"conv_stem.weight is \(32, 6, 3, 3\), expected"):
        load(tmp_path, LITE, weights[LITE] | {"conv_stem.weight": stem}, in_channels=channels)


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("form", ["pickle", "torch", "safetensors"])
def test_file_with_code_is_refused_and_does_not_run(tmp_path, form):
    attack, file = Attack(tmp_path / "attacked"), tmp_path / f"weights.{form}"
    if form == "torch":
        torch.save({"state_dict": attack}, file)
    else:
        file.write_bytes(pickle.dumps({"state_dict": attack}))
    with pytest.raises(ValueError, match="holds more than data|damaged|safetensors format"):
        TimmTrunk(LITE, weights=str(file)).init_weights()
    assert not attack.file.exists()
