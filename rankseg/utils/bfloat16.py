# SPDX-License-Identifier: Apache-2.0
"""bfloat16 on devices that compute in it, float32 on those that only emulate it."""

from functools import cache

import torch


@cache
def has_bfloat16(device: str) -> bool:
    """Return whether a device computes in bfloat16.

    x86 processors without AVX-512 and GPUs before Ampere do not. PyTorch emulates bfloat16 there,
    which takes several times as long as float32.

    Args:
        device: Type of the device, ``"cpu"`` or ``"cuda"``. True for all other types.
    """
    if device == "cpu":  # the same check as PyTorch's before it calls oneDNN in bfloat16
        return torch.backends.mkldnn.is_available() and bool(
            torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return True


def autocast_bfloat16(device: str, enabled: bool = True) -> torch.autocast:
    """Return a context that computes in bfloat16 if :func:`has_bfloat16`, else in float32."""
    return torch.autocast(device, torch.bfloat16, enabled=enabled and has_bfloat16(device))


def why_float32(device: str) -> str | None:
    """Return a sentence for users who ask for bfloat16 on a device without it, else None."""
    if has_bfloat16(device):
        return None
    name = "This GPU" if device == "cuda" else "This processor"
    return (
        f"{name} does not compute in bfloat16, and emulating it would take several times as long, "
        "so float32 is used."
    )
