# SPDX-License-Identifier: Apache-2.0
"""Checks of pretrained encoders before training."""

import logging

from mmengine.config import Config
from mmengine.logging import print_log

from rankseg.models.backbones import TimmTrunk
from rankseg.models.backbones.timm_weights import pixel_values
from rankseg.models.methods import Method
from rankseg.models.weights.pretrained import read_state
from rankseg.training.network_checks import has_batch_norm


def note_pixel_values(model: Method, cfg: Config) -> None:
    """Warn if images are normalized in another way than the weights of an encoder expect.

    An encoder with batch norm that is trained as a whole adapts to it and is not checked. Neither
    are images whose channels are not R, G and B, for which the weights expect no particular values.
    """
    trunk = getattr(model.student, "backbone", None)
    if not isinstance(trunk, TimmTrunk):
        return
    source = model.pretrained or trunk.weights
    adapts = has_batch_norm(trunk) and not (trunk.frozen or trunk.lora or trunk.norm_eval)
    if source is None or adapts or trunk.in_channels != 3:
        return
    names = () if source == "hub" else read_state(source)
    wanted = pixel_values(trunk.model, names)
    given = cfg.model.get("data_preprocessor") or {}
    found = [list(given.get(key) or ()) for key in ("mean", "std")]
    if not all(_close(*pair) for pair in zip(found, wanted, strict=True)):
        print_log(
            f"Images are normalized by mean={found[0]} and std={found[1]}, but the weights of "
            f"{trunk.model} expect mean={wanted[0]} and std={wanted[1]}. Set them in "
            "model.data_preprocessor.",
            level=logging.WARNING,
        )


def _close(found: list[float], wanted: list[float]) -> bool:
    """Return True if values differ by less than one gray level."""
    return len(found) == len(wanted) and all(
        abs(one - other) < 1 for one, other in zip(found, wanted, strict=True)
    )
