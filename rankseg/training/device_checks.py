# SPDX-License-Identifier: Apache-2.0
"""Checks of the device before training: what a GPU cannot do, and why none is used."""

import os
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def check_deterministic(cfg: Config) -> None:
    """Check that a GPU is not asked for operations that it only has in a non-deterministic form."""
    if torch.cuda.is_available() and (cfg.get("randomness") or {}).get("deterministic"):
        raise ValueError(
            "Expected randomness.deterministic to be False on a GPU, because PyTorch has no "
            "deterministic kernels there for the cross-entropy of pixels and for bilinear "
            "upsampling, but got True. Set --cfg-options randomness.deterministic=False, or train "
            "on the CPU with CUDA_VISIBLE_DEVICES=-1."
        )


def why_no_gpu() -> str | None:
    """Return one or two sentences if a run uses the CPU although it might be meant to use a GPU.

    Returns:
        None if a GPU or another accelerator is used, if ``CUDA_VISIBLE_DEVICES`` asks for the CPU,
        or if neither PyTorch nor the machine is made for a GPU.
    """
    if get_device() != "cpu" or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    version = torch.version.cuda or torch.version.hip
    world = get_world_size()
    here = "this run uses the CPU"
    if world > 1:
        here = f"the {world} processes of this run use the CPU and communicate through gloo"
    if version is None:
        if not NVIDIA_DRIVER.exists():
            return None
        return (
            f"This machine has an NVIDIA driver, but PyTorch {torch.__version__} is built without "
            f"CUDA, so {here}. Install a CUDA build of PyTorch to use the GPU."
        )
    kind = "CUDA" if torch.version.cuda else "ROCm"
    return (
        f"PyTorch {torch.__version__} is built for {kind} {version}, but finds no usable GPU, so "
        f"{here}. {_reason()}"
    )


def _reason() -> str:
    """Return what PyTorch says about the missing GPU, in one sentence."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().split("\n")[0].split(". ")[0].rstrip(".") + "."
    return "PyTorch gives no reason."
