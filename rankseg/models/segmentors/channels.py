# SPDX-License-Identifier: Apache-2.0
"""Channels of the heads, filled in from a backbone that knows its own."""

from collections.abc import MutableMapping
from typing import Any

import torch

from rankseg.models.segmentors.student import heads_of
from rankseg.registry import MODELS

FINE = "c1_in_channels"  # of DeepLabV3PlusHead: channels of the first map


def fill_in_channels(student: MutableMapping[str, Any]) -> None:
    """Fill in ``in_channels=None`` of the heads in the config of a segmentor; check other values.

    Nothing happens unless the backbone knows its channels before it has weights, see
    :class:`~rankseg.models.backbones.TimmTrunk`.
    """
    backbone = student.get("backbone") or {}
    kind = MODELS.get(backbone.get("type", ""))
    if not getattr(kind, "knows_channels", False) or student.get("neck"):
        return  # behind a neck, heads have the channels of the neck
    with torch.device("meta"):
        channels = MODELS.build(backbone).channels
    for key, head in heads_of(student):
        if not head.get("type"):
            continue
        usual = (0, 1, 2, 3) if head["type"] == "LightDPTHead" else -1
        index = head.get("in_index", usual)
        many = isinstance(index, list | tuple)
        wrong = [one for one in (index if many else [index]) if not _inside(one, channels)]
        if wrong:
            raise ValueError(
                f"Expected model.student.{key}.in_index to be among the {len(channels)} feature "
                f"maps of {backbone['model']}, but got {wrong[0]}. Set out_indices of the backbone."
            )
        found = [channels[one] for one in index] if many else channels[index]
        _set(head, "in_channels", found, f"model.student.{key}")
        if head["type"] == "DeepLabV3PlusHead":
            _set(head, FINE, channels[0], f"model.student.{key}")


def _set(head: MutableMapping[str, Any], name: str, found: Any, key: str) -> None:
    """Set a number of channels, or check the one that is given."""
    given = head.get(name)
    if given is None:
        head[name] = found
    elif (list(given) if isinstance(given, list | tuple) else given) != found:
        raise ValueError(
            f"Expected {key}.{name} to be {found}, as the backbone has, but got {given}. Set it to "
            f"{found}, or to None to fill it in."
        )


def _inside(index: int, channels: list[int]) -> bool:
    return -len(channels) <= index < len(channels)
