# SPDX-License-Identifier: Apache-2.0
"""Make torchvision importable next to a torch that it was not built for."""

import importlib

import torch

_MISSING = "operator torchvision::nms does not exist"
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_KEPT: list[torch.library.Library] = []  # collecting a library removes its operators


def declare_missing_operators() -> None:
    """Declare the operators without which ``import torchvision`` fails, if it fails.

    The CPU build of torch and the torchvision of PyPI do not fit: torchvision cannot load its
    compiled operators, and then refuses to be imported. timm, and mmseg if timm is installed, only
    need parts of torchvision that are written in Python. Nothing happens if torchvision works or is
    not installed.
    """
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except RuntimeError as error:
        if _KEPT or _MISSING not in str(error):
            return
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + _SIGNATURE)
        _KEPT.append(library)
